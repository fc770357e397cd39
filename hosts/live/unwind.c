/* SPDX-License-Identifier: MIT */
/* Registers of a thread that stands still come in, those of its caller go out, by the tables that compilers write for exceptions
 * (.eh_frame). Nothing here allocates, waits or calls the C library's unwinder: threads may stand still in any of these. x86-64. */
#define _GNU_SOURCE
#include "live.h"
#include <link.h>
#include <string.h>

enum { TABLES = 2048, STATES = 16, RSP = LODE_LIVE_RSP, RA = LODE_LIVE_RIP };

/* Executable pages, and what describes the code in them: an index, or the frames themselves. */
struct table {
	uint64_t begin, end;
	const unsigned char *index, *frames;
};
static struct table tables[TABLES];
static uint32_t ntables;

static void add_table(const struct table *table)
{
	if (ntables < TABLES)
		tables[ntables++] = *table;
}

static int take_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct table table = {.begin = 0};

	(void)size;
	(void)data;
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME)
			table.index = (const unsigned char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	for (unsigned i = 0; i < info->dlpi_phnum && table.index; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X))
			continue;
		table.begin = info->dlpi_addr + segment->p_vaddr;
		table.end = table.begin + segment->p_memsz;
		add_table(&table);
	}
	return 0;
}

static void take_module(const struct lode_live *live)
{
	const struct lode_link_run *text = &live->link.runs[LODE_REGION_TEXT];

	if (live->link.eh_frame.size > 0)
		add_table(&(struct table){.begin = text->addr, .end = text->addr + text->size,
			.frames = (const unsigned char *)(uintptr_t)live->link.eh_frame.addr});
}

void lode_live_tables_find_(void)
{
	ntables = 0;
	dl_iterate_phdr(take_object, NULL);
	lode_live_each_(take_module);
}

/*
 * Bytes of the tables
 */

static uint64_t take(const unsigned char **at, unsigned size)
{
	uint64_t value = 0;

	memcpy(&value, *at, size);
	*at += size;
	return value;
}

static int64_t take_signed(const unsigned char **at, unsigned size)
{
	return (int64_t)(take(at, size) << (64 - 8 * size)) >> (64 - 8 * size);
}

static uint64_t take_leb(const unsigned char **at, bool is_signed)
{
	uint64_t value = 0;
	unsigned shift = 0;
	unsigned char byte;

	do {
		byte = *(*at)++;
		value |= shift < 64 ? (uint64_t)(byte & 0x7f) << shift : 0;
		shift += 7;
	} while (byte & 0x80);
	if (is_signed && (byte & 0x40) && shift < 64)
		value |= ~UINT64_C(0) << shift;
	return value;
}

/* An address in one of the forms of DW_EH_PE. */
static uint64_t take_encoded(const unsigned char **at, uint8_t form)
{
	uint64_t from = (form & 0x70) == 0x10 ? (uint64_t)(uintptr_t)*at : 0;

	switch (form & 0x0f) {
	case 0x1: return from + take_leb(at, false);
	case 0x2: return from + take(at, 2);
	case 0x3: return from + take(at, 4);
	case 0x9: return from + take_leb(at, true);
	case 0xa: return from + (uint64_t)take_signed(at, 2);
	case 0xb: return from + (uint64_t)take_signed(at, 4);
	default: return from + take(at, 8);
	}
}

/* What a function's table and the one that it has in common with others say. */
struct frame {
	uint64_t begin, size, code_unit;
	int64_t data_unit;
	const unsigned char *common, *common_end, *own, *own_end;
	bool signal;
};

static bool read_common(struct frame *frame, uint8_t *form, bool *augmented, const unsigned char *at)
{
	uint32_t size = (uint32_t)take(&at, 4);
	const unsigned char *end = at + size, *text, *behind;
	uint8_t edition;

	at += 4;
	edition = *at++;
	text = at;
	at += strlen((const char *)at) + 1;
	frame->code_unit = take_leb(&at, false);
	frame->data_unit = (int64_t)take_leb(&at, true);
	if ((edition == 1 ? *at++ : take_leb(&at, false)) != RA || size == UINT32_MAX)
		return false;
	*augmented = text[0] == 'z';
	*form = 0;
	if (!*augmented && text[0] != '\0')
		return false;
	behind = at;
	if (*augmented) {
		uint64_t data = take_leb(&at, false);

		behind = at + data;
	}
	for (text += *augmented; *text != '\0'; text++)
		if (*text == 'R')
			*form = *at++;
		else if (*text == 'P') {
			uint8_t personality = *at++;

			take_encoded(&at, personality);
		} else if (*text == 'L')
			at++;
		else if (*text == 'S')
			frame->signal = true;
		else
			return false;
	frame->common = behind;
	frame->common_end = end;
	return true;
}

static bool read_frame(struct frame *frame, const unsigned char *at)
{
	uint32_t size = (uint32_t)take(&at, 4), back;
	const unsigned char *id = at;
	bool augmented;
	uint8_t form;

	*frame = (struct frame){.own_end = at + size};
	back = (uint32_t)take(&at, 4);
	if (size == 0 || size == UINT32_MAX || back == 0 || !read_common(frame, &form, &augmented, id - back))
		return false;
	frame->begin = take_encoded(&at, form);
	frame->size = take_encoded(&at, form & 0x0f);
	if (augmented) {
		uint64_t data = take_leb(&at, false);

		at += data;
	}
	frame->own = at;
	return true;
}

static bool has(const struct frame *frame, uint64_t pc)
{
	return pc - frame->begin < frame->size;
}

/* In the index that linkers make: pairs of distances from it, in ascending order. */
static bool find_by_index(struct frame *frame, const unsigned char *index, uint64_t pc)
{
	const unsigned char *at = index + 4, *entry;
	uint32_t low = 0, high;

	if (index[0] != 1 || index[2] != 0x03 || index[3] != 0x3b)
		return false;
	take_encoded(&at, index[1]);
	high = (uint32_t)take(&at, 4);
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		entry = at + (size_t)middle * 8;
		if ((uint64_t)(uintptr_t)index + (uint64_t)take_signed(&entry, 4) <= pc)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return false;
	entry = at + (size_t)(low - 1) * 8 + 4;
	return read_frame(frame, index + take_signed(&entry, 4)) && has(frame, pc);
}

static bool find_in_order(struct frame *frame, const unsigned char *at, uint64_t pc)
{
	for (;;) {
		const unsigned char *next = at;
		uint32_t size = (uint32_t)take(&next, 4);

		if (size == 0 || size == UINT32_MAX)
			return false;
		if (read_frame(frame, at) && has(frame, pc))
			return true;
		at = next + size;
	}
}

static bool find_frame(struct frame *frame, uint64_t pc)
{
	for (uint32_t i = 0; i < ntables; i++) {
		if (pc < tables[i].begin || pc >= tables[i].end)
			continue;
		return tables[i].index ? find_by_index(frame, tables[i].index, pc) : find_in_order(frame, tables[i].frames, pc);
	}
	return false;
}

/*
 * The instructions of a table
 */

enum rule { SAME, AT, UNKNOWN };

struct row {
	uint64_t reg;
	int64_t offset;
	bool lost; /* the frame's address is an expression, or something else that is not followed */
	struct {
		enum rule rule;
		int64_t offset;
	} regs[LODE_LIVE_REGS];
};

struct machine {
	const struct frame *frame;
	struct row row, first, saved[STATES];
	uint32_t nsaved;
	uint64_t at, pc;
};

static void set(struct machine *machine, uint64_t reg, enum rule rule, int64_t offset)
{
	if (reg >= LODE_LIVE_REGS)
		return;
	machine->row.regs[reg].rule = rule;
	machine->row.regs[reg].offset = offset * machine->frame->data_unit;
}

static void restore(struct machine *machine, uint64_t reg)
{
	if (reg < LODE_LIVE_REGS)
		machine->row.regs[reg] = machine->first.regs[reg];
}

static void remember(struct machine *machine)
{
	if (machine->nsaved < STATES)
		machine->saved[machine->nsaved++] = machine->row;
	else
		machine->row.lost = true;
}

static void recall(struct machine *machine)
{
	if (machine->nsaved > 0)
		machine->row = machine->saved[--machine->nsaved];
	else
		machine->row.lost = true;
}

static void skip_block(const unsigned char **at)
{
	uint64_t size = take_leb(at, false);

	*at += size;
}

/* Those with operands in LEB128. */
static void run_long(struct machine *machine, unsigned char op, const unsigned char **at)
{
	uint64_t reg = op == 0x0e || op == 0x0f || op == 0x2e ? 0 : take_leb(at, false);

	switch (op) {
	case 0x05: set(machine, reg, AT, (int64_t)take_leb(at, false)); break;
	case 0x06: restore(machine, reg); break;
	case 0x07: set(machine, reg, UNKNOWN, 0); break;
	case 0x08: set(machine, reg, SAME, 0); break;
	case 0x0c:
		machine->row.reg = reg;
		machine->row.offset = (int64_t)take_leb(at, false);
		break;
	case 0x0d: machine->row.reg = reg; break;
	case 0x0e: machine->row.offset = (int64_t)take_leb(at, false); break;
	case 0x11: set(machine, reg, AT, (int64_t)take_leb(at, true)); break;
	case 0x12:
		machine->row.reg = reg;
		machine->row.offset = (int64_t)take_leb(at, true) * machine->frame->data_unit;
		break;
	case 0x10:
	case 0x16:
		skip_block(at);
		set(machine, reg, UNKNOWN, 0);
		machine->row.lost = machine->row.lost || reg == RA || reg == RSP;
		break;
	case 0x2e: take_leb(at, false); break;
	default: machine->row.lost = true; break;
	}
}

static void run_one(struct machine *machine, const unsigned char **at)
{
	unsigned char op = *(*at)++, low = op & 0x3f;

	switch (op >> 6) {
	case 1: machine->at += low * machine->frame->code_unit; return;
	case 2: set(machine, low, AT, (int64_t)take_leb(at, false)); return;
	case 3: restore(machine, low); return;
	default: break;
	}
	switch (op) {
	case 0x00: return;
	case 0x02: machine->at += take(at, 1) * machine->frame->code_unit; return;
	case 0x03: machine->at += take(at, 2) * machine->frame->code_unit; return;
	case 0x04: machine->at += take(at, 4) * machine->frame->code_unit; return;
	case 0x0a: remember(machine); return;
	case 0x0b: recall(machine); return;
	default: run_long(machine, op, at); return;
	}
}

static void run(struct machine *machine, const unsigned char *at, const unsigned char *end)
{
	while (at < end && machine->at <= machine->pc && !machine->row.lost)
		run_one(machine, &at);
}

static bool read_stack(uint64_t *value, const struct live_frame *frame, uint64_t addr)
{
	if (addr < frame->low || addr >= frame->high || frame->high - addr < 8 || (addr & 7) != 0)
		return false;
	*value = *(const volatile uint64_t *)(uintptr_t)addr;
	return true;
}

/* Where a call came from is in front of the return address. */
enum live_step lode_live_unwind_(struct live_frame *thread)
{
	static struct machine machine;
	struct live_frame caller = *thread;
	struct frame frame;
	uint64_t pc = thread->regs[RA] - (thread->exact ? 0 : 1), base;

	if (!find_frame(&frame, pc))
		return LODE_LIVE_LOST;
	machine = (struct machine){.frame = &frame, .at = frame.begin, .pc = pc};
	run(&machine, frame.common, frame.common_end);
	machine.first = machine.row;
	run(&machine, frame.own, frame.own_end);
	if (machine.row.lost || machine.row.reg >= LODE_LIVE_REGS)
		return LODE_LIVE_LOST;
	if (machine.row.regs[RA].rule == UNKNOWN)
		return LODE_LIVE_END;
	base = thread->regs[machine.row.reg] + (uint64_t)machine.row.offset;
	for (unsigned i = 0; i < LODE_LIVE_REGS; i++)
		if (machine.row.regs[i].rule == AT &&
			!read_stack(&caller.regs[i], thread, base + (uint64_t)machine.row.regs[i].offset))
			return LODE_LIVE_LOST;
	caller.regs[RSP] = base;
	caller.exact = frame.signal;
	if (base <= thread->regs[RSP])
		return LODE_LIVE_LOST;
	*thread = caller;
	return caller.regs[RA] == 0 ? LODE_LIVE_END : LODE_LIVE_STEP;
}
