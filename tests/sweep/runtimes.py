#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Runtimes, compilers and test suites, started by the kernel and by Lode in the same empty folder -> lines for differences, a count.
"""usage: runtimes.py LODE HOST [NAME...]    HOST is tests/exec/host.c, not PIE

Each case runs natively, by `lode exec`, and from a program with handlers, timers and threads that calls the library from a thread
that is not the leader. Wait status, standard output, standard error and the files left behind must be the same. What is not
installed is skipped.
"""
import glob
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SECONDS = 600
CPYTHON_TESTS = ["test_signal", "test_thread", "test_threading", "test_mmap", "test_fork1", "test_posix", "test_tempfile",
                 "test_faulthandler"]

C_PROGRAM = r"""
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static __thread int mine = 41;
static int table[3] = {1, 2, 3};
static int *pointers[3] = {&table[2], &table[1], &table[0]};
static volatile int caught;
static void on(int s) { caught = s; }
static void *work(void *p) { mine += *(int *)p; return (void *)(long)mine; }
int main(int argc, char **argv)
{
	pthread_t t[3];
	void *result;
	int status;
	struct sigaction action = {.sa_handler = on};
	for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, work, pointers[i]);
	for (int i = 0; i < 3; i++) { pthread_join(t[i], &result); printf("%ld ", (long)result); }
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	fflush(stdout);
	if (fork() == 0) _exit(7);
	wait(&status);
	printf("%d %d %d %d %s %s\n", mine, caught, WEXITSTATUS(status), argc, argv[1], getenv("LODE_SWEEP"));
	char *heap = malloc(1 << 24);
	memset(heap, 1, 1 << 24);
	free(heap);
	return 3;
}
"""
GO_PROGRAM = r"""
package main
import ("fmt"; "os"; "os/signal"; "runtime"; "sync"; "syscall")
func main() {
	var group sync.WaitGroup
	var lock sync.Mutex
	sum := 0
	for i := 0; i < 100; i++ {
		group.Add(1)
		go func(n int) { defer group.Done(); b := make([]byte, 1<<16); lock.Lock(); sum += n + len(b); lock.Unlock() }(i)
	}
	group.Wait()
	runtime.GC()
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(sum, <-c, os.Args[1:])
	defer func() { fmt.Println("recovered:", recover()); os.Exit(4) }()
	var p *int
	fmt.Println(*p)
}
"""
RUST_PROGRAM = r"""
use std::thread;
fn main() {
    let sums: Vec<u64> = (0..4).map(|i| thread::spawn(move || (0..100000u64).map(|x| x * i).sum()))
        .map(|t| t.join().unwrap()).collect();
    println!("{:?} {:?}", sums, std::env::args().skip(1).collect::<Vec<_>>());
    let caught = std::panic::catch_unwind(|| { let v: Vec<i32> = Vec::new(); v[1] });
    println!("{}", caught.is_err());
    std::process::exit(5);
}
"""
JAVA_PROGRAM = r"""
import java.util.*;
import java.util.stream.*;
public class Sweep {
    static int depth(int n) { return depth(n + 1); }
    public static void main(String[] args) throws Exception {
        List<byte[]> heap = new ArrayList<>();
        for (int i = 0; i < 300; i++) { heap.add(new byte[1 << 18]); if (i % 50 == 0) heap.clear(); }
        System.gc();
        System.out.println(IntStream.range(0, 2000000).parallel().mapToLong(x -> x % 7).sum() + " " + Arrays.toString(args));
        try { depth(0); } catch (StackOverflowError e) { System.out.println("stack overflow caught"); }
        try { Object o = null; o.hashCode(); } catch (NullPointerException e) { System.out.println("null pointer caught"); }
        Thread[] threads = new Thread[8];
        for (int i = 0; i < 8; i++) { threads[i] = new Thread(() -> { }); threads[i].start(); }
        for (Thread t : threads) t.join();
        System.out.println(new String(new ProcessBuilder("echo", "child").start().getInputStream().readAllBytes()).trim());
        System.exit(6);
    }
}
"""
NODE_PROGRAM = r"""
const { Worker, isMainThread, parentPort } = require('worker_threads');
const child = require('child_process').execFileSync('echo', ['child']).toString().trim();
const hash = require('crypto').createHash('sha256').update('lode').digest('hex');
const wasm = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
const worker = new Worker(
    "const { parentPort } = require('worker_threads');" +
    "parentPort.postMessage([...Array(1e5).keys()].reduce((a,b)=>a+b))", { eval: true });
worker.on('message', (sum) => {
    console.log(child, hash, wasm instanceof WebAssembly.Module, sum, process.argv.slice(2)); process.exit(8); });
"""
PERL_PROGRAM = r"""
use POSIX; use threads; $| = 1;
$SIG{USR1} = sub { print "signal\n" }; kill USR1 => $$;
my $pid = fork; if (!$pid) { exit 9 } waitpid $pid, 0; print $? >> 8, "\n";
print join(",", map { $_->join } map { my $n = $_; threads->create(sub { $n * $n }) } 1 .. 4), " @ARGV\n";
print `echo child`; exit 10;
"""


class Missing(Exception):
    """A tool is not installed here."""


def tool(*names):
    """The first of these that is there."""
    for name in names:
        path = shutil.which(name)
        if path:
            return path
    raise Missing("%s is not installed" % names[0])


def built(work, name, source, *command):
    """Compiles a source outside of the folders that are compared."""
    path = os.path.join(work, name)
    with open(path, "w") as file:
        file.write(source)
    program = os.path.splitext(path)[0] + ".out"
    environment = {**os.environ, "HOME": work, "GOCACHE": work + "/go", "GO111MODULE": "off",
                   "RUSTUP_HOME": os.environ.get("RUSTUP_HOME", os.path.expanduser("~/.rustup"))}
    names = {"IN": path, "OUT": program}
    done = subprocess.run([names.get(word, word) for word in command], cwd=work, env=environment,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Missing("%s cannot build it: %s" % (command[0], done.stdout.decode(errors="replace").strip()[-200:]))
    return program


def imports(python, module):
    return subprocess.run([python, "-c", "import test." + module], stderr=subprocess.DEVNULL).returncode == 0


def python_with_tests():
    others = sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.1*/bin/python3")), reverse=True)
    for python in ["/usr/bin/python3"] + others:
        if os.path.exists(python) and imports(python, "test_signal"):
            return os.path.realpath(python)
    raise Missing("CPython's test suite is not installed (libpython3-testsuite)")


def python_filter(text):
    """How many tests ran, what failed, how many were skipped. Times go, and so do warnings that threads print between the names."""
    lines = re.sub(rb"in [0-9.]+s", b"in TIME", text).split(b"\n")
    return [line for line in lines if re.match(rb"(Ran|OK|FAILED|FAIL:|ERROR:)", line)]


def as_it_is(text):
    return text


# name -> function(work) giving (command, filter)

def cpython(module):
    def make(_):
        python = python_with_tests()
        if not imports(python, module):
            raise Missing("this Python has no " + module)
        return [python, "-m", "unittest", "-v", "test." + module], python_filter
    return make


def c_program(compiler, *flags):
    def make(work):
        name = re.sub(r"[^a-z0-9]+", "-", "-".join((compiler,) + flags)) + ".c"
        program = built(work, name, C_PROGRAM, tool(compiler), "-O2", *flags, "IN", "-o", "OUT", "-lpthread")
        tags = subprocess.run(["readelf", "-d", program], stdout=subprocess.PIPE).stdout
        if "pack-relative-relocs" in name and b"RELR" not in tags:
            raise Missing("ld makes no RELR here")
        return [program, "an argument"], as_it_is
    return make


def go(work):
    return [built(work, "sweep.go", GO_PROGRAM, tool("go"), "build", "-o", "OUT", "IN"), "a", "b"], as_it_is


def rust(work):
    program = built(work, "sweep.rs", RUST_PROGRAM, tool("rustc"), "-O", "-o", "OUT", "IN")
    return [program, "a", "b"], lambda t: re.sub(rb"thread 'main' \(\d+\)", b"", t)


def java(work):
    with open(work + "/Sweep.java", "w") as file:
        file.write(JAVA_PROGRAM)
    return [os.path.realpath(tool("java")), "-Xmx256m", work + "/Sweep.java", "a", "b"], as_it_is


def javac(work):
    with open(work + "/Sweep.java", "w") as file:
        file.write(JAVA_PROGRAM)
    return [os.path.realpath(tool("javac")), "-d", ".", work + "/Sweep.java"], as_it_is


def script(name, interpreter, source, *flags):
    def make(work):
        with open(os.path.join(work, name), "w") as file:
            file.write(source)
        return [tool(interpreter), *flags, os.path.join(work, name), "a", "b"], as_it_is
    return make


def gcc(work):
    with open(work + "/compiled.c", "w") as file:
        file.write(C_PROGRAM)
    return [tool("gcc"), "-O2", "-g", "-c", work + "/compiled.c", "-o", "compiled.o"], as_it_is


def gcc_link(work):
    gcc(work)
    return [tool("gcc"), "-O2", "-flto", work + "/compiled.c", "-o", "compiled", "-lpthread"], as_it_is


def clang(work):
    gcc(work)
    return [tool("clang", "clang-19", "clang-14"), "-O2", "-c", work + "/compiled.c", "-o", "compiled.o"], as_it_is


def git(_):
    tool("git")
    return [tool("bash"), "-ec", "git init -q -b main r; cd r; seq 2000 >f; git add f; git commit -q -m one; "
            "sed -i 3d f; git commit -qam two; git gc -q; git log --stat; git fsck --strict; git rev-parse HEAD; "
            "rm .git/index .git/logs -r"], as_it_is


def git_log(work):
    environment = {**os.environ, **fixed(work)}
    subprocess.run(["bash", "-ec", "git init -q -b main repo; cd repo; seq 500 >f; git add f; git commit -q -m one"],
                   cwd=work, env=environment, check=True)
    return [tool("git"), "-C", work + "/repo", "log", "--stat", "-p"], as_it_is


def make(work):
    with open(work + "/Makefile", "w") as file:
        file.write("all: $(foreach n,1 2 3 4 5 6 7 8,out$n)\nout%:\n\t@sleep 0.01; seq $* >$@\n")
    return [tool("make"), "-j4", "-f", work + "/Makefile"], as_it_is


def tar(_):
    return [tool("tar"), "-cJf", "headers.tar.xz", "--sort=name", "-C", "/usr/include", "linux"], as_it_is


def gdb(work):
    program = c_program("gcc", "-g")(work)[0][0]
    return [tool("gdb"), "-q", "-nx", "-batch", "-ex", "break work", "-ex", "info line work", program], as_it_is


CASES = {
    **{"CPython " + module: cpython(module) for module in CPYTHON_TESTS},
    "Java: source launcher, parallel streams, stack overflow": java,
    "javac": javac,
    "Node.js: worker, child, WebAssembly": script("sweep.js", "node", NODE_PROGRAM),
    "Perl: threads, fork, signals": script("sweep.pl", "perl", PERL_PROGRAM),
    "gcc compiles": gcc,
    "gcc compiles and links with LTO": gcc_link,
    "clang compiles": clang,
    "git: a history from a shell": git,
    "git log": git_log,
    "make -j4": make,
    "tar and xz": tar,
    "gdb": gdb,
    "Go": go,
    "Rust": rust,
    "C, glibc, PIE": c_program("gcc"),
    "C, glibc, static": c_program("gcc", "-static"),
    "C, static-PIE with RELR": c_program("gcc", "-static-pie", "-Wl,-z,pack-relative-relocs"),
    "C, PIE with RELR": c_program("gcc", "-Wl,-z,pack-relative-relocs"),
    "C, musl, static": c_program("musl-gcc", "-static"),
    "C, musl, static-PIE": c_program("musl-gcc", "-static-pie", "-fPIE"),
    "C, musl, dynamic": c_program("musl-gcc"),
    "C, lld": c_program("gcc", "-fuse-ld=lld"),
    "C, gold": c_program("gcc", "-fuse-ld=gold"),
    "C, pages of 2 MiB": c_program("gcc", "-Wl,-z,max-page-size=0x200000"),
    "C, executable stack": c_program("gcc", "-z", "execstack"),
    "C, no separate code": c_program("gcc", "-Wl,-z,noseparate-code"),
}


def fixed(home):
    """The same environment for each run: dates, home, locale."""
    return {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "TERM": "dumb", "TZ": "UTC", "LODE_SWEEP": "yes",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
            "GIT_AUTHOR_DATE": "1700000000 +0000", "GIT_COMMITTER_DATE": "1700000000 +0000"}


def files_of(folder):
    """Name and digest of every file left behind."""
    found = []
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    found.append((os.path.relpath(path, folder), hashlib.sha256(file.read()).hexdigest()))
    return sorted(found)


def run(work, command, keep):
    """Runs in a folder of the same name each time."""
    folder = os.path.join(work, "here")
    shutil.rmtree(folder, ignore_errors=True)
    os.mkdir(folder)
    done = subprocess.run(command, cwd=folder, env=fixed(folder), stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    return {"status": done.returncode, "stdout": keep(done.stdout), "stderr": keep(done.stderr), "files": files_of(folder)}


def difference(native, got):
    return "; ".join("%s: natively %.300r, now %.300r" % (key, minus(native[key], got[key]), minus(got[key], native[key]))
                     for key in native if native[key] != got[key])


def minus(a, b):
    return [x for x in a if x not in b] if isinstance(a, list) else a


def one(name, lode, host):
    """(passed, failed, skipped) and lines said."""
    work = tempfile.mkdtemp(prefix="lode-runtimes-")
    passed = failed = 0
    try:
        command, keep = CASES[name](work)
        native = run(work, command, keep)
        if native["status"] < 0:
            raise Missing("it ends by signal %d natively" % -native["status"])
        for way, prefix in (("lode exec", [lode, "exec"]), ("threads, not the leader", [host, "mtn"])):
            got = run(work, prefix + command, keep)
            if got == native:
                passed += 1
            else:
                again = run(work, command, keep)
                unstable = " (two native runs differ, too)" if again != native else ""
                print("FAIL %s, %s: %s%s" % (name, way, difference(native, got), unstable))
                failed += 1
    except Missing as reason:
        print("SKIP %s: %s" % (name, reason))
        return 0, 0, 1
    except subprocess.TimeoutExpired:
        print("FAIL %s: no end within %d seconds" % (name, SECONDS))
        failed += 1
    finally:
        shutil.rmtree(work, ignore_errors=True)
    sys.stdout.flush()
    return passed, failed, 0


def main():
    if len(sys.argv) < 3:
        print(__doc__)
        return 2
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):  # in the background they are ignored; CPython's tests wait for SIGINT
        signal.signal(number, signal.SIG_DFL)
    lode, host = map(os.path.abspath, sys.argv[1:3])
    names = [n for n in CASES if not sys.argv[3:] or any(part in n for part in sys.argv[3:])]
    counts = [one(name, lode, host) for name in names]
    passed, failed, skipped = (sum(c[i] for c in counts) for i in range(3))
    print("%d passed, %d failed, %d skipped" % (passed, failed, skipped))
    return 1 if failed or not passed else 0


sys.exit(main())
