/* SPDX-License-Identifier: MIT */
/* Relocations of RISC-V objects, without relaxation: what may be shortened stays as it is. Ref: psABI-RISC-V "ELF Object Files". */
#include "../link.h"

enum {
	R_32 = 1, R_64 = 2, R_BRANCH = 16, R_JAL = 17, R_CALL = 18, R_CALL_PLT = 19, R_GOT_HI20 = 20, R_TLS_GOT_HI20 = 21,
	R_TLS_GD_HI20 = 22, R_PCREL_HI20 = 23, R_PCREL_LO12_I = 24, R_PCREL_LO12_S = 25, R_HI20 = 26, R_LO12_I = 27, R_LO12_S = 28,
	R_TPREL_HI20 = 29, R_TPREL_LO12_I = 30, R_TPREL_LO12_S = 31, R_TPREL_ADD = 32, R_ADD8 = 33, R_ADD16 = 34, R_ADD32 = 35,
	R_ADD64 = 36, R_SUB8 = 37, R_SUB16 = 38, R_SUB32 = 39, R_SUB64 = 40, R_GOT32_PCREL = 41, R_ALIGN = 43, R_RVC_BRANCH = 44,
	R_RVC_JUMP = 45, R_RELAX = 51, R_SUB6 = 52, R_SET6 = 53, R_SET8 = 54, R_SET16 = 55, R_SET32 = 56, R_32_PCREL = 57,
	R_PLT32 = 59, R_SET_ULEB128 = 60, R_SUB_ULEB128 = 61, R_TYPES = 62,
};

static const uint8_t types[R_TYPES] = {
	[R_32] = LINK_TYPE(NEED_VALUE, 4),
	[R_64] = LINK_TYPE(NEED_VALUE, 8),
	[R_BRANCH] = LINK_TYPE(NEED_VALUE, 4),
	[R_JAL] = LINK_TYPE(NEED_CALL, 4),
	[R_CALL] = LINK_TYPE(NEED_CALL, 8),
	[R_CALL_PLT] = LINK_TYPE(NEED_CALL, 8),
	[R_GOT_HI20] = LINK_TYPE(NEED_GOT, 4),
	[R_TLS_GOT_HI20] = LINK_TYPE(NEED_GOTTP, 4),
	[R_TLS_GD_HI20] = LINK_TYPE(NEED_TLS, 4),
	[R_PCREL_HI20] = LINK_TYPE(NEED_NEAR, 4),
	[R_PCREL_LO12_I] = LINK_TYPE(NEED_VALUE, 4),
	[R_PCREL_LO12_S] = LINK_TYPE(NEED_VALUE, 4),
	[R_HI20] = LINK_TYPE(NEED_LOW, 4),
	[R_LO12_I] = LINK_TYPE(NEED_LOW, 4),
	[R_LO12_S] = LINK_TYPE(NEED_LOW, 4),
	[R_TPREL_HI20] = LINK_TYPE(NEED_TLS, 4),
	[R_TPREL_LO12_I] = LINK_TYPE(NEED_TLS, 4),
	[R_TPREL_LO12_S] = LINK_TYPE(NEED_TLS, 4),
	[R_TPREL_ADD] = LINK_TYPE(NEED_NOTHING, 0),
	[R_ADD8] = LINK_TYPE(NEED_VALUE, 1),
	[R_ADD16] = LINK_TYPE(NEED_VALUE, 2),
	[R_ADD32] = LINK_TYPE(NEED_VALUE, 4),
	[R_ADD64] = LINK_TYPE(NEED_VALUE, 8),
	[R_SUB8] = LINK_TYPE(NEED_VALUE, 1),
	[R_SUB16] = LINK_TYPE(NEED_VALUE, 2),
	[R_SUB32] = LINK_TYPE(NEED_VALUE, 4),
	[R_SUB64] = LINK_TYPE(NEED_VALUE, 8),
	[R_GOT32_PCREL] = LINK_TYPE(NEED_GOT, 4),
	[R_ALIGN] = LINK_TYPE(NEED_NOTHING, 0),
	[R_RVC_BRANCH] = LINK_TYPE(NEED_VALUE, 2),
	[R_RVC_JUMP] = LINK_TYPE(NEED_VALUE, 2),
	[R_RELAX] = LINK_TYPE(NEED_NOTHING, 0),
	[R_SUB6] = LINK_TYPE(NEED_VALUE, 1),
	[R_SET6] = LINK_TYPE(NEED_VALUE, 1),
	[R_SET8] = LINK_TYPE(NEED_VALUE, 1),
	[R_SET16] = LINK_TYPE(NEED_VALUE, 2),
	[R_SET32] = LINK_TYPE(NEED_VALUE, 4),
	[R_32_PCREL] = LINK_TYPE(NEED_NEAR, 4),
	[R_PLT32] = LINK_TYPE(NEED_CALL, 4),
	[R_SET_ULEB128] = LINK_TYPE(NEED_VALUE, 1),
	[R_SUB_ULEB128] = LINK_TYPE(NEED_VALUE, 1),
};

/* Immediates of the instruction formats, out of the bits of a number. */
static uint32_t bits(uint64_t value, unsigned low, unsigned count, unsigned at)
{
	return ((uint32_t)(value >> low) & (((uint32_t)1 << count) - 1)) << at;
}

static uint32_t format_b(uint64_t value)
{
	return bits(value, 12, 1, 31) | bits(value, 5, 6, 25) | bits(value, 1, 4, 8) | bits(value, 11, 1, 7);
}

static uint32_t format_j(uint64_t value)
{
	return bits(value, 20, 1, 31) | bits(value, 1, 10, 21) | bits(value, 11, 1, 20) | bits(value, 12, 8, 12);
}

static uint32_t format_u(uint64_t value)
{
	return (uint32_t)(value + 0x800) & 0xfffff000;
}

static uint32_t format_i(uint64_t value)
{
	return bits(value, 0, 12, 20);
}

static uint32_t format_s(uint64_t value)
{
	return bits(value, 5, 7, 25) | bits(value, 0, 5, 7);
}

static uint32_t format_cb(uint64_t value)
{
	return bits(value, 8, 1, 12) | bits(value, 3, 2, 10) | bits(value, 6, 2, 5) | bits(value, 1, 2, 3) | bits(value, 5, 1, 2);
}

static uint32_t format_cj(uint64_t value)
{
	return bits(value, 11, 1, 12) | bits(value, 4, 1, 11) | bits(value, 8, 2, 9) | bits(value, 10, 1, 8) |
		bits(value, 6, 1, 7) | bits(value, 7, 1, 6) | bits(value, 1, 3, 3) | bits(value, 5, 1, 2);
}

static void insert(unsigned char *at, uint32_t mask, uint32_t value)
{
	put32(at, (le32(at) & ~mask) | value);
}

enum { MASK_I = (int)0xfff00000, MASK_S = (int)0xfe000f80, MASK_U = (int)0xfffff000 };

/* auipc t3, slot; ld t3, slot(t3); jr t3; nop. */
static void write_stub(unsigned char *bytes, uint64_t stub, uint64_t slot)
{
	uint64_t distance = slot - stub;

	put32(bytes, 0x00000e17 | format_u(distance));
	put32(bytes + 4, 0x000e3e03 | format_i(distance));
	put32(bytes + 8, 0x000e0067);
	put32(bytes + 12, 0x00000013);
}

static int out_of_range(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	return lode_link_out_of_range_(site->table, site->index, value, why);
}

/* What auipc and a signed low part of 12 bits reach, and lui. */
static bool fits_pair(uint64_t value)
{
	return fits_signed(value + 0x800, 32);
}

static int upper(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	if (!fits_pair(value))
		return out_of_range(site, value, why);
	insert(site->at, (uint32_t)MASK_U, format_u(value));
	return LODE_OK;
}

static uint64_t reached(const struct link_site *site)
{
	uint64_t value = site->value + site->rela.addend - site->place;
	uint64_t stub = lode_link_stub_(site->table, site->rela.symbol);

	return !fits_pair(value) && stub != 0 ? stub + site->rela.addend - site->place : value;
}

/* The call that belongs to an access of a thread-local symbol: the offset is in a0 already. */
static bool asks_for_thread_local(const struct link_site *site)
{
	const struct lode_link_unit *unit = site->table->unit;
	const struct lode_link_symbol *entry;

	if (site->rela.symbol < unit->nlocals)
		return false;
	entry = unit->globals[site->rela.symbol - unit->nlocals];
	return entry->length == 14 && memcmp(entry->name, "__tls_get_addr", 14) == 0;
}

/* auipc and jalr. */
static int call(const struct link_site *site, struct lode_diag *why)
{
	uint64_t value = reached(site);

	if (asks_for_thread_local(site)) {
		put32(site->at, 0x00450533); /* add a0, a0, tp */
		put32(site->at + 4, 0x00000013);
		return LODE_OK;
	}
	if (!fits_pair(value))
		return out_of_range(site, value, why);
	insert(site->at, (uint32_t)MASK_U, format_u(value));
	insert(site->at + 4, (uint32_t)MASK_I, format_i(value));
	return LODE_OK;
}

/* What the instruction with the upper part computes. False if the type is none of them. */
static bool upper_value(uint64_t *value, const struct link_site *site)
{
	switch (site->rela.type) {
	case R_PCREL_HI20: *value = reached(site); return true;
	case R_GOT_HI20:
		*value = lode_link_slot_(site->table, site->rela.symbol, false) + site->rela.addend - site->place;
		return true;
	case R_TLS_GOT_HI20:
		*value = lode_link_slot_(site->table, site->rela.symbol, true) + site->rela.addend - site->place;
		return true;
	case R_TLS_GD_HI20: *value = site->value + site->rela.addend; return true;
	default: return false;
	}
}

/* Of the relocations, which ascend, the first one at an offset or behind it. */
static uint64_t first_at(const struct link_table *table, uint64_t offset)
{
	uint64_t low = 0, high = table->count;

	while (low < high) {
		uint64_t middle = low + (high - low) / 2;

		if (rela_at(table, middle).offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The symbol is a label in front of the instruction with the upper part, whose value's low part is wanted. */
static int lower(const struct link_site *site, struct lode_diag *why)
{
	const struct link_table *table = site->table;
	uint64_t offset = site->value - (site->place - site->rela.offset), value;

	for (uint64_t i = first_at(table, offset), tries = 0; i < table->count && tries < 4; i++, tries++) {
		struct link_site other = {.rela = rela_at(table, i)};

		if (other.rela.offset != offset)
			break;
		if (other.rela.type == 0)
			continue;
		other = site_at(table, i);
		if (!upper_value(&value, &other))
			continue;
		if (site->rela.type == R_PCREL_LO12_I)
			insert(site->at, (uint32_t)MASK_I, format_i(value));
		else
			insert(site->at, (uint32_t)MASK_S, format_s(value));
		return LODE_OK;
	}
	return lode_link_bad_instruction_(table, site->index, why);
}

/* auipc becomes lui where the value is no distance. */
static int thread_upper(const struct link_site *site, struct lode_diag *why)
{
	if (site->rela.type == R_TLS_GD_HI20)
		insert(site->at, 0x7f, 0x37);
	return upper(site, site->value + site->rela.addend, why);
}

static int thread_relative(const struct link_site *site, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend;

	switch (site->rela.type) {
	case R_TPREL_LO12_I: insert(site->at, (uint32_t)MASK_I, format_i(value)); return LODE_OK;
	case R_TPREL_LO12_S: insert(site->at, (uint32_t)MASK_S, format_s(value)); return LODE_OK;
	case R_TLS_GOT_HI20: upper_value(&value, site); return upper(site, value, why);
	default: return thread_upper(site, why);
	}
}

static uint64_t load(const unsigned char *at, unsigned width)
{
	uint64_t value = 0;

	for (unsigned i = width; i-- > 0;)
		value = value << 8 | at[i];
	return value;
}

static void store(unsigned char *at, uint64_t value, unsigned width)
{
	for (unsigned i = 0; i < width; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

/* Distances that the assembler leaves to the linker: set, then add or subtract in place. */
static void arithmetic(const struct link_site *site)
{
	uint64_t value = site->value + site->rela.addend;
	unsigned width = types[site->rela.type] & 15;
	uint64_t old = load(site->at, width);

	switch (site->rela.type) {
	case R_SET6: value = (old & 0xc0) | (value & 0x3f); break;
	case R_SUB6: value = (old & 0xc0) | ((old - value) & 0x3f); break;
	case R_SET8:
	case R_SET16:
	case R_SET32: break;
	default: value = site->rela.type >= R_SUB8 ? old - value : old + value; break;
	}
	store(site->at, value, width);
}

/* A pair: the difference in as many bytes as there are. */
static int uleb128(const struct link_site *site, struct lode_diag *why)
{
	uint64_t left = site->table->header->size - site->rela.offset, value = site->value + site->rela.addend;
	struct link_site other;
	uint64_t i = 0;

	if (site->index + 1 == site->table->count)
		return lode_link_bad_instruction_(site->table, site->index, why);
	other.rela = rela_at(site->table, site->index + 1);
	if (other.rela.type != R_SUB_ULEB128 || other.rela.offset != site->rela.offset)
		return lode_link_bad_instruction_(site->table, site->index, why);
	other = site_at(site->table, site->index + 1);
	value -= other.value + other.rela.addend;
	for (; i + 1 < left && i < 9 && (site->at[i] & 0x80) != 0; i++) {
		site->at[i] = (unsigned char)(0x80 | (value & 0x7f));
		value >>= 7;
	}
	if (value > 0x7f)
		return out_of_range(site, value, why);
	site->at[i] = (unsigned char)value;
	return LODE_OK;
}

static int relative32(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	if (!fits_signed(value, 32))
		return out_of_range(site, value, why);
	put32(site->at, (uint32_t)value);
	return LODE_OK;
}

static int absolute32(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	if (value > UINT32_MAX && !fits_signed(value, 32))
		return out_of_range(site, value, why);
	put32(site->at, (uint32_t)value);
	return LODE_OK;
}

static int branch(const struct link_site *site, unsigned width, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend - site->place;

	if ((value & 1) != 0 || !fits_signed(value, width))
		return out_of_range(site, value, why);
	if (width == 13)
		insert(site->at, (uint32_t)MASK_S, format_b(value));
	else
		insert(site->at, (uint32_t)MASK_U, format_j(value));
	return LODE_OK;
}

/* Compressed branches and jumps have their bits in disorder. */
static int short_branch(const struct link_site *site, unsigned width, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend - site->place;
	uint32_t old = le16(site->at), code;

	if ((value & 1) != 0 || !fits_signed(value, width))
		return out_of_range(site, value, why);
	code = width == 9 ? (old & 0xe383) | format_cb(value) : (old & 0xe003) | format_cj(value);
	store(site->at, code, 2);
	return LODE_OK;
}

static int by_value(const struct link_site *site, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend;

	switch (site->rela.type) {
	case R_64: put64(site->at, value); return LODE_OK;
	case R_32: return absolute32(site, value, why);
	case R_32_PCREL:
	case R_PLT32: return relative32(site, reached(site), why);
	case R_GOT32_PCREL:
		value = lode_link_slot_(site->table, site->rela.symbol, false) + site->rela.addend - site->place;
		return relative32(site, value, why);
	case R_BRANCH: return branch(site, 13, why);
	case R_JAL: return branch(site, 21, why);
	case R_RVC_BRANCH: return short_branch(site, 9, why);
	case R_RVC_JUMP: return short_branch(site, 12, why);
	case R_CALL:
	case R_CALL_PLT: return call(site, why);
	case R_HI20: return upper(site, value, why);
	case R_LO12_I: insert(site->at, (uint32_t)MASK_I, format_i(value)); return LODE_OK;
	case R_LO12_S: insert(site->at, (uint32_t)MASK_S, format_s(value)); return LODE_OK;
	case R_PCREL_LO12_I:
	case R_PCREL_LO12_S: return lower(site, why);
	case R_SET_ULEB128: return uleb128(site, why);
	case R_SUB_ULEB128: return LODE_OK;
	default: arithmetic(site); return LODE_OK;
	}
}

static int relocate_one(const struct link_site *site, struct lode_diag *why)
{
	uint64_t value = 0;

	if (site->table->unit->kinds[site->rela.symbol] == KIND_DROPPED) {
		memset(site->at, 0, types[site->rela.type] & 15);
		return LODE_OK;
	}
	if (site->rela.type == R_PCREL_HI20 || site->rela.type == R_GOT_HI20) {
		upper_value(&value, site);
		return upper(site, value, why);
	}
	if (types[site->rela.type] >> 4 == NEED_TLS || types[site->rela.type] >> 4 == NEED_GOTTP)
		return thread_relative(site, why);
	return by_value(site, why);
}

static int relocate(const struct link_table *table, struct lode_diag *why)
{
	int status = LODE_OK;

	for (uint64_t i = 0; i < table->count && status == LODE_OK; i++) {
		struct link_rela rela = rela_at(table, i);

		if (rela.type != 0 && types[rela.type] >> 4 != NEED_NOTHING) {
			struct link_site site = site_at(table, i);

			status = relocate_one(&site, why);
		}
	}
	return status;
}

/* addi sp, sp, -16; sd ra, 8(sp); ld ra, 8(sp); addi sp, sp, 16; ret. */
static const unsigned char init_head[] = {0x13, 0x01, 0x01, 0xff, 0x23, 0x34, 0x11, 0x00};
static const unsigned char init_tail[] = {0x83, 0x30, 0x81, 0x00, 0x13, 0x01, 0x01, 0x01, 0x67, 0x80, 0x00, 0x00};
static const unsigned char init_pad[] = {0x01, 0x00};

const struct lode_link_machine lode_link_riscv64_ = {
	.machine = LODE_EM_RISCV,
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
	.stub = write_stub,
	.relocate = relocate,
};
