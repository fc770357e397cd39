# SPDX-License-Identifier: MIT
# One case for each rule of findings.def: a bad file that shows it, and the same file without the fault.
import os
import struct

from build import LIBRARY, STACK, folder, gcc, library, obj, prog, run, write, read
from elf import (CODE, Elf, PT_DYNAMIC, PT_GNU_EH_FRAME, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, PT_LOAD, PT_NOTE, PT_NULL, PT_PHDR,
	PT_TLS, R, W, X, image, note, program, seg)

cases = []


def case(rule, targets, bad, good, also=(), name='file', also_good=()):
	"""bad, good: functions that make the files. also: rules that the same fault breaks."""
	cases.append(dict(rule=rule, targets=targets, bad=bad, good=good, also=set(also), name=name))


# ELF header

case('target-type', 'linux-process', lambda: prog().set(e_type=4), prog)
case('target-type', 'module', program, lambda: module())
case('target-userland', 'linux-kernel', prog, lambda: vmlinux(notes=xen(0x1000300)))
case('target-userland', 'pvh', prog, lambda: pvh())
case('target-userland', 'limine', library, lambda: limine())
case('target-userland', 'multiboot', lambda: abi_tagged(), lambda: mb())
case('target-userland', 'module', prog, lambda: module())
case('target-kernel', 'linux-process', lambda: bzimage(), prog)
case('target-kernel', 'linux-process', lambda: vmlinux(notes=xen(0x1000300)), prog)
case('header-ehsize', 'any', lambda: program().set(e_ehsize=60), program)
case('header-phoff-align', 'any', lambda: program(phoff=66), program)
case('entry-zero', 'linux-process', lambda: program(entry=0), program)


def abi_tagged():
	"""What static programs have from the start-up code of their libc."""
	tag = note(b'GNU', 1, struct.pack('<4I', 0, 3, 2, 0))
	return image([seg(PT_LOAD, R | X, 0x400000, CODE), seg(PT_LOAD, R, 0x401000, tag), seg(PT_NOTE, R, 0x401000, inside=True, size=len(tag), align=4)])


def debug_file():
	data = prog('-g')
	write('whole', '')
	open(folder + '/whole', 'wb').write(data.data)
	run('objcopy', '--only-keep-debug', 'whole', 'debug')
	return Elf(read('debug'))


case('header-debug-file', 'linux-process', debug_file, lambda: prog('-g'), also=())

# PT_LOAD

TEXT = seg(PT_LOAD, R | X, 0x400000, CODE)
DATA = seg(PT_LOAD, R | W, 0x402000, b'data' * 16)
STK = seg(PT_GNU_STACK, R | W, align=16)


def three(**change):
	"""Text, constants, data; change is for the constants."""
	return image([TEXT, seg(**{**dict(vaddr=0x401000, data=b'const' * 8), **change}), DATA, STK])


case('segment-descending', 'any', lambda: image([DATA, TEXT, STK], headers=False), lambda: image([TEXT, DATA, STK], headers=False))
case('segment-page-shared', 'linux-process', lambda: three(vaddr=0x400800), three)
case('segment-page-wx', 'any', lambda: image([TEXT, seg(PT_LOAD, R | W, 0x400800, b'data'), STK]), program, also=['segment-page-shared'])
case('segment-page-touch', 'multiboot', lambda: image([mb1_text(), seg(PT_LOAD, R | X, 0x100800, b'const')]),
	lambda: image([mb1_text(), seg(PT_LOAD, R | X, 0x101800, b'const')]))
case('segment-rwx', 'any', lambda: three(flags=7), three)
case('segment-no-read', 'any', lambda: three(flags=W), three)
case('segment-flags', 'any', lambda: three(flags=R | 0x100), three)
case('segment-empty', 'linux-process', lambda: three(data=b''), three)
case('segment-zeros-readonly', 'linux-process', lambda: three(data=b'', memsz=0x100), three)
case('segment-bss-readonly', 'linux-process', lambda: three(memsz=0x100), three)
case('segment-congruence-align', 'linux-process', lambda: three(align=0x10000, offset=0x3000), three)
case('segment-align-small', 'linux-process', lambda: three(align=16), three)
case('segment-align-large', 'linux-process', lambda: image([TEXT, seg(PT_LOAD, R, 0x600000, b'const', align=0x200000), STK]), program)
case('segment-low', 'linux-process', lambda: image([seg(PT_LOAD, R | X, 0x8000, CODE), STK]), lambda: image([seg(PT_LOAD, R | X, 0x10000, CODE), STK]))

# Files that are no ELF files


def nested(count):
	"""The last of so many scripts of which each one is the next one's interpreter."""
	line = '#!/bin/sh\n'
	for i in range(count - 1):
		write('script%d' % i, line)
		os.chmod(folder + '/script%d' % i, 0o755)
		line = '#!%s/script%d\n' % (folder, i)
	return Raw(line.encode())


class Raw:
	def __init__(self, data):
		self.data = data


case('file-empty', 'any', lambda: Raw(b''), program)
case('file-script', 'any', lambda: Raw(b'#! /bin/sh -e\n'), program)
SCRIPT = lambda: Raw(b'#! /bin/sh -e\n')
case('script-line', 'linux-process', lambda: Raw(b'#!/' + b'/' * 252 + b'sh\n'), lambda: Raw(b'#!/' + b'/' * 246 + b'bin/sh\n'))
case('script-line', 'linux-process', lambda: Raw(b'#! \t\n/bin/sh\n'), SCRIPT)
case('script-cr', 'linux-process', lambda: Raw(b'#!/bin/sh\r\n'), SCRIPT)
case('script-argument-cr', 'linux-process', lambda: Raw(b'#!/bin/sh -e\r\n'), SCRIPT)
case('script-relative', 'linux-process', lambda: Raw(b'#!bin/sh\n'), SCRIPT)
case('script-missing', 'linux-process', lambda: Raw(b'#!/bin/no-such-shell'), SCRIPT)
case('script-missing', 'linux-process', lambda: Raw(b'#!/etc/passwd\n'), SCRIPT)
case('script-deep', 'linux-process', lambda: nested(6), lambda: nested(5))
case('file-text', 'any', lambda: Raw(b'GROUP ( libc.so.6 )\n' * 8), program)
case('file-foreign', 'pvh', lambda: Raw(b'MZ' + bytes(200)), lambda: pvh())
case('file-bitcode', 'any', lambda: Raw(b'BC\xc0\xde' + bytes(200)), program)
case('file-flat', 'any', lambda: Raw(bytes(0x38) + b'ARM\x64' + bytes(100)), program)

# Multiboot and physical addresses


def mb1(flags=0, fields=b'', checksum=None):
	return struct.pack('<III', 0x1badb002, flags, (-(0x1badb002 + flags) & 0xffffffff) if checksum is None else checksum) + fields


def mb2(*tags, length=None, checksum=None, end=True):
	body = b''.join(t + bytes(-len(t) % 8) for t in tags) + (struct.pack('<HHI', 0, 0, 8) if end else b'')
	size = 16 + len(body) if length is None else length
	total = -(0xe85250d6 + size) & 0xffffffff if checksum is None else checksum
	return struct.pack('<IIII', 0xe85250d6, 0, size, total) + body


def mb1_text(header=None, **change):
	# headers (64 + 2 * 56 or 3 * 56) come first, so the code begins at a multiple of 8
	return seg(**{**dict(type_=PT_LOAD, flags=R | X, vaddr=0x100000, data=(mb1() if header is None else header) + bytes(4) + CODE), **change})


def mb(header=None, *more, **change):
	return image([mb1_text(header, **change), seg(PT_LOAD, R | W, 0x102000, b'data' * 4), *more])


def mb32():
	"""The same as ELF32."""
	text = mb1() + bytes(4) + CODE
	head = struct.pack('<16sHHIIIIIHHHHHH', b'\x7fELF\x01\x01\x01', 2, 3, 1, 0x100000 + 84, 52, 0, 0, 52, 32, 1, 40, 0, 0)
	return head + struct.pack('<IIIIIIII', 1, 0, 0x100000, 0x100000, 84 + len(text), 84 + len(text), 5, 0x1000) + text


KERNEL_DATA = dict(type_=PT_LOAD, flags=R | W, data=b'data' * 16)
case('segment-empty-zero', 'multiboot', lambda: mb(None, seg(PT_LOAD, 0, 0)), mb)
case('paddr-overlap', 'multiboot', lambda: mb(None, seg(vaddr=0x200000, paddr=0x102008, data=b'over' * 4)),
	lambda: mb(None, seg(vaddr=0x200000, paddr=0x103000, data=b'over' * 4)), also=['segment-overlap'])
case('paddr-zero', 'multiboot', lambda: mb(None, seg(vaddr=0x200000, paddr=0, data=b'low')), lambda: mb(None, seg(vaddr=0x200000, data=b'low')))
case('paddr-low', 'multiboot', lambda: mb(None, seg(vaddr=0x200000, paddr=0x8000, data=b'low')), lambda: mb(None, seg(vaddr=0x200000, data=b'low')))
case('paddr-high', 'multiboot', lambda: mb(None, seg(vaddr=0xffffffff80200000, data=b'high')),
	lambda: mb(None, seg(vaddr=0xffffffff80200000, paddr=0x200000, data=b'high')))
case('target-machine', 'multiboot', lambda: mb().set(e_machine=183), mb)
case('multiboot-missing', 'multiboot', program, mb)
case('multiboot-late', 'multiboot', lambda: mb(bytes(0x3000) + mb1(), vaddr=0x200000), lambda: mb(bytes(0x1000) + mb1(), vaddr=0x200000))
case('multiboot-align', 'multiboot', lambda: mb(b'\0' + mb1()), mb)
case('multiboot-checksum', 'multiboot', lambda: mb(mb1(checksum=1)), mb)
case('multiboot-flags', 'multiboot', lambda: mb(mb1(8)), mb)
case('multiboot-elf64', 'multiboot', mb, lambda: Raw(mb32()))
case('multiboot-video', 'multiboot', lambda: mb(mb1(4)), mb)
case('multiboot-entry', 'multiboot', lambda: mb().set(e_entry=0x900000), mb)
HEAD = 64 + 2 * 56
GOOD_FIELDS = struct.pack('<5I', 0x100000 + HEAD, 0x100000, 0, 0, 0x100000 + HEAD)
BAD_FIELDS = struct.pack('<5I', 0x100000 + HEAD, 0x200000, 0, 0, 0x100000 + HEAD)
case('multiboot-address', 'multiboot', lambda: mb(mb1(0x10000, GOOD_FIELDS)), mb)
case('multiboot-address-range', 'multiboot', lambda: mb(mb1(0x10000, BAD_FIELDS)), lambda: mb(mb1(0x10000, GOOD_FIELDS)))
case('multiboot2-missing', 'multiboot2', mb, lambda: mb(mb2()))
case('multiboot2-only', 'multiboot', lambda: mb(mb2()), lambda: mb(mb1() + bytes(4) + mb2()))
case('multiboot2-tag', 'multiboot', lambda: mb(mb2(end=False)), lambda: mb(mb2()))
case('multiboot2-demand', 'multiboot', lambda: mb(mb2(struct.pack('<HHI', 99, 0, 8))), lambda: mb(mb2(struct.pack('<HHI', 99, 1, 8))))

# Program headers of programs

LD = b'/lib64/ld-linux-x86-64.so.2\0'


def interp(*paths, first=True, extra=()):
	heads = [seg(PT_INTERP, R, 0x401000 + 0x100 * i, p, inside=True) for i, p in enumerate(paths)]
	loads = [TEXT, seg(PT_LOAD, R, 0x401000, bytes(0x800)), DATA]
	return image([TEXT, loads[1], *heads, DATA, STK, *extra]) if not first else reorder(loads, heads, extra)


def reorder(loads, heads, extra):
	"""PT_INTERP first in the table although its bytes are placed after the PT_LOAD's."""
	file = image([*loads, *heads, STK, *extra])
	n, m = len(loads), len(heads)
	at = 64
	rows = [bytes(file.data[at + 56 * i:at + 56 * i + 56]) for i in range(file.get('e_phnum'))]
	rows = rows[n:n + m] + rows[:n] + rows[n + m:]
	file.data[at:at + 56 * len(rows)] = b''.join(rows)
	return file


case('interp-count', 'linux-process', lambda: interp(LD, LD), lambda: interp(LD))
case('interp-nul', 'linux-process', lambda: interp(LD[:-1]), lambda: interp(LD))
case('interp-relative', 'linux-process', lambda: interp(b'ld.so\0'), lambda: interp(LD))
case('interp-missing', 'linux-process', lambda: interp(b'/nowhere/ld.so\0'), lambda: interp(LD))
case('interp-late', 'linux-process', lambda: interp(LD, first=False), lambda: interp(LD))


def with_phdr(vaddr, count=1, late=False):
	loads = [TEXT, seg(PT_LOAD, R, 0x401000, bytes(64)), DATA]
	heads = [seg(PT_PHDR, R, vaddr, inside=True, size=56 * (4 + count), align=8) for _ in range(count)]
	file = image([*loads, *heads, STK]) if late else reorder(loads, heads, [])
	return file


case('phdr-wrong', 'linux-process', lambda: with_phdr(0x400048), lambda: with_phdr(0x400040))
case('phdr-count', 'linux-process', lambda: with_phdr(0x400040, 2), lambda: with_phdr(0x400040))
case('phdr-late', 'linux-process', lambda: with_phdr(0x400040, late=True), lambda: with_phdr(0x400040))
case('phdr-unmapped', 'linux-process', lambda: image([TEXT, DATA, STK], headers=False), program)
case('stack-exec', 'linux-process', lambda: image([TEXT, DATA, seg(PT_GNU_STACK, 7, align=16)]), program)
case('stack-missing', 'linux-process', lambda: image([TEXT, DATA]), program)


def no_relro():
	file = library()
	return file.set_ph(file.find_ph(PT_GNU_RELRO), p_type=PT_NULL)


def relro_page():
	file = library()
	index = file.find_ph(PT_GNU_RELRO)
	return file.set_ph(index, p_memsz=file.ph(index, 'p_memsz') - 8)


case('relro-missing', 'linux-process', no_relro, library)
case('relro-partial', 'linux-process', lambda: library('-Wl,-z,lazy'), library)
case('relro-page', 'linux-process', relro_page, library)
TLS = '__thread int t[4] = {1}; int get(void) { return t[1]; }'


def tls(**change):
	file = library(source=TLS)
	return file.set_ph(file.find_ph(PT_TLS), **change)


case('tls-align', 'linux-process', lambda: tls(p_align=0x1000), lambda: tls())
case('tls-align-large', 'linux-process', lambda: library(source='__thread int t __attribute__((aligned(8192))) = 1; int get(void) { return t; }'), lambda: tls())

# Notes

BUILD_ID = note(b'GNU', 3, bytes(20))


def noted(data, align=4, extra=(), vaddr=0x401000, **change):
	return image([TEXT, seg(PT_LOAD, R, 0x401000, data + bytes(64)), DATA, STK,
		seg(PT_NOTE, R, vaddr, inside=True, size=change.pop('size', len(data)), align=align, **change), *extra])


case('note-range', 'linux-process', lambda: noted(BUILD_ID).set_ph(4, p_offset=0x900000), lambda: noted(BUILD_ID), also=['build-id-missing'])
case('note-align', 'any', lambda: noted(note(b'Ode', 7, b'abcd') + BUILD_ID, 8), lambda: noted(note(b'Ode', 7, b'abcd') + BUILD_ID, 4))
case('note-trailing', 'linux-process', lambda: noted(BUILD_ID + b'\x01\x02\x03\x04'), lambda: noted(BUILD_ID))
case('build-id-missing', 'linux-process', program, lambda: noted(BUILD_ID))


def property_note(x86, order=False):
	words = struct.pack('<IIII', 0xc0000002, 4, x86, 0)
	other = struct.pack('<IIII', 0xc0008002, 4, 1, 0)
	return note(b'GNU', 5, other + words if order else words + other, 8)


case('property-cet', 'linux-process', lambda: noted(property_note(1), 8), lambda: noted(property_note(3), 8))
case('property-broken', 'linux-process', lambda: noted(property_note(3, True), 8), lambda: noted(property_note(3), 8), also=['property-cet'])


def control_name():
	file = library()
	index = file.section('.dynstr')
	at = file.sh(index, 'sh_offset')
	return file.poke(file.data.index(b'outside\0', at), 1, 27)


case('name-control', 'linux-process', control_name, library)


def endless():
	"""So many PT_NOTE over the same bytes that reading them all would be quadratic."""
	many = [seg(PT_NOTE, R, 0x500000, inside=True, size=0x1fff8, align=4) for _ in range(400)]
	return image([TEXT, seg(PT_LOAD, R, 0x500000, bytes(0x20000)), STK, *many])


case('work-limit', 'any', endless, lambda: noted(BUILD_ID))

# Dynamic table


def dynamic_twice_header():
	file = library()
	index = file.find_ph(PT_DYNAMIC)
	at = file.get('e_phoff')
	other = file.find_ph(PT_GNU_EH_FRAME)
	file.data[at + 56 * other:at + 56 * other + 56] = file.data[at + 56 * index:at + 56 * index + 56]
	return file


def dynamic_open():
	file = library()
	index = file.find_ph(PT_DYNAMIC)
	return file.set_ph(index, p_filesz=file.dyn(0) - file.ph(index, 'p_offset'))


def needed(*names, **options):
	"""A program that needs libraries which are gone again."""
	for name in names:
		file = library(source='int f_%s(void) { return 1; }' % name.replace('/', '_'))
		write('lib%s.so' % name, '')
		open(folder + '/lib%s.so' % name, 'wb').write(file.data)
	return None


def rpath(path, *flags):
	return prog('-Wl,-rpath,' + path, *flags)


def string(file, text):
	"""Offset of a string in the dynamic string table."""
	at = file.sh(file.section('.dynstr'), 'sh_offset')
	return file.data.index(text, at) - at


def empty_needed():
	file = prog()
	return file.add_dyn(1, 0)


def slash_needed():
	file = prog('-Wl,-rpath,/usr/lib/')
	return file.add_dyn(1, string(file, b'/usr/lib/'))


def twice_needed():
	file = prog()
	return file.add_dyn(1, file.peek(file.dyn(1) + 8, 8))


def missing_needed():
	file = prog()
	return file.add_dyn(1, string(file, b'puts'))


case('dynamic-count', 'linux-process', dynamic_twice_header, library)
case('dynamic-open', 'linux-process', dynamic_open, library)
case('dynamic-twice', 'linux-process', lambda: library().add_dyn(10, 8), library)
case('needed-slash', 'linux-process', slash_needed, lambda: prog('-Wl,-rpath,/usr/lib/'))
case('needed-empty', 'linux-process', empty_needed, prog)
case('needed-twice', 'linux-process', twice_needed, prog)
case('needed-missing', 'linux-process', missing_needed, prog)


def needed_version(text, flags=0):
	"""A program that needs a version of libc.so.6 whose name and hash are text's."""
	file = prog()
	at = file.sh(file.section('.gnu.version_r'), 'sh_offset') + 16
	name = file.sh(file.section('.dynstr'), 'sh_offset') + file.peek(at + 8, 4)
	old = bytes(file.data[name:file.data.index(0, name)])
	file.data[name:name + len(old)] = text.ljust(len(old), b'9')[:len(old)]
	value = 0
	for byte in file.data[name:name + len(old)]:
		value = (value << 4) + byte
		value = (value ^ value >> 24 & 0xf0) & 0xfffffff
	return file.poke(at, 4, value).poke(at + 4, 2, flags)


case('needed-version', 'linux-process', lambda: needed_version(b'GLIBC_9'), prog)
case('needed-version', 'linux-process', lambda: needed_version(b'GLIBC_9'), lambda: needed_version(b'GLIBC_9', 2))
case('rpath-used', 'linux-process', lambda: rpath('/usr/lib', '-Wl,--disable-new-dtags'), lambda: rpath('/usr/lib', '-Wl,--enable-new-dtags'))

FOLDERS = {'open': 0o777, 'open/there': 0o755, 'sticky': 0o1777, 'sticky/there': 0o755, 'sticky/open': 0o777, 'closed': 0o755}


def run_path(below, tag='--enable-new-dtags'):
	"""A program whose run path ends in a folder of these."""
	for name, mode in FOLDERS.items():
		os.makedirs(folder + '/paths/' + name, exist_ok=True)
		os.chmod(folder + '/paths/' + name, mode)
	return rpath('/usr/lib:%s/paths/%s' % (folder, below), '-Wl,' + tag)


for below in ('open', 'open/', 'open/there', 'open/a//b', 'sticky', 'sticky/a/b', 'sticky/open'):
	case('run-path-writable', 'linux-process', lambda below=below: run_path(below), lambda: run_path('closed/a/b'))
case('run-path-writable', 'linux-process', lambda: run_path('open', '--disable-new-dtags'), lambda: run_path('sticky/there'), also=['rpath-used'])
case('rpath-empty', 'linux-process', lambda: rpath('/usr/lib::/lib'), lambda: rpath('/usr/lib:/lib'))
case('rpath-relative', 'linux-process', lambda: rpath('lib'), lambda: rpath('$ORIGIN/lib'))
case('soname-slash', 'linux-process', lambda: library('-Wl,-soname,a/libx.so'), library)
case('soname-missing', 'linux-process', lambda: library().rename_dyn(14, 0x60000fff), library, name='libfile.so')
case('textrel-used', 'linux-process', lambda: library().add_dyn(22, 0), library)
case('relacount-high', 'linux-process', lambda: library().set_dyn(0x6ffffff9, 40), library)
case('debug-missing', 'linux-process', lambda: prog().rename_dyn(21, 0x60000fff), prog)
case('hash-sysv-only', 'linux-process', lambda: library('-Wl,--hash-style=sysv'), library)
case('hash-missing', 'linux-process', lambda: library().rename_dyn(0x6ffffef5, 0x60000fff), library)


def more_symbols():
	file = library('-Wl,--hash-style=sysv')
	index = file.section('.dynsym')
	return file.set_sh(index, sh_size=file.sh(index, 'sh_size') + 24)


case('symbol-count', 'linux-process', more_symbols, lambda: library('-Wl,--hash-style=sysv'))


def unknown_version():
	file = prog()
	return file.poke(file.sh(file.section('.gnu.version'), 'sh_offset') + 2, 2, 77)


case('version-unknown', 'linux-process', unknown_version, prog)
case('init-outside', 'linux-process', lambda: library().add_dyn(12, 0x7ff00000), library)
case('static-tls', 'linux-process', lambda: library().set_dyn(30, 8 | 16), library)

# PVH


def xen(entry, size=4, owner=b'Xen', align=4):
	return note(owner, 18, entry.to_bytes(size, 'little'), align)


def pvh(notes=None, align=4, extra=(), code=CODE):
	data = xen(0x100200) if notes is None else notes
	text = seg(PT_LOAD, R | X, 0x100000, code * 16)
	return image([text, seg(PT_LOAD, R, 0x200000, data + bytes(64)), seg(PT_LOAD, R | W, 0x300000, b'data'),
		seg(PT_NOTE, R, 0x200000, inside=True, size=len(data), align=align), *extra])


OTHER = note(b'GNU', 3, bytes(20))
SSE, SET_CR4 = bytes.fromhex('0f290424') * 8, bytes.fromhex('0f22e0')
case('kernel-sse', 'pvh', lambda: pvh(code=SSE + CODE), lambda: pvh(code=SET_CR4 + SSE + CODE))
case('boot-memory', 'pvh', lambda: pvh(extra=[seg(PT_LOAD, R, 0x20000000, b'far')]), lambda: pvh(extra=[seg(PT_LOAD, R, 0x400000, b'near')]))
case('elf64-virtual', 'elf64', lambda: high(0xffffffff80100000), lambda: high(0x100000))


def high(entry):
	"""Linked to the upper half, loaded at 1 MiB, no protocol."""
	return image([seg(PT_LOAD, R | X, 0xffffffff80100000, CODE * 4, paddr=0x100000)], entry=entry + 0x80)


case('pvh-missing', 'pvh', lambda: pvh(OTHER), pvh)
case('pvh-entry', 'pvh', lambda: pvh(xen(0x900000)), pvh)
case('pvh-entry-high', 'pvh', lambda: pvh(xen(0x1_0010_0200, 8)), lambda: pvh(xen(0x100200, 8)))
case('pvh-size', 'pvh', lambda: pvh(xen(0x100200, 12)), pvh, also=['start-pvh-note'])
case('pvh-owner', 'pvh', lambda: pvh(xen(0x100200) + xen(0x100200, owner=b'Foo')), pvh)
case('pvh-twice', 'pvh', lambda: pvh(xen(0x100200) + xen(0x100240)), pvh)
# read as 8-aligned, the second note hides in what seems to be the first one's padding and a note of no name
LUCKY = note(b'GNU', 3, bytes(20)) + note(b'Xen', 18, (0x100200).to_bytes(4, 'little')) + struct.pack('<III', 0, 0, 0)
case('note-align', 'pvh', lambda: pvh(LUCKY + bytes(40), 8), lambda: pvh(LUCKY + bytes(40)), also=[])
case('note-align', 'pvh', lambda: pvh(OTHER + xen(0x100200), 8), lambda: pvh(OTHER + xen(0x100200)))
case('pvh-not-last', 'pvh', lambda: image([seg(PT_LOAD, R | X, 0x100000, CODE * 16), seg(PT_LOAD, R, 0x200000, xen(0x100200) + OTHER),
	seg(PT_NOTE, R, 0x200000, inside=True, size=20, align=4), seg(PT_NOTE, R, 0x200014, inside=True, size=len(OTHER), align=4)]),
	lambda: image([seg(PT_LOAD, R | X, 0x100000, CODE * 16), seg(PT_LOAD, R, 0x200000, OTHER + xen(0x100200)),
	seg(PT_NOTE, R, 0x200000, inside=True, size=len(OTHER), align=4), seg(PT_NOTE, R, 0x200000 + len(OTHER), inside=True, size=20, align=4)]))

PVH_S = '''
.section .note.Xen,"a",@note
.long 4, 4, 18
.asciz "Xen"
.long _start
.text
.global _start
_start: hlt
''' + STACK
KERNEL_LD = '''
ENTRY(_start)
PHDRS { text PT_LOAD FLAGS(5); %s }
SECTIONS { . = 0x100000 + SIZEOF_HEADERS; .note.Xen : { *(.note.Xen) } :text %s .text : { *(.text) } :text /DISCARD/ : { *(.note.gnu*) } }
'''


def linked(source, script, *flags):
	write('kernel.ld', script)
	return gcc(source, '-nostdlib', '-static', '-no-pie', '-Wl,-T,' + folder + '/kernel.ld', '-Wl,--build-id=none', *flags, language='S')


case('pvh-section-only', 'pvh', lambda: linked(PVH_S, KERNEL_LD % ('', '')), lambda: linked(PVH_S + '\n', KERNEL_LD % ('note PT_NOTE FLAGS(4);', ':note')))
case('pvh-elf32', 'pvh', lambda: linked(PVH_S, KERNEL_LD % ('note PT_NOTE FLAGS(4);', ':note'), '-m32'),
	lambda: linked(PVH_S + '\n', KERNEL_LD % ('note PT_NOTE FLAGS(4);', ':note')))

# Limine

COMMON = struct.pack('<QQ', 0xc7b1dd30df4c8b88, 0x0a82e883a194f07b)
START = struct.pack('<4Q', 0xf6b8f4b39de7d1ae, 0xfab91a6940fcb9cf, 0x785c6ed015d3e316, 0x181e920a7852b9d9)
END = struct.pack('<2Q', 0xadc0e0531bb10d03, 0x9572709f31764c62) + bytes(16)
MEMMAP = COMMON + struct.pack('<QQQQ', 0x67cf3d9d378a806f, 0xe304acdfc50c3c62, 0, 0)
HHDM = COMMON + struct.pack('<QQQQ', 0x48dcf1cb8ad2b852, 0x63984e959a98244b, 0, 0)
HIGH = 0xffffffff80000000


def base(revision=6):
	return struct.pack('<QQQ', 0xf9562b2d5c95a6c8, 0x6a7b384944536bdc, revision)


def limine(data=None, code=CODE, extra=(), at=HIGH, **options):
	data = START + base() + MEMMAP + HHDM + END if data is None else data
	return image([seg(PT_LOAD, R | X, at, code), seg(PT_LOAD, R | W, at + 0x2000, data), *extra], **options)


case('target-class', 'limine', lambda: Raw(mb32()), limine)
case('limine-missing', 'limine', lambda: limine(b'nothing'), limine)
case('limine-base-missing', 'limine', lambda: limine(START + MEMMAP + HHDM + END), limine)
case('limine-base-old', 'limine', lambda: limine(START + base(3) + MEMMAP + END), limine)
case('limine-base-unsupported', 'limine', lambda: limine(START + base(7) + MEMMAP + END), limine)
case('limine-base-twice', 'limine', lambda: limine(START + base() + base() + MEMMAP + END), limine)
case('limine-twice', 'limine', lambda: limine(START + base() + MEMMAP + MEMMAP + END), limine)
case('limine-outside', 'limine', lambda: limine(START + base() + MEMMAP + END + HHDM), limine)
case('limine-markers', 'limine', lambda: limine(START + base() + MEMMAP + HHDM), limine)
case('limine-align', 'limine', lambda: limine(START + base() + MEMMAP + bytes(4) + HHDM + bytes(4) + END), limine)
RSDP = COMMON + struct.pack('<QQQQ', 0xc5e77b6b397e7b43, 0x27637845accdcf3c, 0, 0)
DTB = COMMON + struct.pack('<QQQQ', 0xb40ddb48fb54bac7, 0x545081493f81ffb7, 0, 0)
case('limine-acpi', 'limine', lambda: limine(START + base(3) + RSDP + END), lambda: limine(START + base(4) + RSDP + END))
case('limine-unanswered', 'limine', lambda: limine(START + base() + DTB + END), limine)
case('limine-unknown', 'limine', lambda: limine(START + base() + COMMON + struct.pack('<QQQQ', 1, 2, 0, 0) + END), limine)
case('limine-low', 'limine', lambda: limine(extra=[seg(PT_LOAD, R, 0x100000, b'low')]), limine, also=['segment-descending'])
case('limine-dynamic', 'limine', lambda: limine(type_=3), limine)
case('limine-page', 'limine', lambda: limine(extra=[seg(PT_LOAD, R, HIGH + 0x2800, b'const')]), limine)
case('limine-align-covers', 'limine', lambda: image([seg(PT_LOAD, R | X, HIGH, CODE, align=0x200000), seg(PT_LOAD, R | W, HIGH + 0x2000, START + base() + MEMMAP + END)]), limine)
case('limine-sse', 'limine', lambda: limine(code=bytes.fromhex('660fefc0') * 8 + bytes.fromhex('0f290424') + CODE), limine)
# vaddps of ymm and of zmm registers
case('limine-sse', 'limine', lambda: limine(code=bytes.fromhex('c5f458c2') * 8 + CODE), limine)
case('limine-sse', 'limine', lambda: limine(code=bytes.fromhex('62f1744858c2') * 8 + CODE), limine)
# andn, bzhi, rorx and mulx are VEX instructions of general registers
case('limine-sse', 'limine', lambda: limine(code=bytes.fromhex('0f290424') * 8 + CODE),
	lambda: limine(code=bytes.fromhex('c4e2f0f2c2' 'c4e2f0f5c2' 'c4e3fbf0c203' 'c4e2f3f6c2') * 8 + CODE))
# movaps in base revision 3 is no fault
case('limine-sse', 'limine', lambda: limine(code=bytes.fromhex('0f290424') * 8 + CODE),
	lambda: limine(START + base(3) + MEMMAP + END, code=bytes.fromhex('0f290424') * 8 + CODE))
REQUEST_C = '''
__attribute__((used, section(".requests"))) static volatile unsigned long long request[6] = {0xc7b1dd30df4c8b88, 0x0a82e883a194f07b, 0x67cf3d9d378a806f, 0xe304acdfc50c3c62};
__attribute__((used, section(".data"))) static volatile unsigned long long tag[3] = {0xf9562b2d5c95a6c8, 0x6a7b384944536bdc, 6};
%s
void _start(void) { for (;;) %s; }
'''
LIMINE_LD = '''
ENTRY(_start)
PHDRS { text PT_LOAD FLAGS(5); data PT_LOAD FLAGS(6); dynamic PT_DYNAMIC FLAGS(6); }
SECTIONS { . = 0xffffffff80000000; .text : { *(.text*) } :text .rodata : { *(.rodata*) } :text
.rela : { *(.rela*) } :text .dynsym : { *(.dynsym) } :text .dynstr : { *(.dynstr) } :text .hash : { *(.gnu.hash) *(.hash) } :text
. = ALIGN(0x1000); .dynamic : { *(.dynamic) } :data :dynamic .data : { *(.data*) *(.got*) } :data .requests : { *(.requests) } %s .bss : { *(.bss*) } :data
/DISCARD/ : { *(.note*) *(.comment) *(.interp) *(.eh_frame*) *(.gnu.version*) } }
'''


def limine_c(extra='', use='', where=':data', flags=('-static', '-no-pie')):
	write('limine.ld', LIMINE_LD % where)
	return gcc(REQUEST_C % (extra, use) + '/* %s */' % where, '-O1', '-ffreestanding', '-fno-stack-protector', '-mgeneral-regs-only', '-nostdlib', '-fcf-protection=none',
		'-Wl,-T,' + folder + '/limine.ld', '-Wl,--build-id=none', '-Wl,-z,norelro', '-Wl,-z,max-page-size=4096', '-Wl,-z,noexecstack', *flags)


PIE = ('-fPIE', '-static-pie', '-Wl,--no-dynamic-linker', '-mcmodel=small')
POINTER = 'static int x; int *volatile p = &x;'
case('limine-unloaded', 'limine', lambda: limine_c(where=':NONE', flags=('-static', '-no-pie', '-fno-pic', '-mcmodel=kernel')), lambda: limine_c(flags=('-static', '-no-pie', '-fno-pic', '-mcmodel=kernel')))


def limine_pie(type_=None, add=None):
	file = limine_c(POINTER, '(void)p', flags=PIE).set(e_type=3) # GNU ld says ET_EXEC where the base is not 0
	if type_ is not None:
		at = file.sh(file.section('.rela'), 'sh_offset')
		file.poke(at + 8, 4, type_)
	return file


def limine_needed():
	return limine_pie().rename_dyn(21, 1)


case('limine-relocation', 'limine', lambda: limine_pie(18), limine_pie, also=['relacount-high', 'reloc-tls'])
case('irelative-kernel', 'limine', lambda: limine_pie(37), limine_pie, also=['limine-relocation', 'reloc-irelative'])
case('limine-needed', 'limine', limine_needed, limine_pie)

# bootloader_api

MAPPING = bytes(9)


def fixed(addr):
	return struct.pack('<BQ', 1, addr)


def rust_config(version=(0, 11, 15), stack_size=0x14000, stack=MAPPING, info=MAPPING, range_=(None, None), aslr=0):
	ends = b''.join(struct.pack('<BQ', end is not None, end or 0) for end in range_)
	return bytes.fromhex('743CA961093646A0BB555C158915253D') + struct.pack('<HHHBQ', *version, 0, stack_size) + stack + MAPPING + info + MAPPING + bytes(20) + \
		bytes([aslr]) + ends + MAPPING + bytes(18)


def rust(config=None, *more, code=CODE, **options):
	return image([seg(PT_LOAD, R | X, 0x200000, code), seg(PT_LOAD, R | W, 0x202000, rust_config() if config is None else config), *more], **options)


def rust_pie(type_=None):
	config = ', '.join(str(b) for b in rust_config())
	file = limine_c(POINTER + ' __attribute__((used, section(".data"))) static unsigned char config[] = {%s};' % config, '(void)p', flags=PIE).set(e_type=3)
	return file if type_ is None else file.poke(file.sh(file.section('.rela'), 'sh_offset') + 8, 4, type_)


case('rust-relocation', 'rust', lambda: rust_pie(1), rust_pie, also=['relacount-high'])
case('kernel-relocations', 'elf64', rust_pie, lambda: limine_c(flags=PIE).set(e_type=3))

# Linux kernels


def bzimage(version=0x20f, loadflags=1, xloadflags=0x7f, relocatable=1, payload=b'\x1f\x8b\x08' + bytes(29), cut=0, syssize=None, alignment=0x200000, init_size=0x400000):
	head = bytearray(512 * 2)
	head[0x1f1] = 1
	system = bytes(64) + payload + bytes(-len(payload) % 16)
	struct.pack_into('<I', head, 0x1f4, len(system) // 16 if syssize is None else syssize)
	struct.pack_into('<H', head, 0x1fe, 0xaa55)
	head[0x202:0x206] = b'HdrS'
	struct.pack_into('<H', head, 0x206, version)
	head[0x211] = loadflags
	head[0x234] = relocatable
	struct.pack_into('<H', head, 0x236, xloadflags)
	struct.pack_into('<II', head, 0x22c, 0x7fffffff, alignment)
	struct.pack_into('<I', head, 0x238, 2047)
	struct.pack_into('<QI', head, 0x258, 0x1000000, init_size)
	struct.pack_into('<II', head, 0x248, 64, len(payload))
	return Raw(bytes(head) + system[:len(system) - cut])


case('bzimage-truncated', 'linux-kernel', lambda: bzimage(cut=48), bzimage)
case('bzimage-truncated', 'linux-kernel', lambda: bzimage(syssize=100), bzimage)
case('bzimage-old', 'linux-kernel', lambda: bzimage(version=0x20a), bzimage)
case('bzimage-16bit', 'linux-kernel', lambda: bzimage(xloadflags=0x7e), bzimage)
case('bzimage-low', 'linux-kernel', lambda: bzimage(loadflags=0), bzimage)
case('bzimage-fixed', 'linux-kernel', lambda: bzimage(relocatable=0), bzimage)
case('bzimage-payload', 'linux-kernel', lambda: bzimage(payload=b'what' * 8), bzimage)


def vmlinux(*more, notes=b'', flags=R | W):
	data = note(b'Linux', 0x100, b'salt') + notes
	return image([seg(PT_LOAD, R | X, 0xffffffff81000000, CODE * 16, paddr=0x1000000), seg(PT_LOAD, R, 0xffffffff82000000, data + bytes(16), paddr=0x2000000),
		*more, seg(PT_LOAD, flags, 0xffffffff83000000, b'data', paddr=0x3000000),
		seg(PT_NOTE, 0, 0xffffffff82000000, inside=True, size=len(data), align=4)], entry=0x1000300)


case('linux-no-pvh', 'linux-kernel', vmlinux, lambda: vmlinux(notes=xen(0x1000300, 8)))
case('linux-rwx', 'linux-kernel', lambda: vmlinux(notes=xen(0x1000300), flags=7), lambda: vmlinux(notes=xen(0x1000300)))
case('linux-percpu', 'linux-kernel', lambda: vmlinux(seg(PT_LOAD, R | W, 0, b'percpu', paddr=0x2800000)), vmlinux)

# Relocatable objects

MODULE_C = '''
__attribute__((used, section(".modinfo"))) static const char license[] = "license=MIT";
%s
int init_module(void) { return 0; }
'''
THIS = '__attribute__((used, section(".gnu.linkonce.this_module"))) static char this_module[64];'


def module(source=MODULE_C % THIS, *flags):
	return obj(source, '-fno-pic', '-fno-asynchronous-unwind-tables', *flags)


def plain(extra='int a; int f(int x) { return x + a; }', *flags):
	return obj(extra, '-fno-asynchronous-unwind-tables', *flags)


def edit_section(file, name, **change):
	return file.set_sh(file.section(name), **change)


def edit_reloc(type_=None, offset=None, section='.rela.text'):
	file = plain()
	at = file.sh(file.section(section), 'sh_offset')
	if type_ is not None:
		file.poke(at + 8, 4, type_)
	if offset is not None:
		file.poke(at, 8, offset)
	return file


def many_sections():
	"""65300 sections by extended numbering: an assembler file would take long."""
	count, names = 65300, b'\0.s\0.note.GNU-stack\0'
	table = bytearray(64 * count)
	table[0:64] = struct.pack('<IIQQQQIIQQ', 0, 0, 0, 0, 0, count, 1, 0, 0, 0)
	table[64:128] = struct.pack('<IIQQQQIIQQ', 1, 3, 0, 0, 64, len(names), 0, 0, 1, 0)
	for i in range(2, count):
		table[64 * i:64 * i + 64] = struct.pack('<IIQQQQIIQQ', 1 if i > 2 else 4, 1, 0, 0, 64, 0, 0, 0, 1, 0)
	shoff = 64 + len(names) + (-len(names)) % 8
	head = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\x02\x01\x01', 1, 62, 1, 0, 0, shoff, 0, 64, 0, 0, 64, 0, 1)
	return Raw(head + names + bytes(-len(names) % 8) + bytes(table))


def swap_locals():
	file = plain()
	index = file.section('.symtab')
	return file.set_sh(index, sh_info=file.sh(index, 'sh_info') - 1)


case('module-info', 'module', lambda: module(THIS), module)
case('module-this', 'module', lambda: module(MODULE_C % ''), module)
case('module-relocation', 'module', lambda: module(MODULE_C % THIS + 'extern int v; int get(void) { return v; }', '-fPIC'), module)
case('module-common', 'module', lambda: module(MODULE_C % THIS + 'int shared;', '-fcommon'), lambda: module(MODULE_C % THIS + 'int shared;', '-fno-common'))
case('object-sections', 'any', many_sections, plain)
case('object-relocation', 'any', lambda: edit_reloc(type_=200), plain)
case('object-relocation-range', 'any', lambda: edit_reloc(offset=0x1000), plain)
case('object-relocation-target', 'any', lambda: edit_section(plain(), '.rela.text', sh_info=999), plain)
case('object-wx', 'any', lambda: edit_section(plain(), '.text', sh_flags=7), plain)
case('object-stack-missing', 'any', lambda: obj('.text\nnop\n', language='S'), lambda: obj('.text\nnop\n' + STACK, language='S'))
case('object-stack-exec', 'any', lambda: obj('.text\nnop\n.section .note.GNU-stack,"x",@progbits\n', language='S'), lambda: obj('.text\nnop\n' + STACK, language='S'))
case('object-align', 'any', lambda: edit_section(plain(), '.text', sh_addralign=3), plain)
case('object-locals', 'any', swap_locals, plain)


def slim(*flags):
	return plain('int f(void) { return 1; }', '-flto', *flags)


case('object-lto', 'any', lambda: slim('-fno-fat-lto-objects'), lambda: slim('-ffat-lto-objects'))
