#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Lines and the width that they have: what show and check wrap, where, and what stays whole for programs.
import os
import harness
from harness import case, done, equal, lode, path, skip, terminal, write


def show():
    """Lists and sentences fit the line: COLUMNS, else the terminal, else 100; tables and JSON stay as they are."""
    source = write("wide.c", b"int wide(void) { return 1; }\n")
    names = ["lib%s-that-has-a-long-name.so" % number for number in ("one", "two", "three", "four", "five")]
    for name in names:
        harness.tool("cc", "-shared", "-nostdlib", "-Wl,-soname," + name, "-o", path(name), source)
    flags = ["now", "nodelete", "initfirst", "interpose", "nodefaultlib", "origin", "nodlopen", "loadfltr"]
    harness.tool("cc", "-shared", "-nostdlib", "-o", path("wide.so"), source, "-Wl,--no-as-needed", *["-Wl,-z," + f for f in flags], *map(path, names))
    data = bytearray(harness.read(path("wide.so")))
    data[40:48] = b"\xff" * 8
    write("wide.so", bytes(data))

    def lists(text):
        """What may be wrapped, line by line: the values at the top and the findings."""
        parts = text.replace("\r", "").split("\n\n")
        return [line for part in parts[:1] + [p for p in parts if p.startswith("Findings")] for line in part.splitlines() if not line.startswith("/")]
    shown = {columns: lists(lode("show", path("wide.so"), env={"COLUMNS": str(columns)}).out) for columns in (60, 80, 100, 400)}
    words = {columns: " ".join(lines).split() for columns, lines in shown.items()}
    case("lines fit", *[(max(map(len, lines)) <= columns, (columns, max(lines, key=len))) for columns, lines in shown.items()], len(shown[60]) > len(shown[400]) + 4)
    case("nothing is lost", *[equal(words[columns], words[60]) for columns in words], all(name in words[60] for name in names), "initialise" in words[60])

    def heads(text):
        """Headlines with the lines that they go on in, the plan's sentences, and the picture's legend."""
        out = []
        for part in (part.splitlines() for part in text.split("\n\n")[1:]):
            follows = part[0].startswith("Memory") and "%" not in part[1] and "┌" not in part[1]
            out += part if part[0].startswith("Plan for") else part[:2 if follows else 1]
            legend = next((i for i, line in enumerate(part) if "░ zeros" in line), len(part))
            out += part[legend:]
        return out
    true = {columns: heads(lode("show", "-p", "/bin/true", env={"COLUMNS": str(columns)}).out) for columns in (60, 72, 400)}
    case("headlines fit", *[(max(map(len, lines)) <= columns, (columns, max(lines, key=len))) for columns, lines in true.items()], len(true[60]) > len(true[400]))
    case("headlines: nothing is lost", *[equal(" ".join(lines).split(), " ".join(true[400]).split()) for lines in true.values()])
    case("no terminal: 100", equal(lists(lode("show", path("wide.so"), env={"COLUMNS": ""}).out), shown[100]))
    words_of = ("show", "--color=never", path("wide.so"))
    case("the terminal's width", equal(lists(terminal({"COLUMNS": ""}, *words_of, columns=80).decode()), shown[80]), equal(lists(terminal({"COLUMNS": ""}, *words_of, columns=20).decode()), shown[60]))
    case("COLUMNS goes before it", equal(lists(terminal({"COLUMNS": "60"}, *words_of, columns=80).decode()), shown[60]))
    case("JSON is not wrapped", equal(lode("show", "-j", path("wide.so"), env={"COLUMNS": "60"}).out, lode("show", "-j", path("wide.so"), env={"COLUMNS": "400"}).out))


def check():
    """Findings fit the terminal's line, or COLUMNS; without either each is one line."""
    needed = "lib%s.so" % "-".join(["with-a-name"] * 3)
    harness.tool("cc", "-shared", "-nostdlib", "-Wl,-soname," + needed, "-o", path(needed), write("needed.c", b"int near;\n"))
    harness.tool("cc", "-o", path("needing"), write("main.c", b"int main(void) { return 0; }\n"), "-Wl,--no-as-needed", path(needed))
    whole = lode("check", path("needing"), env={"COLUMNS": ""}).out
    finding = next((line for line in whole.splitlines() if needed in line), "")
    case("no terminal: a finding is one line", len(finding) > 100, finding.startswith("             at: dynamic entry "), finding.endswith('"%s"' % needed))
    names = {line.split()[1] for line in whole.splitlines() if line.startswith("  ") and line[2] != " "}
    shown = {"COLUMNS": (lode("check", path("needing"), env={"COLUMNS": "80"}).out, 80), "terminal": (terminal({"COLUMNS": ""}, "check", "--color=never", path("needing"), columns=80).decode().replace("\r", ""), 80),
             "COLUMNS before the terminal": (terminal({"COLUMNS": "64"}, "check", "--color=never", path("needing"), columns=80).decode().replace("\r", ""), 64)}
    for name, (text, columns) in shown.items():
        # the first line and the last one begin with the name of the file and are not wrapped
        lines = [line for line in text.splitlines() if not line.startswith("/")]
        case("findings fit: " + name, (max(map(len, lines)) <= columns, max(lines, key=len)), len(text.splitlines()) > len(whole.splitlines()))
        case("nothing is lost: " + name, equal(text.split(), whole.split()))
        own = [line for line in text.splitlines() if line.startswith("  ") and line[2] != " "]
        case("lines that go on are indented: " + name, equal({line.split()[1] for line in own}, names), all(line.startswith(" " * 13) for line in text.splitlines()[1:-1] if line not in own))
    case("the terminal says the same as COLUMNS", equal(shown["terminal"][0], shown["COLUMNS"][0]))
    case("JSON is not wrapped", equal(lode("check", "-j", path("needing"), env={"COLUMNS": "60"}).out, lode("check", "-j", path("needing"), env={"COLUMNS": ""}).out))


if not os.path.exists("/bin/true"):
    skip("all", "no /bin/true")
    done()
show()
check()
done()
