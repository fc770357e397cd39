# SPDX-License-Identifier: MIT
# C and assembler sources -> ELF files by the machine's own compiler and linker, each made once.
import os
import subprocess
import tempfile

from elf import Elf

CC = os.environ.get('CHECK_CC', 'gcc')
folder = tempfile.mkdtemp(prefix='lode-check-')
made = {}

LIBRARY = '''
extern int outside(int);
static int table[64] = {1, 2, 3};
int *pointer = table;
int inside(int n) { return outside(n) + table[n & 63]; }
int second(int n) { return inside(n) + 1; }
'''
PROGRAM = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'
STACK = '.section .note.GNU-stack,"",@progbits\n'


def run(*words):
	done = subprocess.run(words, cwd=folder, capture_output=True)
	if done.returncode != 0:
		raise RuntimeError('%s: %s' % (' '.join(words), done.stderr.decode('utf-8', 'replace')))


def write(name, text):
	with open(os.path.join(folder, name), 'w') as file:
		file.write(text)


def read(name):
	with open(os.path.join(folder, name), 'rb') as file:
		return file.read()


def gcc(source, *flags, language='c'):
	"""Bytes of what the compiler makes of a source with these flags."""
	key = (source, flags, language)
	if key not in made:
		name = 'f%d' % len(made)
		write(name + '.' + language, source)
		run(CC, '-o', name, name + '.' + language, *flags)
		made[key] = read(name)
	return Elf(made[key])


SHARED = ('-shared', '-nostdlib', '-fPIC', '-O1', '-fcf-protection=full', '-Wl,-soname,libx.so.1', '-Wl,--build-id', '-Wl,-z,relro', '-Wl,-z,now',
	  '-Wl,--hash-style=gnu', '-Wl,-z,noexecstack')


def library(*flags, source=LIBRARY):
	return gcc(source, *SHARED, *flags)


def prog(*flags):
	return gcc(PROGRAM, '-O1', '-fPIE', '-pie', '-Wl,--build-id', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,--hash-style=gnu', *flags)


def obj(source, *flags, language='c'):
	return gcc(source, '-c', '-O1', *flags, language=language)
