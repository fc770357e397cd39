#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""server.py LODE [all]: an HTTP server, linked statically with libevent.a and libsqlite3.a of this machine, is asked all the time while units of
both are replaced, one after another and then all at once: no request is lost, no answer wrong. Says for how long its threads stood still.
Last line: N passed, N failed[, N skipped]."""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LODE = os.path.abspath(sys.argv[1])
THREADS, CLIENTS = 4, 6
# Of SQLite's, those that a query is in, unless all are asked for.
QUERY = {"vdbe", "vdbeapi", "vdbeaux", "vdbemem", "btree", "printf", "malloc", "mutex_unix", "pcache1", "pager", "func", "select"}
passed = failed = 0


def case(name, trouble):
    global passed, failed
    if trouble:
        failed += 1
        print("FAIL %s: %s" % (name, trouble))
    else:
        passed += 1


def archive(name):
    path = subprocess.run(["cc", "-print-file-name=" + name], capture_output=True, text=True).stdout.strip()
    return path if os.path.isabs(path) else None


def build(folder, archives):
    for name in ("server", "load"):
        subprocess.run(["cc", "-O2", "-c", "%s/%s.c" % (HERE, name), "-o", name + ".o"], cwd=folder, check=True)
    subprocess.run(["cc", "-pthread", "load.o", "-o", "load"], cwd=folder, check=True)
    # (glibc warns of getaddrinfo and dlopen, which nobody calls here.)
    subprocess.run(["cc", "-static", "-Wl,-q", "server.o", *archives, "-lm", "-pthread", "-o", "server"], cwd=folder, check=True,
                   stderr=subprocess.DEVNULL)
    units = []
    for path in archives:
        part = os.path.basename(path)[:-2]
        os.mkdir(os.path.join(folder, part))
        subprocess.run(["ar", "x", path], cwd=os.path.join(folder, part), check=True)
        units += sorted("%s/%s" % (part, name) for name in os.listdir(os.path.join(folder, part)))
    return units


def lode(folder, server, *arguments):
    return subprocess.run([LODE, "swap", str(server.pid), *arguments], cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)


def stop_of(run, stops):
    found = re.search(r"stopped \d+ threads? for (\d+) us", run.stdout)
    if found:
        stops.append(int(found.group(1)))


def replace_each(folder, server, units):
    stops, functions, sites = [], 0, 0
    for unit in units:
        run = lode(folder, server, unit)
        case(unit, run.returncode != 0 and run.stderr)
        stop_of(run, stops)
        found = re.match(r"replaced: (\d+) functions?, (\d+) references?", run.stdout)
        if found:
            functions, sites = functions + int(found.group(1)), sites + int(found.group(2))
    stops.sort()
    if stops:
        print("%d units one after another, %d functions, %d references: %d threads stopped for %d us (median), at most %d us" % (
            len(stops), functions, sites, THREADS, stops[len(stops) // 2], stops[-1]))


def replace_all(folder, server, units):
    stops = []
    run = lode(folder, server, *units)
    case("all at once", run.returncode != 0 and run.stderr)
    stop_of(run, stops)
    if stops:
        print("%d units at once: %s; %d us" % (len(units), run.stdout.split("\n")[0], stops[0]))


def work(folder, archives):
    units = build(folder, archives)
    server = subprocess.Popen([folder + "/server", str(THREADS)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    port = server.stdout.readline().strip()
    # Members that are part of it: the others are refused.
    units = [unit for unit in units if lode(folder, server, "--dry-run", unit).returncode == 0]
    some = [unit for unit in units if unit.startswith("libevent/") or os.path.basename(unit)[:-2] in QUERY]
    client = subprocess.Popen([folder + "/load", port, str(CLIENTS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    case("units of both archives", len(some) < 20 and str(units))
    replace_each(folder, server, units if "all" in sys.argv else some)
    replace_all(folder, server, units)
    for i in range(5):
        case("taken back %d" % i, lode(folder, server, "--rollback").returncode)
    out, _ = client.communicate()
    print(out.strip())
    found = re.match(r"(\d+) requests, 0 lost, 0 wrong", out)
    case("no request lost, no answer wrong", (not found or int(found.group(1)) < 1000) and out)
    case("the server runs", server.poll() is not None and server.stderr.read())
    server.kill()
    server.wait()
    server.stdout.close()
    server.stderr.close()


def main():
    archives = [archive("libevent.a"), archive("libsqlite3.a")]
    if os.uname().machine != "x86_64" or not all(archives):
        print("SKIP server: needs libevent.a and libsqlite3.a for x86-64 (libevent-dev, libsqlite3-dev)\n0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        work(folder, archives)
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


sys.exit(main())
