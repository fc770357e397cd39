#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# The command line: verbs, help, misuse, exit status, and what `lode run` makes of every kind of file.
import gzip
import json
import os
import shutil
import struct
import subprocess
import harness
from harness import LODE, case, cpu, done, equal, lode, one_line_error, path, show_json, skip, terminal, write


def misuse(name, *args):
    result = lode(*args)
    case("misuse: " + name, equal(result.status, 2, "status"), equal(result.out, "", "stdout"), (one_line_error(result), result.err))


def help_and_misuse():
    top = lode("--help")
    case("help", equal(top.status, 0, "status"), equal(top.err, "", "stderr"), all(v in top.out for v in ("run", "boot", "show", "check", "exec")))
    case("help is the same", *[equal(lode(*words).out, top.out, words) for words in (("help",), ("-h",), ("help", "help"), ("help", "--help"), ("help", "-h"))])
    case("no verb: help on stderr, status 2", equal(lode().status, 2), equal(lode().err, top.out), equal(lode().out, ""))
    case("version", equal(lode("--version").out.split()[0], "lode"), equal(lode("--version").status, 0))
    for verb in ("run", "boot", "show", "check", "exec"):
        text = lode(verb, "--help")
        case("help of " + verb, equal(text.status, 0), equal(text.out, lode("help", verb).out), equal(lode(verb, "-h").out, text.out),
             text.out.startswith("usage: lode %s " % verb), "--help" in text.out)
        valued = lode(verb, "--help=x")
        case("help of %s takes no value" % verb, equal(valued.status, 2), equal(valued.err, "lode %s: option --help takes no value; see lode %s --help\n" % (verb, verb)))
    case("version as a verb", equal(lode("version").out, lode("--version").out), equal(lode("version").status, 0))
    for word, verb in (("sho", "show"), ("chekc", "check"), ("rum", "run"), ("linnk", "link"), ("wap", "swap")):
        case("nearly a verb: " + word, *[equal((r.status, r.err), (2, "lode: no verb '%s', did you mean '%s'? See lode --help\n" % (word, verb))) for r in (lode(word), lode("help", word))])
    case("no verb at all", *[equal(lode(word).err, "lode: no verb '%s'; see lode --help\n" % word) for word in ("list", "ow", "shhoww", "owsh")])
    misuse("unknown verb", "frobnicate")
    misuse("unknown option of the command", "--frobnicate")
    misuse("help of an unknown verb", "help", "frobnicate")
    case("help of an unknown option", equal(lode("help", "--frobnicate").err, "lode: unknown option '--frobnicate'; see lode --help\n"))
    misuse("unknown long option", "show", "--frobnicate", "/bin/true")
    misuse("unknown short option", "show", "-Z", "/bin/true")
    misuse("an escape in an option", "show", "--\x1b[31m", "/bin/true")
    misuse("an escape as verb", "\x1b[31m")
    misuse("value missing", "show", "--page-size")
    misuse("value where none is taken", "show", "--json=1", "/bin/true")
    misuse("no file", "show")
    misuse("two files", "show", "/bin/true", "/bin/false")
    misuse("no number", "show", "--base", "up", "/bin/true")
    misuse("an address within a page", "show", "--base=123", "/bin/true")
    case("an address within a page: what it must be", "must be an address, a multiple of 0x1000" in lode("show", "--base=0x400800", "/bin/true").err)
    misuse("a sign", "show", "--base", "-1", "/bin/true")
    misuse("too large a number", "show", "--base", "99999999999999999999", "/bin/true")
    misuse("a page size that is no power of two", "show", "--page-size", "5000", "/bin/true")
    misuse("--for what", "show", "--for", "toaster", "/bin/true")
    misuse("run what", "run")


def alike():
    """What several verbs have is called, told and refused alike."""
    helps = {verb: lode(verb, "--help").out for verb in ("run", "boot", "show", "check", "exec")}
    lines = {word: {verb: [line for line in text.splitlines() if line.startswith("  ") and word in line.split("  ")[1]] for verb, text in helps.items()} for word in ("--json", "--color", "--quiet", "--verbose", "--help")}
    case("--json and --color", *[equal(lines[w]["show"], lines[w]["check"]) for w in ("--json", "--color")], *[equal(len(lines[w]["show"]), 1) for w in ("--json", "--color")])
    case("letters", *[(found[0].startswith("  -%s, %s" % (word[2], word)), found) for word in ("--json", "--quiet", "--verbose", "--help") for found in lines[word].values() if found],
         *[equal(sorted(v for v in helps if lines[w][v]), want, w) for w, want in (("--quiet", ["check", "exec", "run", "show"]), ("--verbose", ["check", "exec", "run", "show"]), ("--help", ["boot", "check", "exec", "run", "show"]))])
    case("short forms", equal(lode("show", "-j", "/bin/true").out, lode("show", "--json", "/bin/true").out), equal(lode("check", "-j", "/bin/true").out, lode("check", "--json", "/bin/true").out),
         equal(lode("check", "-q", "/bin/true").out, lode("check", "--no-hints", "/bin/true").out), equal(lode("check", "--quiet", "/bin/true").out, lode("check", "-q", "/bin/true").out),
         equal(lode("show", "-v", "/bin/true").out, lode("show", "-pSsd", "/bin/true").out))
    brief, whole = lode("show", "-q", "/bin/true").out, lode("show", "/bin/true").out
    for option in ("--plan", "--sections", "--dynamic-symbols"):
        asked, table = lode("show", "-q", option, "/bin/true").out, lode("show", option, "/bin/true").out
        case("-q with " + option, asked.startswith(brief), len(asked) > len(brief), asked[len(brief):] in table, equal("Notes" in asked, False))
    case("show -q", whole.startswith(brief), "\n\n" not in brief, brief.count("\n") > 3)
    case("check -v", ("             ref: gABI-41" in lode("check", "-v", write("cut", harness.read("/bin/true")[:9000])).out), "ref:" not in lode("check", path("cut")).out)
    for verb, wanted in (("run", "lode: /bin/true: position-independent program"), ("exec", "open: /bin/true")):
        result = lode(verb, "-v", "/bin/true")
        case(verb + " -v", equal(result.status, 0), result.err.startswith(wanted), "open: /bin/true" in result.err)
    for verb in ("show", "check"):
        file = path("cut") if verb == "check" else "/bin/true"
        plain = lode(verb, file, env={"TERM": "xterm"}).raw
        case("--color of " + verb, b"\x1b[" in lode(verb, "--color=always", file, env={"NO_COLOR": "1"}).raw, equal(lode(verb, "--color", "never", file).raw, plain), equal(lode(verb, "--color=auto", file).raw, plain),
             b"\x1b" not in lode(verb, "--color=always", "--json", file).raw)
    wrong = [("show", "for", "x"), ("show", "base", "up"), ("show", "page-size", "5000"), ("show", "color", "x"), ("show", "svg", ""), ("check", "for", "x"), ("check", "color", "x"), ("check", "explain", "x"), ("exec", "env", "x"),
             ("exec", "fd", "x"), ("exec", "stack-size", "x")] + [("boot", option, "x") for option in ("memory", "cpus", "time-limit", "framebuffer", "protocol", "engine", "verify")]
    for verb, option, value in wrong:
        result = lode(verb, "--%s" % option, value, "/bin/true")
        case("wrong value: %s --%s" % (verb, option), equal(result.status, 2), one_line_error(result), (result.err.startswith("lode %s: --%s=%s: must be " % (verb, option, value)), result.err),
             result.err.endswith("; see lode %s --help\n" % verb))
    case("operand missing", *[equal(lode(verb).err, "lode %s: %s is missing; see lode %s --help\n" % (verb, {"exec": "PROG", "boot": "KERNEL"}.get(verb, "FILE"), verb)) for verb in helps])


def option_forms():
    want = show_json("--for=kernel", "--page-size=65536", "/bin/true")
    case("--name=value and --name value", equal(show_json("--for", "kernel", "--page-size", "0x10000", "/bin/true"), want), equal(show_json("--for", "kernel", "--page-size", "64K", "/bin/true"), want),
         equal(want["plan"]["page_size"], 65536))
    case("options behind the operand", equal(show_json("/bin/true", "--for=kernel", "--page-size", "64K"), want))
    case("clustered letters", equal(lode("show", "-jSs", "/bin/true").out, lode("show", "-j", "-S", "-s", "/bin/true").out))
    minus = write("-minus", harness.read("/bin/true"))
    result = subprocess.run([LODE, "show", "--", "-minus"], cwd=os.path.dirname(minus), capture_output=True)
    case("-- ends the options", equal(result.returncode, 0), result.stdout.startswith(b"-minus: "))


def completion():
    """What bash offers, with words as readline splits them."""
    if not shutil.which("bash"):
        skip("completion", "no bash")
        return
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../completions/lode.bash")
    os.makedirs(path("complete/folder/below"))
    write("complete/file", b"")
    write("complete/a name", b"")

    def offered(*words):
        done = subprocess.run(["bash", "-c", '. "$0"; COMP_WORDS=(lode "$@"); COMP_CWORD=$#; _lode; printf "%s\\n" "${COMPREPLY[@]}"', script, *words], capture_output=True,
                              text=True, cwd=path("complete"), env={**os.environ, "PATH": os.path.dirname(LODE) + ":/usr/bin:/bin"})
        case("completion of %s is quiet" % " ".join(words), equal(done.stderr, ""))
        return done.stdout.splitlines()
    targets = offered("check", "--for", "=", "")
    for target in targets:
        case("completion: --for=" + target, equal(lode("check", "--for", target, "/bin/true").status in (0, 1, 3), True))
    rules = [line.split()[0] for line in lode("check", "--list").out.splitlines()]
    wanted = [(("check", "--for", "=", "l"), ["linux-process", "limine", "linux-kernel"]), (("check", "-f", "mu"), ["multiboot", "multiboot2"]), (("check", "--for", "pvh,l"), ["pvh,linux-process", "pvh,limine", "pvh,linux-kernel"]),
              (("check", "--for", "="), targets), (("check", "--for=mod"), ["--for=module"]), (("show", "--for", ""), ["process", "kernel"]), (("show", "--color", "=", "a"), ["auto", "always"]), (("check", "--color", ""), ["auto", "always", "never"]),
              (("check", "--explain", "=", ""), rules), (("check", "--explain", "note-al"), ["note-align"]), (("exec", "-C", ""), ["folder"]), (("exec", "--cwd", "=", "fol"), ["folder"]), (("exec", "-C", "folder", "fi"), ["file"]),
              (("exec", "-C", "folder", "file", "f"), ["file", "folder"]), (("exec", "--cwd", "=", "folder", "file", "-"), []), (("exec", "--env", "A=1"), []), (("show", "--svg", "fi"), ["file"]), (("show", "--plan", "fi"), ["file"]), (("show", "--pl"), ["--plan"]),
              (("run", "file", "fo"), ["folder"]), (("boot", "--engine", "=", ""), ["auto", "kvm", "qemu"]), (("boot", "-p", "mu"), ["multiboot", "multiboot2"]), (("boot", "-d", "fi"), ["file"]), (("boot", "-m", ""), []), (("link", "fi"), ["file"]), (("link", "-L", "fo"), ["folder"]),
              (("exec", "-e", "A", "=", "1", "fi"), ["file"]), (("exec", "--env", "=", "A", "=", "1", "fi"), ["file"]), (("help", "b"), ["boot"])]
    for words, want in wanted:
        case("completion of " + " ".join(words), equal(sorted(set(offered(*words)) & set(want + ["file", "folder", "--plan"])), sorted(want)))
    case("ten targets", equal(len(targets), 10))
    case("completion of link -", equal("--map" in offered("link", "-"), True))
    case("completion: a name with a blank", equal(offered("show", "a"), ["a name"]))


def errors():
    for name, file in (("missing", path("nowhere")), ("folder", "/"), ("folder below a file", "/bin/true/x"), ("empty", "/dev/null"), ("text", "/etc/passwd")):
        for verb in ("show", "run"):
            result = lode(verb, file)
            case("%s: %s" % (verb, name), (result.status in (1, 126, 127), "status %d" % result.status), (one_line_error(result), result.err), file in result.err)
    if os.path.exists("/dev/full"):
        with open("/dev/full", "wb") as full:
            status = subprocess.run([LODE, "show", "/bin/true"], stdout=full, stderr=subprocess.DEVNULL).returncode
        case("a full disk is a failure", equal(status, 1, "status"))


def run_programs():
    case("run: program", equal(lode("run", "/bin/echo", "a", "-b", "--help").out, "a -b --help\n"))
    case("run: status of the program", equal(lode("run", "/bin/false").status, 1), equal(lode("run", "/bin/true").status, 0),
         equal(lode("run", "/bin/sh", "-c", "exit 77").status, 77))
    script = write("script", b"#!/bin/sh\necho script $1\n")
    os.chmod(script, 0o755)
    case("run: script", equal(lode("run", script, "x").out, "script x\n"))
    plain = write("plain-script", b"echo shell $1\n")
    case("run: text that nobody may execute", equal(lode("run", plain).status, 126), ("text: it may not be executed, and no #! names" in lode("run", plain).err, lode("run", plain).err))
    os.chmod(plain, 0o755)
    case("run: text that may be executed is a shell's", equal(lode("run", plain, "y").out, "shell y\n"))
    case("run: PATH", equal(lode("run", "echo", "found").out, "found\n"))
    case("run: standard input", equal(lode("run", "-", "x", "y", stdin=harness.read("/bin/echo")).out, "x y\n"))
    local = subprocess.run([LODE, "run", "script", "here"], cwd=harness.FOLDER, capture_output=True)
    case("run: a file of this folder", equal(local.stdout, b"script here\n"))
    case("run: a dash that belongs to the program", equal(lode("run", "/bin/echo", "-n", "x").out, "x"))


def run_names():
    """What cannot be run is named in one line, status 126; what cannot be booted or linked, status 1."""
    source = write("object.c", b"int one(void) { return 1; }\n")
    harness.tool("cc", "-c", "-o", path("object.o"), source)
    harness.tool("ar", "rc", path("lib.a"), path("object.o"))
    harness.tool("cc", "-shared", "-nostdlib", "-o", path("shared.so"), source)
    bzimage = bytearray(4096)
    bzimage[0x1fe:0x200] = b"\x55\xaa"
    bzimage[0x202:0x206] = b"HdrS"
    things = {
        "object": (path("object.o"), "relocatable object"), "archive": (path("lib.a"), "archive"), "library": (path("shared.so"), "shared library"),
        "bzImage": (write("bz", bytes(bzimage)), "(bzImage)"), "text": ("/etc/passwd", "text"),
        "packed object": (write("object.o.gz", gzip.compress(harness.read(path("object.o")))), "gzip data with a relocatable object in it"),
        "gzip": (write("gz", b"\x1f\x8b\x08" + bytes(40)), "gzip"), "data": (write("data", bytes(range(256))), "data of unknown kind"),
        "PE": (write("exe", b"MZ" + bytes(200)), "PE"), "Mach-O": (write("macho", b"\xcf\xfa\xed\xfe" + bytes(200)), "Mach-O"),
    }
    for name, (file, words) in things.items():
        os.chmod(file, 0o755) if file.startswith(harness.FOLDER) else None
        result = lode("run", file)
        wanted = "[start-linux" if name == "bzImage" else "no object defines main" if name in ("object", "archive") else words
        case("run names: " + name, equal(result.status, 1 if name in ("bzImage", "object", "archive") else 126, "status"), (name == "bzImage" or one_line_error(result), result.err), (wanted in result.err, result.err))
        if name in ("text", "PE", "Mach-O"):
            result = lode("show", file)
            case("show names: " + name, equal(result.status, 1, "status"), (one_line_error(result), result.err), ("not an ELF file, but" in result.err and words in result.err, result.err))
    for mode, status in ((0o755, 0), (0o644, 126)):
        os.chmod(write("empty", b""), mode)
        result = lode("run", path("empty"))
        case("run: an empty file, mode %o" % mode, equal(result.status, status), equal(result.out, ""), equal(result.err, "" if status == 0 else "lode: %s: empty file: there is nothing in it to run\n" % path("empty")))
        case("exec: an empty file, mode %o" % mode, equal(lode("exec", path("empty")).status, status))
    case("show names: empty", "not an ELF file, but an empty file" in lode("show", path("empty")).err)
    for name in ("bzImage", "text", "packed object", "data", "PE", "archive"):
        file, words = things[name]
        with open(file, "rb") as source:
            direct = subprocess.run([LODE, "run", "-"], stdin=source, capture_output=True)
        for way, err, code in (("pipe", lode("run", "-", stdin=harness.read(file)[:4000]).err, lode("run", "-", stdin=harness.read(file)[:4000]).status), ("file", direct.stderr.decode(), direct.returncode)):
            want = words.split(" with ")[0] if way == "pipe" else words
            case("run: %s on standard input, a %s" % (name, way), equal(code, 126), (err.startswith("lode: standard input: ") and want in err and err.count("\n") == 1, err))
    case("run: a script in a pipe", equal(lode("run", "-", stdin=b"#!/bin/sh\n").status, 127), "a script that has no path" in lode("run", "-", stdin=b"#!/bin/sh\n").err)
    endless = subprocess.run(["sh", "-c", 'yes | "$1" run -', "sh", LODE], capture_output=True, timeout=20)
    case("run: text without end", equal(endless.returncode, 126), (b"sh -s" in endless.stderr, endless.stderr))
    source = write("main.c", b"#include <stdio.h>\nint main(int argc, char **argv)\n{\n\tprintf(\"%d %s\", argc, argv[1]);\n\treturn 5;\n}\n")
    if subprocess.run(["cc", "-c", "-o", path("main.o"), source]).returncode == 0:
        linked = lode("run", path("main.o"), "hello")
        case("run: an object", equal(linked.status, 5), equal(linked.out, "2 hello"), equal(linked.err, ""))
        subprocess.run(["ar", "rc", path("main.a"), path("main.o")], check=True)
        linked = lode("run", path("main.a"), "hello")
        case("run: an archive that has main", equal(linked.status, 5), equal(linked.out, "2 hello"), equal(linked.err, ""))
    member = lode("run", path("lib.a") + ":object.o")
    case("run names: member", equal(member.status, 126), "relocatable object" in member.err)
    os.chmod(write("cut-program", harness.read("/bin/true")[:50]), 0o755)
    for name, status in (("cut-program", 126), ("nowhere", 127), ("nowhere:member.o", 127), ("", 126)):
        case("run and exec: status of " + (name or "a folder"), *[equal(lode(verb, path(name)).status, status, verb) for verb in ("run", "exec")])


def colours():
    clean = {k: "" for k in ("NO_COLOR",)}
    case("colours on a terminal", b"\x1b[" in terminal({**clean, "TERM": "xterm"}))
    case("no colours with NO_COLOR", b"\x1b" not in terminal({"NO_COLOR": "1", "TERM": "xterm"}))
    case("no colours on a dumb terminal", b"\x1b" not in terminal({**clean, "TERM": "dumb"}))
    case("no colours in a pipe", "\x1b" not in lode("show", "/bin/true", env={"TERM": "xterm"}).out)


def elf_of_one_load(size):
    head = b"\x7fELF\2\1\1".ljust(16, b"\0") + struct.pack("<HHIQQQIHHHHHH", 2, 62, 1, 0x400100, 64, 0, 0, 64, 56, 1, 64, 0, 0)
    return head + struct.pack("<IIQQQQQQ", 1, 7, 0, 0x400000, 0x400000, size, size, 0x1000)


def speed():
    big = path("sparse")
    with open(big, "wb") as out:
        out.write(harness.read("/bin/true"))
        out.truncate(16 << 30)
    result, took = cpu(lambda: lode("show", big))
    os.truncate(write("sparse-load", elf_of_one_load(16 << 30)), 16 << 30)
    for target in ("linux-process", "pvh", "limine", "multiboot", "multiboot2", "linux-kernel", "rust", "elf64", "module", "any", None):
        checked, seconds = cpu(lambda: lode("check", *(["--for=" + target] if target else []), path("sparse-load")))
        case("check of a segment of 16 GiB for %s" % target, (checked.status in (1, 3), checked.status), (seconds < 60, "%.1f s" % seconds), equal("work-limit" in checked.out, target not in ("linux-process", "module", "any")))
    os.unlink(path("sparse-load"))
    os.unlink(big)
    case("a file of 16 GiB is not read whole", equal(result.status, 0), (took < 1, "%.2f s" % took))
    _, took = cpu(lambda: [lode("show", "/bin/true") for _ in range(20)])
    case("start-up", (took / 20 < 0.02, "%.1f ms" % (took * 50)))


def own_files():
    """What is shown is not written over; what cannot be executed says why; what comes through a pipe is known as a whole."""
    program = write("program", harness.read("/bin/true"))
    os.chmod(program, 0o755)
    refused = lode("show", "--svg=" + program, program)
    case("a picture over its own file", equal(refused.status, 1), one_line_error(refused), equal(harness.read(program), harness.read("/bin/true")))
    os.link(program, path("other-name"))
    case("a picture over its own file by another name", equal(lode("show", "--svg=" + path("other-name"), program).status, 1))
    for name, data, status in (("other", harness.read("/bin/ls"), 1), ("text", b"my notes\n", 1), ("empty", b"", 0), ("old.svg", b"<svg", 0), ("older.svg", b"<?xml", 0)):
        file = write(name, data)
        got = lode("show", "--svg", file, program)
        case("a picture over " + name, equal(got.status, status), equal(harness.read(file) == data, status == 1), equal(name in got.err, status == 1))
    harness.tool("cc", "-Wl,-q", "-o", path("relocs"), write("relocs.c", b"int main(void) { return 0; }\n"))
    built = harness.read(path("relocs"))
    over, beside, again = lode("index", "-o", path("relocs"), path("relocs")), lode("index", path("relocs")), lode("index", path("relocs"))
    case("an index over its program", equal(over.status, 1), one_line_error(over), ("is the program itself" in over.err, over.err), equal(harness.read(path("relocs")) == built, True),
         equal(beside.status, 0, beside.err), equal(again.status, 0, again.err), harness.read(path("relocs.lode")).startswith(b"LODEIDX"))
    os.unlink(path("relocs.lode"))
    limited = subprocess.run(["sh", "-c", 'ulimit -f 0; exec "$0" index "$1"', harness.LODE, path("relocs")], capture_output=True, text=True)
    case("an index where files may not grow", equal(limited.returncode, 1), "too large" in limited.stderr, equal([n for n in os.listdir(path("")) if n.startswith("relocs.")], ["relocs.c"]))
    alone = lode("show", "--svg", program)
    case("--svg took the only FILE", equal(alone.status, 2), one_line_error(alone), ("--svg took " + program in alone.err, alone.err))
    library = next((f for f in ("/lib/x86_64-linux-gnu/libz.so.1", "/lib/x86_64-linux-gnu/libm.so.6", "/usr/lib64/libm.so.6") if os.path.exists(f)), None)
    if library:
        piped = lode("run", "-", stdin=harness.read(library))
        case("run: a library in a pipe", equal(piped.status, 126), "shared library" in piped.err)
    for limit in ("unlimited", "8"):
        piped = subprocess.run(["sh", "-c", 'ulimit -f %s; cat /bin/sh | "$1" run - -c "exit 3"' % limit, "sh", LODE], capture_output=True)
        case("run: a program in a pipe, files limited to " + limit, equal(piped.returncode, 3), equal(piped.stderr, b""))
    for verb in ("exec", "run"):
        for begin in ("X", "#!/bin/sh\n"):
            waiting = subprocess.Popen([LODE, verb, "-"], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
            waiting.stdin.write(begin.encode())
            waiting.stdin.flush()
            try:
                ended = waiting.wait(timeout=60)
            except subprocess.TimeoutExpired:
                ended = "still waiting"
                waiting.kill()
            waiting.communicate()
            case("%s: a pipe that begins with %r is not waited for" % (verb, begin), equal(ended, 127 if begin.startswith("#!") else 126))
    packed = write("program.gz", gzip.compress(harness.read("/bin/true")))
    os.chmod(packed, 0o755)
    refused = lode("exec", packed)
    case("exec: packed bytes are no script", equal(refused.status, 126), "gzip data" in refused.err, one_line_error(refused))
    if os.getuid() == 0:
        closed = write("closed", harness.read("/bin/true"))
        os.chmod(closed, 0o711)
        for verb in ("exec", "run"):
            done = subprocess.run([LODE, verb, closed], capture_output=True, preexec_fn=lambda: (os.setgid(65534), os.setuid(65534)))
            case(verb + ": a program that may not be read", equal(done.returncode, 126), b"EACCES" in done.stderr)
    else:
        skip("programs that may not be read", "needs root, to become somebody else")
    damaged = lode("check", write("cut.a", b"!<arch>\n" + b"x" * 100))
    case("check: a damaged archive", equal(damaged.status, 1), "link-archive" in damaged.out, "file offset 0x8" in damaged.out)
    case("check: hints that are not shown", '"hidden": [' in lode("check", "-qj", "/bin/true").out)
    with open("/dev/full", "wb") as full:
        case("check: a verdict that nobody could read", equal(subprocess.run([LODE, "check", "-q", "/bin/true"], stdout=full, stderr=subprocess.DEVNULL).returncode, 4))
    for option in ("--list", "--explain=header-magic"):
        case("check %s with a file" % option, equal(lode("check", option, "/bin/true").status, 2))
    whole, pvh = (lode("check", "--list", *words).out.splitlines() for words in ((), ("--for=pvh",)))
    names = {line.split()[0] for line in pvh}
    case("check --list --for", set(pvh) < set(whole), any(n.startswith("pvh-") for n in names), not any(n.startswith(("limine-", "linux-", "module-")) for n in names), "header-magic" in names,
         equal([r["rule"] for r in json.loads(lode("check", "--list", "--json", "--for=pvh").out)["rules"]], [line.split()[0] for line in pvh]))
    case("check --list --for two", len(pvh) < len(lode("check", "--list", "--for=pvh,limine").out.splitlines()) < len(whole))
    case("units in small letters", equal(lode("show", "--page-size=64k", "/bin/true").status, 0))
    case("an empty name", equal(lode("show", "").err, "lode: '': No such file or directory\n"))
    os.mkdir(path("thin"))
    for name, text in (("thin/m.o", b"text\n"), ("m.o", b"#!/bin/sh\n")):
        write(name, text)
    if subprocess.run(["ar", "rcT", "thin.a", "thin/m.o", "m.o"], cwd=os.path.dirname(path("m.o")), capture_output=True).returncode == 0:
        case("thin: a whole name goes before a file's name", "a script" in lode("show", path("thin.a") + ":m.o").err)


if not os.path.exists("/bin/true"):
    skip("all", "no /bin/true")
    done()
help_and_misuse()
alike()
option_forms()
completion()
errors()
run_programs()
run_names()
colours()
speed()
own_files()
done()
