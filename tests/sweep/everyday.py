#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# Every program of /usr/bin and /usr/sbin, started by the kernel and by Lode with --version -> lines for differences, and counts.
"""A program counts if two native starts agree. Then standard output, standard error and wait status must be the same, byte for
byte, through each way of starting it by Lode. Only addresses (0x...) are masked, and names in /tmp where native starts differ
in them as well. Each start has namespaces of its own, a read-only system and an empty directory (cage.c)."""
import argparse
import concurrent.futures
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile

SECONDS = 5
SHOWN = 300
# Native starts after a difference, to find out about programs whose children race.
MORE = 15

# Programs that are not started at all, by name.
LEFT_OUT = [
    ("changes or queries the system's packages and registries",
     r"(apt|aptitude|dpkg|debconf|dh_|deb-systemd|update-|ucf|pip|npm|npx|cpan|add-apt|invoke-rc\.d|policy-rc\.d|"
     r"fppkg|py3c|pam-auth-update|locale-gen|install-|installkernel|remove-shell|add-shell|shadowconfig|"
     r"validlocale|xdg-user-dirs-update)"),
    ("power, session and service tools: speak to the system's manager over its sockets",
     r"(halt|poweroff|reboot|shutdown|telinit|init$|runlevel|killall5|ctrlaltdel|rtcwake|service|kernel-install|"
     r"systemd|systemctl|journalctl|loginctl|hostnamectl|localectl|timedatectl|busctl|networkctl|"
     r"dbus-|gdbus|pk(action|check|con|mon|ttyagent)|switch_root|pivot_root|start-stop-daemon)"),
    ("pagers, editors and full-screen programs: wait for a terminal",
     r"(less|.*less$|more$|.*more$|pager|most|ed$|red$|ex$|vi$|vim|view$|rview|rvim|editor|"
     r"select-editor|sensible-|nano|top$|slabtop|tload|watch$|wdctl|gdbtui|script|tset|reset|clear|setterm|luit)"),
    ("log in or change identity",
     r"(su$|sudo|login|nologin|sulogin|runuser|newgrp|sg$|passwd|chfn|chsh|gpasswd|chage|chpasswd|chgpasswd|expiry|"
     r"agetty|getty|vipw|vigr|cppw|cpgr|faillog|newusers|(user|group)(add|del|mod|mems)|add(user|group)|del(user|group)|"
     r"gr(pck|conv|unconv)|pw(ck|conv|unconv)|faillock|pam_|unix_|mkhomedir|pwhistory)"),
    ("network clients and agents: wait for others",
     r"(telnet|ftp$|nc$|ncat|gpg-agent|dirmngr|gpg-connect-agent|gpg-wks|ssh-agent|ssh-copy-id|watchgnupg|gke-gcloud|"
     r"docker-credential|git-credential|anthoscli|kubectl|pg_receive|pg_recv|pg_basebackup|reportbug|perlbug|perlthanks|bashbug)"),
    ("daemons and listeners: do not end",
     r"(.*server$|arpd|rarpd|udev|cron|atd$|sshd|jstatd|rmiregistry|clangd|valgrind-listener|vgdb|llvm-debuginfod)"),
    ("makes file systems or writes to block devices",
     r"(mkfs|mke2fs|mkswap|swap|fsck|e2|e4|resize2fs|tune2fs|debugfs|dumpe2fs|badblocks|blk|wipefs|dmsetup|"
     r"dmstats|losetup|fstrim|fsfreeze|zramctl|hwclock|addpart|delpart|partx|resizepart|"
     r"mklost|chmem|chcpu|mount$|umount$|ldattach)"),
]

# Everyday programs of the short run; the rest of it is spread evenly over the others.
ALWAYS = """bash sh dash perl python3 git gcc cc g++ clang ld as ar ls cat cp grep sed gawk mawk tar gzip xz zstd bzip2 make cmake
ninja node java javac ssh openssl curl gdb strace readelf objdump find sort awk tclsh sqlite3 ruby php go rustc file env id date
df du ps ldd python3.11 meson man jq rsync tput nproc stat uname xargs ssh-keygen gpg m4 bison flex dd sleep test true false [
pwd realpath fpc gnatls ppcx64 llvm-config clang-14 opt-14 ld.so qemu-aarch64 valgrind perf busybox pg_config psql""".split()

ADDRESS = re.compile(rb"0x[0-9a-fA-F]{5,16}")
TEMPORARY = re.compile(rb"/tmp/[A-Za-z0-9._/+-]+")


def privileged():
    """CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE: exec may change /proc/self/exe."""
    with open("/proc/self/status", encoding="ascii") as file:
        caps = next(int(line.split()[1], 16) for line in file if line.startswith("CapEff:"))
    return bool(caps & (1 << 21 | 1 << 40))


PRIVILEGED = privileged()


class Cage:
    def __init__(self, cage, dir_):
        self.cage, self.dir = cage, dir_
        self.environment = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": dir_, "LANG": "C.UTF-8",
                            "TERM": "dumb", "USER": "nobody", "TMPDIR": dir_}

    def run(self, command, options=(), seconds=SECONDS):
        """(wait status, stdout, stderr); None if the time was up."""
        read, write = os.pipe()
        process = subprocess.Popen([self.cage, *options, str(seconds), self.dir, str(write), *command], env=self.environment,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[write])
        os.close(write)
        out, err = process.communicate()
        with os.fdopen(read) as report:
            status = report.read().strip()
        if process.returncode or not status:
            raise RuntimeError("cage: %s" % err.decode(errors="replace").strip())
        return None if status == "-1" else (int(status), ADDRESS.sub(b"0xADDRESS", out), ADDRESS.sub(b"0xADDRESS", err))


def without_names(result):
    return result and (result[0], TEMPORARY.sub(b"/tmp/NAME", result[1]), TEMPORARY.sub(b"/tmp/NAME", result[2]))


class Sweep:
    """One program's starts."""

    def __init__(self, cage, chosen):
        self.cage, self.chosen = cage, chosen

    def ways(self, path, elf, set_id):
        """[(name, options of the cage, command)]"""
        c = self.chosen
        plain = "s" if set_id else ""
        command = [path, "--version"]
        ways = [("lode exec", [], [c.lode, "exec"] + ["--no-setid"] * set_id + command)]
        if not set_id:
            ways.append(("no libc", [], [c.launch] + command))
        ways += [("PIE, messy", [], [c.pie, plain + "m"] + command),
                 ("threads, not PIE, messy", [], [c.nopie, plain + "mt"] + command),
                 ("not the leader", [], [c.pie, plain + "mtn"] + command)]
        if elf:
            ways.append(("pipe", ["-p", path], [c.lode, "exec", "--argv0", path, "-", "--version"]))
        return ways

    def one(self, path):
        """(skip reason or None, [(way, difference or None)])"""
        native = [path, "--version"]
        first = self.cage.run(native)
        if first is None:
            return "does not end within %d seconds" % SECONDS, []
        second = self.cage.run(native)
        mask = lambda result: result
        if second != first:
            mask = without_names
        if mask(second) != mask(first):
            return "output differs between two native starts", []
        with open(path, "rb") as file:
            elf = file.read(4) == b"\x7fELF"
        set_id = bool(os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID))
        results = []
        for way, options, command in self.ways(path, elf, set_id):
            got = self.cage.run(command, options)
            if got is None:
                got = self.cage.run(command, options, 4 * SECONDS)
            if mask(got) == mask(first):
                results.append((way, None))
            elif way == "pipe" and mask(got) == mask(self.cage.run(native, ["-m"])):
                results.append((way, None))
            elif way == "lode exec" and not PRIVILEGED and mask(self.cage.run(command[:2] + ["--own-exe"] + command[2:])) == mask(first):
                return "looks at /proc/self/exe, which is the host's without privilege; the same with --own-exe", []
            elif any(mask(self.cage.run(native)) != mask(first) for _ in range(MORE)):
                return "output differs between %d native starts" % (MORE + 2), []
            else:
                results.append((way, describe(first, got)))
        return None, results


def describe(native, got):
    if got is None:
        return "does not end"
    names = ("wait status", "stdout", "stderr")
    return "; ".join("%s: natively %r, now %r" % (n, shown(a), shown(b)) for n, a, b in zip(names, native, got) if a != b)


def shown(value):
    return value if isinstance(value, int) else value[:SHOWN].decode(errors="replace")


def programs(folders):
    """One path for each file: links to the same file count once, by their own names if those are programs of their own."""
    seen, found = set(), []
    for folder in folders:
        for name in sorted(os.listdir(folder)):
            path = os.path.join(folder, name)
            if not os.path.isfile(path) or not os.access(path, os.X_OK) or (name, os.path.realpath(path)) in seen:
                continue
            seen.add((name, os.path.realpath(path)))
            found.append(path)
    return found


def choose(paths, count):
    always = [p for p in paths if os.path.basename(p) in ALWAYS]
    rest = [p for p in paths if p not in always]
    more = max(0, min(count - len(always), len(rest)))
    return sorted(always + [rest[i * len(rest) // more] for i in range(more)])


def reason_of(path):
    name = os.path.basename(path)
    return next((reason for reason, names in LEFT_OUT if re.match(names, name)), None)


def parse():
    options = argparse.ArgumentParser(description=__doc__)
    for name in ("lode", "cage", "launch", "pie", "nopie"):
        options.add_argument("--" + name, required=True)
    options.add_argument("--short", type=int, default=0, help="only so many programs")
    options.add_argument("--jobs", type=int, default=os.cpu_count())
    options.add_argument("programs", nargs="*")
    return options.parse_intermixed_args()


def say_skips(skips):
    for reason in sorted(set(skips.values())):
        names = sorted(os.path.basename(p) for p, r in skips.items() if r == reason)
        print("SKIP %d, %s: %s" % (len(names), reason, " ".join(names) if len(names) <= 12 else " ".join(names[:11]) + " ..."))


def main():
    chosen = parse()
    work = tempfile.mkdtemp(prefix="lode-sweep-", dir="/var/tmp")
    os.chmod(work, 0o755)
    os.mkdir(work + "/dir")
    try:
        # /tmp is empty in the cage, and the build may lie there
        for name in ("lode", "launch", "pie", "nopie"):
            setattr(chosen, name, shutil.copy(getattr(chosen, name), os.path.join(work, name)))
        return sweep(Cage(chosen.cage, work + "/dir"), chosen)
    finally:
        shutil.rmtree(work)


def sweep(cage, chosen):
    try:
        cage.run(["/bin/true"])
    except RuntimeError as error:
        print("SKIP all: no namespaces here (%s)\n0 passed, 0 failed, 1 skipped" % error)
        return 0
    paths = chosen.programs or programs(["/usr/bin", "/usr/sbin"])
    skips = {} if chosen.programs else {p: reason_of(p) for p in paths if reason_of(p)}
    paths = [p for p in paths if p not in skips]
    if chosen.short:
        skips = {}
        paths = choose(paths, chosen.short)
    counts = {}
    with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
        for path, (skip, results) in zip(paths, pool.map(Sweep(cage, chosen).one, paths)):
            if skip:
                skips[path] = skip
            for way, difference in results:
                same, all_ = counts.get(way, (0, 0))
                counts[way] = (same + (difference is None), all_ + 1)
                if difference:
                    print("FAIL %s, %s: %s" % (path, way, difference))
                    sys.stdout.flush()
    for way, (same, all_) in counts.items():
        print("%-24s the same for %d of %d programs" % (way, same, all_))
    say_skips(skips)
    passed, all_ = (sum(c[i] for c in counts.values()) for i in (0, 1))
    print("%d passed, %d failed, %d skipped" % (passed, all_ - passed, len(skips)))
    return 1 if passed < all_ or not passed else 0


sys.exit(main())
