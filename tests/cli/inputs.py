#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Every way in which FILE may wrap an ELF image: archives, bzImages, compressed files, pipes; and what happens to broken ones.
import bz2
import glob
import gzip
import lzma
import os
import re
import resource
import shutil
import struct
import subprocess
import threading
import harness
from harness import LODE, case, cpu, done, equal, lode, one_line_error, path, read, show_json, skip, tool, write

ELF = read("/bin/true")
WANT = show_json("/bin/true")
SAME = ("header", "program_headers", "sections", "dynamic", "notes", "relocations", "symbol_tables", "plan")


def same(name, shown, peeled=None, want=WANT):
    case(name, *[equal(shown[key], want[key], key) for key in SAME], equal(shown["file"]["unpacked"], peeled, "unpacked"))


def refused(name, *args, words="", status=1):
    result = lode("show", *args)
    case(name, equal(result.status, status, "status"), (one_line_error(result), result.err), (words in result.err, result.err), equal(result.out, "", "stdout"))


def lzop(data, packed_zeros=0):
    """lzop's format: stored blocks, and one packed block of zeros (a literal run and one long match)."""
    flags = 1 | 2  # Adler-32 of both; not looked at
    out = b"\x89LZO\x00\r\n\x1a\n" + struct.pack(">HHHBBIIIIB", 0x1030, 0x2080, 0x940, 1, 5, flags, 0, 0, 0, 0) + b"\0\0\0\0"
    for at in range(0, len(data), 65536):
        block = data[at:at + 65536]
        out += struct.pack(">III", len(block), len(block), 0) + block
    if packed_zeros:
        # four literals; a match of 33 + 255 * n + r bytes at distance 1; the end mark
        rest = packed_zeros - 4 - 33
        count, last = divmod(rest - 1, 255)
        packed = bytes([17 + 4]) + bytes(4) + b"\x20" + bytes(count) + bytes([last + 1]) + b"\0\0" + b"\x11\0\0"
        out += struct.pack(">IIII", packed_zeros, len(packed), 0, 0) + packed
    return out + bytes(4)


def packers():
    """{name: function or None}"""
    def by_tool(*command):
        return (lambda data: subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout) if shutil.which(command[0]) else None
    return {
        "gzip": gzip.compress, "bzip2": bz2.compress, "lzma": lambda d: lzma.compress(d, format=lzma.FORMAT_ALONE),
        "xz": lambda d: lzma.compress(d, check=lzma.CHECK_CRC32, filters=[{"id": lzma.FILTER_X86}, {"id": lzma.FILTER_LZMA2}]),
        "zstd": by_tool("zstd", "-q", "-c", "--ultra", "-20"), "lz4": by_tool("lz4", "-q", "-l", "-c"), "lz4 frame": by_tool("lz4", "-q", "-c"), "lzo": lzop,
    }


def bzimage(payload, version=0x20f, sectors=3, tail=0, offset=64, length=None):
    head = bytearray((sectors + 1) * 512)
    head[0x1f1] = sectors
    head[0x1fe:0x200] = b"\x55\xaa"
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    struct.pack_into("<II", head, 0x248, offset, len(payload) if length is None else length)
    return bytes(head) + bytes(offset) + payload + bytes(tail)


def packed_files():
    for name, pack in packers().items():
        if pack is None:
            skip(name, "no tool to make it")
            continue
        packed, kind = pack(ELF), name.split()[0]
        same("plain " + name, show_json(write("plain." + name, packed)), kind)
        image = bzimage(packed + struct.pack("<I", len(ELF)), tail=300)
        same("bzImage " + name, show_json(write("bz." + name, image)), "bzImage 2.15, %s payload" % kind)
        text = lode("show", path("bz." + name)).out
        case("bzImage %s is told" % name, "bzImage 2.15, %s payload: an ELF file of" % kind in text)
        raw = lode("show", "--raw", path("plain." + name))
        case("--raw leaves %s alone" % name, equal(raw.status, 1), (kind in raw.err, raw.err))
        for cut in (len(packed) // 2, len(packed) - 5, 40):
            refused("%s cut to %d" % (name, cut), write("cut." + name, packed[:cut]), words="")
        refused("bzImage %s cut" % name, write("cutbz." + name, image[:len(image) // 2]), words="cut short")
        if name != "lzo":  # its stored blocks hold any bytes
            damaged = packed[:200] + bytes(b ^ 0x5a for b in packed[200:400]) + packed[400:]
            result = lode("show", write("bad." + name, damaged))
            case("damaged " + name, equal(result.status, 1), (one_line_error(result), result.err))
    padded = show_json(write("zeros.lzo", lzop(ELF, 100000)))
    same("lzo, a block that is really packed", padded, "lzo")
    case("lzo, size of the packed block", equal(padded["file"]["image_size"], len(ELF) + 100000))
    same("bzImage without compression", show_json(write("bz.none", bzimage(ELF))), "bzImage 2.15, payload not compressed")
    same("bzImage, setup_sects 0 means 4", show_json(write("bz.four", bytes(0x1f1) + b"\0" + bzimage(gzip.compress(ELF), sectors=4)[0x1f2:])), "bzImage 2.15, gzip payload")
    refused("bzImage of an old protocol", write("bz.old", bzimage(gzip.compress(ELF), version=0x207)), words="names no payload")
    refused("bzImage, payload past the end", write("bz.end", bzimage(ELF, length=1 << 31)), words="past the end")
    refused("bzImage, payload offset wraps", write("bz.wrap", bzimage(ELF, offset=64)[:0x248] + b"\xff" * 8 + bzimage(ELF)[0x250:]), words="past the end")
    for size in range(10):
        refused("bzImage, lz4 payload of %d bytes" % size, write("bz.few", bzimage(b"\x02\x21\x4c\x18" + bytes([255] * 8), length=size)), words="bzImage 2.15")
    for size in (2, 3):
        refused("bzImage, magic behind a payload of %d bytes" % size, write("bz.few", bzimage(b"\x02\x21\x4c\x18" + bytes([255] * 8), length=size)), words="a payload of unknown kind")
    refused("bzImage of something else", write("bz.else", bzimage(b"nothing that anybody knows" * 9)), words="unknown kind")
    large = ELF + os.urandom(1 << 20)
    case("a large bzImage that is packed itself", equal(show_json(write("bz.large.gz", gzip.compress(bzimage(gzip.compress(large)))))["file"]["image_size"], len(large)))
    twice = gzip.compress(bzimage(lzma.compress(ELF, check=lzma.CHECK_CRC32)))
    same("a bzImage that is packed itself", show_json(write("bz.gz", twice)), "gzip, bzImage 2.15, xz payload")
    same("a bzImage that is packed itself, without compression inside", show_json(write("bz.plain.gz", gzip.compress(bzimage(ELF)))), "gzip, bzImage 2.15, payload not compressed")
    refused("a packed bzImage of something else", write("bz.else.gz", gzip.compress(bzimage(b"nothing that anybody knows" * 9))), words="gzip, bzImage 2.15: a payload of unknown kind")
    checked = lode("check", path("bz.gz"))
    case("check: a bzImage that is packed itself", checked.status != 4, ("gzip, bzImage 2.15" in checked.out and "bzImage" in checked.out, checked.out + checked.err))
    refused("gzip of no ELF", write("no.gz", gzip.compress(b"text " * 1000)), words="no ELF image")


def versions():
    """The boot header's own string, where it lies in the setup sectors, ends in them, and holds no control bytes when printed."""
    image = bytearray(bzimage(gzip.compress(ELF)))
    image[0x600:0x640] = b"6.1.0-test (me@here) #1 SMP \x1b[31m".ljust(64, b"\0")
    for name, field, want in (("a string", 0x400, "6.1.0-test (me@here) #1 SMP \x1b[31m"), ("none", 0, None), ("outside of the setup sectors", 0x600, None), ("far outside", 0xffff, None)):
        struct.pack_into("<H", image, 0x20e, field)
        shown, text = show_json(write("version", bytes(image))), lode("show", path("version"), env={"COLUMNS": "200"})
        case("version of a bzImage: " + name, equal(shown["file"]["kernel_version"], want), equal(shown["file"]["boot_protocol"], "2.15"), "  protocol      Linux boot protocol 2.15\n" in text.out,
             equal("  version       6.1.0-test (me@here) #1 SMP \\x1b[31m\n" in text.out, want is not None), harness.harmless(text.raw))
    image[0x600:0x800] = b"v" * 512
    struct.pack_into("<H", image, 0x20e, 0x400)
    case("version of a bzImage without end", equal(show_json(write("version", bytes(image)))["file"]["kernel_version"], "v" * 255))
    case("no bzImage has no version", equal(WANT["file"]["kernel_version"], None), equal(WANT["file"]["boot_protocol"], None))


def offsets():
    """Offsets in an unpacked image are said to be that, and none of a plain file is."""
    broken = ELF[:40] + struct.pack("<Q", 1 << 40) + ELF[48:]
    for name, data, inside in (("plain", broken, False), ("gzip", gzip.compress(broken), True), ("bzImage", bzimage(gzip.compress(broken)), True)):
        want = "at offset 0x28 of the image inside" if inside else "at file offset 0x28"
        shown = lode("show", write("broken", data), env={"COLUMNS": "1000"})
        finding = show_json(path("broken"))["findings"][0]
        case("offsets of a finding: " + name, equal(shown.status, 0), (want in shown.out, shown.out[-400:]), (want in finding["text"], finding), equal(finding.get("in_image"), inside or None))
    result = lode("show", write("broken", gzip.compress(ELF[:20] + b"\7" + ELF[21:])))
    case("offset of a refusal", equal(result.status, 1), (one_line_error(result), result.err), ("at offset 0x14 of the image inside" in result.err, result.err))
    write("broken", broken)
    case("lines of check fit", *[(max(map(len, lines)) <= width, lines) for width in (60, 80, 200)
         for lines in [[line for line in lode("check", path("broken"), env={"COLUMNS": str(width)}).out.split("\n") if not re.match(r"\S|  \w|             at: ", line)]]])


def parts():
    """Parallel packers write a file as many parts, and some put frames between them that are to be skipped."""
    half, skipped = len(ELF) // 2, struct.pack("<II", 0x184d2a5e, 5) + b"\x50\x2a\x4d\x18\0"
    for name, pack in packers().items():
        if name == "lzma" or pack is None:
            continue
        pieces, kind, first = [pack(ELF[:half]), pack(ELF[half:])], name.split()[0], b"".join(pack(ELF[at:at + 1000]) for at in range(0, len(ELF), 1000))
        same("two parts of " + name, show_json(write("parts", b"".join(pieces))), kind)
        same("many parts of " + name, show_json(write("parts", first)), kind)
        same("an empty part of " + name, show_json(write("parts", pieces[0] + pack(b"") + pieces[1])), kind)
        case("size behind the parts of " + name, equal(show_json(write("parts", bzimage(b"".join(pieces) + struct.pack("<I", len(ELF)))))["file"]["image_size"], len(ELF)))
        case("a size that looks like " + name, equal(show_json(write("parts", bzimage(pack(ELF) + pack(b"x")[:4])))["file"]["image_size"], len(ELF)))
        same("something else behind " + name, show_json(write("parts", pack(ELF) + b"\1something else")), kind) if name != "lz4" else None
        refused("second part of %s cut" % name, write("parts", pieces[0] + pieces[1][:-40]), words=kind + ": ")
        if name in ("zstd", "lz4 frame"):
            same("frames to be skipped, " + name, show_json(write("parts", pieces[0] + skipped * 3 + pieces[1] + skipped)), kind)
            refused("a frame to be skipped is cut, " + name, write("parts", pieces[0] + skipped[:-1]), words=kind + ": ")
        if name == "zstd":
            same("pzstd begins so", show_json(write("parts", struct.pack("<III", 0x184d2a50, 4, len(pieces[0])) + pack(ELF))), kind)
            case("zstd is named by a frame to be skipped", "zstd data" in lode("run", write("parts", skipped[:0] + struct.pack("<II", 0x184d2a50, 0))).err)
        if name == "xz":
            same("padding between streams", show_json(write("parts", pieces[0] + bytes(8) + pieces[1] + bytes(4))), kind)
        bomb = pack(ELF) + (pack(b"") if name != "zstd" else skipped) * 200000
        case("empty parts without end: " + name, *[check for result, took in [cpu(lambda: lode("show", write("parts", bomb)))] for check in (
            equal(result.status, 1), ("more parts" in result.err, result.err), (took < 10, "%.1f s" % took))]) if name not in ("lz4", "lzo") else None
    for name, magic in {"lz4": b"\x02\x21\x4c\x18", "lzo": b"\x89LZO\0\r\n\x1a\n"}.items():
        os.truncate(write("sparse", magic), 100 << 30)
        done = subprocess.run([LODE, "show", path("sparse")], capture_output=True, timeout=60, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)))
        case("100 GiB that begin as %s" % name, equal(done.returncode, 1), (b"at once" in done.stderr, done.stderr))
        os.unlink(path("sparse"))


def zboot(payload, offset=None, length=None, kind=b"gzip"):
    """Linux's EFI zboot header, and the payload behind it."""
    head = b"MZ\0\0zimg" + struct.pack("<IIII", 0x240 if offset is None else offset, len(payload) if length is None else length, 0, 0) + kind.ljust(32, b"\0") + b"\xcd\x23\x82\x81"
    return head + bytes(0x240 - len(head)) + payload + bytes(100)


def zboots():
    """What is packed in it is shown if it is ELF; a flat kernel leaves the file what it is."""
    flat = bytes(0x38) + b"ARM\x64" + bytes(5000)
    same("zboot of an ELF image", show_json(write("zboot.elf", zboot(gzip.compress(ELF)))), "EFI zboot, gzip payload")
    for name, payload in (("gzip", gzip.compress(flat)), ("xzkern", lzma.compress(flat))):
        file = write("zboot", zboot(payload, kind=name.encode()))
        words = "a compressed kernel in the EFI zboot format (%s)" % name
        refused("zboot, %s" % name, file, words="not an ELF file, but " + words)
        got = lode("check", file)
        case("check: zboot, %s" % name, equal(got.status, 1), ("file-flat" in got.out and words in got.out, got.out))
        case("run: zboot, %s" % name, equal(lode("run", file).status, 126), words[2:] in lode("run", file).err)
    refused("zboot, payload past the end", write("zboot", zboot(b"", length=1 << 31)), words="past the end")
    refused("zboot, payload offset wraps", write("zboot", zboot(b"", offset=0xfffffff0, length=0x7fffffff)), words="past the end")
    refused("zboot, cut payload", write("zboot", zboot(gzip.compress(ELF)[:4000])[:-100]), words="EFI zboot, gzip: ")
    refused("zboot, unknown payload", write("zboot", zboot(b"nothing known " * 9)), words="EFI zboot format")
    refused("Image", write("image", flat), words="a kernel in Linux's flat format for arm64 (Image)")


def bombs():
    """Unpacking stops where the output is out of proportion."""
    head = ELF[:4]
    for name, pack in packers().items():
        if pack is None or name == "lzo":
            continue
        bomb = write("bomb." + name, pack(head + bytes(100 << 20)))
        pid = os.fork()
        if pid == 0:
            null = os.open("/dev/null", os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            os.execv(LODE, [LODE, "show", bomb])
        _, status, usage = os.wait4(pid, 0)
        case("bomb: " + name, equal(os.WEXITSTATUS(status), 1, "status"), (usage.ru_utime + usage.ru_stime < 10, "time"),
             (usage.ru_maxrss < (180 << 10), "%d KiB" % usage.ru_maxrss))
    lie = bytearray(lzma.compress(ELF, format=lzma.FORMAT_ALONE))
    lie[1:5] = b"\xff\xff\xff\xff"
    result = lode("show", write("lie.lzma", bytes(lie)))
    case("lzma dictionary of 4 GiB", equal(result.status, 1), (one_line_error(result), result.err))


def real_kernels():
    found = sorted(glob.glob("/boot/vmlinu[xz]-*") + glob.glob("/usr/lib/modules/*/vmlinuz"))
    if not found:
        skip("kernel of this machine", "no /boot/vmlinuz-*")
    for kernel in found[:2]:
        shown = show_json(kernel)
        case(kernel, equal(shown["header"]["machine"], 62), shown["plan"] is not None, shown["file"]["unpacked"].startswith("bzImage 2."))
    for module in (glob.glob("/lib/modules/*/kernel/**/*.ko*", recursive=True))[:3]:
        case(module, equal(show_json(module)["header"]["type"], 1))


def archives():
    for name in ("a", "b", "a_very_long_member_name_that_needs_the_name_table"):
        source = write(name + ".c", b"int %s(void) { return 1; }\n" % name.encode())
        tool("cc", "-c", "-o", path(name + ".o"), source)
    members = [path(n + ".o") for n in ("a", "b", "a_very_long_member_name_that_needs_the_name_table")]
    tool("ar", "rcs", path("lib.a"), *members)
    tool("ar", "rcsT", path("thin.a"), *members)
    for member in members:
        name, want = os.path.basename(member), show_json(member)
        same("member " + name[:12], show_json(path("lib.a") + ":" + name), "member of an archive", want)
        same("thin member " + name[:12], show_json(path("thin.a") + ":" + name), "member of a thin archive", want)
        head = [lode("show", file).out.splitlines()[0].rsplit(", ", 1)[1] for file in (member, path("lib.a") + ":" + name, path("thin.a") + ":" + name)]
        case("size of member " + name[:12], equal(head, head[:1] * 3), "the archive has" in lode("show", path("lib.a") + ":" + name).out,
             "the archive has" not in lode("show", path("thin.a") + ":" + name).out)
    write("packed.o", gzip.compress(read(members[0])))
    tool("ar", "rc", path("packed.a"), path("packed.o"))
    text = lode("show", path("packed.a") + ":packed.o").out
    case("packed member", equal(text.splitlines()[0].rsplit(", ", 1)[1], "%d B" % os.path.getsize(path("packed.o"))), "member of an archive, gzip: an ELF file of " in text)
    bsd = b"!<arch>\n"
    for name in (b"bsd_name_that_is_long.o", b"second member.o"):
        data = read(members[0])
        padded = name + bytes(-len(name) % 4)
        bsd += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (b"#1/%d" % len(padded), 0, 0, 0, b"644", len(padded) + len(data)) + padded + data
        bsd += b"\n" * (len(bsd) % 2)
    write("bsd.a", bsd)
    for name in ("bsd_name_that_is_long.o", "second member.o"):
        same("BSD member " + name, show_json(path("bsd.a") + ":" + name), "member of an archive", show_json(members[0]))
    for archive in ("lib.a", "thin.a", "bsd.a"):
        listed = lode("show", path(archive))
        names = [m["name"] for m in show_json(path(archive))["members"]]
        case("list of " + archive, equal(listed.status, 0), len(names) >= 2, all(os.path.basename(n) in listed.out for n in names))
    os.mkdir(path("twin"))
    write("twin/a.o", read(members[1]))
    tool("ar", "qc", path("twins.a"), path("a.o"), path("twin/a.o"))
    for name, want in ("a.o", members[0]), ("a.o:1", members[0]), ("a.o:2", members[1]):
        same("of two members of one name " + name, show_json(path("twins.a") + ":" + name), "member of an archive", show_json(want))
    for name in ("a.o:3", "a.o:0", "a.o:", "a.o:x", ":1"):
        refused("no member of this number " + name, path("twins.a") + ":" + name, words="no member of this name")
    tool("ar", "rc", path("mixed.a"), path("a.o"), "/etc/passwd")
    refused("member that is text", path("mixed.a") + ":passwd", words="not an ELF file, but text")
    case("run: member that is text", "passwd: text:" in lode("run", path("mixed.a") + ":passwd").err)
    refused("no such member", path("lib.a") + ":zzz.o", words="no member of this name")
    refused("member of no archive", "/bin/true:a.o", words="no archive")
    refused("member of a folder", "/usr:a.o", words="directory")
    refused("member of nothing", path("none.a") + ":a.o", words="No such file")
    write("with:colon", ELF)
    same("a file whose name holds a colon", show_json(path("with:colon")))
    os.unlink(members[1])
    refused("thin member that is gone", path("thin.a") + ":b.o", words="No such file")
    whole = read(path("lib.a"))
    for cut in (8, 20, 68, 100, len(whole) // 2, len(whole) - 1):
        for args in ((path("cut.a"),), (path("cut.a") + ":" + os.path.basename(members[2]),)):
            write("cut.a", whole[:cut])
            result = lode("show", *args)
            case("archive cut to %d" % cut, (result.status in (0, 1), "status %d" % result.status), (result.status == 0 or one_line_error(result), result.err))
    for at in range(8, 128):
        write("flip.a", whole[:at] + bytes([whole[at] ^ 0x15]) + whole[at + 1:])
        listed = lode("show", path("flip.a"))
        case("archive byte %d damaged" % at, (listed.status in (0, 1), "status %d" % listed.status), (listed.status == 0 or one_line_error(listed), listed.err))
    loops = b"!<arch>\n" + (b"%-16s%-12d%-6d%-6d%-8s%-10s`\n" % (b"x/", 0, 0, 0, b"644", b"9999999999")) * 3
    refused("member larger than the archive", write("large.a", loops) + ":x", words="damaged")


def pipes():
    piped = show_json("-", stdin=ELF)
    same("standard input", piped)
    case("standard input has a name", equal(piped["file"]["name"], "standard input"))
    same("standard input, packed", show_json("-", stdin=gzip.compress(ELF)), "gzip")
    fifo = path("fifo")
    os.mkfifo(fifo)

    def feed():
        with open(fifo, "wb") as out:
            try:
                for at in range(0, len(ELF), 1000):
                    out.write(ELF[at:at + 1000])
                    out.flush()
            except BrokenPipeError:
                pass
    writer = threading.Thread(target=feed)
    writer.start()
    same("FIFO", show_json(fifo))
    writer.join()
    tool("ar", "rc", path("piped.a"), path("a.o"))
    shell = subprocess.run(["sh", "-c", 'cat "$1" | "$2" show --json /dev/stdin', "sh", "/bin/true", LODE], capture_output=True)
    case("/dev/stdin as a pipe", equal(shell.returncode, 0), b'"lode-show"' in shell.stdout)
    refused("empty pipe", "-", words="not an ELF file, but an empty file")
    same("/proc/self/exe", show_json("/proc/self/exe"), None, show_json(LODE))
    if os.path.exists("/dev/zero"):
        pid = os.fork()
        if pid == 0:
            resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
            null = os.open("/dev/null", os.O_WRONLY)
            os.dup2(null, 1)
            error = os.open(path("zero.err"), os.O_WRONLY | os.O_CREAT, 0o600)
            os.dup2(error, 2)
            os.execv(LODE, [LODE, "show", "/dev/zero"])
        _, status = os.waitpid(pid, 0)
        message = read(path("zero.err")).decode()
        case("a device without end", equal(os.WEXITSTATUS(status), 1), (message.count("\n") == 1 and ("1024 MiB" in message or "memory" in message), message))


def fed(name, *words):
    """lode WORDS FIFO, with ELF written into the FIFO once."""
    fifo = path(name)
    os.mkfifo(fifo)

    def feed():
        try:
            with open(fifo, "wb") as out:
                out.write(ELF)
        except BrokenPipeError:
            pass
    writer = threading.Thread(target=feed, daemon=True)
    writer.start()
    return lode(*words, fifo, timeout=60)


def checked():
    """`lode check` opens a file once, and leaves nothing out without a word."""
    want = lode("check", "/bin/true")
    tail = want.out.splitlines()[1:-1]
    got = fed("check-fifo", "check")
    case("check: FIFO", equal(got.status, want.status, "status"), equal(got.out.splitlines()[1:-1], tail, "findings"))
    shell = subprocess.run(["bash", "-c", '"$1" check <(cat /bin/true)', "bash", LODE], capture_output=True, timeout=60)
    case("check: process substitution", equal(shell.returncode, want.status, "status"), equal(shell.stdout.decode().splitlines()[1:-1], tail, "findings"))
    got = lode("check", "-", stdin=bzimage(gzip.compress(ELF), sectors=3))
    case("check: bzImage through a pipe", ("Linux boot protocol 2.15" in got.out, got.out))
    got = lode("check", write("cut.bz", bzimage(gzip.compress(ELF)[:-2000])))
    case("check: payload that cannot be unpacked", ("the image inside was not looked at" in got.out, got.out))
    os.mkdir(path("thin"))
    for member in ("one.o", "two.o"):
        shutil.copyfile("/bin/true", path("thin/" + member))
    thin = path("thin/thin.a")
    tool("ar", "rcT", thin, path("thin/one.o"), path("thin/two.o"))
    got = lode("check", thin)
    case("check: thin archive", equal(got.status, want.status, "status"), equal(got.out.count("thin.a:"), 4, "lines of members"), equal(got.err, "", "stderr"))
    whole = read(thin)
    twice, took = cpu(lambda: lode("check", write("thin/many.a", whole[:8] + whole[whole.index(b"//  "):-120] + whole[-120:] * 2000)))
    case("check: a thin archive names two files 2000 times", equal(twice.status, want.status), equal(twice.out.replace("many.a", "thin.a"), got.out), (took < 2, "%.1f s" % took))
    os.unlink(path("thin/two.o"))
    got = lode("check", thin)
    case("check: member of a thin archive is gone", equal(got.status, 4, "status"), ("two.o" in got.err, got.err), (one_line_error(got), got.err))
    os.mkfifo(path("thin/two.o"))
    for kind, make in {"FIFO": lambda: None, "device": lambda: (os.unlink(path("thin/two.o")), os.symlink("/dev/zero", path("thin/two.o")))}.items():
        make()
        got = lode("check", thin, timeout=60)
        case("check: member of a thin archive is a " + kind, equal(got.status, 4, "status"), ("no regular file" in got.err, got.err))
        for verb, member in (("show", "two.o"), ("run", path("thin/two.o")), ("check", "two.o")):
            got = lode(verb, thin + ":" + member, timeout=60)
            case("%s: member of a thin archive is a %s" % (verb, kind), equal(got.status, {"show": 1, "run": 126, "check": 4}[verb], "status"), ("no regular file" in got.err, got.err), one_line_error(got))


def short_of_memory():
    """What needs more memory than there is is not called damaged, nor the caller's mistake."""
    large = bytearray(lzma.compress(ELF, format=lzma.FORMAT_ALONE))
    large[1:5] = (1 << 30).to_bytes(4, "little")
    refused("lzma with a dictionary of 1 GiB", write("dictionary.lzma", bytes(large)), words="more memory than lode grants")
    count = 1 << 20
    head = bytearray(ELF[:64])
    struct.pack_into("<Q", head, 0x20, 64)
    struct.pack_into("<Q", head, 0x28, 64 + 56)
    struct.pack_into("<HHHHH", head, 0x36, 56, 1, 64, 0, 0)
    section = struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, count, 0, 0, 0, 0)
    name = write("sections", bytes(head) + bytes(56) + section)
    os.truncate(name, 120 + 64 * count)
    done = subprocess.run([LODE, "show", name], capture_output=True, timeout=120, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (64 << 20, 64 << 20)))
    case("no memory for a section table", equal(done.returncode, 1, "status"), (b"no room for its tables" in done.stderr, done.stderr))
    os.unlink(name)


def same_magic():
    """What `run` calls a packed file is what `show` unpacks: one table."""
    for name, head in {"gzip": b"\x1f\x8b\x08", "xz": b"\xfd7zXZ\0", "lzo": b"\x89LZO\0\r\n\x1a\n"}.items():
        whole, part = (lode("run", write("magic", head[:size] + b"\x01" * 40)) for size in (len(head), len(head) - 1))
        shown = lode("show", write("magic", head[:-1] + b"\x01" * 40))
        case("magic of " + name, (name + " data" in whole.err, whole.err), (name not in part.err.split("/magic", 1)[-1], part.err), (name not in shown.err.split("/magic", 1)[-1], shown.err))


packed_files()
versions()
offsets()
parts()
zboots()
bombs()
real_kernels()
archives()
pipes()
checked()
short_of_memory()
same_magic()
done()
