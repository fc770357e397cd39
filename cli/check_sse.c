/* SPDX-License-Identifier: MIT */
/* Executable sections -> how many instructions of a linear sweep use XMM registers and wider ones. A length decoder of 64-bit x86,
 * no more. */
#include "check.h"

enum { CHUNK = 65536, LONGEST = 15, SURE = 8 };

/* Operand bytes behind an opcode. */
enum {
	M = 1,    /* ModRM */
	B = 2,    /* imm8 */
	W = 4,    /* imm16 */
	Z = 8,    /* imm32, imm16 with 66 */
	V = 16,   /* imm64 with REX.W, else as Z */
	O = 32,   /* 64-bit offset, 32-bit with 67 */
	J = 64,   /* rel32 */
	X = 128,  /* no instruction in 64-bit mode */
};

static const unsigned char one_byte[256] = {
	M, M, M, M, B, Z, X, X, M, M, M, M, B, Z, X, 0, M, M, M, M, B, Z, X, X, M, M, M, M, B, Z, X, X, /* 00 */
	M, M, M, M, B, Z, 0, X, M, M, M, M, B, Z, 0, X, M, M, M, M, B, Z, 0, X, M, M, M, M, B, Z, 0, X, /* 20 */
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, /* 40 */
	X, X, X, M, 0, 0, 0, 0, Z, M | Z, B, M | B, 0, 0, 0, 0, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, B, /* 60 */
	M | B, M | Z, X, M | B, M, M, M, M, M, M, M, M, M, M, M, M, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, X, 0, 0, 0, 0, 0, /* 80 */
	O, O, O, O, 0, 0, 0, 0, B, Z, 0, 0, 0, 0, 0, 0, B, B, B, B, B, B, B, B, V, V, V, V, V, V, V, V, /* a0 */
	M | B, M | B, W, 0, 0, 0, M | B, M | Z, W | B, 0, W, 0, 0, B, X, 0, M, M, M, M, X, X, X, 0, M, M, M, M, M, M, M, M, /* c0 */
	B, B, B, B, B, B, B, B, J, J, X, B, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, M, M, 0, 0, 0, 0, 0, 0, M, M, /* e0 */
};

/* Behind 0f. */
static const unsigned char two_byte[256] = {
	M, M, M, M, X, 0, 0, 0, 0, 0, X, 0, X, M, 0, M | B, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, /* 00 */
	M, M, M, M, X, X, X, X, M, M, M, M, M, M, M, M, 0, 0, 0, 0, 0, 0, X, 0, 0, X, 0, X, X, X, X, X, /* 20 */
	M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, /* 40 */
	M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M | B, M | B, M | B, M | B, M, M, M, 0, M, M, X, X, M, M, M, M, /* 60 */
	J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, J, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, /* 80 */
	0, 0, 0, M, M | B, M, X, X, 0, 0, 0, M, M | B, M, M, M, M, M, M, M, M, M, M, M, M, M, M | B, M, M, M, M, M, /* a0 */
	M, M, M | B, M, M | B, M | B, M | B, M, 0, 0, 0, 0, 0, 0, 0, 0, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, /* c0 */
	M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, M, /* e0 */
};

/* One instruction while it is read. */
struct instruction {
	const unsigned char *at;
	size_t left;
	bool wide, narrow_address, operand16, repeated; /* REX.W, 67, 66, f2 or f3 */
	bool xmm;
	bool bad;
};

static unsigned next(struct instruction *i)
{
	if (i->left == 0) {
		i->bad = true;
		return 0;
	}
	i->left--;
	return *i->at++;
}

static void skip(struct instruction *i, size_t n)
{
	while (n-- > 0)
		next(i);
}

/* True if the byte was a prefix. */
static bool prefix(struct instruction *i, unsigned byte)
{
	switch (byte) {
	case 0x66: i->operand16 = true; return true;
	case 0x67: i->narrow_address = true; return true;
	case 0xf2:
	case 0xf3: i->repeated = true; return true;
	case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65: case 0xf0: return true;
	default: return false;
	}
}

/* ModRM, SIB, displacement; the reg field. */
static unsigned modrm(struct instruction *i)
{
	unsigned byte = next(i), mod = byte >> 6, rm = byte & 7, base = rm;

	if (mod == 3)
		return byte >> 3 & 7;
	if (rm == 4)
		base = next(i) & 7;
	if (mod == 1)
		skip(i, 1);
	else if (mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && base == 5))))
		skip(i, 4);
	return byte >> 3 & 7;
}

static void operands(struct instruction *i, unsigned kind, unsigned opcode)
{
	unsigned reg = kind & M ? modrm(i) : 0;

	if (kind & X)
		i->bad = true;
	if ((opcode == 0xf6 || opcode == 0xf7) && reg < 2)
		skip(i, opcode == 0xf6 ? 1 : i->operand16 ? 2 : 4);
	if (kind & B)
		skip(i, 1);
	if (kind & W)
		skip(i, 2);
	if (kind & V)
		skip(i, i->wide ? 8 : i->operand16 ? 2 : 4);
	if (kind & Z)
		skip(i, i->operand16 && !i->wide ? 2 : 4);
	if (kind & O)
		skip(i, i->narrow_address ? 4 : 8);
	if (kind & J)
		skip(i, 4);
}

/* Opcodes behind 0f that name XMM registers: some always, the MMX ones with a prefix. */
static bool names_xmm(const struct instruction *i, unsigned opcode)
{
	bool prefixed = i->operand16 || i->repeated;

	if (opcode >= 0x10 && opcode <= 0x17)
		return true;
	if ((opcode >= 0x28 && opcode <= 0x2f) || (opcode >= 0x50 && opcode <= 0x5f))
		return true;
	if ((opcode >= 0x60 && opcode <= 0x7f && opcode != 0x77) || opcode >= 0xd0)
		return prefixed && opcode != 0xff;
	return opcode == 0xc2 || opcode == 0xc6 || ((opcode == 0xc4 || opcode == 0xc5) && i->operand16);
}

static void escape(struct instruction *i)
{
	unsigned opcode = next(i);

	if (opcode == 0x38 || opcode == 0x3a) {
		unsigned third = next(i);

		i->xmm = i->operand16 && third < (opcode == 0x38 ? 0x80u : 0xf0u);
		operands(i, opcode == 0x3a ? M | B : M, 0);
		return;
	}
	i->xmm = names_xmm(i, opcode);
	operands(i, two_byte[opcode], 0);
}

/* VEX: c5 and c4. The BMI instructions of map 2 and 3 use general registers. */
static void vex(struct instruction *i, bool long_form)
{
	unsigned map = 1, opcode;

	if (long_form)
		map = next(i) & 31;
	skip(i, 1);
	opcode = next(i);
	i->xmm = !(map != 1 && opcode >= 0xf0);
	if (map == 0 || map > 3)
		i->bad = true;
	operands(i, map == 3 ? M | B : map == 2 ? M : two_byte[opcode], 0);
}

/* EVEX: 62. Maps 1 to 3 are VEX's, 5 and 6 those of 16-bit floats; the three bytes hold two bits that never change. */
static void evex(struct instruction *i)
{
	unsigned first = next(i), second = next(i), map = first & 7, opcode;

	skip(i, 1);
	opcode = next(i);
	i->xmm = !(map != 1 && opcode >= 0xf0);
	if (map == 0 || map == 4 || map == 7 || (first & 8) != 0 || (second & 4) == 0)
		i->bad = true;
	operands(i, map == 3 ? M | B : map == 1 ? two_byte[opcode] | M : M, 0);
}

/* Length of the instruction, 0 if it is none. */
static size_t decode(struct instruction *i, const unsigned char *code, size_t size)
{
	unsigned byte;

	*i = (struct instruction){.at = code, .left = size < LONGEST ? size : LONGEST};
	do {
		byte = next(i);
	} while (!i->bad && prefix(i, byte));
	if ((byte & 0xf0) == 0x40) {
		i->wide = (byte & 8) != 0;
		byte = next(i);
	}
	if (byte == 0x0f)
		escape(i);
	else if (byte == 0xc4 || byte == 0xc5)
		vex(i, byte == 0xc4);
	else if (byte == 0x62)
		evex(i);
	else
		operands(i, one_byte[byte], byte);
	return i->bad ? 0 : (size_t)(i->at - code);
}

/* What a sweep found. */
struct sweep {
	uint64_t count, bad, first; /* first: file offset */
	bool sets; /* mov to CR4, at any offset: 16-bit and 32-bit code is none to this sweep */
};

static bool writes_cr4(const unsigned char *code, size_t size)
{
	for (size_t i = 0; i + 2 < size; i++)
		if (code[i] == 0x0f && code[i + 1] == 0x22 && (code[i + 2] & 0xf8) == 0xe0)
			return true;
	return false;
}

static void sweep(struct check *c, struct sweep *found, uint64_t offset, uint64_t size)
{
	unsigned char code[CHUNK];

	if (!check_within(offset, size, c->source.size) || !check_spend(c, size))
		return;
	while (size > 0) {
		size_t n = size < sizeof code ? (size_t)size : sizeof code, at = 0;
		size_t stop = n == size ? n : n - LONGEST;

		if (!check_read(c, code, offset, n))
			return;
		found->sets |= writes_cr4(code, n);
		while (at < stop) {
			struct instruction i;
			size_t length = decode(&i, code + at, n - at);

			found->bad += length == 0;
			if (length != 0 && i.xmm && found->count++ == 0)
				found->first = offset + at;
			at += length != 0 ? length : 1;
		}
		offset += at;
		size -= at < size ? at : size;
	}
}

static void sweep_sections(struct check *c, struct sweep *found)
{
	for (uint32_t i = 1; i < c->image.nsections; i++) {
		const struct lode_section *section = &c->image.sections[i];

		if (section->type == LODE_SHT_PROGBITS && (section->flags & LODE_SHF_EXECINSTR))
			sweep(c, found, section->offset, section->size);
	}
}

/* Without sections: the executable segments, but for the headers that may stand at their beginning. */
static void sweep_segments(struct check *c, struct sweep *found)
{
	uint64_t headers = c->image.phoff + (uint64_t)c->image.nsegments * c->image.phentsize;

	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		const struct lode_segment *segment = &c->image.segments[i];
		uint64_t skipped = segment->offset < headers && headers - segment->offset < segment->filesz
			? headers - segment->offset : 0;

		if (segment->type == LODE_PT_LOAD && (segment->flags & LODE_PF_X))
			sweep(c, found, segment->offset + skipped, segment->filesz - skipped);
	}
}

/* Data between the code makes a sweep stumble: then a few hits are no proof. */
static bool find_vectors(struct check *c, struct sweep *found)
{
	*found = (struct sweep){0};
	if (c->has_sections)
		sweep_sections(c, found);
	else
		sweep_segments(c, found);
	return found->count > 0 && (found->bad == 0 || found->count >= SURE);
}

void check_sse(struct check *c, uint64_t revision)
{
	struct sweep found;

	if (!find_vectors(c, &found))
		return;
	check_add(c, CHECK_LIMINE_SSE, check_at("code", LODE_NO_INDEX, "base revision", revision, found.first),
		"%llu instructions of a linear sweep, the first one at this offset; whether they run before the kernel "
		"sets the bit was not looked at",
		(unsigned long long)found.count);
}

/* A Linux kernel knows what it does. */
void check_sse_kernel(struct check *c)
{
	struct sweep found;

	if (!(c->targets & check_rule_at(LODE_RULE_COUNT_ + (uint32_t)CHECK_KERNEL_SSE).targets) || c->kind.linux_kernel ||
		c->image.machine != LODE_EM_X86_64 || c->image.type == LODE_ET_REL)
		return;
	if (find_vectors(c, &found) && !found.sets)
		check_add(c, CHECK_KERNEL_SSE, check_at("code", LODE_NO_INDEX, "", 0, found.first),
			"%llu instructions of a linear sweep, the first one at this offset", (unsigned long long)found.count);
}
