#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Every ELF file of the machine through the command -> a line for each crash, hang, wrong value or false verdict, and a count.
"""lode show, lode show --json, lode check on every ELF file of /usr, /lib and /opt (or of the names given). No signal, no hang, an
exit status that is documented; --json says what the reader of tools/compare-readelf prints (headers, sections, dynamic entries,
notes, number of symbols, relocations by type); nothing but the files of KNOWN is called malformed."""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import runpy
import subprocess
import sys

SECONDS = 60
HERE = os.path.dirname(os.path.abspath(__file__))
LIBRARY = runpy.run_path(os.path.join(HERE, "../../tools/compare-readelf"), run_name="library")

# (file, rule, reason): verdicts of `lode check` that are right.
KNOWN = [
    (r"/runtime/pprof/testdata/test(32|64)(be)?$", r"^entry-outside$",
     "test data of Go that was cut to its headers: the entry lies behind them"),
]


def run(command):
    """(exit status or None, stdout, stderr)"""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except subprocess.TimeoutExpired:
        return None, b"", b""
    return done.returncode, done.stdout, done.stderr


def bad_end(what, status, allowed, err):
    if status is None:
        return "%s: no end within %d seconds" % (what, SECONDS)
    if status not in allowed:
        return "%s: status %d: %s" % (what, status, err.decode(errors="replace")[-300:].strip())
    return None


def number(value):
    return int(value, 0) if isinstance(value, str) else value


def numbers(entry, keys):
    return tuple(number(entry[key]) for key in keys.split())


def compare_json(said, file):
    """A line for each part of the JSON that differs from what the reader of tools/compare-readelf prints."""
    header = numbers(said["header"], "class osabi abi_version type machine flags entry program_header_offset "
                                     "section_header_offset program_headers sections section_names")
    h = file.header
    # segments of a file of debug information describe another file
    notes = file.notes + [n for s in file.segment_notes for n in s[2] if "debug information" not in said["file"]["kind"]]
    dynamic = (said["dynamic"] or {}).get("entries", [])
    tables = [r for r in said["relocations"] if r.get("section") and r["kind"] != "relr" and r["entries"]]
    parts = [("header", header, (h[0] * 32, *h[2:10], h[12], h[14], h[15])),
             ("program headers", [numbers(p, "type offset vaddr paddr filesz memsz flags align") for p in said["program_headers"]],
              file.segments),
             ("sections", [numbers(s, "type flags addr offset size entsize link info addralign") for s in said["sections"] or []],
              [s[:9] for s in file.sections]),
             ("dynamic entries", [numbers(d, "tag value") for d in dynamic], [d[:2] for d in file.dynamic]),
             ("notes", sorted(numbers(n, "offset type desc_size") for n in said["notes"]),
              sorted((n[0], n[3], n[2]) for n in notes)),
             ("symbols", [t["count"] for t in said["symbol_tables"]], [len(t) for t in file.symbols]),
             ("relocations", [{t["type"]: t["count"] for t in r["types"]} for r in tables],
              [types_of(r[1], h[0]) for r in file.relocations])]
    for what, a, b in parts:
        if a != b:
            yield "show --json, %s: %s, but read: %s" % (what, str(a)[:400], str(b)[:400])


def types_of(lines, class_):
    """How many relocations of which type, out of lines of offset and r_info."""
    return dict(collections.Counter(int(line.split()[1], 16) & (0xff if class_ == 1 else 0xffffffff) for line in lines))


def check_json(out, dump, path):
    status, lines, err = run([dump, path])
    if status != 0:
        return ["dump: status %s: %s" % (status, err)]
    file = LIBRARY["lode_files"](lines.decode("latin-1").split("\n"))[0][1]
    try:
        return list(compare_json(json.loads(out.decode()), file))
    except (ValueError, KeyError, TypeError) as error:
        return ["show --json: %s %s" % (type(error).__name__, error)]


def judge(path, out):
    """A line for each finding 'malformed' of check that KNOWN does not know."""
    for file in json.loads(out.decode() or "{}").get("files", []):
        for one in file["findings"]:
            if one["severity"] == "malformed" and not any(re.search(f, path) and re.search(r, one["rule"]) for f, r, _ in KNOWN):
                yield "called malformed: %s" % json.dumps(one)[:400]


def one(lode, dump, path):
    wrong = []
    status, _, err = run([lode, "show", path])
    wrong.append(bad_end("show", status, (0,), err))
    status, out, err = run([lode, "show", "--json", path])
    wrong.append(bad_end("show --json", status, (0,), err))
    if status == 0:
        wrong += check_json(out, dump, path)
    status, out, err = run([lode, "check", "--json", path])
    wrong.append(bad_end("check", status, (0, 1, 3), err))
    if status is not None:
        wrong += judge(path, out)
    return path, [w for w in wrong if w]


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("lode")
    options.add_argument("dump")
    options.add_argument("names", nargs="*")
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options.add_argument("--sample", type=int, default=0)
    chosen = options.parse_intermixed_args()
    paths = [path for path, _ in LIBRARY["elf_files"](chosen.names or ["/usr", "/lib", "/opt"])]
    if chosen.sample and chosen.sample < len(paths):
        paths = [paths[i * len(paths) // chosen.sample] for i in range(chosen.sample)]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        for path, wrong in pool.map(lambda p: one(chosen.lode, chosen.dump, p), paths):
            for line in wrong:
                print("FAIL %s: %s" % (path, line))
                sys.stdout.flush()
            failed += bool(wrong)
    print("%d passed, %d failed" % (len(paths) - failed, failed))
    return 1 if failed or not paths else 0


sys.exit(main())
