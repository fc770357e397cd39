#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# `lode show --json` of real files of several machines against what readelf prints of them.
import glob
import os
import re
import shutil
import subprocess
from harness import case, done, equal, lode, path, show_json, skip, tool, write


def readelf(option, file):
    return tool("readelf", "-W", option, file).decode("utf-8", "replace")


def header(file):
    text = readelf("-h", file)

    def field(name):
        return re.search(r"^\s*%s:\s*(.*)$" % re.escape(name), text, re.M).group(1)
    return {
        "class": int(field("Class")[3:]), "byte_order": "big" if "big" in field("Data") else "little", "entry": field("Entry point address"),
        "program_headers": int(field("Number of program headers").split()[0]), "flags": field("Flags").split(",")[0],
    }


def segments(file):
    pattern = r"^  (\S+)\s+(0x[0-9a-f]+) (0x[0-9a-f]+) (0x[0-9a-f]+) (0x[0-9a-f]+) (0x[0-9a-f]+) ([R ][W ][E ]) (0x[0-9a-f]+|0)$"
    rows = re.findall(pattern, readelf("-l", file), re.M)
    return [(int(o, 16), int(v, 16), int(p, 16), int(f, 16), int(m, 16), x.replace(" ", "-").replace("R", "r").replace("W", "w").replace("E", "x"), int(a, 16))
            for _, o, v, p, f, m, x, a in rows]


def our_segments(shown):
    return [(s["offset"], int(s["vaddr"], 16), int(s["paddr"], 16), s["filesz"], s["memsz"], s["permissions"], s["align"]) for s in shown["program_headers"]]


def sections(file):
    pattern = r"^  \[ *(\d+)\] (.*?)\s+([A-Z]\S*|<unknown>.*?)\s+([0-9a-f]{8,16}) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]{2,})\s+[A-Za-z]*\s*(\d+)\s+(\d+)\s+(\d+)$"
    rows = re.findall(pattern, readelf("-S", file), re.M)
    return [(int(i), n, int(a, 16), int(o, 16), int(s, 16), int(e, 16), int(link), int(info), int(align)) for i, n, _, a, o, s, e, link, info, align in rows]


def our_sections(shown):
    return [(s["index"], s["name"], int(s["addr"], 16), s["offset"], s["size"], s["entsize"], s["link"], s["info"], s["addralign"]) for s in shown["sections"]]


def relocations(file, wide):
    """{section name: (entries, {type: count})}"""
    tables = {}
    for part in re.split(r"^(?=Relocation section )", readelf("-r", file), flags=re.M):
        head = re.match(r"Relocation section '(.*)' at offset 0x[0-9a-f]+ contains (\d+) entr", part)
        if not head:
            continue
        relr = re.search(r"^  (\d+) offsets$", part, re.M)
        types = {}
        for info in re.findall(r"^[0-9a-f]{8,16}  ([0-9a-f]{8,16}) R_", part, re.M):
            number = int(info, 16) & (0xffffffff if wide else 0xff)
            types[number] = types.get(number, 0) + 1
        name, entries = head.group(1), int(head.group(2))
        tables.setdefault(name, []).append((entries, {"relr": int(relr.group(1))} if relr else types))
    return {name: sorted(found, key=str) for name, found in tables.items()}


def our_relocations(shown):
    tables = {}
    for table in shown["relocations"]:
        if "section" not in table or table["entries"] == 0:
            continue
        types = {"relr": table["relative"]} if table["kind"] == "relr" else {t["type"]: t["count"] for t in table["types"]}
        tables.setdefault(shown["sections"][table["section"]]["name"], []).append((table["entries"], types))
    return {name: sorted(found, key=str) for name, found in tables.items()}


def symbols(file):
    tables = {}
    for part in re.split(r"^(?=Symbol table )", readelf("-s", file), flags=re.M):
        head = re.match(r"Symbol table '(.*)' contains (\d+) entr", part)
        if head:
            rows = re.findall(r"^ +(\d+): ([0-9a-f]{8,16}) +(0x[0-9a-f]+|\d+) (\S+) +(\S+) +(\S+) +(?:\[.*?\] +)?(\S+)(?: (\S+))?", part, re.M)
            tables[head.group(1)] = (int(head.group(2)), [(int(v, 16), int(s, 0), ndx, name if kind == "SECTION" else "") for _, v, s, kind, _, _, ndx, name in rows])
    return tables


def our_symbols(shown):
    places = {0: "UND", 0xfff1: "ABS", 0xfff2: "COM"}
    tables = {}
    for table in shown["symbol_tables"]:
        if table["count"] == 0:
            continue
        rows = [(int(s["value"], 16), s["size"], places.get(s["section"], str(s["section"])), s["name"] if s["type"] == 3 else "") for s in table["symbols"]]
        tables[shown["sections"][table["section"]]["name"]] = (table["count"], rows)
    return tables


def needed(file):
    text = readelf("-d", file)
    return re.findall(r"\(NEEDED\)\s+Shared library: \[(.*)\]", text), re.findall(r"\(SONAME\)\s+Library soname: \[(.*)\]", text), re.findall(
        r"\(R(?:UN)?PATH\)\s+Library r(?:un)?path: \[(.*)\]", text)


def our_needed(shown):
    dynamic = shown["dynamic"] or {"needed": [], "soname": None, "rpath": None, "runpath": None}
    return dynamic["needed"], [s for s in [dynamic["soname"]] if s is not None], [s for s in [dynamic["rpath"], dynamic["runpath"]] if s is not None]


def notes(file):
    return [(o, int(s, 16)) for o, s in re.findall(r"^  (\S+) +(0x[0-9a-f]{8})\s", readelf("-n", file), re.M)]


def compare(name, file):
    shown = show_json("-s", "-d", file)
    want = header(file)
    got = {key: shown["header"][key] for key in want}
    case("%s: header" % name, equal(got, want))
    case("%s: program headers" % name, equal(our_segments(shown), segments(file)), equal(len(shown["program_headers"]), want["program_headers"]))
    case("%s: sections" % name, equal(our_sections(shown)[1:], sections(file)[1:] if sections(file) and sections(file)[0][0] == 0 else sections(file)))
    case("%s: relocations" % name, equal(our_relocations(shown), relocations(file, want["class"] == 64)))
    case("%s: symbols" % name, equal(our_symbols(shown), symbols(file)))
    case("%s: dynamic strings" % name, equal(our_needed(shown), needed(file)))
    ids = re.findall(r"Build ID: ([0-9a-f]+)", readelf("-n", file))
    ours = [n for n in shown["notes"] if "section" in n]
    case("%s: notes" % name, equal([(n["owner"], n["desc_size"]) for n in ours], notes(file)),
         equal([n["text"] for n in ours if n["type_name"] == "NT_GNU_BUILD_ID"], ids))
    case("%s: bytes of the file add up" % name, equal(sum(shown["sizes"]["file"].values()), os.path.getsize(file)))
    text = lode("show", "-p", "-S", "-s", "-d", file)
    case("%s: text" % name, equal(text.status, 0), equal(text.err, ""), len(text.out) > 200)


def first(*patterns):
    for pattern in patterns:
        found = sorted(glob.glob(pattern))
        if found:
            return found[0]
    return None


if not shutil.which("readelf"):
    skip("all", "no readelf")
    done()
files = {
    "true": "/bin/true", "libc": first("/lib/x86_64-linux-gnu/libc.so.6", "/lib/*/libc.so.6"), "ld.so": first("/lib64/ld-linux-x86-64.so.2", "/lib/ld-*.so*"),
    "libstdc++": first("/usr/lib/x86_64-linux-gnu/libstdc++.so.6"), "crt1.o": first("/usr/lib/x86_64-linux-gnu/crt1.o"),
    "ldconfig (static)": first("/sbin/ldconfig"), "python": first("/usr/bin/python3*"), "perl": first("/usr/bin/perl"),
    "i386 libc": first("/usr/i686-linux-gnu/lib/libc.so.6"), "aarch64 libc": first("/usr/aarch64-linux-gnu/lib/libc.so.6"),
    "riscv64 libc": first("/usr/riscv64-linux-gnu/lib/libc.so.6"), "s390x libc (big-endian)": first("/usr/s390x-linux-gnu/lib/libc.so.6"),
    "aarch64 crt1.o": first("/usr/aarch64-linux-gnu/lib/crt1.o"), "riscv64 crt1.o": first("/usr/riscv64-linux-gnu/lib/crt1.o"),
}
for title, found in files.items():
    if found is None or not os.path.exists(found):
        skip(title, "not on this machine")
    else:
        compare(title, os.path.realpath(found))

# What this machine's compiler and linker can make: debug information, TLS, packed relocations, every relocation of an object.
source = write("many.c", b"__thread int a = 5, b; static int c[300]; extern int puts(const char *);\n"
               b"int *q[] = {c, c + 1, c + 2}; int main(void) { b = a; return puts(\"x\") + *q[1]; }\n")
for title, flags in (("object", ["-c"]), ("PIE", ["-pie", "-fPIE"]), ("static", ["-static"]), ("static-PIE", ["-static-pie", "-fPIE"]),
                     ("RELR", ["-pie", "-fPIE", "-Wl,-z,pack-relative-relocs"]), ("no PIE", ["-no-pie"]), ("stripped", ["-s"])):
    out = path(title.replace(" ", "-"))
    if subprocess.run(["cc", "-g", *flags, "-o", out, source], capture_output=True).returncode != 0:
        skip(title, "the compiler cannot make it")
    else:
        compare(title, out)
compare("debug file", (subprocess.run(["objcopy", "--only-keep-debug", path("PIE"), path("only.debug")], check=True), path("only.debug"))[1])
done()
