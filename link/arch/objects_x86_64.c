/* SPDX-License-Identifier: MIT */
/* Relocations of x86-64 objects: a table of types, and the values and instructions that they stand for.
 * Ref: psABI-x86-64 4.4 "Relocation", B.2 "Optimize GOTPCRELX Relocations"; ELF TLS. */
#include "../link.h"

enum {
	R_64 = 1, R_PC32 = 2, R_GOT32 = 3, R_PLT32 = 4, R_GOTPCREL = 9, R_32 = 10, R_32S = 11, R_16 = 12, R_PC16 = 13, R_8 = 14,
	R_PC8 = 15, R_DTPOFF64 = 17, R_TPOFF64 = 18, R_TLSGD = 19, R_TLSLD = 20, R_DTPOFF32 = 21, R_GOTTPOFF = 22, R_TPOFF32 = 23,
	R_PC64 = 24, R_GOTOFF64 = 25, R_GOTPC32 = 26, R_GOT64 = 27, R_GOTPCREL64 = 28, R_GOTPC64 = 29, R_GOTPLT64 = 30,
	R_PLTOFF64 = 31, R_SIZE32 = 32, R_SIZE64 = 33, R_GOTPC32_TLSDESC = 34, R_TLSDESC_CALL = 35, R_GOTPCRELX = 41,
	R_REX_GOTPCRELX = 42, R_CODE_4_GOTPCRELX = 43, R_CODE_4_GOTTPOFF = 44, R_CODE_6_GOTTPOFF = 50, R_TYPES = 52,
};

static const uint8_t types[R_TYPES] = {
	[R_64] = LINK_TYPE(NEED_VALUE, 8),
	[R_PC32] = LINK_TYPE(NEED_NEAR, 4),
	[R_GOT32] = LINK_TYPE(NEED_GOT, 4),
	[R_PLT32] = LINK_TYPE(NEED_CALL, 4),
	[R_GOTPCREL] = LINK_TYPE(NEED_GOT, 4),
	[R_32] = LINK_TYPE(NEED_LOW, 4),
	[R_32S] = LINK_TYPE(NEED_LOW, 4),
	[R_16] = LINK_TYPE(NEED_VALUE, 2),
	[R_PC16] = LINK_TYPE(NEED_VALUE, 2),
	[R_8] = LINK_TYPE(NEED_VALUE, 1),
	[R_PC8] = LINK_TYPE(NEED_VALUE, 1),
	[R_DTPOFF64] = LINK_TYPE(NEED_TLS, 8),
	[R_TPOFF64] = LINK_TYPE(NEED_TLS, 8),
	[R_TLSGD] = LINK_TYPE(NEED_TLS, 4),
	[R_TLSLD] = LINK_TYPE(NEED_TLS, 4),
	[R_DTPOFF32] = LINK_TYPE(NEED_TLS, 4),
	[R_GOTTPOFF] = LINK_TYPE(NEED_GOTTP, 4),
	[R_TPOFF32] = LINK_TYPE(NEED_TLS, 4),
	[R_PC64] = LINK_TYPE(NEED_VALUE, 8),
	[R_GOTOFF64] = LINK_TYPE(NEED_VALUE, 8),
	[R_GOTPC32] = LINK_TYPE(NEED_BASE, 4),
	[R_GOT64] = LINK_TYPE(NEED_GOT, 8),
	[R_GOTPCREL64] = LINK_TYPE(NEED_GOT, 8),
	[R_GOTPC64] = LINK_TYPE(NEED_BASE, 8),
	[R_GOTPLT64] = LINK_TYPE(NEED_GOT, 8),
	[R_PLTOFF64] = LINK_TYPE(NEED_VALUE, 8),
	[R_SIZE32] = LINK_TYPE(NEED_SIZE, 4),
	[R_SIZE64] = LINK_TYPE(NEED_SIZE, 8),
	[R_GOTPC32_TLSDESC] = LINK_TYPE(NEED_TLS, 4),
	[R_TLSDESC_CALL] = LINK_TYPE(NEED_TLS, 2),
	[R_GOTPCRELX] = LINK_TYPE(NEED_GOT, 4),
	[R_REX_GOTPCRELX] = LINK_TYPE(NEED_GOT, 4),
	[R_CODE_4_GOTPCRELX] = LINK_TYPE(NEED_GOT, 4),
	[R_CODE_4_GOTTPOFF] = LINK_TYPE(NEED_GOTTP, 4),
	[R_CODE_6_GOTTPOFF] = LINK_TYPE(NEED_GOTTP, 4),
};

/* endbr64; jmp *slot(%rip). In range: stubs and slots are in one span. */
static void write_stub(unsigned char *bytes, uint64_t stub, uint64_t slot)
{
	static const unsigned char code[16] = {0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0, 0, 0, 0, 0x66, 0x0f, 0x1f, 0x44, 0, 0};

	memcpy(bytes, code, sizeof code);
	put32(bytes + 6, (uint32_t)(slot - (stub + 10)));
}

static int store32(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	if (!fits_signed(value, 32))
		return lode_link_out_of_range_(site->table, site->index, value, why);
	put32(site->at, (uint32_t)value);
	return LODE_OK;
}

/* Functions out of reach are reached through their stubs. */
static int pc32(const struct link_site *site, struct lode_diag *why)
{
	uint64_t stub = lode_link_stub_(site->table, site->rela.symbol);
	uint64_t value = site->value + site->rela.addend - site->place;

	if (!fits_signed(value, 32) && stub != 0)
		value = stub + site->rela.addend - site->place;
	return store32(site, value, why);
}

static int absolute32(const struct link_site *site, struct lode_diag *why)
{
	uint64_t stub = lode_link_stub_(site->table, site->rela.symbol), value = site->value + site->rela.addend;

	if (value > UINT32_MAX && !fits_signed(value, 32) && stub != 0)
		value = stub + site->rela.addend;
	if (site->rela.type == R_32S)
		return store32(site, value, why);
	if (value > UINT32_MAX)
		return lode_link_out_of_range_(site->table, site->index, value, why);
	put32(site->at, (uint32_t)value);
	return LODE_OK;
}

/* Narrow fields hold what fits them signed or unsigned, unless they are relative. */
static int narrow(const struct link_site *site, unsigned bits, bool relative, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend - (relative ? site->place : 0);

	if (!fits_signed(value, bits) && (relative || value >> bits != 0))
		return lode_link_out_of_range_(site->table, site->index, value, why);
	site->at[0] = (unsigned char)value;
	if (bits == 16)
		site->at[1] = (unsigned char)(value >> 8);
	return LODE_OK;
}

/* The instruction's bytes in front of the field and behind it lie in the section. */
static bool has_bytes(const struct link_site *site, uint64_t before, uint64_t behind)
{
	return site->rela.offset >= before && within(site->rela.offset, behind, site->table->header->size);
}

/*
 * The GOT
 */

/* call *slot and jmp *slot become call and jmp, with a byte to spare. */
static bool relax_branch(const struct link_site *site, uint64_t target)
{
	unsigned char *opcode = site->at - 2;
	uint64_t call = target - (site->place + 4), jump = target - (site->place + 3);

	if (opcode[1] == 0x15 && fits_signed(call, 32)) {
		opcode[0] = 0x67;
		opcode[1] = 0xe8;
		put32(site->at, (uint32_t)call);
		return true;
	}
	if (opcode[1] != 0x25 || !fits_signed(jump, 32))
		return false;
	opcode[0] = 0xe9;
	put32(opcode + 1, (uint32_t)jump);
	opcode[5] = 0x90;
	return true;
}

/* mov slot, reg becomes lea symbol, reg. */
static bool relax_move(const struct link_site *site, uint64_t target)
{
	uint64_t value = target - (site->place + 4);

	if (!fits_signed(value, 32))
		return false;
	site->at[-2] = 0x8d;
	put32(site->at, (uint32_t)value);
	return true;
}

/* test reg, slot and the eight arithmetic instructions take the address itself, if it fits 32 bits signed. The register moves from
 * the field that names the operand to the other one, and with it its REX bit. */
static bool relax_operand(const struct link_site *site, uint64_t target)
{
	unsigned char *opcode = site->at - 2, reg = opcode[1] >> 3 & 7;
	bool rex = site->rela.type == R_REX_GOTPCRELX;

	if (target > INT32_MAX)
		return false;
	if (opcode[0] == 0x85)
		opcode[1] = 0xc0 | reg;
	else if ((opcode[0] & 0xc7) == 0x03)
		opcode[1] = (unsigned char)(0xc0 | (opcode[0] & 0x38) | reg);
	else
		return false;
	opcode[0] = opcode[0] == 0x85 ? 0xf7 : 0x81;
	if (rex)
		opcode[-1] = (unsigned char)((opcode[-1] & ~4) | (opcode[-1] >> 2 & 1));
	put32(site->at, (uint32_t)target);
	return true;
}

static bool relax(const struct link_site *site)
{
	bool rex = site->rela.type == R_REX_GOTPCRELX;
	uint8_t kind = site->table->unit->kinds[site->rela.symbol];

	if (site->rela.addend != (uint64_t)-4 || !has_bytes(site, rex ? 3 : 2, 4))
		return false;
	if (site->at[-2] == 0xff)
		return kind != KIND_ABSENT && relax_branch(site, site->value);
	if ((site->at[-1] & 0xc7) != 0x05)
		return false;
	if (site->at[-2] == 0x8b)
		return relax_move(site, site->value);
	return relax_operand(site, site->value);
}

static int got(const struct link_site *site, struct lode_diag *why)
{
	uint64_t slot = lode_link_slot_(site->table, site->rela.symbol, false);
	uint64_t base = lode_link_got_(site->table->link);

	switch (site->rela.type) {
	case R_GOT32: return store32(site, slot - base + site->rela.addend, why);
	case R_GOT64:
	case R_GOTPLT64: put64(site->at, slot - base + site->rela.addend); return LODE_OK;
	case R_GOTPCREL64: put64(site->at, slot + site->rela.addend - site->place); return LODE_OK;
	case R_GOTPCRELX:
	case R_REX_GOTPCRELX:
		if (relax(site))
			return LODE_OK;
		break;
	default: break;
	}
	return store32(site, slot + site->rela.addend - site->place, why);
}

static int got_base(const struct link_site *site, struct lode_diag *why)
{
	uint64_t base = lode_link_got_(site->table->link);

	if (site->rela.type == R_GOTPC32)
		return store32(site, base + site->rela.addend - site->place, why);
	put64(site->at, base + site->rela.addend - site->place);
	return LODE_OK;
}

/*
 * Thread-local symbols. The block has a fixed distance from the thread pointer, so every model becomes local exec.
 */

/* The relocation of the call to __tls_get_addr that belongs to a sequence: passed over. */
static bool skips_call(const struct link_site *site, uint64_t offset)
{
	return site->index + 1 < site->table->count && rela_at(site->table, site->index + 1).offset == offset;
}

static const unsigned char load_tp[9] = {0x64, 0x48, 0x8b, 0x04, 0x25, 0, 0, 0, 0};

/* lea x@tlsgd(%rip), %rdi; call __tls_get_addr, padded to 16 bytes, or 22 in the large model -> mov %fs:0, %rax;
 * lea x@tpoff(%rax), %rax. */
static int general_dynamic(const struct link_site *site, uint64_t *index, struct lode_diag *why)
{
	static const unsigned char lea[4] = {0x66, 0x48, 0x8d, 0x3d}, add[3] = {0x48, 0x8d, 0x80};
	static const unsigned char rest[6] = {0x66, 0x0f, 0x1f, 0x44, 0, 0};
	unsigned char *at = site->at;
	/* Without a padding byte the large model begins with 48 8d 3d. */
	bool large = has_bytes(site, 3, 19) && at[4] == 0x48 && at[5] == 0xb8;
	uint64_t value = site->value;

	if (!fits_signed(value, 32))
		return lode_link_out_of_range_(site->table, site->index, value, why);
	if (large && memcmp(at - 3, lea + 1, 3) == 0 && skips_call(site, site->rela.offset + 6)) {
		memcpy(at - 3, load_tp, sizeof load_tp);
		memcpy(at + 6, add, sizeof add);
		put32(at + 9, (uint32_t)value);
		memcpy(at + 13, rest, sizeof rest);
		++*index;
		return LODE_OK;
	}
	if (!has_bytes(site, 4, 12) || memcmp(at - 4, lea, 4) != 0 || !skips_call(site, site->rela.offset + 8))
		return lode_link_bad_instruction_(site->table, site->index, why);
	memcpy(at - 4, load_tp, sizeof load_tp);
	memcpy(at + 5, add, sizeof add);
	put32(at + 8, (uint32_t)value);
	++*index;
	return LODE_OK;
}

/* lea x@tlsld(%rip), %rdi; call __tls_get_addr -> mov %fs:0, %rax with prefixes or a nop that fill the rest. */
static int local_dynamic(const struct link_site *site, uint64_t *index, struct lode_diag *why)
{
	static const unsigned char lea[3] = {0x48, 0x8d, 0x3d}, prefixes[4] = {0x66, 0x66, 0x66, 0x66};
	static const unsigned char nop[10] = {0x66, 0x2e, 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0};
	unsigned char *at = site->at;
	size_t call, pad;

	if (!has_bytes(site, 3, 9) || memcmp(at - 3, lea, 3) != 0)
		return lode_link_bad_instruction_(site->table, site->index, why);
	if (at[4] == 0xe8)
		call = 5;
	else if (at[4] == 0xff || (at[4] == 0x67 && at[5] == 0xe8))
		call = 6;
	else
		call = at[4] == 0x48 && at[5] == 0xb8 ? 6 : 0;
	if (call == 0 || !skips_call(site, site->rela.offset + call))
		return lode_link_bad_instruction_(site->table, site->index, why);
	if (at[4] == 0x48) {
		if (!has_bytes(site, 3, 19))
			return lode_link_bad_instruction_(site->table, site->index, why);
		memcpy(at - 3, nop, sizeof nop);
		memcpy(at + 7, prefixes, 3);
		memcpy(at + 10, load_tp, sizeof load_tp);
	} else {
		pad = call - 2;
		if (!has_bytes(site, 3, 4 + call))
			return lode_link_bad_instruction_(site->table, site->index, why);
		memcpy(at - 3, prefixes, pad);
		memcpy(at - 3 + pad, load_tp, sizeof load_tp);
	}
	++*index;
	return LODE_OK;
}

/* lea x@tlsdesc(%rip), %rax -> mov $x@tpoff, %rax; the call of the descriptor is a nop then. */
static int descriptor(const struct link_site *site, struct lode_diag *why)
{
	unsigned char *at = site->at;
	unsigned char reg;

	if (site->rela.type == R_TLSDESC_CALL) {
		if (at[0] != 0xff || at[1] != 0x10)
			return lode_link_bad_instruction_(site->table, site->index, why);
		at[0] = 0x66;
		at[1] = 0x90;
		return LODE_OK;
	}
	if (!has_bytes(site, 3, 4) || (at[-3] & 0xfb) != 0x48 || at[-2] != 0x8d || (at[-1] & 0xc7) != 0x05)
		return lode_link_bad_instruction_(site->table, site->index, why);
	reg = at[-1] >> 3 & 7;
	at[-3] = (unsigned char)(0x48 | (at[-3] >> 2 & 1));
	at[-2] = 0xc7;
	at[-1] = 0xc0 | reg;
	return store32(site, site->value + site->rela.addend + 4, why);
}

/* mov x@gottpoff(%rip), reg and add take the offset itself; other instructions their slot. */
static int initial_exec(const struct link_site *site, struct lode_diag *why)
{
	unsigned char *at = site->at, reg;
	uint64_t slot = lode_link_slot_(site->table, site->rela.symbol, true);
	bool known = site->rela.type == R_GOTTPOFF && site->rela.addend == (uint64_t)-4 && has_bytes(site, 3, 4);

	if (!known || !fits_signed(site->value, 32) || (at[-3] & 0xfb) != 0x48 || (at[-1] & 0xc7) != 0x05 ||
		(at[-2] != 0x8b && at[-2] != 0x03))
		return store32(site, slot + site->rela.addend - site->place, why);
	reg = at[-1] >> 3 & 7;
	at[-3] = (unsigned char)(0x48 | (at[-3] >> 2 & 1));
	at[-2] = at[-2] == 0x8b ? 0xc7 : 0x81;
	at[-1] = 0xc0 | reg;
	put32(at, (uint32_t)site->value);
	return LODE_OK;
}

static int thread_relative(const struct link_site *site, uint64_t *index, struct lode_diag *why)
{
	switch (site->rela.type) {
	case R_TLSGD: return general_dynamic(site, index, why);
	case R_TLSLD: return local_dynamic(site, index, why);
	case R_GOTPC32_TLSDESC:
	case R_TLSDESC_CALL: return descriptor(site, why);
	case R_DTPOFF64:
	case R_TPOFF64: put64(site->at, site->value + site->rela.addend); return LODE_OK;
	case R_DTPOFF32:
	case R_TPOFF32: return store32(site, site->value + site->rela.addend, why);
	default: return initial_exec(site, why);
	}
}

static int size_of_symbol(const struct link_site *site, struct lode_diag *why)
{
	const struct lode_link_unit *unit = site->table->unit;
	uint32_t index = site->rela.symbol;
	uint64_t size = index < unit->nlocals ? lode_unit_symbol_(unit, index).size : unit->globals[index - unit->nlocals]->size;

	size += site->rela.addend;
	if (site->rela.type == R_SIZE64) {
		put64(site->at, size);
		return LODE_OK;
	}
	if (size > UINT32_MAX)
		return lode_link_out_of_range_(site->table, site->index, size, why);
	put32(site->at, (uint32_t)size);
	return LODE_OK;
}

/* What is gone is 0 to those that only describe code: unwinders pass over it. */
static void clear(const struct link_site *site)
{
	memset(site->at, 0, types[site->rela.type] & 15);
}

static int by_value(const struct link_site *site, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend;

	switch (site->rela.type) {
	case R_64: put64(site->at, value); return LODE_OK;
	case R_PC64: put64(site->at, value - site->place); return LODE_OK;
	case R_GOTOFF64:
	case R_PLTOFF64: put64(site->at, value - lode_link_got_(site->table->link)); return LODE_OK;
	case R_32:
	case R_32S: return absolute32(site, why);
	case R_16: return narrow(site, 16, false, why);
	case R_PC16: return narrow(site, 16, true, why);
	case R_8: return narrow(site, 8, false, why);
	case R_PC8: return narrow(site, 8, true, why);
	default: return pc32(site, why);
	}
}

static int relocate_one(struct link_site *site, uint64_t *index, struct lode_diag *why)
{
	uint8_t need = types[site->rela.type] >> 4;

	if (site->table->unit->kinds[site->rela.symbol] == KIND_DROPPED && need != NEED_BASE) {
		clear(site);
		return LODE_OK;
	}
	switch (need) {
	case NEED_GOT: return got(site, why);
	case NEED_BASE: return got_base(site, why);
	case NEED_GOTTP:
	case NEED_TLS: return thread_relative(site, index, why);
	case NEED_SIZE: return size_of_symbol(site, why);
	default: return by_value(site, why);
	}
}

/* What nearly all relocations need, in one place: a store may change anything that is reached by a pointer. */
struct hot {
	const uint8_t *kinds;
	const uint64_t *values;
	unsigned char *bytes;
	uint64_t begin; /* address of the section */
};

/* Nearly all are of these types and within reach. False: this one is not, and nothing was written. */
static inline bool is_stored(const struct hot hot, const unsigned char *rela)
{
	uint32_t type = le32(rela + 8), symbol = le32(rela + 12);
	uint64_t offset = le64(rela), value;

	/* The symbol of a type 0 has not been looked at: it may be anything. */
	if ((type != R_PC32 && type != R_PLT32 && type != R_64) || hot.kinds[symbol] == KIND_DROPPED)
		return false;
	value = hot.values[symbol] + le64(rela + 16);
	if (type == R_64) {
		put64(hot.bytes + offset, value);
		return true;
	}
	value -= hot.begin + offset;
	if (!fits_signed(value, 32))
		return false;
	put32(hot.bytes + offset, (uint32_t)value);
	return true;
}

static int relocate(const struct link_table *table, struct lode_diag *why)
{
	const struct link_table t = *table;
	const struct hot hot = {t.unit->kinds, t.unit->values, t.bytes, t.link->addr + t.section->addr};
	const bool kept = t.unit->kept;
	int status = LODE_OK;

	for (uint64_t i = 0; i < t.count && status == LODE_OK; i++) {
		const unsigned char *rela = t.rela + i * RELA_SIZE;
		struct link_site site;

		if ((!kept && is_stored(hot, rela)) || le32(rela + 8) == 0)
			continue;
		site = site_at(table, i);
		status = relocate_one(&site, &i, why);
	}
	return status;
}

/*
 * How far behind a field of four bytes its instruction ends: an immediate operand may follow. Instructions cannot be read
 * backwards, so it is every distance that some reading of the bytes before the field makes possible.
 */

static bool is_one_of(unsigned char byte, const unsigned char *set, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (set[i] == byte)
			return true;
	return false;
}

/* Opcodes of one byte. */
static uint32_t immediate(const unsigned char *field, uint64_t before)
{
	static const unsigned char of_byte[] = {0x6b, 0x80, 0x83, 0xc0, 0xc1, 0xc6}, of_word[] = {0x69, 0x81, 0xc7};
	unsigned char opcode = field[-2], reg = field[-1] >> 3 & 7;
	bool rex = before >= 3 && (field[-3] & 0xf0) == 0x40;
	unsigned char prefix = before >= (rex ? 4 : 3) ? field[rex ? -4 : -3] : 0;

	if (is_one_of(opcode, of_byte, sizeof of_byte) || (opcode == 0xf6 && reg < 2))
		return 1;
	if (is_one_of(opcode, of_word, sizeof of_word) || (opcode == 0xf7 && reg < 2))
		return prefix == 0x66 ? 2 : 4;
	return 0;
}

/* Opcodes of the maps 0f, which vector instructions have too, and 0f 3a. */
static uint32_t immediate_of_map(unsigned char opcode)
{
	static const unsigned char of_byte[] = {0x70, 0x71, 0x72, 0x73, 0xa4, 0xac, 0xba, 0xc2, 0xc4, 0xc5, 0xc6};

	return is_one_of(opcode, of_byte, sizeof of_byte) ? 1 : 0;
}

static uint32_t distances(const unsigned char *section, const struct link_rela *rela)
{
	const unsigned char *field = section + rela->offset;
	uint64_t before = rela->offset;
	uint32_t set;

	if (rela->type != R_PC32 && rela->type != R_PLT32)
		return 1;
	/* Without an operand in memory it is a branch. */
	if (before < 2 || (field[-1] & 0xc7) != 0x05)
		return 1u << 4;
	set = 1u << (4 + immediate(field, before));
	if (before >= 3 && field[-3] == 0x0f)
		set |= 1u << (4 + immediate_of_map(field[-2]));
	if (before >= 4 && field[-4] == 0x0f && (field[-3] == 0x3a || field[-3] == 0x38))
		set |= 1u << (field[-3] == 0x3a ? 5 : 4);
	if (before >= 4 && field[-4] == 0xc5)
		set |= 1u << (4 + immediate_of_map(field[-2]));
	if (before >= 5 && field[-5] == 0xc4)
		set |= 1u << ((field[-4] & 0x1f) == 3 ? 5 : 4 + immediate_of_map(field[-2]));
	if (before >= 6 && field[-6] == 0x62)
		set |= 1u << ((field[-5] & 7) == 3 ? 5 : 4 + immediate_of_map(field[-2]));
	return set;
}

static bool addresses(const unsigned char *section, const struct link_rela *rela)
{
	const unsigned char *field = section + rela->offset;

	if (rela->type != R_PC32 && rela->type != R_PLT32)
		return true;
	return rela->offset >= 2 && field[-2] == 0x8d && (field[-1] & 0xc7) == 0x05;
}

static const unsigned char init_head[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x83, 0xec, 0x08};
static const unsigned char init_tail[] = {0x48, 0x83, 0xc4, 0x08, 0xc3};
static const unsigned char init_pad[] = {0x90};

const struct lode_link_machine lode_link_x86_64_ = {
	.machine = LODE_EM_X86_64,
	.first_type = 0,
	.ntypes = R_TYPES,
	.types = types,
	.stub_size = 16,
	.init_head = init_head,
	.init_head_size = sizeof init_head,
	.init_tail = init_tail,
	.init_tail_size = sizeof init_tail,
	.init_pad = init_pad,
	.init_pad_size = sizeof init_pad,
	.feature = LODE_GNU_PROPERTY_X86_FEATURE_1_AND,
	.tracking = 1,
	.distances = distances,
	.addresses = addresses,
	.stub = write_stub,
	.relocate = relocate,
};
