#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# The completions of zsh and fish, loaded by those shells -> what each offers for words, compared with what the command takes.
import os
import pty
import re
import shutil
import subprocess
import time
from harness import LODE, case, done, equal, lode, path, read, skip, write

COMPLETIONS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../completions")
TARGETS = ["any", "elf64", "limine", "linux-kernel", "linux-process", "module", "multiboot", "multiboot2", "pvh", "rust"]

# Matches go into a file: what a terminal shows of them depends on its size. Calls of compadd with -O, -A or -D only ask.
ZSH = r"""
fpath=(%s $fpath); autoload -U compinit; compinit -D -u
compadd() {
    local -a hits
    if [[ ${@[1,(i)(-|--)]} != *-(O|A|D)\ * ]]; then builtin compadd -O hits "$@"; print -l -- $hits >>%s; fi
    builtin compadd "$@"
}
finished() { print END >>%s }
comppostfuncs=(finished)
PROMPT=READY; print BEGIN >%s
"""


def environment():
    return {**os.environ, "PATH": os.path.dirname(LODE) + ":/usr/bin:/bin", "HOME": path("home"), "XDG_CONFIG_HOME": path("home"), "XDG_DATA_HOME": path("home"), "TERM": "dumb", "LC_ALL": "C.UTF-8"}


def by_fish(line):
    script = 'source "$argv[1]"; complete -C "$argv[2]"'
    result = subprocess.run(["fish", "--no-config", "-c", script, os.path.join(COMPLETIONS, "lode.fish"), line], capture_output=True, text=True, env=environment(), cwd=path("home"), timeout=60)
    case("fish is quiet: " + line, equal(result.stderr, ""), equal(result.returncode, 0))
    return [offer.split("\t")[0] for offer in result.stdout.splitlines()]


def wait_for(word, offers):
    for _ in range(600):
        if os.path.exists(offers) and word in read(offers).decode().splitlines():
            return True
        time.sleep(0.05)
    return False


def by_zsh(line):
    """What Tab offers behind the line, in a shell of its own on a terminal."""
    offers = path("offers")
    write("setup.zsh", (ZSH % (COMPLETIONS, offers, offers, offers)).encode())
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(path("home"))
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment())
    os.write(terminal, b". %s\n" % path("setup.zsh").encode())
    begun = wait_for("BEGIN", offers)
    os.write(terminal, line.encode() + b"\t")
    ended = wait_for("END", offers)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    said = b""
    try:
        while chunk := os.read(terminal, 65536):
            said += chunk
    except OSError:
        pass
    os.close(terminal)
    case("zsh loads and answers: " + line, (begun and ended, said), (not re.search(rb"_lode:|setup.zsh:|command not found", said), said))
    found = read(offers).decode().splitlines()
    os.unlink(offers)
    return [word for word in found if word not in ("BEGIN", "END")]


def offered(shell, offers):
    verbs = re.findall(r"^  (\w+) +\S", lode("--help").out, re.M)
    verbs = [verb for verb in verbs if verb != "lode"]  # lines behind the table
    case("verbs: the command names some", len(verbs) > 3)
    for line, want in (("lode ", verbs), ("lode check --for ", TARGETS), ("lode show --for ", ["process", "kernel"]), ("lode show --color ", ["auto", "always", "never"]), ("lode show --pl", ["--plan"]), ("lode exec --argv", ["--argv0"]), ("lode boot --engine ", ["auto", "kvm", "qemu"])):
        found = offers(line)
        case("%s: %s" % (shell, line), (set(want) <= set(found), "%s offers %s" % (line, found)))
    for verb in verbs:
        options = re.findall(r"^ +(?:-\w, )?(--[a-z][-a-z0-9]*)", lode(verb, "--help").out, re.M)
        found = offers("lode %s --" % verb)
        case("%s: options of %s" % (shell, verb), (options and set(options) <= set(found), found))


os.makedirs(path("home"))
for name, offers in (("zsh", by_zsh), ("fish", by_fish)):
    if shutil.which(name):
        offered(name, offers)
    else:
        skip("completion in " + name, "no " + name)
done()
