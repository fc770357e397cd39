/* SPDX-License-Identifier: MIT */
/* Bytes describe arguments, environment and auxiliary vector; the stack that is built is read back as a program would read it. */
#include <stdlib.h>
#include <string.h>

#include <lode/start.h>

#include "fuzz.h"

enum { STRINGS = 12, AUXV = 12, TEXT = 2048, LARGEST = 1 << 20 };

struct wish {
	char text[TEXT];
	size_t used;
	const char *argv[STRINGS + 1], *envp[STRINGS + 1];
	struct lode_auxv auxv[AUXV];
	unsigned char random[16];
	struct lode_stack stack;
	uint64_t top;
};

static const char *take_string(struct wish *w, struct fuzz_tape *tape)
{
	size_t length = fuzz_take(tape, 1) % 64, begin = w->used;

	while (length-- > 0 && w->used < TEXT - 1) {
		w->text[w->used] = (char)fuzz_take(tape, 1);
		if (w->text[w->used] == '\0')
			break;
		w->used++;
	}
	w->text[w->used++] = '\0';
	return w->text + begin;
}

static uint64_t take_wide(struct fuzz_tape *tape)
{
	uint64_t high = fuzz_take(tape, 4);

	return high << 32 | fuzz_take(tape, 4);
}

static void describe(struct wish *w, struct fuzz_tape *tape)
{
	uint32_t way = fuzz_take(tape, 1);

	memset(w, 0, sizeof *w);
	w->stack = (struct lode_stack){
		.argv = w->argv, .envp = w->envp, .auxv = w->auxv, .word = way & 1 ? 4 : 8, .big = (way & 2) != 0};
	w->stack.argc = fuzz_take(tape, 1) % STRINGS;
	w->stack.envc = fuzz_take(tape, 1) % STRINGS;
	w->stack.nauxv = fuzz_take(tape, 1) % AUXV;
	for (uint32_t i = 0; i < w->stack.argc; i++)
		w->argv[i] = take_string(w, tape);
	for (uint32_t i = 0; i < w->stack.envc; i++)
		w->envp[i] = take_string(w, tape);
	w->stack.execfn = take_string(w, tape);
	w->stack.platform = way & 4 ? take_string(w, tape) : NULL;
	w->stack.random = way & 8 ? w->random : NULL;
	for (int i = 0; i < 16; i++)
		w->random[i] = (unsigned char)(way + (unsigned)i);
	for (uint32_t i = 0; i < w->stack.nauxv; i++) {
		w->auxv[i].type = 1 + fuzz_take(tape, 1) % 60;
		w->auxv[i].value = fuzz_take(tape, 4);
		if ((w->auxv[i].type == LODE_AT_RANDOM && w->stack.random == NULL) ||
			(w->auxv[i].type == LODE_AT_PLATFORM && w->stack.platform == NULL))
			w->auxv[i].type = LODE_AT_IGNORE;
	}
	w->stack.gap = way & 16 ? take_wide(tape) : fuzz_take(tape, 2);
	w->top = (way & 32 ? take_wide(tape) : UINT64_C(0x7ff00000) + fuzz_take(tape, 2) * 16) & ~UINT64_C(15);
}

static uint64_t word_at(const struct wish *w, const unsigned char *buf, uint64_t index)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < w->stack.word; i++)
		value = value << 8 | buf[index * w->stack.word + (w->stack.big ? i : w->stack.word - 1 - i)];
	return value;
}

/* A pointer of the new stack, as a place in the buffer. */
static const char *string_at(const struct lode_stack_layout *layout, const unsigned char *buf, uint64_t address, const char *want)
{
	uint64_t size = strlen(want) + 1;

	HOLDS(address >= layout->sp && address - layout->sp <= layout->size && size <= layout->size - (address - layout->sp));
	return (const char *)buf + (address - layout->sp);
}

static uint64_t read_vector(const struct wish *w, const struct lode_stack_layout *layout, const unsigned char *buf, uint64_t index,
	const char *const *strings, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		HOLDS(strcmp(string_at(layout, buf, word_at(w, buf, index + i), strings[i]), strings[i]) == 0);
	HOLDS(word_at(w, buf, index + n) == 0);
	return index + n + 1;
}

static void read_auxv(const struct wish *w, const struct lode_stack_layout *layout, const unsigned char *buf, uint64_t index)
{
	HOLDS(layout->auxv == layout->sp + index * w->stack.word);
	for (uint32_t i = 0; i < w->stack.nauxv; i++) {
		uint64_t type = word_at(w, buf, index + 2 * i), value = word_at(w, buf, index + 2 * i + 1);

		HOLDS(type == w->auxv[i].type);
		if (type == LODE_AT_EXECFN)
			HOLDS(strcmp(string_at(layout, buf, value, w->stack.execfn), w->stack.execfn) == 0);
		else if (type == LODE_AT_BASE_PLATFORM)
			HOLDS(value == 0);
		else if (type == LODE_AT_PLATFORM)
			HOLDS(strcmp(string_at(layout, buf, value, w->stack.platform), w->stack.platform) == 0);
		else if (type == LODE_AT_RANDOM)
			HOLDS(memcmp(string_at(layout, buf, value, "fifteen letters"), w->random, 16) == 0);
		else
			HOLDS(value == w->auxv[i].value);
	}
	HOLDS(word_at(w, buf, index + 2 * w->stack.nauxv) == LODE_AT_NULL);
	HOLDS(layout->auxv_size == (2 * (uint64_t)w->stack.nauxv + 2) * w->stack.word);
}

static void read_back(const struct wish *w, const struct lode_stack_layout *layout, const unsigned char *buf)
{
	uint64_t index = 1;

	HOLDS(word_at(w, buf, 0) == w->stack.argc);
	index = read_vector(w, layout, buf, index, w->argv, w->stack.argc);
	index = read_vector(w, layout, buf, index, w->envp, w->stack.envc);
	read_auxv(w, layout, buf, index);
}

/* Built without the gap: the same bytes around it, and none behind them. */
static void compact_is_the_same(const struct wish *w, const struct lode_stack_layout *layout, const unsigned char *whole)
{
	struct lode_stack stack = w->stack;
	size_t gap = (size_t)stack.gap, size = (size_t)layout->size - gap, below = (size_t)(layout->arg_start - layout->sp) - gap;
	unsigned char *buf = malloc(size);

	stack.compact = true;
	memset(buf, 0xa5, size);
	lode_stack_build(buf, layout, &stack);
	HOLDS(memcmp(buf, whole, below) == 0);
	HOLDS(memcmp(buf + below, whole + below + gap, size - below) == 0);
	free(buf);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_tape tape = {data, data + size};
	struct lode_diag why = hostile_unfilled();
	struct lode_stack_layout layout;
	struct wish w;
	unsigned char *buf;
	int status;

	describe(&w, &tape);
	status = lode_stack_measure(&layout, &w.stack, w.top, &why);
	if (status != LODE_OK) {
		HOLDS(why.rule == LODE_RULE_STACK_TOO_LARGE && (int)why.status == status);
		return 0;
	}
	HOLDS(layout.top == w.top && layout.sp <= layout.top && layout.size == layout.top - layout.sp && layout.sp % 16 == 0);
	HOLDS(layout.arg_start <= layout.arg_end && layout.arg_end <= layout.env_start && layout.env_start <= layout.env_end);
	HOLDS(layout.sp < layout.arg_start && layout.env_end < layout.top && layout.size >= w.stack.gap);
	HOLDS(w.stack.word == 8 || layout.top <= (UINT64_C(1) << 32));
	if (layout.size > LARGEST)
		return 0;
	buf = malloc((size_t)layout.size);
	memset(buf, 0xa5, (size_t)layout.size);
	lode_stack_build(buf, &layout, &w.stack);
	read_back(&w, &layout, buf);
	compact_is_the_same(&w, &layout, buf);
	free(buf);
	return 0;
}
