/* SPDX-License-Identifier: MIT */
/* Objects that have something of everything, and an archive of them: what the hostile tests and the fuzzer begin with. */
#ifndef LODE_TESTS_LINK_SCENES_H
#define LODE_TESTS_LINK_SCENES_H

#include <object.h>
#include <stdbool.h>
#include <stdio.h>

enum { SCENE_TEXT = 1, SCENE_SIZE = 1 << 16 };

static inline void scene_rela(struct object *o, uint32_t relas, uint64_t offset, uint32_t symbol, uint32_t type)
{
	object_rela(o, relas, offset, OBJECT_RELA(symbol, type), (uint64_t)-4);
}

/** Sections of each class, symbols of each kind, a group, relocations of each need. x86-64. */
static inline void scene_x86_64(struct object *o)
{
	static const char code[] = "\x48\x8b\x05\0\0\0\0\xe8\0\0\0\0\x66\x48\x8d\x3d\0\0\0\0\x66\x66\x48\xe8\0\0\0\0"
		"\xff\x15\0\0\0\0\x48\x8d\x3d\0\0\0\0\xe8\0\0\0\0\x48\x8d\x05\0\0\0\0\xff\x10\x48\x03\x05\0\0\0\0\xc3";
	uint32_t data, bss, tdata, tbss, frames, init, group, member, set, relas;

	object_begin(o, 62);
	object_zeros(o, ".text", OBJECT_AX, 80);
	memcpy(o->sections[SCENE_TEXT].bytes, code, sizeof code);
	data = object_zeros(o, ".data.rel.ro", OBJECT_WA, 64);
	bss = object_section(o, ".bss", 8, OBJECT_WA);
	o->sections[bss].size = 24;
	tdata = object_zeros(o, ".tdata", OBJECT_TLS, 8);
	tbss = object_section(o, ".tbss", 8, OBJECT_TLS);
	o->sections[tbss].size = 16;
	frames = object_zeros(o, ".eh_frame", OBJECT_A, 24);
	init = object_zeros(o, ".init_array.00101", OBJECT_WA, 8);
	o->sections[init].type = 14;
	group = object_section(o, ".group", 17, 0);
	member = object_zeros(o, ".text.inline", OBJECT_AX | 0x200, 16);
	set = object_zeros(o, "items", OBJECT_WA, 16);
	object_zeros(o, ".init", OBJECT_AX, 5);
	object_symbol(o, "", OBJECT_INFO(0, 3), SCENE_TEXT, 0);                 /* 1 */
	object_symbol(o, "local", OBJECT_INFO(0, 1), (uint16_t)data, 8);        /* 2 */
	object_symbol(o, "chosen", OBJECT_INFO(0, 10), SCENE_TEXT, 64);         /* 3 */
	object_symbol(o, "main", OBJECT_INFO(1, 2), SCENE_TEXT, 0);             /* 4 */
	object_symbol(o, "outside", OBJECT_INFO(1, 0), 0, 0);                   /* 5 */
	object_symbol(o, "perhaps", OBJECT_INFO(2, 0), 0, 0);                   /* 6 */
	object_symbol(o, "common", OBJECT_INFO(1, 1), 0xfff2, 16);              /* 7 */
	object_symbol(o, "thread", OBJECT_INFO(1, 6), (uint16_t)tdata, 0);      /* 8 */
	object_symbol(o, "inline", OBJECT_INFO(2, 2), (uint16_t)member, 0);     /* 9 */
	object_symbol(o, "__start_items", OBJECT_INFO(1, 0), 0, 0);             /* 10 */
	object_symbol(o, "__tls_get_addr", OBJECT_INFO(1, 0), 0, 0);            /* 11 */
	object_symbol(o, "absolute", OBJECT_INFO(1, 0), 0xfff1, 4096);          /* 12 */
	object_symbol(o, "_GLOBAL_OFFSET_TABLE_", OBJECT_INFO(1, 0), 0, 0);     /* 13 */
	object_bytes(o, group, "\1\0\0\0", 4);
	object_bytes(o, group, (unsigned char[]){(unsigned char)member, 0, 0, 0}, 4);
	o->sections[group].info = 9;
	relas = object_relas(o, SCENE_TEXT);
	scene_rela(o, relas, 3, 5, 42);
	scene_rela(o, relas, 8, 6, 4);
	scene_rela(o, relas, 16, 8, 19);
	scene_rela(o, relas, 24, 11, 4);
	scene_rela(o, relas, 30, 4, 41);
	scene_rela(o, relas, 37, 8, 20);
	scene_rela(o, relas, 42, 11, 4);
	scene_rela(o, relas, 49, 8, 34);
	scene_rela(o, relas, 53, 8, 35);
	scene_rela(o, relas, 58, 8, 22);
	relas = object_relas(o, data);
	scene_rela(o, relas, 0, 3, 1);
	scene_rela(o, relas, 8, 10, 1);
	scene_rela(o, relas, 16, 7, 1);
	scene_rela(o, relas, 24, 2, 25);
	scene_rela(o, relas, 32, 13, 29);
	scene_rela(o, relas, 40, 2, 33);
	scene_rela(o, relas, 48, 12, 12);
	scene_rela(o, relas, 52, 5, 2);
	scene_rela(o, relas, 56, 9, 24);
	relas = object_relas(o, frames);
	scene_rela(o, relas, 8, 9, 2);
	relas = object_relas(o, init);
	scene_rela(o, relas, 0, 4, 1);
	relas = object_relas(o, set);
	scene_rela(o, relas, 0, 5, 1);
	object_end(o);
}

/** An AArch64 object of instructions with relocations; a RISC-V one if @machine says so. */
static inline void scene_other(struct object *o, uint16_t machine)
{
	static const uint16_t arm[] = {257, 261, 264, 275, 277, 283, 280, 286, 311, 312, 541, 542, 549, 551, 562, 563, 564, 569,
		513, 514, 283};
	static const uint16_t risc[] = {2, 23, 24, 18, 20, 24, 26, 27, 28, 29, 30, 22, 24, 19, 35, 39, 43, 51, 60, 61, 57};
	uint32_t tdata, relas;

	object_begin(o, machine);
	object_zeros(o, ".text", OBJECT_AX, 256);
	for (unsigned i = 0; i < 256; i += 4)
		object_put(o->sections[SCENE_TEXT].bytes + i, machine == 183 ? 0xd503201f : 0x00000013, 4);
	tdata = object_zeros(o, ".tdata", OBJECT_TLS, 8);
	for (unsigned i = 0; i < 21; i++)
		object_symbol(o, "", OBJECT_INFO(0, 0), SCENE_TEXT, 8 * i - (i > 1 ? 8 : 0));
	object_symbol(o, "outside", OBJECT_INFO(1, 0), 0, 0);
	object_symbol(o, "thread", OBJECT_INFO(1, 6), (uint16_t)tdata, 0);
	object_symbol(o, "__tls_get_addr", OBJECT_INFO(1, 0), 0, 0);
	relas = object_relas(o, SCENE_TEXT);
	for (unsigned i = 0; i < 21; i++) {
		uint16_t type = machine == 183 ? arm[i] : risc[i];
		bool thread = machine == 183 ? type >= 512 : type == 29 || type == 30 || type == 22;
		uint32_t symbol = thread ? 23 : i % 3 ? 22 : i + 1;
		uint64_t offset = 8 * i;

		if (machine == 183 && i == 20) { /* the call behind a sequence */
			symbol = 24;
			offset = 8 * i - 4;
		} else if (machine == 243 && (type == 24 || type >= 60)) { /* labels */
			symbol = i + 1;
			offset -= type == 61 ? 8 : 0;
		}
		object_rela(o, relas, offset, OBJECT_RELA(symbol, type), type == 61 ? (uint64_t)-9 : 0);
	}
	object_end(o);
}

/** Members in an archive, with the index of the given symbols; the bytes' count. */
static inline size_t scene_archive(unsigned char *bytes, const struct object *const *members, const char *const *symbols,
	unsigned count)
{
	size_t size = 8, names = 0, index;

	memcpy(bytes, "!<arch>\n", 8);
	for (unsigned i = 0; i < count; i++)
		names += strlen(symbols[i]) + 1;
	index = (4 + 4 * count + names + 1) & ~(size_t)1;
	size += (size_t)sprintf((char *)bytes + size, "%-48s%-10zu`\n", "/", index);
	memset(bytes + size, 0, index);
	bytes[size + 3] = (unsigned char)count;
	names = size + 4 + 4 * count;
	for (unsigned i = 0; i < count; names += strlen(symbols[i++]) + 1)
		memcpy(bytes + names, symbols[i], strlen(symbols[i]));
	index = size;
	size += (4 + 4 * count + names - (size + 4 + 4 * count) + 1) & ~(size_t)1;
	for (unsigned i = 0; i < count; i++) {
		for (unsigned k = 0; k < 4; k++)
			bytes[index + 4 + 4 * i + k] = (unsigned char)(size >> (24 - 8 * k));
		size += (size_t)sprintf((char *)bytes + size, "%-16s%-32s%-10zu`\n", "m.o/", "0", (size_t)members[i]->size);
		memcpy(bytes + size, members[i]->bytes, members[i]->size);
		size += members[i]->size + (members[i]->size & 1);
	}
	return size;
}

/** A thin archive without an index: one member by a short name, one by a long one, one whose name stands in its bytes. */
static inline size_t scene_thin(unsigned char *bytes)
{
	return (size_t)sprintf((char *)bytes,
		"!<thin>\n%-48s%-10d`\nfolder/m.o/\n%-48s%-10d`\n%-48s%-10d`\n%-48s%-10d`\nm.o",
		"//", 12, "m.o/", 100, "/0", 100, "#1/3", 103);
}

#endif
