/* SPDX-License-Identifier: MIT */
/* The guest's last state -> text or JSON: the likely reason, where it stood, registers, and what it printed last. */
#include "boot_verdict.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { SENTENCE = 200, PLACE = 300, LINE = 1024, REGISTERS = 27, LINES_MOST = 10 };

/* A register, by its name. */
struct value {
	const char *name;
	uint64_t value;
};

static void list_registers(struct value list[REGISTERS], const struct lode_vmm_state *s)
{
	const struct value all[REGISTERS] = {
		{"rip", s->rip}, {"rsp", s->rsp}, {"rflags", s->rflags}, {"rax", s->rax}, {"rbx", s->rbx}, {"rcx", s->rcx},
		{"rdx", s->rdx}, {"rsi", s->rsi}, {"rdi", s->rdi}, {"rbp", s->rbp}, {"r8", s->r8_r15[0]}, {"r9", s->r8_r15[1]},
		{"r10", s->r8_r15[2]}, {"r11", s->r8_r15[3]}, {"r12", s->r8_r15[4]}, {"r13", s->r8_r15[5]}, {"r14", s->r8_r15[6]},
		{"r15", s->r8_r15[7]}, {"cr0", s->cr0}, {"cr2", s->cr2}, {"cr3", s->cr3}, {"cr4", s->cr4}, {"efer", s->efer},
		{"gdtr.base", s->gdtr.base},
		{"gdtr.limit", s->gdtr.limit}, {"idtr.base", s->idtr.base}, {"idtr.limit", s->idtr.limit},
	};

	memcpy(list, all, sizeof all);
}

static int bits(enum lode_vmm_mode mode)
{
	return mode == LODE_VMM_MODE_64 ? 64 : mode == LODE_VMM_MODE_32 ? 32 : 16;
}

/* "ffffffff80001234 main+0x12" */
static void place_text(char buf[PLACE], const struct lode_vmm_state *s)
{
	char symbol[PLACE / 2];
	int n = snprintf(buf, PLACE, "%" PRIx64, s->rip);

	escape_bytes(symbol, sizeof symbol, s->symbol, strlen(s->symbol));
	if (s->symbol[0])
		snprintf(buf + n, PLACE - (size_t)n, " %s+0x%" PRIx64, symbol, s->symbol_offset);
}

static void print_place(const struct lode_vmm_state *s)
{
	char place[PLACE];

	place_text(place, s);
	fprintf(stderr, "  at      %s, processor %" PRIu32 ", %d-bit mode", place, s->processor, bits(s->mode));
	for (uint32_t i = 0; i < s->ncode; i++)
		fprintf(stderr, "%s%02x", i == 0 ? ": " : " ", s->code[i]);
	fputc('\n', stderr);
}

static void print_registers(const struct lode_vmm_state *s)
{
	struct value list[REGISTERS];

	list_registers(list, s);
	for (size_t i = 0; i < REGISTERS; i++)
		fprintf(stderr, "  %-10s %18" PRIx64 "%s", list[i].name, list[i].value,
			i % 3 == 2 || i + 1 == REGISTERS ? "\n" : "");
}

/* The last lines, without the piece of one that the tail begins with. A line that is too long is cut. */
static const char *last_lines(size_t *size, const struct lode_vmm_result *result)
{
	const char *tail = result->tail, *end = tail + result->ntail, *from;
	uint32_t lines = 0;

	while (end > tail && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	for (from = end; from > tail; from--)
		if (from[-1] == '\n' && ++lines == LINES_MOST)
			break;
	if (from == tail && result->ntail == LODE_VMM_TAIL && memchr(tail, '\n', (size_t)(end - tail)))
		from = (const char *)memchr(tail, '\n', (size_t)(end - tail)) + 1;
	*size = (size_t)(end - from);
	return from;
}

/* The next line of [*at, *at + *size). */
static const char *next_line(size_t *length, const char **at, size_t *size)
{
	const char *line = *at, *end = memchr(line, '\n', *size);
	size_t n = end ? (size_t)(end - line) : *size;

	*at += n + (end ? 1 : 0);
	*size -= n + (end ? 1 : 0);
	while (n > 0 && line[n - 1] == '\r')
		n--;
	*length = n;
	return line;
}

/* Whoever looks at the terminal has not seen them if the console went elsewhere. */
static void print_console(const struct lode_vmm_result *result)
{
	char text[LINE];
	size_t size, n;
	const char *at = last_lines(&size, result);

	if (isatty(STDOUT_FILENO) || !isatty(STDERR_FILENO) || size == 0)
		return;
	fprintf(stderr, "  console\n");
	while (size > 0) {
		const char *line = next_line(&n, &at, &size);

		escape_bytes(text, sizeof text, line, n);
		fprintf(stderr, "    %s\n", text);
	}
}

static bool is_failure(enum lode_vmm_end end)
{
	return end == LODE_VMM_TRIPLE_FAULT || end == LODE_VMM_ERROR || end == LODE_VMM_TIME || end == LODE_VMM_PANIC;
}

/* Registers, be they of the end or of a while before. */
static bool has_registers(const struct lode_vmm_state *state)
{
	return state->known && (!state->lost || state->before > 0);
}

/* The exception could not be handled, whatever it was. */
static bool has_none(const struct lode_vmm_result *result)
{
	return result->end == LODE_VMM_TRIPLE_FAULT && !result->state.handlers && !result->state.lost;
}

static void print_before(const struct lode_vmm_state *s)
{
	if (s->lost)
		fprintf(stderr, "  before  %" PRIu64 ".%03" PRIu64 " ms earlier, when it last came out of the guest:\n",
			s->before / 1000000, s->before / 1000 % 1000);
}

void boot_verdict(const struct lode_vmm_result *result)
{
	const struct lode_vmm_state *s = &result->state;
	char sentence[SENTENCE];

	if (!is_failure(result->end))
		return;
	lode_vmm_reason_text(sentence, sizeof sentence, s);
	if (s->known && sentence[0])
		fprintf(stderr, "  reason  %s%s\n", sentence, has_none(result) ? "; there is no interrupt table" : "");
	if (has_registers(s)) {
		print_before(s);
		print_place(s);
		print_registers(s);
	}
	print_console(result);
}

static void json_console(struct json *json, const struct lode_vmm_result *result)
{
	size_t size, n;
	const char *at = last_lines(&size, result);

	json_array(json, "console");
	while (size > 0) {
		const char *line = next_line(&n, &at, &size);

		json_bytes(json, NULL, line, n);
	}
	json_array_end(json);
}

static void json_state(struct json *json, const struct lode_vmm_state *s)
{
	struct value list[REGISTERS];
	char code[2 * sizeof s->code + 1] = "", sentence[SENTENCE];

	for (uint32_t i = 0; i < s->ncode; i++)
		snprintf(code + 2 * (size_t)i, 3, "%02x", s->code[i]);
	lode_vmm_reason_text(sentence, sizeof sentence, s);
	list_registers(list, s);
	json_object(json, "state");
	json_string(json, "reason", lode_vmm_reason_name(s->reason));
	json_string(json, "text", sentence[0] ? sentence : NULL);
	json_number(json, "before_ns", s->before);
	json_number(json, "processor", s->processor);
	json_bool(json, "handlers", s->handlers);
	json_number(json, "bits", (uint64_t)bits(s->mode));
	json_string(json, "code", code);
	json_string(json, "symbol", s->symbol[0] ? s->symbol : NULL);
	json_number(json, "symbol_offset", s->symbol_offset);
	json_object(json, "registers");
	for (size_t i = 0; i < REGISTERS; i++)
		json_hex(json, list[i].name, list[i].value);
	json_object_end(json);
	json_object_end(json);
}

void boot_verdict_json(struct json *json, const struct lode_vmm_result *result)
{
	if (!is_failure(result->end) && result->end != LODE_VMM_HALT)
		return;
	if (has_registers(&result->state))
		json_state(json, &result->state);
	else
		json_null(json, "state");
	json_console(json, result);
}
