# SPDX-License-Identifier: MIT
# Cases of a test script -> a line for each failure, and last `N passed, N failed[, N skipped]`.
import fcntl
import json
import os
import pty
import resource
import struct
import subprocess
import sys
import tempfile
import termios

LODE = os.path.abspath(sys.argv[1])
passed = failed = skipped = 0
FOLDER = tempfile.mkdtemp(prefix="lode-cli-")


def path(name):
    return os.path.join(FOLDER, name)


def write(name, data):
    with open(path(name), "wb") as out:
        out.write(data)
    return path(name)


def read(name):
    with open(name, "rb") as source:
        return source.read()


class Result:
    def __init__(self, status, out, err):
        self.status, self.raw, self.err_raw = status, out, err
        self.out, self.err = out.decode("utf-8", "replace"), err.decode("utf-8", "replace")


def lode(*args, stdin=b"", env=None, timeout=300):
    """Run the command; without colours or terminal, in a UTF-8 locale unless env says otherwise."""
    full = {**os.environ, "LC_ALL": "C.UTF-8", **(env or {})}
    done = subprocess.run([LODE, *args], input=stdin, capture_output=True, env=full, timeout=timeout)
    return Result(done.returncode, done.stdout, done.stderr)


def terminal(env, *words, columns=0):
    """Standard output of `lode show /bin/true`, or of other words, on a terminal."""
    main, side = pty.openpty()
    if columns:
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    process = subprocess.Popen([LODE, *(words or ("show", "/bin/true"))], stdout=side, stdin=subprocess.DEVNULL, env={**os.environ, "LC_ALL": "C.UTF-8", **env})
    os.close(side)
    out = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:
            break
        if not piece:
            break
        out += piece
    process.wait()
    os.close(main)
    return out


def cpu(work):
    """Result of work() and the seconds of processor time that its processes took: other load of the machine does not count."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return result, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show_json(*args, **options):
    result = lode("show", "--json", *args, **options)
    return json.loads(result.raw.decode("utf-8"))


def one_line_error(result):
    """Exactly one line on stderr that begins with the command's name, and no control bytes in it."""
    lines = result.err_raw.split(b"\n")
    return len(lines) == 2 and lines[1] == b"" and lines[0].startswith(b"lode") and harmless(lines[0])


def harmless(raw):
    """No byte of a terminal's control codes but line ends; C1 codes are encoded as c2 80..9f."""
    text = raw.decode("utf-8", "strict")
    return all(c == "\n" or (c >= " " and not "\x7f" <= c <= "\x9f" and c not in "\u2028\u2029\u202a\u202b\u202c\u202d\u202e") for c in text)


def case(name, *checks):
    """A case holds if all its checks do; a check is a bool or a (bool, what) pair."""
    global passed, failed
    wrong = [c[1] if isinstance(c, tuple) else "check %d" % i for i, c in enumerate(checks) if not (c[0] if isinstance(c, tuple) else c)]
    if not checks:
        wrong = ["the case checked nothing"]
    if wrong:
        failed += 1
        print("FAIL %s: %s" % (name, "; ".join(str(w)[:400] for w in wrong)))
    else:
        passed += 1


def equal(got, want, what=""):
    return got == want, "%s is %r, not %r" % (what, got, want)


def skip(name, reason):
    global skipped
    skipped += 1
    print("SKIP %s: %s" % (name, reason))


def tool(*command, **options):
    """A tool of the machine; its standard output."""
    return subprocess.run(command, check=True, capture_output=True, env={**os.environ, "LC_ALL": "C"}, **options).stdout


def done():
    subprocess.run(["rm", "-rf", FOLDER], check=False)
    print("%d passed, %d failed%s" % (passed, failed, ", %d skipped" % skipped if skipped else ""))
    sys.exit(1 if failed or not passed + skipped else 0)
