# SPDX-License-Identifier: MIT
"""Commands -> what they print and their status in a machine that has KVM: Debian's kernel with kvm-amd in QEMU's translator."""
import importlib.machinery
import importlib.util
import os
import re
import subprocess
import tempfile
import time

TOOLS = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "tools")


def load_script(path):
    """A script without .py as a module."""
    loader = importlib.machinery.SourceFileLoader(os.path.basename(path).replace("-", "_"), path)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


debian_kernel, mkcpio = load_script(os.path.join(TOOLS, "debian-kernel")), load_script(os.path.join(TOOLS, "mkcpio"))


TRIES, QUIET = 5, 70  # seconds: a little more than any guest of the tests may take
STUCK = (124, 126)  # of lode boot: the time limit, processors that halted for ever


class Missing(Exception):
    """Something that the machine is made of cannot be had here."""


def libraries(program):
    """Shared libraries of a program, its dynamic linker among them."""
    listed = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
    return re.findall(r"(/\S+) \(0x", listed)


class Kernel:
    """Debian's kernel package: its file, and its modules with those that they need."""

    def __init__(self, build):
        self.folder = debian_kernel.find(build)
        if not self.folder:
            raise Missing("Debian's kernel cannot be downloaded (no network, or no apt)")
        boot = os.path.join(self.folder, "boot")
        self.file = os.path.join(boot, next(f for f in os.listdir(boot) if f.startswith("vmlinuz")))
        self.paths = {}
        for folder, _, names in os.walk(os.path.join(self.folder, "lib/modules")):
            self.paths.update({n[:-3].replace("-", "_"): os.path.join(folder, n) for n in names if n.endswith(".ko")})

    def needs(self, name):
        with open(self.paths[name], "rb") as file:
            found = re.search(rb"\0depends=([^\0]*)\0", file.read())
        return [n.replace("-", "_") for n in found.group(1).decode().split(",") if n] if found else []

    def modules(self, *names):
        """Paths in the order in which they are to be loaded."""
        order = []

        def add(name):
            if name in self.paths and self.paths[name] not in order:
                for need in self.needs(name):
                    add(need)
                order.append(self.paths[name])

        for name in names:
            add(name.replace("-", "_"))
        return order


class Result:
    def __init__(self, command, text, status, seconds):
        self.command, self.text, self.status, self.seconds = command, text, status, seconds


class Machine:
    """Files and commands go in, results come out. One start of QEMU runs all commands.

    It has one processor; its guests have several all the same. QEMU 7.2 loses wake-ups between processors if one of them is in a guest of
    its own: with two that share a thread, most guests of two processors stood still, and with a thread for each the machine did now and
    then. A machine that has said nothing for a while, or whose guest stood still, is made anew."""

    def __init__(self, build, init):
        self.kernel, self.files, self.commands, self.stops = Kernel(build), {"init": init}, [], []
        self.checks = []
        self.modules = self.kernel.modules("kvm_amd")

    def add(self, path, name=None):
        """A file of this machine, and the libraries it needs -> its path over there: /bin and its name, or @name."""
        name = name or "/bin/" + os.path.basename(path)
        self.files[name.lstrip("/")] = path
        if os.access(path, os.X_OK):
            self.files.update({library.lstrip("/"): library for library in libraries(path)})
        return name

    def command(self, *words, stops=False):
        """@stops: its guest is to stand still."""
        self.commands.append(list(words))
        self.stops.append(stops)

    def initrd(self, work):
        lists = {"modules": ["/m/" + os.path.basename(m) for m in self.modules], "commands": ["\t".join(c) for c in self.commands]}
        files = dict(self.files)
        files.update({"m/" + os.path.basename(m): m for m in self.modules})
        for name, lines in lists.items():
            files[name] = os.path.join(work, name)
            with open(files[name], "w", encoding="utf-8") as file:
                file.write("".join(line + "\n" for line in lines))
        path = os.path.join(work, "initrd")
        mkcpio.pack(path, ["tmp/", "proc/", "sys/"] + ["%s=%s" % item for item in files.items()])
        return path

    def run(self, seconds, memory="1500M", keep=None):
        """Results of all commands, in their order; fewer if the machine came to an end before."""
        with tempfile.TemporaryDirectory() as work:
            out, console = os.path.join(work, "out"), os.path.join(keep or work, "console.log")
            command = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=single", "-cpu", "max,+svm", "-m", memory,
                       "-no-reboot", "-nodefaults", "-display", "none", "-serial", "file:" + console, "-serial", "file:" + out,
                       "-kernel", self.kernel.file, "-initrd", self.initrd(work),
                       "-append", "console=ttyS0 quiet panic=-1 mitigations=off nokaslr"]
            until = time.monotonic() + seconds
            for _ in range(TRIES):
                self.start(command, (out, console), until)
                results = self.parse(out, console)
                stuck = [result for result, stops in zip(results, self.stops) if result.status in STUCK and not stops]
                if (len(results) == len(self.commands) and not stuck) or time.monotonic() > until:
                    break
                print("the machine with KVM is made anew: %s" % (" ".join(stuck[0].command) if stuck else "it came to an end, or stood still"))
            return results

    def start(self, command, said, until):
        """To its end, or until it has said nothing for a while."""
        try:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            raise Missing("there is no qemu-system-x86_64") from None
        size, heard = 0, time.monotonic()
        while process.poll() is None and time.monotonic() < min(until, heard + QUIET):
            time.sleep(0.1)
            now = sum(os.path.getsize(path) for path in said if os.path.exists(path))
            if now != size:
                size, heard = now, time.monotonic()
        process.kill()
        process.wait()

    def parse(self, out, console):
        with open(out, encoding="utf-8", errors="replace") as file:
            self.output = file.read().replace("\r", "")
        with open(console, encoding="utf-8", errors="replace") as file:
            self.console = file.read().replace("\r", "")
        found = re.findall(r"^@begin ([^\n]*)\n(.*?)\n@end (\d+) ([\d.]+)$", self.output, re.S | re.M)
        return [Result(c.split("\t"), text, int(status), float(s)) for c, text, status, s in found]
