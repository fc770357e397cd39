#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Files that lie: names full of control codes, prefixes, flipped bits, fields at their limits -> a right result or one clear refusal.
import json
import os
import random
import struct
import subprocess
import concurrent.futures
from harness import FOLDER, LODE, case, cpu, done, equal, harmless, lode, one_line_error, path, read, show_json, skip, tool, write

TRUE = read("/bin/true")
VIEWS = (("show", "-p", "-S", "-s", "-d"), ("show", "--json", "-s", "-d"))
EVIL = b"\x1b[31mred\x07\r\xc2\x9b2J\xff\xe2\x80\xae"


def judge(name, result, json_wanted):
    """None, or what is wrong with the answer to a damaged file."""
    if result.status not in (0, 1):
        return "%s: status %d: %s" % (name, result.status, result.err[-300:])
    if result.status == 1 and not one_line_error(result):
        return "%s: stderr %r" % (name, result.err_raw[:300])
    if result.status == 0 and result.err_raw:
        return "%s: status 0 with stderr %r" % (name, result.err_raw[:300])
    try:
        if not harmless(result.raw):
            return "%s: control bytes on stdout" % name
        if json_wanted and (result.status == 0 or result.raw):
            json.loads(result.raw.decode("utf-8"))
    except ValueError as error:
        return "%s: %s" % (name, error)
    return None


def try_bytes(name, data):
    file = write("try.%s" % name, data)
    wrong = [judge("%s %s" % (name, view), lode(*view, file), "--json" in view) for view in VIEWS]
    os.unlink(file)
    return [w for w in wrong if w]


def many(title, items):
    """All of them as one case, so that the counts stay readable."""
    items = list(items)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [w for found in pool.map(lambda item: try_bytes(*item), items) for w in found]
    case("%s (%d files)" % (title, len(items)), bool(items), *[(False, w) for w in wrong[:5]])


def names():
    plain = b"EVIL-" + b"x" * (len(EVIL) - 5)
    source = write("evil.s", b'.section "' + plain + b'.","a",@progbits\n.byte 1\n.data\n.globl "' + plain + b'"\n"' + plain + b'":\n.long 5\n')
    made = subprocess.run(["cc", "-c", "-o", path("evil.o"), source], capture_output=True)
    if made.returncode != 0:
        skip("names of an object", "the assembler does not take them")
    else:
        tool("cc", "-shared", "-nostdlib", "-o", path("evil.so"), path("evil.o"))
        for file in ("evil.o", "evil.so"):
            write(file, read(path(file)).replace(plain, EVIL))
        for file in ("evil.o", "evil.so"):
            text = lode("show", "-p", "-S", "-s", "-d", path(file))
            case("control codes in %s" % file, equal(text.status, 0), harmless(text.raw), "\\x1b[31mred\\x07\\x0d\\xc2\\x9b2J\\xff" in text.out)
            shown = show_json("-s", "-d", path(file))
            section = [s for s in shown["sections"] if s.get("name_hex") == (EVIL + b".").hex()]
            symbol = [s for t in shown["symbol_tables"] for s in t["symbols"] if s.get("name_hex") == EVIL.hex()]
            case("JSON of %s keeps the bytes" % file, len(section) == 1, bool(symbol), section[0]["name"].startswith("\x1b[31mred\x07\r") if section else False)
    raw_folder = os.fsencode(FOLDER)
    evil_file = os.path.join(raw_folder, b"\x1b[31m\xff&<\"name")
    with open(evil_file, "wb") as out:
        out.write(TRUE)
    for view in VIEWS + (("show", "--svg", "-"), ("show", "--svg", "-", "-j")):
        result = lode(*view, evil_file)
        case("file name with control codes: %s" % " ".join(view), equal(result.status, 0), harmless(result.raw))
    missing = lode("show", evil_file + b"\n\x1b[2J")
    case("missing file with control codes", equal(missing.status, 1), one_line_error(missing))
    archive = b"!<arch>\n"
    for number, name in enumerate((b"\x1b[31m.o/", b"\xff\n\r.o/", b"/0")):
        archive += b"%-16s%-12d%-6d%-6d%-8s%-10d`\n" % (name, 0, 0, 0, b"644", 4) + b"data"
    listed = lode("show", write("evil.a", archive))
    case("archive members with control codes", (listed.status in (0, 1), listed.status), harmless(listed.raw), harmless(listed.err_raw))
    soname = TRUE.replace(b"libc.so.6\0", b"\x1b[31mXX\r\n\0"[:10].ljust(10, b"\0"))
    text, shown = lode("show", write("needed", soname)), show_json(path("needed"))
    case("needed library with control codes", equal(text.status, 0), harmless(text.raw), shown["dynamic"]["needed"][0].startswith("\x1b[31m"))
    hidden = TRUE.replace(b"libc.so.6\0", "x\U000e0041y".encode() + bytes(4))
    text, raw = lode("show", write("hidden", hidden)), lode("show", "-j", path("hidden"))
    case("needed library with a character that is not seen", "x\\xf3\\xa0\\x81\\x81y" in text.out, rb'"x\udb40\udc41y"' in raw.raw, equal(show_json(path("hidden"))["dynamic"]["needed"], ["x\U000e0041y"]))
    interp = TRUE.replace(b"/lib64/ld-linux-x86-64.so.2\0", b"/lib\x1b[2J\n\xe2\x80\xaeevil\0".ljust(28, b"\0"))
    text = lode("show", write("interp", interp))
    case("interpreter with control codes", equal(text.status, 0), harmless(text.raw), "\\x1b[2J\\x0a" in text.out)


def trouble_with_sections():
    for title, at, value in (("e_shoff", 40, 1 << 62), ("e_shentsize", 58, 63), ("e_shnum", 60, 0xfff0), ("e_shstrndx", 62, 0xff00)):
        data = bytearray(TRUE)
        struct.pack_into("<Q" if title == "e_shoff" else "<H", data, at, value)
        file = write("sections." + title, bytes(data))
        shown, text = show_json(file), lode("show", file)
        case("%s broken: program headers are shown" % title, equal(len(shown["program_headers"]), len(show_json("/bin/true")["program_headers"])),
             equal(shown["sections"], None), equal([f["about"] for f in shown["findings"]], ["sections"]), title in text.out, equal(text.status, 0))
    shoff = struct.unpack_from("<Q", TRUE, 40)[0]
    data = bytearray(TRUE)
    struct.pack_into("<Q", data, shoff + 5 * 64 + 24, 1 << 60)
    shown = show_json(write("sections.offset", bytes(data)))
    case("sh_offset broken: program headers are shown", bool(shown["program_headers"]), equal(shown["findings"][0]["rule"], "section-past-end"),
         equal(shown["findings"][0]["index"], 5))


def refused():
    """What can be read of a refused file is shown before the refusal."""
    header = {name: struct.unpack_from("<" + kind, TRUE, at)[0] for name, at, kind in (("e_phoff", 32, "Q"), ("e_shoff", 40, "Q"), ("e_phnum", 56, "H"), ("e_shnum", 60, "H"))}
    whole = show_json("/bin/true")

    def broken(at, kind, value):
        data = bytearray(TRUE)
        struct.pack_into("<" + kind, data, at, value)
        return bytes(data)
    memsz = broken(64 + 56 * 2 + 40, "Q", 1)
    text, shown = lode("show", write("memsz", memsz)), show_json(path("memsz"))
    table = [dict(p) for p in whole["program_headers"]]
    table[2]["memsz"] = 1
    case("refused program header: tables are shown", equal(text.status, 1), one_line_error(text), "[segment-size]" in text.err, "ELF64, little-endian, x86-64" in text.out,
         *[("  %-13s 0x%x\n" % pair in text.out, pair) for pair in header.items()], equal(text.out.count(" LOAD "), 4), ".text" in text.out, "Memory of" not in text.out)
    case("refused program header: JSON", equal(shown["program_headers"], table), equal(shown["sections"], whole["sections"]), equal(shown["header"], whole["header"]),
         equal(shown["refused"]["rule"], "segment-size"), equal(shown["refused"]["index"], 2), "plan" not in shown, equal(lode("show", "--json", path("memsz")).status, 1))
    for title, at, kind, value, rule in (("e_phoff", 32, "Q", 1 << 62, "header-phtable"), ("e_phentsize", 54, "H", 55, "header-phentsize")):
        text, shown = lode("show", write("refused." + title, broken(at, kind, value))), show_json(path("refused." + title))
        case("%s broken: the header is shown, no table" % title, equal(text.status, 1), "[%s]" % rule in text.err, "  %-13s 0x%x\n" % (title, value) in text.out, " LOAD " not in text.out,
             equal(shown["program_headers"], None), equal(shown["sections"], whole["sections"]), equal(shown["refused"]["rule"], rule))
    text = lode("show", write("refused.version", broken(20, "I", 7)))
    case("e_version broken: all is shown", equal(text.status, 1), "  e_version     0x7\n" in text.out, " LOAD " in text.out, ".text" in text.out)
    both = bytearray(memsz)
    struct.pack_into("<Q", both, 40, 1 << 62)
    shown = show_json(write("refused.both", bytes(both)))
    case("sections broken too", equal(shown["sections"], None), equal(len(shown["program_headers"]), header["e_phnum"]))
    text = lode("show", write("refused.class", broken(4, "B", 9)))
    case("class broken: nothing can be read", equal(text.status, 1), equal(text.out, ""), "[header-class]" in text.err)
    case("--svg of a refused file", equal(lode("show", "--svg", "-", path("memsz")).out, ""), equal(lode("show", "--svg", "-", path("memsz")).status, 1))


def prefixes():
    small = write("small.c", b"int main(void) { return 0; }\n")
    tool("cc", "-s", "-o", path("small"), small)
    data = read(path("small"))
    many("prefixes of a program", (("p%d" % n, data[:n]) for n in list(range(0, 900, 9)) + list(range(900, len(data), len(data) // 120))))
    tool("cc", "-g", "-c", "-o", path("small.o"), small)
    data = read(path("small.o"))
    many("prefixes of an object", (("o%d" % n, data[:n]) for n in list(range(0, 128, 3)) + list(range(128, len(data), len(data) // 60))))


def flips():
    rng = random.Random(2)
    shoff, shnum = struct.unpack_from("<Q", TRUE, 40)[0], struct.unpack_from("<H", TRUE, 60)[0]
    phnum = struct.unpack_from("<H", TRUE, 56)[0]

    def flip(bit):
        data = bytearray(TRUE)
        data[bit >> 3] ^= 1 << (bit & 7)
        return bytes(data)
    many("single bits of the ELF header", (("h%d" % bit, flip(bit)) for bit in range(64 * 8)))
    many("single bits of program headers", (("s%d" % bit, flip(bit)) for bit in rng.sample(range(64 * 8, (64 + 56 * phnum) * 8), 500)))
    many("single bits of section headers", (("t%d" % bit, flip(bit)) for bit in rng.sample(range(shoff * 8, (shoff + 64 * shnum) * 8), 400)))
    dynamic = show_json("/bin/true")["dynamic"]
    begin, size = dynamic["offset"], 16 * len(dynamic["entries"])
    many("single bits of the dynamic table", (("d%d" % bit, flip(bit)) for bit in rng.sample(range(begin * 8, (begin + size) * 8), 300)))
    many("single bits of notes and tables", (("n%d" % bit, flip(bit)) for bit in rng.sample(range(0x318 * 8, 0x1290 * 8), 300)))


def limits():
    values = [0, 1, 2, 7, 8, 0x7f, 0x80, 0xff, 0x100, 0xfff, 0x1000, 0x7fff, 0x8000, 0xffff, 1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 32, len(TRUE) - 1, len(TRUE),
              len(TRUE) + 1, 1 << 62, (1 << 63) - 1, 1 << 63, (1 << 64) - 4096, (1 << 64) - 1]
    ehdr = [(16, "H"), (18, "H"), (20, "I"), (24, "Q"), (32, "Q"), (40, "Q"), (48, "I"), (52, "H"), (54, "H"), (56, "H"), (58, "H"), (60, "H"), (62, "H")]
    phdr = [(0, "I"), (4, "I"), (8, "Q"), (16, "Q"), (24, "Q"), (32, "Q"), (40, "Q"), (48, "Q")]
    masks = {"H": 0xffff, "I": 0xffffffff, "Q": (1 << 64) - 1}

    def patched(at, kind, value):
        data = bytearray(TRUE)
        struct.pack_into("<" + kind, data, at, value & masks[kind])
        return bytes(data)
    many("fields of the ELF header at their limits", (("e%d.%x" % (at, v), patched(at, k, v)) for at, k in ehdr for v in values))
    for index in (2, 5, 6, 7, 12):
        many("fields of program header %d at their limits" % index,
             (("f%d.%x" % (at, v), patched(64 + 56 * index + at, k, v)) for at, k in phdr for v in values[::2]))


def large_tables():
    """65,535 headers over one another: time and memory stay linear."""
    count, note = 65535, b"GNU\0"
    notes = (struct.pack("<III", 4, 0, 1) + note) * 4000
    at = 64 + 56 * count
    head = bytearray(TRUE[:64])
    struct.pack_into("<QQIHHHHHH", head, 32, 64, 0, 0, 64, 56, count if count < 0xffff else 0xfffe, 64, 0, 0)
    count = 0xfffe
    for title, kind in (("PT_NOTE", 4), ("PT_LOAD", 1), ("PT_DYNAMIC", 2), ("PT_TLS", 7)):
        entry = struct.pack("<IIQQQQQQ", kind, 6, at, at, at, len(notes), len(notes), 8)
        result, took = cpu(lambda: lode("show", write("many." + title, bytes(head) + entry * count + bytes(56) + notes)))
        case("65,534 times %s over the same bytes" % title, (result.status in (0, 1), result.status), (result.status == 0 or one_line_error(result), result.err[:300]), (took < 5, "%.1f s" % took))
        result, took = cpu(lambda: lode("show", "--json", path("many." + title)))
        case("the same as JSON, %s" % title, (took < 5, "%.1f s" % took), (result.status in (0, 1), result.status), result.status == 1 or json.loads(result.out)["format"] == "lode-show")
    loads = b"".join(struct.pack("<IIQQQQQQ", 1, 7, 0, 0x400000 + k * 0x2000, 0, 16, 0x800, 1) for k in range(count, 0, -1))
    result, took = cpu(lambda: lode("show", "--for=kernel", write("many.kernel", bytes(head[:24]) + bytes(8) + bytes(head[32:]) + loads)))
    case("a kernel of 65,534 segments whose entry is nowhere", equal(result.status, 0), (took < 2, "%.1f s" % took), ("nor one made all the same" in result.out and "[entry-outside]" in result.out, result.out[-400:]))
    rela = bytes(24 * 40000)
    shdr = struct.pack("<IIQQQQIIQQ", 0, 4, 0, 0, 64, len(rela), 0, 0, 8, 24)
    head = bytearray(TRUE[:64])
    head[16:18] = b"\1\0"
    struct.pack_into("<QQIHHHHHH", head, 32, 0, 64 + len(rela), 0, 64, 0, 0, 64, 0xfef0, 0)
    result, took = cpu(lambda: lode("show", write("many.rela", bytes(head) + rela + bytes(64) + shdr * 0xfeef)))
    case("65,263 relocation tables over the same bytes", equal(result.status, 0), (took < 5, "%.1f s" % took))


def library(tags, segments=(), size=0x4000, strings=b""):
    """A library of one segment that is the whole file, its dynamic table at 2000h, strings at 3000h and further program headers; the file may have a hole."""
    table = b"".join(struct.pack("<QQ", *tag) for tag in (*tags, (0, 0)))
    own = [(1, 6, 0, 0x400000, 0, size, size, 4096), (2, 6, 0x2000, 0x402000, 0, len(table), len(table), 8), *segments]
    data = bytearray(max(0x4000, 0x3000 + len(strings)))
    data[:64] = TRUE[:16] + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0x400000, len(data), 0, 0, 64, 56, len(own), 64, 0, 0)
    data += b"".join(struct.pack("<IIQQQQQQ", *segment) for segment in own)
    data[0x2000:0x2000 + len(table)] = table
    data[0x3000:0x3000 + len(strings)] = strings
    file = write("library", data)
    os.truncate(file, max(size, len(data)))
    return file


def amplified():
    """Little on the disk that stands for much: holes, descriptors that lie over one another, run paths."""
    hole, least = 1 << 40, ((1 << 40) - 0x20000) // 24 * 24
    for title, tags in (("RELA", ((7, 0x410000), (8, least), (9, 24))), ("RELR", ((36, 0x410000), (35, least), (37, 8)))):
        file = library(tags, size=hole)
        for words in (("show",), ("show", "--json")):
            result, took = cpu(lambda: lode(*words, file))
            case("%s of a table of a tebibyte of %s" % (words[-1], title), equal(result.status, 0), (took < 60, "%.1f s" % took))
    notes = struct.pack("<III4s", 4, 4096, 77, b"GNU\0") * 6000
    nested = [(4, 4, 0x3000 + 16 * k, 0x403000, 0, 15 * 4112, 15 * 4112, 4) for k in range(0, 2000)]
    file = library((), segments=nested, strings=notes)
    result, took = cpu(lambda: lode("show", "--json", file))
    case("notes over one another", equal(result.status, 0), (len(result.raw) < 64 << 20, len(result.raw)), (took < 60, "%.1f s" % took))
    path_, linker = b"\0libnone.so\0" + b"/:" * 1900 + b"\0", b"/lib64/ld-linux-x86-64.so.2\0"
    where = [(3, 4, 0x3000 + len(path_), 0x403000 + len(path_), 0, len(linker), len(linker), 1)]
    tags = ((5, 0x403000), (10, len(path_)), (6, 0x403000), (29, 12), *[(1, 1)] * 200)
    result, took = cpu(lambda: lode("check", "--for=linux-process", library(tags, segments=where, strings=path_ + linker)))
    case("two hundred libraries along two thousand folders", (result.status in (0, 1, 3), result.status), "work-limit" in result.out)


names()
amplified()
trouble_with_sections()
refused()
prefixes()
flips()
limits()
large_tables()
done()
