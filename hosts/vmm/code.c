/* SPDX-License-Identifier: MIT */
/* The bytes of an instruction -> what it could have failed of. Ref: Intel SDM volume 2, chapter 2 and appendix A. */
#include <string.h>

#include "explain.h"

enum { OPERAND = 0x66, REPNE = 0xf2, REP = 0xf3, TWO = 0x0f, VEX3 = 0xc4, VEX2 = 0xc5, EVEX = 0x62 };

/** Where the decoder stands: the opcode, and what stood before it. */
struct decoder {
	const unsigned char *code; /* from the opcode on */
	uint32_t n;
	bool prefixed; /* 66h, F2h or F3h */
	bool rep;
	enum lode_vmm_mode mode;
};

static bool is_prefix(unsigned char byte)
{
	static const unsigned char prefixes[] = {OPERAND, 0x67, REPNE, REP, 0xf0, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};

	return memchr(prefixes, byte, sizeof prefixes);
}

static struct decoder skip_prefixes(const unsigned char *code, uint32_t n, enum lode_vmm_mode mode)
{
	struct decoder d = {.code = code, .n = n, .mode = mode};

	for (; d.n > 0 && is_prefix(*d.code); d.code++, d.n--) {
		d.prefixed = d.prefixed || *d.code == OPERAND || *d.code == REPNE || *d.code == REP;
		d.rep = d.rep || *d.code == REP;
	}
	if (mode == LODE_VMM_MODE_64 && d.n > 0 && (*d.code & 0xf0) == 0x40) {
		d.code++;
		d.n--;
	}
	return d;
}

static bool between(unsigned char byte, unsigned char first, unsigned char last)
{
	return byte >= first && byte <= last;
}

/* Those of MMX have the same opcodes without a prefix. */
static bool is_sse(const struct decoder *d)
{
	unsigned char op = d->code[1];
	bool always = between(op, 0x10, 0x17) || between(op, 0x28, 0x2f) || between(op, 0x50, 0x5f) || op == 0xc2 || op == 0xc6;
	bool shared = between(op, 0x60, 0x76) || between(op, 0x7c, 0x7f) || between(op, 0xc4, 0xc5) || between(op, 0xd0, 0xfe) ||
		op == 0x38 || op == 0x3a;

	return always || (shared && d->prefixed);
}

/* In 32-bit mode these bytes are les, lds and bound, unless what follows would be a register. */
static bool is_avx(const struct decoder *d)
{
	return (d->code[0] == VEX2 || d->code[0] == VEX3 || d->code[0] == EVEX) &&
		(d->mode == LODE_VMM_MODE_64 || d->code[1] >= 0xc0);
}

static enum vmm_code two_bytes(const struct decoder *d)
{
	unsigned char op = d->code[1];

	if (op == 0x0b)
		return VMM_CODE_UD2;
	if (op == 0x30 || op == 0x32)
		return VMM_CODE_MSR;
	if (op == 0x22)
		return VMM_CODE_CONTROL;
	if (op == 0xa1 || op == 0xa9 || op == 0xb2 || op == 0xb4 || op == 0xb5 ||
		(op == 0 && d->n > 2 && (d->code[2] >> 3 & 6) == 2))
		return VMM_CODE_SEGMENT;
	if (op == 0xa0 || op == 0xa8)
		return VMM_CODE_STACK;
	return is_sse(d) ? VMM_CODE_SSE : VMM_CODE_OTHER;
}

/* What AMD64 took away. */
static bool is_narrow(const struct decoder *d)
{
	static const unsigned char gone[] = {0x06, 0x07, 0x0e, 0x16, 0x17, 0x1e, 0x1f, 0x27, 0x2f, 0x37, 0x3f, 0x60, 0x61, 0x82,
		0x9a, 0xce, 0xd4, 0xd5, 0xd6, 0xea};

	return d->mode == LODE_VMM_MODE_64 && memchr(gone, d->code[0], sizeof gone);
}

/* push, pop, call, ret, enter, leave, pushf, popf: what they do at the address in rsp. */
static bool is_stack(const struct decoder *d)
{
	static const unsigned char others[] = {0x68, 0x6a, 0x8f, 0x9c, 0x9d, 0xc2, 0xc3, 0xc8, 0xc9, 0xe8, 0x60, 0x61};
	unsigned char op = d->code[0], field = d->n > 1 ? d->code[1] >> 3 & 7 : 0;

	return between(op, 0x50, 0x5f) || memchr(others, op, sizeof others) || (op == 0xff && (field == 2 || field == 6));
}

static bool is_segment(const struct decoder *d)
{
	unsigned char op = d->code[0], field = d->n > 1 ? d->code[1] >> 3 & 7 : 0;

	return op == 0x8e || op == 0xcf || op == 0xca || op == 0xcb || op == 0xea || op == 0x9a ||
		(op == 0xff && (field == 3 || field == 5));
}

/* A jump to itself, or to the hlt or pause before it. */
static bool is_loop(const struct decoder *d, const unsigned char *code, uint32_t n)
{
	if (n > 1 && code[0] == 0xeb && (code[1] == 0xfe || code[1] == 0xfd || code[1] == 0xfc))
		return true;
	if (n > 4 && code[0] == 0xe9 && memcmp(code + 1, "\xfb\xff\xff\xff", 4) == 0)
		return true;
	return d->rep && d->n > 2 && d->code[0] == 0x90 && d->code[1] == 0xeb && d->code[2] == 0xfc;
}

static enum vmm_code one_byte(uint64_t *value, const struct decoder *d)
{
	unsigned char op = d->code[0];

	if (op == 0xcc || op == 0xcd)
		*value = op == 0xcc ? 3 : d->n > 1 ? d->code[1] : 0;
	if (op == 0xcc || (op == 0xcd && d->n > 1))
		return VMM_CODE_INT;
	if (is_narrow(d))
		return VMM_CODE_NARROW;
	if (is_segment(d))
		return VMM_CODE_SEGMENT;
	if (op == 0xf4)
		return VMM_CODE_HALT;
	return is_stack(d) ? VMM_CODE_STACK : VMM_CODE_OTHER;
}

enum vmm_code lode_vmm_code_(uint64_t *value, const unsigned char *code, uint32_t n, enum lode_vmm_mode mode)
{
	struct decoder d = skip_prefixes(code, n, mode);

	*value = 0;
	if (d.n == 0)
		return VMM_CODE_OTHER;
	if (is_loop(&d, code, n))
		return VMM_CODE_LOOP;
	if (d.n > 1 && d.code[0] == TWO)
		return two_bytes(&d);
	if (d.n > 1 && is_avx(&d))
		return VMM_CODE_AVX;
	return one_byte(value, &d);
}

/* REX.W before what is mostly behind it: mov, lea, add, sub, xor, test. To 32-bit code that is dec or inc, which compilers do not
 * make. */
uint32_t lode_vmm_code_wide_(const unsigned char *code, uint32_t n)
{
	static const unsigned char behind[] = {0x01, 0x29, 0x31, 0x39, 0x63, 0x81, 0x83, 0x85, 0x89, 0x8b, 0x8d, 0xb8, 0xb9, 0xbe,
		0xbf, 0xc7};
	uint32_t found = 0;

	for (uint32_t i = 0; i + 2 < n; i++)
		found += (code[i] & 0xf8) == 0x48 && memchr(behind, code[i + 1], sizeof behind);
	return found;
}

/*
 * Operands
 */

/** An operand as it is written: ModRM, perhaps SIB, perhaps a displacement. */
struct operand {
	const unsigned char *at; /* from ModRM on */
	uint32_t n;
	uint32_t rex;
};

static bool has_operand(unsigned char op)
{
	static const unsigned char others[] = {0x63, 0x69, 0x6b, 0xc0, 0xc1, 0xc6, 0xc7, 0xf6, 0xf7, 0xfe, 0xff};

	return (op < 0x40 && (op & 7) < 4) || between(op, 0x80, 0x8f) || between(op, 0xd0, 0xd3) || between(op, 0xd8, 0xdf) ||
		memchr(others, op, sizeof others);
}

/* Behind 0Fh. */
static bool has_second(unsigned char op)
{
	return between(op, 0x10, 0x17) || between(op, 0x28, 0x2f) || between(op, 0x40, 0x76) || between(op, 0x90, 0x9f) ||
		between(op, 0xa3, 0xa5) || between(op, 0xab, 0xc7) || op == 0x7e || op == 0x7f;
}

/* Of 64-bit mode, where segments but fs and gs begin at 0. */
static bool find_operand(struct operand *operand, const unsigned char *code, uint32_t n)
{
	uint32_t i = 0;

	*operand = (struct operand){.rex = 0};
	for (; i < n && is_prefix(code[i]); i++)
		if (code[i] == 0x64 || code[i] == 0x65 || code[i] == 0x67)
			return false;
	if (i < n && (code[i] & 0xf0) == 0x40)
		operand->rex = code[i++];
	if (i + 2 < n && code[i] == TWO && has_second(code[i + 1]))
		i += 2;
	else if (i + 1 < n && has_operand(code[i]))
		i += 1;
	else
		return false;
	operand->at = code + i;
	operand->n = n - i;
	return true;
}

static uint64_t register_of(const struct lode_vmm_state *s, uint32_t number)
{
	const uint64_t low[] = {s->rax, s->rcx, s->rdx, s->rbx, s->rsp, s->rbp, s->rsi, s->rdi};

	return number < 8 ? low[number] : s->r8_r15[number - 8];
}

static bool add_displacement(uint64_t *addr, const struct operand *o, uint32_t at, uint32_t size)
{
	uint32_t value = 0;

	if (at + size > o->n)
		return false;
	for (uint32_t i = size; i-- > 0;)
		value = value << 8 | o->at[at + i];
	*addr += size == 1 ? (uint64_t)(int8_t)value : (uint64_t)(int32_t)value;
	return true;
}

bool lode_vmm_code_operand_(uint64_t *addr, const struct lode_vmm_state *s)
{
	struct operand o;
	uint32_t mod, base, at = 1, index;

	if (s->mode != LODE_VMM_MODE_64 || !find_operand(&o, s->code, s->ncode) || o.at[0] >= 0xc0)
		return false;
	*addr = 0;
	mod = o.at[0] >> 6;
	base = o.at[0] & 7;
	if (mod == 0 && base == 5)
		return false; /* relative to rip: the length of the instruction is not known */
	if (base == 4) {
		if (o.n < 2)
			return false;
		index = (o.at[1] >> 3 & 7) | (o.rex & 2) << 2;
		*addr = index == 4 ? 0 : register_of(s, index) << (o.at[1] >> 6);
		base = o.at[1] & 7;
		at = 2;
	}
	if (mod == 0 && base == 5)
		return add_displacement(addr, &o, at, 4);
	*addr += register_of(s, base | (o.rex & 1) << 3);
	return mod == 0 || add_displacement(addr, &o, at, mod == 1 ? 1 : 4);
}
