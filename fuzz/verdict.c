/* SPDX-License-Identifier: MIT */
/* Bytes are the registers and the memory that a guest left: its page tables, code and interrupt table are what they like. The
 * reason is one of the list and its sentence ends; the same bytes are taken for what QEMU's monitor says. */
#include "fuzz.h"

#include <qemu.h>
#include <vmm.h>

#include <stdlib.h>
#include <string.h>

enum { RAM = 0x8000, TEXT = 2048 };

/* Often an address of memory, or one behind its end. */
static uint64_t take_address(struct fuzz_tape *tape)
{
	const uint32_t how = fuzz_take(tape, 1);

	if (how & 0x80)
		return (uint64_t)fuzz_take(tape, 4) << 32 | fuzz_take(tape, 4);
	return (how & 0x40 ? 0 : 0x1000 * (uint64_t)(how & 7)) + fuzz_take(tape, how & 0x20 ? 2 : 0);
}

static uint64_t take_bits(struct fuzz_tape *tape, const uint64_t *bits, unsigned n)
{
	const uint32_t chosen = fuzz_take(tape, 1);
	uint64_t value = 0;

	for (unsigned i = 0; i < n; i++)
		value |= chosen >> i & 1 ? bits[i] : 0;
	return value;
}

static void take_state(struct lode_vmm_state *s, struct fuzz_tape *tape)
{
	static const uint64_t cr0[] = {1, 0x80000000, 0x10000, 4}, efer[] = {0x500, 0x800};
	static const uint64_t cr4[] = {0x20, 0x10, 0x1000, 0x200, 0x40000};
	uint64_t *const general[] = {&s->rax, &s->rbx, &s->rcx, &s->rdx, &s->rsi, &s->rdi, &s->rbp, &s->r8_r15[0], &s->r8_r15[4]};

	*s = (struct lode_vmm_state){.known = true, .mode = (enum lode_vmm_mode)(fuzz_take(tape, 1) % 3)};
	s->cr0 = take_bits(tape, cr0, 4);
	s->cr4 = take_bits(tape, cr4, 5);
	s->efer = take_bits(tape, efer, 2);
	s->cr3 = take_address(tape);
	s->cr2 = take_address(tape);
	s->rip = take_address(tape);
	s->rsp = take_address(tape);
	s->cs_base = s->mode == LODE_VMM_MODE_64 ? 0 : take_address(tape);
	s->idtr = (struct lode_table){take_address(tape), (uint16_t)fuzz_take(tape, 2)};
	for (size_t i = 0; i < sizeof general / sizeof *general; i++)
		*general[i] = take_address(tape);
}

/* What is left of the tape, again and again: entries of eight bytes stay such. */
static void fill(unsigned char *ram, const struct fuzz_tape *tape)
{
	const size_t n = (size_t)(tape->end - tape->at);

	memset(ram, 0, RAM);
	for (size_t at = 0; n > 0 && at < RAM; at += (n + 7) / 8 * 8)
		memcpy(ram + at, tape->at, n < RAM - at ? n : RAM - at);
}

static void check_text(const uint8_t *data, size_t size)
{
	char text[TEXT];
	struct lode_vmm_state s;
	const size_t n = size < TEXT - 1 ? size : TEXT - 1;

	memcpy(text, data, n);
	text[n] = '\0';
	if (lode_vmm_qemu_registers_(&s, text))
		HOLDS(s.known && s.mode <= LODE_VMM_MODE_64 && s.reason == LODE_VMM_REASON_UNKNOWN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum lode_vmm_end ends[] = {LODE_VMM_TRIPLE_FAULT, LODE_VMM_TIME, LODE_VMM_ERROR, LODE_VMM_PANIC};
	static const struct vmm_engine engine = {.name = "fuzz"};
	struct fuzz_tape tape = {data, data + size};
	unsigned char *ram = malloc(RAM);
	struct vmm *vm = calloc(1, sizeof *vm);
	struct lode_vmm_result result;
	char sentence[200];

	HOLDS(ram && vm);
	vm->engine = &engine;
	vm->ram = (struct vmm_ram){.bytes = ram, .size = RAM, .low = RAM, .fd = -1};
	vm->end = ends[fuzz_take(&tape, 1) % 4];
	vm->begun.wide = fuzz_take(&tape, 1) & 1;
	take_state(&vm->state, &tape);
	vm->begun.registers = (struct lode_registers){.rip = take_address(&tape), .cr3 = vm->state.cr3, .cr0 = vm->state.cr0};
	fill(ram, &tape);
	lode_vmm_explain_(vm);
	lode_vmm_result_(&result, vm);
	lode_vmm_reason_text(sentence, sizeof sentence, &result.state);
	HOLDS(result.state.ncode <= sizeof result.state.code && result.state.reason < LODE_VMM_REASONS_);
	HOLDS(strlen(sentence) < sizeof sentence - 1 && lode_vmm_reason_name(result.state.reason)[0]);
	HOLDS((sentence[0] == '\0') == (result.state.reason == LODE_VMM_REASON_UNKNOWN));
	check_text(data, size);
	free(vm);
	free(ram);
	return 0;
}
