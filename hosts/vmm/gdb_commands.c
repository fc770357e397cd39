/* SPDX-License-Identifier: MIT */
/* A debugger's command -> what it asks for, or what it wants changed.
 * Ref: GDB manual, appendix E.2 (packets), E.4 (general queries). */
#include "gdb.h"

#include <stdio.h>
#include <string.h>

static void reply_done(struct vmm_gdb *gdb, bool good)
{
	lode_gdb_reply_(gdb, good ? "OK" : "E01");
}

/* What was read; nothing: why not. */
static void reply_bytes(struct vmm_gdb *gdb, const unsigned char *bytes, uint64_t size, const char *error)
{
	lode_gdb_begin_(gdb);
	if (size)
		lode_gdb_add_hex_(gdb, bytes, size);
	else
		lode_gdb_add_(gdb, error);
	lode_gdb_end_(gdb);
}

static void read_registers(struct vmm_gdb *gdb)
{
	unsigned char bytes[GDB_REGISTERS];

	reply_bytes(gdb, bytes, lode_gdb_registers_get_(bytes, gdb_chosen(gdb)), "E01");
}

static void write_registers(struct vmm_gdb *gdb, const char *text)
{
	unsigned char bytes[GDB_REGISTERS];
	uint32_t size = lode_gdb_registers_get_(bytes, gdb_chosen(gdb));

	reply_done(gdb, size && lode_gdb_take_bytes_(bytes, text, size) && lode_gdb_registers_set_(gdb_chosen(gdb), bytes));
}

static void one_register(struct vmm_gdb *gdb, const char *text)
{
	unsigned char bytes[GDB_REGISTERS];
	uint32_t offset, size;
	bool good = lode_gdb_register_find_(&offset, &size, (uint32_t)lode_gdb_take_number_(&text)) &&
		lode_gdb_registers_get_(bytes, gdb_chosen(gdb));

	if (!good) {
		lode_gdb_reply_(gdb, "E01");
	} else if (lode_gdb_take_(&text, '=')) {
		lode_gdb_take_bytes_(bytes + offset, text, size);
		reply_done(gdb, lode_gdb_registers_set_(gdb_chosen(gdb), bytes));
	} else {
		reply_bytes(gdb, bytes + offset, size, "E01");
	}
}

static void read_memory(struct vmm_gdb *gdb, const char *text)
{
	unsigned char bytes[GDB_PACKET / 2];
	uint64_t addr = lode_gdb_take_number_(&text), size = lode_gdb_take_(&text, ',') ? lode_gdb_take_number_(&text) : 0;

	if (size > sizeof bytes - 2)
		size = sizeof bytes - 2;
	reply_bytes(gdb, bytes, lode_gdb_memory_read_(gdb_chosen(gdb), bytes, addr, size), "E14");
}

static void write_memory(struct vmm_gdb *gdb, const char *text)
{
	unsigned char bytes[GDB_PACKET / 2];
	uint64_t addr = lode_gdb_take_number_(&text), size = lode_gdb_take_(&text, ',') ? lode_gdb_take_number_(&text) : 0;
	bool good = lode_gdb_take_(&text, ':') && size <= sizeof bytes && lode_gdb_take_bytes_(bytes, text, (uint32_t)size) == size;

	reply_done(gdb, good && lode_gdb_memory_write_(gdb_chosen(gdb), bytes, addr, size) == size);
}

static void change_point(struct vmm_gdb *gdb, const char *text)
{
	bool insert = text[0] == 'Z';
	char kind = text[1];
	uint64_t addr, size;

	text += 2;
	if (kind < '0' || kind > '4' || !lode_gdb_take_(&text, ',')) {
		lode_gdb_reply_(gdb, "");
		return;
	}
	addr = lode_gdb_take_number_(&text);
	size = lode_gdb_take_(&text, ',') ? lode_gdb_take_number_(&text) : 1;
	reply_done(gdb, insert ? lode_gdb_point_insert_(gdb, kind, addr, size) : lode_gdb_point_remove_(gdb, kind, addr, size));
}

/* A part of the registers' description: m if there is more, l if it was the last. */
static void read_description(struct vmm_gdb *gdb, const char *text)
{
	uint64_t offset = lode_gdb_take_number_(&text), size = lode_gdb_take_(&text, ',') ? lode_gdb_take_number_(&text) : 0;
	uint64_t all = gdb->xml ? strlen(gdb->xml) : 0;

	if (size > GDB_PACKET - 16)
		size = GDB_PACKET - 16;
	if (offset > all)
		offset = all;
	lode_gdb_begin_(gdb);
	lode_gdb_add_(gdb, all - offset > size ? "m" : "l");
	for (uint64_t i = 0; i < size && offset + i < all; i++)
		gdb->out[gdb->nout++] = gdb->xml[offset + i];
	lode_gdb_end_(gdb);
}

static void list_threads(struct vmm_gdb *gdb)
{
	char text[16];

	lode_gdb_begin_(gdb);
	for (uint32_t i = 0; i < gdb_kvm(gdb)->ncpus; i++) {
		snprintf(text, sizeof text, "%c%x", i ? ',' : 'm', i + 1);
		lode_gdb_add_(gdb, text);
	}
	lode_gdb_end_(gdb);
}

static void name_thread(struct vmm_gdb *gdb, const char *text)
{
	uint64_t number = lode_gdb_take_number_(&text);
	char name[32];

	snprintf(name, sizeof name, "processor %llu", (unsigned long long)number - 1);
	lode_gdb_begin_(gdb);
	lode_gdb_add_hex_(gdb, (const unsigned char *)name, strlen(name));
	lode_gdb_end_(gdb);
}

static void do_query(struct vmm_gdb *gdb, const char *text)
{
	char words[160];

	if (lode_gdb_take_word_(&text, "qSupported")) {
		snprintf(words, sizeof words, "PacketSize=%x;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+;"
			"QStartNoAckMode+", GDB_PACKET - 16);
		lode_gdb_reply_(gdb, words);
	} else if (lode_gdb_take_word_(&text, "qXfer:features:read:target.xml:")) {
		read_description(gdb, text);
	} else if (lode_gdb_take_word_(&text, "qfThreadInfo")) {
		list_threads(gdb);
	} else if (lode_gdb_take_word_(&text, "qsThreadInfo")) {
		lode_gdb_reply_(gdb, "l");
	} else if (lode_gdb_take_word_(&text, "qThreadExtraInfo,")) {
		name_thread(gdb, text);
	} else if (lode_gdb_take_word_(&text, "qAttached")) {
		lode_gdb_reply_(gdb, "1");
	} else if (!strcmp(text, "qC")) {
		snprintf(words, sizeof words, "QC%x", gdb->chosen + 1);
		lode_gdb_reply_(gdb, words);
	} else {
		lode_gdb_reply_(gdb, "");
	}
}

static void choose(struct vmm_gdb *gdb, const char *text)
{
	uint32_t cpu;

	if (!lode_gdb_take_cpu_(&cpu, gdb, text + 2)) {
		lode_gdb_reply_(gdb, "E01");
		return;
	}
	if (cpu != UINT32_MAX && text[1] == 'g')
		gdb->chosen = cpu;
	else if (text[1] == 'c')
		gdb->resumed = cpu;
	lode_gdb_reply_(gdb, "OK");
}

static void do_verbose(struct vmm_gdb *gdb, const char *text)
{
	if (!strcmp(text, "vCont?"))
		lode_gdb_reply_(gdb, "vCont;c;C;s;S");
	else if (lode_gdb_take_word_(&text, "vCont"))
		lode_gdb_actions_(gdb, text);
	else if (lode_gdb_take_word_(&text, "vKill"))
		lode_vmm_stop_(gdb->vm, LODE_VMM_ESCAPE, 0);
	else
		lode_gdb_reply_(gdb, "");
}

static void is_alive(struct vmm_gdb *gdb, const char *text)
{
	uint32_t cpu;

	reply_done(gdb, lode_gdb_take_cpu_(&cpu, gdb, text + 1) && cpu != UINT32_MAX);
}

void lode_gdb_command_(struct vmm_gdb *gdb, const char *text)
{
	switch (text[0]) {
	case '?': lode_gdb_tell_stop_(gdb, GDB_TRAP); break;
	case 'g': read_registers(gdb); break;
	case 'G': write_registers(gdb, text + 1); break;
	case 'p': case 'P': one_register(gdb, text + 1); break;
	case 'm': read_memory(gdb, text + 1); break;
	case 'M': write_memory(gdb, text + 1); break;
	case 'Z': case 'z': change_point(gdb, text); break;
	case 'H': choose(gdb, text); break;
	case 'T': is_alive(gdb, text); break;
	case 'c': lode_gdb_go_on_(gdb, UINT32_MAX, false); break;
	case 's': lode_gdb_go_on_(gdb, gdb->resumed < gdb_kvm(gdb)->ncpus ? gdb->resumed : gdb->chosen, false); break;
	case 'v': do_verbose(gdb, text); break;
	case 'q': do_query(gdb, text); break;
	case 'k': lode_vmm_stop_(gdb->vm, LODE_VMM_ESCAPE, 0); break;
	case 'D':
		lode_gdb_reply_(gdb, "OK");
		lode_gdb_leave_(gdb);
		break;
	case 'Q':
		lode_gdb_reply_(gdb, !strcmp(text, "QStartNoAckMode") ? "OK" : "");
		gdb->no_ack = gdb->no_ack || !strcmp(text, "QStartNoAckMode");
		break;
	default: lode_gdb_reply_(gdb, "");
	}
}
