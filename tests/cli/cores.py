#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Cores of Linux, made field by field and dumped by the kernel: what `lode show` says of signal, process, auxiliary vector and mappings.
import os
import re
import resource
import struct
import subprocess
import harness
from harness import FOLDER, case, cpu, done, equal, harmless, lode, one_line_error, path, show_json, skip, tool, write

X86_64, I386, AARCH64, S390 = 62, 3, 183, 22
FILE, SIGINFO = 0x46494c45, 0x53494749


class Maker:
    def __init__(self, wide=True, big=False, machine=X86_64):
        self.wide, self.order, self.machine = wide, ">" if big else "<", machine
        self.word = "Q" if wide else "I"

    def pack(self, codes, *values):
        return struct.pack(self.order + codes.replace("w", self.word), *values)

    def note(self, kind, desc, owner=b"CORE\0"):
        def pad(b):
            return b + bytes(-len(b) % 4)
        return self.pack("III", len(owner), len(desc), kind) + pad(owner) + pad(desc)

    def status(self, signal=11, pid=4321, **registers):
        count, places = {X86_64: (27, (16, 19)), I386: (17, (12, 15)), AARCH64: (34, (32, 31))}.get(self.machine, (27, (0, 0)))
        words = [0] * count
        words[places[0]], words[places[1]] = registers.get("pc", 0x401136), registers.get("sp", 0xbffe00)
        return self.note(1, self.pack("IIIHHwwIIII8w", signal, 0, 0, signal, 0, 0, 0, pid, 1, pid, pid, *[0] * 8) + self.pack("%dw" % count, *words) + self.pack("I", 1))

    def process(self, name=b"crash", arguments=b"./crash a b "):
        ids = "HH" if self.machine == I386 else "II"
        head = self.pack("BBBB" + ("4x" if self.wide else "") + "w" + ids + "IIII", 0, ord("R"), 0, 0, 0, 1000, 100, 4321, 4000, 4321, 4321)
        return self.note(3, head + name.ljust(16, b"\0") + arguments.ljust(80, b"\0"))

    def siginfo(self, signal=11, code=1, value=0x1234):
        return self.note(SIGINFO, self.pack("iii" + ("4x" if self.wide else "") + "w", signal, 0, code, value) + bytes(100))

    def auxv(self, *entries):
        return self.note(6, b"".join(self.pack("ww", *e) for e in [*entries, (0, 0)]))

    def files(self, *maps, count=None, page=4096, names=None):
        table = b"".join(self.pack("www", begin, end, offset) for begin, end, offset, _ in maps)
        return self.note(FILE, self.pack("ww", len(maps) if count is None else count, page) + table + (b"".join(m[3] + b"\0" for m in maps) if names is None else names))

    def core(self, notes, memory=b"", address=0x7000, kind=4, copies=1):
        """A PT_NOTE, or several over the same bytes, and a PT_LOAD."""
        size = 56 if self.wide else 32
        head = 64 if self.wide else 52
        at = head + size * (copies + 1)
        ident = b"\x7fELF" + bytes([2 if self.wide else 1, 2 if self.order == ">" else 1, 1]) + bytes(9)
        out = ident + self.pack("HHIwwwIHHHHHH", kind, self.machine, 1, 0, head, 0, 0, head, size, copies + 1, 0, 0, 0)

        def header(kind, flags, offset, address, length):
            if self.wide:
                return self.pack("IIQQQQQQ", kind, flags, offset, address, 0, length, length, 1)
            return self.pack("IIIIIIII", kind, offset, address, 0, length, length, flags, 1)
        out += header(4, 4, at, 0, len(notes)) * copies + header(1, 6, at + len(notes), address, len(memory))
        return out + notes + memory


def notes_of(maker):
    return maker.status() + maker.process() + maker.siginfo() + maker.auxv((6, 4096), (15, 0x7000), (31, 0x7007), (9999, 7)) + maker.files(
        (0x400000, 0x401000, 0, b"/tmp/crash"), (0x401000, 0x403000, 1, b"/tmp/crash"), (0x7f0000, 0x7f1000, 3, b"/lib/\x1b[31mred.so"))


def made():
    makers = {"x86-64": Maker(), "i386": Maker(False, machine=I386), "aarch64": Maker(machine=AARCH64), "s390, big-endian": Maker(big=True, machine=S390)}
    for name, maker in makers.items():
        file = write("core", maker.core(notes_of(maker), b"x86_64\0./crash\0"))
        text, shown = lode("show", file), show_json(file)
        notes = {n["type"]: n for n in shown["notes"]}
        where = ", program counter 0x401136, stack pointer 0xbffe00" if maker.machine != S390 else ""
        who = "crash (./crash a b), process 4321, parent 4000, user 1000, group 100"
        case("core of %s: text" % name, equal(text.status, 0), harmless(text.raw), ("  command       %s\n" % who in text.out, text.out), ("  ended by      thread 4321, SIGSEGV%s\n" % where in text.out, text.out),
             "    SIGSEGV, SEGV_MAPERR, address 0x1234\n" in text.out, "    AT_PAGESZ            0x1000\n" in text.out, "    AT_PLATFORM          0x7000 x86_64\n" in text.out,
             "    AT_EXECFN            0x7007 ./crash\n" in text.out, "    9999                 0x7\n" in text.out,
             "    0x401000-0x403000 file 0x1000 /tmp/crash\n" in text.out, "    0x7f0000-0x7f1000 file 0x3000 /lib/\\x1b[31mred.so\n" in text.out)
        case("core of %s: where it stood" % name, equal("  stood in      /tmp/crash, file offset 0x1136\n" in text.out, bool(where)))
        thread = {"id": 4321, "signal": 11, "signal_name": "SIGSEGV", "current": True, **({"program_counter": "0x401136", "stack_pointer": "0xbffe00", "stood_in": {"file": "/tmp/crash", "offset": "0x1136", "symbol": None}} if where else {})}
        case("core of %s: JSON" % name, equal(notes[1]["thread"], thread), equal(notes[1]["text"], "thread 4321, SIGSEGV" + where),
             equal(notes[3]["process"], {"command": "crash", "arguments": "./crash a b", "id": 4321, "parent": 4000, "user": 1000, "group": 100}),
             equal(notes[SIGINFO]["siginfo"], {"signal": 11, "signal_name": "SIGSEGV", "code": "0x1", "code_name": "SEGV_MAPERR", "address": "0x1234"}),
             equal(notes[6]["auxv"], [{"type": 6, "name": "AT_PAGESZ", "value": "0x1000"}, {"type": 15, "name": "AT_PLATFORM", "value": "0x7000", "string": "x86_64"},
                                      {"type": 31, "name": "AT_EXECFN", "value": "0x7007", "string": "./crash"}, {"type": 9999, "name": None, "value": "0x7"}]),
             equal(notes[FILE]["mappings"][1], {"begin": "0x401000", "end": "0x403000", "offset": "0x1000", "file": "/tmp/crash"}), equal(len(notes[FILE]["mappings"]), 3))
    maker = Maker()
    shown = show_json(write("core", maker.core(maker.siginfo(6, -6, 77))))
    case("a signal that a process sent", equal(shown["notes"][0]["siginfo"]["sender"], 77), equal(shown["notes"][0]["text"], "SIGABRT, SI_TKILL, sent by process 77"))
    shown = show_json(write("core", Maker(machine=8).core(Maker(machine=8).status())))
    case("a machine that numbers signals otherwise", equal(shown["notes"][0]["text"], "thread 4321, signal 11"), equal(shown["notes"][0]["thread"]["signal_name"], None))
    shown = show_json(write("core", maker.core(notes_of(maker), kind=2)))
    case("notes of what is no core", all("thread" not in n and "auxv" not in n and n["text"] is None for n in shown["notes"]))


def threads():
    """The kernel writes the signal into the notes of all threads: the first is the one that died."""
    maker = Maker()
    core = write("core", maker.core(maker.status() + maker.process() + maker.siginfo() + maker.status(pid=4322) + maker.note(0x205, bytes(64), b"LINUX\0")))
    text, notes = lode("show", core), show_json(core)["notes"]
    case("threads that did not die", ("    thread 4321, SIGSEGV, program counter" in text.out, text.out), "    thread 4322, program counter 0x401136, stack" in text.out, equal([n["thread"]["current"] for n in notes if "thread" in n], [True, False]),
         equal(notes[3]["thread"]["signal"], 11), equal(notes[3]["text"], "thread 4322, program counter 0x401136, stack pointer 0xbffe00"), "LINUX NT_X86_XSAVE_LAYOUT, 64 bytes" in text.out)
    codes = {(11, 2): "SEGV_ACCERR", (11, 10): "SEGV_CPERR", (7, 2): "BUS_ADRERR", (8, 1): "FPE_INTDIV", (8, 14): "FPE_FLTUNK", (4, 2): "ILL_ILLOPN", (5, 1): "TRAP_BRKPT", (31, 1): "SYS_SECCOMP", (6, 0): "SI_USER", (6, -1): "SI_QUEUE", (11, 128): "SI_KERNEL",
             (11, 11): None, (8, 9): None, (6, 1): None, (6, -8): None, (11, -2147483648): None, (11, 2147483647): None}
    for (signal, code), name in codes.items():
        note = show_json(write("core", maker.core(maker.siginfo(signal, code))))["notes"][0]
        case("si_code %d of signal %d" % (code, signal), equal(note["siginfo"]["code_name"], name), (name or "code %d" % code) in note["text"])
    case("si_code of another machine", equal(show_json(write("core", Maker(machine=8).core(Maker(machine=8).siginfo())))["notes"][0]["siginfo"]["code_name"], None))


def symbols():
    """The function where it stood, if the file that was mapped is there still."""
    source = b"int x;\n__attribute__((noinline)) void f%s(void) { x++; x++; x++; }\nvoid _start(void) { f%s(); for (;;) { } }\n"
    flags = ("-nostdlib", "-static", "-no-pie", "-fcf-protection=none", "-O1")

    def build(name, *more, function=b""):
        tool("cc", *flags, *more, "-o", path(name), write("f.c", source % (function, function)))
        return path(name)

    def core_of(file, memory=True):
        data = harness.read(file)
        value = next(int(line.split()[0], 16) for line in tool("nm", path("with")).decode().splitlines() if line.endswith(" f"))
        headers = [struct.unpack_from("<IIQQQQ", data, 64 + 56 * i) for i in range(struct.unpack_from("<H", data, 56)[0])]
        code = next(h for h in headers if h[0] == 1 and h[1] & 1)
        pages = [(h[3] & ~4095, (h[3] + h[5] + 4095) & ~4095, h[2] >> 12, path("mapped").encode()) for h in headers if h[0] == 1]
        maker = Maker()
        return maker.core(maker.status(pc=value + 3) + maker.files(*pages), data[:4096] if memory else b"", address=0x400000), value + 3 - code[3] + code[2]

    def stood(data):
        text, shown = lode("show", "-q", write("core", data)), show_json(path("core"))
        line = next((line for line in text.out.splitlines() if "stood in" in line), "")
        return line.split(", file offset ")[-1], shown["notes"][0]["thread"]["stood_in"], harmless(text.raw)
    build("with", "-Wl,--build-id=sha1")
    core, offset = core_of(path("with"))
    unmapped, _ = core_of(path("with"), memory=False)
    cases = {"as it was mapped": ("with", core, True), "as it was mapped, cut core": ("with", core[:-1], True), "memory is not in the core": ("with", unmapped, True), "stripped": ("stripped", core, False),
             "built again": ("again", core, False), "built again, memory is not in the core": ("again", unmapped, True), "cut short": ("short", unmapped, False), "no ELF file": ("text", core, False), "no file": (None, core, False)}
    build("again", "-Wl,--build-id=sha1", "-DOTHER=1", "-g")
    tool("strip", "-o", path("stripped"), path("with"))
    write("short", harness.read(path("with"))[:offset & ~4095])
    write("text", b"text\n" * 4000)
    for name, (file, data, known) in cases.items():
        if os.path.exists(path("mapped")):
            os.unlink(path("mapped"))
        if file:
            os.link(path(file), path("mapped"))
        line, shown, good = stood(data)
        want = {"file": path("mapped"), "offset": hex(offset), "symbol": "f" if known else None, **({"distance": 3} if known else {})}
        case("function where it stood: " + name, equal(line, hex(offset) + (", in f+0x3" if known else "")), equal(shown, want), good)
    os.mkfifo(path("mapped"))
    line, shown, _ = stood(core)
    case("function where it stood: a pipe of that name", equal(shown["symbol"], None))


def broken():
    """Notes that lie: never more than is there, never longer than the file's size justifies."""
    maker = Maker()
    whole = maker.core(notes_of(maker), b"x86_64\0./crash\0")
    short = {"thread": maker.note(1, bytes(100)), "process": maker.note(3, bytes(100)), "siginfo": maker.note(SIGINFO, bytes(20)), "auxv": maker.note(6, bytes(10)), "mappings": maker.note(FILE, bytes(4))}
    for key, note in short.items():
        shown = show_json(write("core", maker.core(note)))["notes"][0]
        case("note too short: " + key, equal(shown.get(key) or None, None), equal(shown["text"], None), equal(lode("show", path("core")).status, 0))
    one = (0x1000, 0x2000, 0, b"/a")
    for count in (2, 3, 1 << 32, 1 << 61, (1 << 64) - 1):
        text = lode("show", write("core", maker.core(maker.files(one, one, count=count))))
        case("NT_FILE says %d mappings" % count, equal(text.status, 0), equal(text.out.count("/a\n"), 2 if count == 2 else 0), equal(len(show_json(path("core"))["notes"][0]["mappings"]), 2 if count == 2 else 0))
    text = lode("show", write("core", maker.core(maker.files(one, one, names=b"/a\0/without end"))))
    case("a name without end", equal(text.out.count("/a\n"), 1), "and 1 more that cannot be read" in text.out)
    for size in range(0, len(whole), 37):
        for words in (("show",), ("show", "--json")):
            result = lode(*words, write("core", whole[:size]))
            if result.status not in (0, 1) or (result.status == 1 and not one_line_error(result)):
                case("core cut to %d" % size, (False, result.err))
    many = maker.files(*[(0x1000 * i, 0x1000 * i + 0x1000, 0, b"/%d" % i) for i in range(30000)])
    for words in (("show",), ("show", "--json")):
        result, took = cpu(lambda: lode(*words, write("core", maker.core(many, copies=2000))))
        case("30000 mappings in 2000 segments: %s" % words[-1], equal(result.status, 0), (took < 10, "%.1f s" % took), (len(result.raw) < 40 << 20, len(result.raw)))


def cut():
    """A core that lacks its end says what its notes say, and what is missing; who made it cannot link it again."""
    for name, maker in {"x86-64": Maker(), "i386": Maker(False, machine=I386), "s390, big-endian": Maker(big=True, machine=S390)}.items():
        whole, memory = maker.core(notes_of(maker), b"x86_64\0./crash\0" + bytes(5000)), 5015
        write("core", whole)
        all_of, want = lode("show", path("core")), show_json(path("core"))
        got, shown = lode("show", write("core", whole[:-4000])), show_json(path("core"))
        lines = [line for line in got.out.split("\n\nFile:")[0].split("\n")[1:] if not line.startswith("  missing")]
        case("cut core of %s: text" % name, equal(got.status, 1), equal(lines, all_of.out.split("\n\nFile:")[0].split("\n")[1:]), ("  missing       3.9 KiB at the end, with bytes of 1 of the 2 program headers\n" in got.out, got.out),
             (one_line_error(got), got.err), "ulimit -c" in got.err, "the disk full" in got.err, "relink" not in got.err, "segment-past-end" in got.err)
        case("cut core of %s: JSON" % name, *[equal(shown[key], want[key], key) for key in want if key not in ("file", "sizes")], equal(shown["missing"], {"bytes": 4000, "program_headers": 1}), equal(shown["refused"]["rule"], "segment-past-end"),
             "missing" not in want and "refused" not in want, equal(shown["sizes"]["file"]["loaded"], memory - 4000))
        got = lode("show", "-q", write("core", whole[:-memory - 40]))
        case("core of %s, cut in its notes" % name, equal(got.status, 1), "  command       crash (./crash a b)" in got.out, "with bytes of 2 of the 2" in got.out)
        checked = lode("check", path("core"))
        case("check: a cut core of " + name, equal(checked.status, 1), "ulimit -c" in checked.out, "relink" not in checked.out)
    many = bytearray(Maker().core(b"", b"memory"))
    many[64 + 56 + 32:64 + 56 + 40] = b"\xff" * 8
    got = lode("show", write("core", bytes(many)))
    case("a core that says it has 2^64 bytes", equal(got.status, 1), one_line_error(got))
    drawn = lode("show", "--svg=-", path("core"))
    case("a cut core has no picture", equal(drawn.status, 1), one_line_error(drawn))


def advice():
    """Nobody links a core: its segments are no fault of a linker script (the vsyscall page may only be executed)."""
    maker = Maker()
    data = bytearray(maker.core(notes_of(maker), b"memory", address=0xffffffffff600000))
    for flags in (0, 1, 7):
        data[64 + 56 + 4] = flags
        checked = lode("check", write("core", bytes(data)))
        case("check: a core's segment with p_flags %d" % flags, equal(checked.status, 0), (checked.out.endswith(": clean\n"), checked.out))


def real():
    """A program that the kernel dumped."""
    with open("/proc/sys/kernel/core_pattern") as pattern:
        if pattern.read().strip() != "core":
            skip("a core of this machine", "core_pattern is not \"core\"")
            return
    os.mkdir(path("dump"))
    source = write("crash.c", b"int main(void) { *(volatile int *)0x1234L = 1; return 0; }\n")
    tool("cc", "-w", "-o", path("dump/crash"), source)

    def limit():
        resource.setrlimit(resource.RLIMIT_CORE, (64 << 20, 64 << 20))
    try:
        process = subprocess.Popen([path("dump/crash"), "one", "two"], cwd=path("dump"), preexec_fn=limit)
    except subprocess.SubprocessError:
        skip("a core of this machine", "cores are forbidden here")
        return
    process.wait()
    found = [f for f in os.listdir(path("dump")) if f.startswith("core")]
    if not found:
        skip("a core of this machine", "the kernel wrote none")
        return
    shown = show_json(path("dump/" + found[0]))
    notes = {n["type"]: n for n in shown["notes"]}
    auxv = {e["name"]: e for e in notes[6]["auxv"]}
    stood = re.search(r"  stood in      (.*), file offset 0x([0-9a-f]+), in main\+0x[0-9a-f]+\n", lode("show", "-q", path("dump/" + found[0])).out)
    at, size, count = struct.unpack("<Q", harness.read(path("dump/crash"))[32:40])[0], 56, struct.unpack("<H", harness.read(path("dump/crash"))[56:58])[0]
    code = [struct.unpack_from("<IIQQQQQ", harness.read(path("dump/crash")), at + size * i) for i in range(count)]
    case("where it stood: in a segment of its code", stood and equal(stood[1], path("dump/crash")), stood and any(p[0] == 1 and p[1] & 1 and p[2] <= int(stood[2], 16) < p[2] + p[5] for p in code))
    checked = lode("check", path("dump/" + found[0]))
    case("check: a core of this machine", equal(checked.status, 0), (checked.out.endswith(": clean\n"), checked.out))
    case("a core of this machine", equal(notes[1]["thread"]["id"], process.pid), equal(notes[1]["thread"]["signal_name"], "SIGSEGV"), equal(notes[3]["process"]["command"], "crash"),
         equal(notes[3]["process"]["arguments"], path("dump/crash") + " one two"), equal(notes[SIGINFO]["siginfo"]["address"], "0x1234"),
         equal(auxv["AT_EXECFN"]["string"], path("dump/crash")), any(m["file"] == path("dump/crash") for m in notes[FILE]["mappings"]),
         any(int(m["begin"], 16) <= int(notes[1]["thread"]["program_counter"], 16) < int(m["end"], 16) and m["file"] == path("dump/crash") for m in notes[FILE]["mappings"]))


made()
threads()
symbols()
broken()
cut()
advice()
real()
done()
