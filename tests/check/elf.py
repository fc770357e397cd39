# SPDX-License-Identifier: MIT
# Descriptions of ELF64 little-endian files -> their bytes, right or wrong; and edits of files that a linker made.
import struct

PT_NULL, PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE, PT_PHDR, PT_TLS = 0, 1, 2, 3, 4, 6, 7
PT_GNU_EH_FRAME, PT_GNU_STACK, PT_GNU_RELRO, PT_GNU_PROPERTY = 0x6474e550, 0x6474e551, 0x6474e552, 0x6474e553
R, W, X = 4, 2, 1

EHDR = {'e_type': (16, 2), 'e_machine': (18, 2), 'e_version': (20, 4), 'e_entry': (24, 8), 'e_phoff': (32, 8), 'e_shoff': (40, 8),
	'e_ehsize': (52, 2), 'e_phentsize': (54, 2), 'e_phnum': (56, 2), 'e_shentsize': (58, 2), 'e_shnum': (60, 2), 'e_shstrndx': (62, 2)}
PHDR = {'p_type': (0, 4), 'p_flags': (4, 4), 'p_offset': (8, 8), 'p_vaddr': (16, 8), 'p_paddr': (24, 8), 'p_filesz': (32, 8),
	'p_memsz': (40, 8), 'p_align': (48, 8)}
SHDR = {'sh_name': (0, 4), 'sh_type': (4, 4), 'sh_flags': (8, 8), 'sh_addr': (16, 8), 'sh_offset': (24, 8), 'sh_size': (32, 8),
	'sh_link': (40, 4), 'sh_info': (44, 4), 'sh_addralign': (48, 8), 'sh_entsize': (56, 8)}


class Elf:
	"""Bytes of an ELF64 file and its fields by name."""

	def __init__(self, data):
		self.data = bytearray(data)

	def peek(self, at, size):
		return int.from_bytes(self.data[at:at + size], 'little')

	def poke(self, at, size, value):
		self.data[at:at + size] = (value & ((1 << 8 * size) - 1)).to_bytes(size, 'little')
		return self

	def get(self, field):
		return self.peek(*EHDR[field])

	def set(self, **fields):
		for field, value in fields.items():
			self.poke(*EHDR[field], value)
		return self

	def ph(self, index, field):
		at, size = PHDR[field]
		return self.peek(self.get('e_phoff') + 56 * index + at, size)

	def set_ph(self, index, **fields):
		for field, value in fields.items():
			at, size = PHDR[field]
			self.poke(self.get('e_phoff') + 56 * index + at, size, value)
		return self

	def find_ph(self, type_, nth=0):
		return [i for i in range(self.get('e_phnum')) if self.ph(i, 'p_type') == type_][nth]

	def sh(self, index, field):
		at, size = SHDR[field]
		return self.peek(self.get('e_shoff') + 64 * index + at, size)

	def set_sh(self, index, **fields):
		for field, value in fields.items():
			at, size = SHDR[field]
			self.poke(self.get('e_shoff') + 64 * index + at, size, value)
		return self

	def section(self, name):
		strings = self.sh(self.get('e_shstrndx'), 'sh_offset')
		for i in range(self.get('e_shnum')):
			at = strings + self.sh(i, 'sh_name')
			if self.data[at:self.data.index(0, at)].decode() == name:
				return i
		raise KeyError(name)

	def dyn(self, tag, nth=0):
		"""File offset of a dynamic entry."""
		at = self.ph(self.find_ph(PT_DYNAMIC), 'p_offset')
		while True:
			if self.peek(at, 8) == tag:
				if nth == 0:
					return at
				nth -= 1
			elif self.peek(at, 8) == 0:
				raise KeyError(tag)
			at += 16

	def set_dyn(self, tag, value, new_tag=None):
		at = self.dyn(tag)
		if new_tag is not None:
			self.poke(at, 8, new_tag)
		return self.poke(at + 8, 8, value)

	def rename_dyn(self, tag, new_tag):
		return self.poke(self.dyn(tag), 8, new_tag)

	def add_dyn(self, tag, value):
		"""In place of one of the spare DT_NULLs that ld leaves."""
		at = self.dyn(0)
		assert self.peek(at + 16, 8) == 0, 'no spare entry'
		return self.poke(at, 8, tag).poke(at + 8, 8, value)


def seg(type_=PT_LOAD, flags=R, vaddr=0, data=b'', memsz=None, align=0x1000, paddr=None, inside=False, size=0, offset=None):
	"""A program header. inside: it has no bytes of its own but size bytes at vaddr of an earlier PT_LOAD."""
	return dict(type=type_, flags=flags, vaddr=vaddr, data=data, memsz=memsz, align=align, paddr=paddr, inside=inside, size=size, offset=offset)


def image(segments, entry=None, type_=2, machine=62, phoff=64, headers=True):
	"""headers: the first PT_LOAD with bytes begins with ELF header and program headers."""
	table = phoff + 56 * len(segments)
	out = bytearray(table)
	rows, loads = [], []
	first = headers
	for s in segments:
		data, offset = bytes(s['data']), s['offset']
		if s['inside']:
			owner = [l for l in loads if l[0] <= s['vaddr'] < l[0] + max(l[2], 1)][0]
			offset, filesz = owner[1] + s['vaddr'] - owner[0], s['size']
			if data:
				out[offset:offset + len(data)] = data
				filesz = len(data)
		elif s['type'] == PT_LOAD and first and data:
			offset, filesz, first = 0, table + len(data), False
			out += data
		elif data:
			if offset is None:
				modulus = max(s['align'], 1) if s['type'] == PT_LOAD else 8
				modulus = max(modulus, 0x1000) if s['type'] == PT_LOAD else modulus
				offset = len(out) + (s['vaddr'] - len(out)) % modulus
			out += bytes(max(0, offset + len(data) - len(out)))
			out[offset:offset + len(data)] = data
			filesz = len(data)
		else:
			offset, filesz = offset if offset is not None else s['vaddr'] % 0x1000, s['size']
		memsz = s['memsz'] if s['memsz'] is not None else filesz
		if s['type'] == PT_LOAD:
			loads.append((s['vaddr'], offset, filesz))
		paddr = s['paddr'] if s['paddr'] is not None else s['vaddr']
		rows.append(struct.pack('<IIQQQQQQ', s['type'], s['flags'], offset, s['vaddr'], paddr, filesz, memsz, s['align']))
	if entry is None:
		entry = [s['vaddr'] for s in segments if s['type'] == PT_LOAD and s['flags'] & X][0] + (table if headers else 0)
	out[:64] = struct.pack('<16sHHIQQQIHHHHHH', b'\x7fELF\x02\x01\x01', type_, machine, 1, entry & (1 << 64) - 1, phoff, 0, 0, 64, 56, len(segments), 64, 0, 0)
	out[phoff:table] = b''.join(rows)
	return Elf(out)


def note(owner, type_, desc, align=4):
	def pad(b):
		return b + bytes(-len(b) % align)
	name = owner + b'\0'
	return pad(pad(struct.pack('<III', len(name), len(desc), type_) + name) + desc)


CODE = b'\xf4\xeb\xfd' + b'\x90' * 61


def program(*more, **options):
	"""A static program of text and data, with whatever else."""
	base = [seg(PT_LOAD, R | X, 0x400000, CODE), seg(PT_LOAD, R | W, 0x402000, b'data' * 16), seg(PT_GNU_STACK, R | W, align=16)]
	return image(base + list(more), **options)
