/* SPDX-License-Identifier: MIT */
/* Relocations of AArch64 objects: a table of types, each with the bits of an instruction that it fills. Ref: aaelf64 5.7. */
#include "../link.h"

enum {
	R_ABS64 = 257, R_ABS32 = 258, R_ABS16 = 259, R_PREL64 = 260, R_PREL32 = 261, R_PREL16 = 262, R_UABS_G0 = 263,
	R_UABS_G0_NC = 264, R_UABS_G1 = 265, R_UABS_G1_NC = 266, R_UABS_G2 = 267, R_UABS_G2_NC = 268, R_UABS_G3 = 269,
	R_SABS_G0 = 270, R_SABS_G1 = 271, R_SABS_G2 = 272, R_LD_PREL_LO19 = 273, R_ADR_PREL_LO21 = 274, R_ADR_PREL_PG_HI21 = 275,
	R_ADR_PREL_PG_HI21_NC = 276, R_ADD_LO12 = 277, R_LDST8 = 278, R_TSTBR14 = 279, R_CONDBR19 = 280, R_JUMP26 = 282,
	R_CALL26 = 283, R_LDST16 = 284, R_LDST32 = 285, R_LDST64 = 286, R_PREL_G0 = 287, R_PREL_G0_NC = 288, R_PREL_G1 = 289,
	R_PREL_G1_NC = 290, R_PREL_G2 = 291, R_PREL_G2_NC = 292, R_PREL_G3 = 293, R_LDST128 = 299, R_GOTREL64 = 307,
	R_GOTREL32 = 308, R_GOT_LD_PREL19 = 309, R_LD64_GOTOFF_LO15 = 310, R_ADR_GOT_PAGE = 311, R_LD64_GOT_LO12 = 312,
	R_LD64_GOTPAGE_LO15 = 313, R_PLT32 = 314, R_GOTPCREL32 = 315, R_TLSGD_ADR_PAGE21 = 513, R_TLSGD_ADD_LO12 = 514,
	R_TLSLD_ADR_PAGE21 = 518, R_TLSLD_ADD_LO12 = 519, R_DTPREL_G2 = 523, R_DTPREL_G1 = 524, R_DTPREL_G1_NC = 525,
	R_DTPREL_G0 = 526, R_DTPREL_G0_NC = 527, R_ADD_DTPREL_HI12 = 528, R_ADD_DTPREL_LO12 = 529, R_ADD_DTPREL_LO12_NC = 530,
	R_LDST8_DTPREL = 531, R_LDST64_DTPREL_NC = 538, R_IE_PAGE21 = 541, R_IE_LD64_LO12 = 542, R_IE_LD_PREL19 = 543,
	R_TPREL_G2 = 544, R_TPREL_G1 = 545, R_TPREL_G1_NC = 546, R_TPREL_G0 = 547, R_TPREL_G0_NC = 548, R_ADD_TPREL_HI12 = 549,
	R_ADD_TPREL_LO12 = 550, R_ADD_TPREL_LO12_NC = 551, R_LDST8_TPREL = 552, R_LDST64_TPREL_NC = 559, R_DESC_ADR_PAGE21 = 562,
	R_DESC_LD64_LO12 = 563, R_DESC_ADD_LO12 = 564, R_DESC_CALL = 569, R_LDST128_TPREL = 570, R_LDST128_TPREL_NC = 571,
	R_LDST128_DTPREL = 572, R_LDST128_DTPREL_NC = 573, R_END = 574,
};
enum { FIRST = R_ABS64, COUNT = R_END - FIRST };
#define AT(type) (type) - FIRST

static const uint8_t types[COUNT] = {
	[AT(R_ABS64)] = LINK_TYPE(NEED_VALUE, 8),
	[AT(R_ABS32)] = LINK_TYPE(NEED_LOW, 4),
	[AT(R_ABS16)] = LINK_TYPE(NEED_VALUE, 2),
	[AT(R_PREL64)] = LINK_TYPE(NEED_VALUE, 8),
	[AT(R_PREL32)] = LINK_TYPE(NEED_NEAR, 4),
	[AT(R_PREL16)] = LINK_TYPE(NEED_VALUE, 2),
	[AT(R_UABS_G0)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_UABS_G0_NC)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_UABS_G1)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_UABS_G1_NC)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_UABS_G2)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_UABS_G2_NC)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_UABS_G3)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_SABS_G0)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_SABS_G1)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_SABS_G2)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_LD_PREL_LO19)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_ADR_PREL_LO21)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_ADR_PREL_PG_HI21)] = LINK_TYPE(NEED_NEAR, 4),
	[AT(R_ADR_PREL_PG_HI21_NC)] = LINK_TYPE(NEED_NEAR, 4),
	[AT(R_ADD_LO12)] = LINK_TYPE(NEED_NEAR, 4),
	[AT(R_LDST8)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_TSTBR14)] = LINK_TYPE(NEED_CALL, 4),
	[AT(R_CONDBR19)] = LINK_TYPE(NEED_CALL, 4),
	[AT(R_JUMP26)] = LINK_TYPE(NEED_CALL, 4),
	[AT(R_CALL26)] = LINK_TYPE(NEED_CALL, 4),
	[AT(R_LDST16)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_LDST32)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_LDST64)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_PREL_G0)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_PREL_G0_NC)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_PREL_G1)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_PREL_G1_NC)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_PREL_G2)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_PREL_G2_NC)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_PREL_G3)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_LDST128)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_GOTREL64)] = LINK_TYPE(NEED_VALUE, 8),
	[AT(R_GOTREL32)] = LINK_TYPE(NEED_VALUE, 4),
	[AT(R_GOT_LD_PREL19)] = LINK_TYPE(NEED_GOT, 4),
	[AT(R_LD64_GOTOFF_LO15)] = LINK_TYPE(NEED_GOT, 4),
	[AT(R_ADR_GOT_PAGE)] = LINK_TYPE(NEED_GOT, 4),
	[AT(R_LD64_GOT_LO12)] = LINK_TYPE(NEED_GOT, 4),
	[AT(R_LD64_GOTPAGE_LO15)] = LINK_TYPE(NEED_GOT, 4),
	[AT(R_PLT32)] = LINK_TYPE(NEED_CALL, 4),
	[AT(R_GOTPCREL32)] = LINK_TYPE(NEED_GOT, 4),
	[AT(R_TLSGD_ADR_PAGE21)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_TLSGD_ADD_LO12)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_TLSLD_ADR_PAGE21)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_TLSLD_ADD_LO12)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_DTPREL_G2)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_DTPREL_G1)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_DTPREL_G1_NC)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_DTPREL_G0)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_DTPREL_G0_NC)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_ADD_DTPREL_HI12)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_ADD_DTPREL_LO12)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_ADD_DTPREL_LO12_NC)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_DTPREL)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_DTPREL + 1)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_DTPREL + 2)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_DTPREL + 3)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_DTPREL + 4)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_DTPREL + 5)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_DTPREL + 6)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST64_DTPREL_NC)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_IE_PAGE21)] = LINK_TYPE(NEED_GOTTP, 4),
	[AT(R_IE_LD64_LO12)] = LINK_TYPE(NEED_GOTTP, 4),
	[AT(R_IE_LD_PREL19)] = LINK_TYPE(NEED_GOTTP, 4),
	[AT(R_TPREL_G2)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_TPREL_G1)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_TPREL_G1_NC)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_TPREL_G0)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_TPREL_G0_NC)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_ADD_TPREL_HI12)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_ADD_TPREL_LO12)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_ADD_TPREL_LO12_NC)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_TPREL)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_TPREL + 1)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_TPREL + 2)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_TPREL + 3)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_TPREL + 4)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_TPREL + 5)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST8_TPREL + 6)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST64_TPREL_NC)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_DESC_ADR_PAGE21)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_DESC_LD64_LO12)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_DESC_ADD_LO12)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_DESC_CALL)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST128_TPREL)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST128_TPREL_NC)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST128_DTPREL)] = LINK_TYPE(NEED_TLS, 4),
	[AT(R_LDST128_DTPREL_NC)] = LINK_TYPE(NEED_TLS, 4),
};

enum { NOP = (int)0xd503201f };
#define PAGE(addr) ((addr) & ~(uint64_t)0xfff)

/* bti c; adrp x16, slot; ldr x17, [x16, slot]; br x17. */
static void write_stub(unsigned char *bytes, uint64_t stub, uint64_t slot)
{
	uint64_t pages = (PAGE(slot) - PAGE(stub + 4)) >> 12;

	put32(bytes, 0xd503245f);
	put32(bytes + 4, 0x90000010 | (uint32_t)(pages & 3) << 29 | (uint32_t)(pages >> 2 & 0x7ffff) << 5);
	put32(bytes + 8, 0xf9400211 | (uint32_t)(slot >> 3 & 0x1ff) << 10);
	put32(bytes + 12, 0xd61f0220);
}

static int out_of_range(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	return lode_link_out_of_range_(site->table, site->index, value, why);
}

/* Bits of the instruction from a position on. */
static void insert(const struct link_site *site, uint64_t value, unsigned bits, unsigned at)
{
	uint32_t mask = (((uint32_t)1 << bits) - 1) << at;

	put32(site->at, (le32(site->at) & ~mask) | ((uint32_t)value << at & mask));
}

/* A distance in words, or of one byte in adr: low two bits apart. */
static int branch(const struct link_site *site, uint64_t value, unsigned bits, struct lode_diag *why)
{
	if ((value & 3) != 0 || !fits_signed(value, bits + 2))
		return out_of_range(site, value, why);
	insert(site, value >> 2, bits, bits == 26 ? 0 : 5);
	return LODE_OK;
}

static int adr(const struct link_site *site, uint64_t value, bool check, struct lode_diag *why)
{
	if (check && !fits_signed(value, 21))
		return out_of_range(site, value, why);
	insert(site, value, 2, 29);
	insert(site, value >> 2, 19, 5);
	return LODE_OK;
}

static int page(const struct link_site *site, uint64_t target, bool check, struct lode_diag *why)
{
	uint64_t distance = PAGE(target) - PAGE(site->place);

	if (check && !fits_signed(distance, 33))
		return out_of_range(site, distance, why);
	return adr(site, distance >> 12, false, why);
}

/* The low 12 bits, in units of what the instruction accesses. */
static int low12(const struct link_site *site, uint64_t value, unsigned scale, struct lode_diag *why)
{
	if ((value & (((uint64_t)1 << scale) - 1)) != 0)
		return out_of_range(site, value, why);
	insert(site, (value & 0xfff) >> scale, 12, 10);
	return LODE_OK;
}

/* Which sixteen bits of a number, and how. Signed ones turn movz into movn for what is negative. */
enum { GROUP = 3, SIGNED = 4, CHECKED = 8 };

static int move_wide(const struct link_site *site, uint64_t value, unsigned how, struct lode_diag *why)
{
	unsigned group = how & GROUP, shift = 16 * group;
	bool fits = how & SIGNED ? fits_signed(value, shift + 17) : value >> 16 >> shift == 0;

	if ((how & CHECKED) && !fits)
		return out_of_range(site, value, why);
	if (how & SIGNED) {
		insert(site, value >> 63 ? 0 : 1, 1, 30);
		value = value >> 63 ? ~value : value;
	}
	insert(site, value >> shift, 16, 5);
	return LODE_OK;
}

/* Functions out of reach are reached through their stubs. */
static int call(const struct link_site *site, unsigned bits, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend - site->place;
	uint64_t stub = lode_link_stub_(site->table, site->rela.symbol);

	if (!fits_signed(value, bits + 2) && stub != 0)
		value = stub + site->rela.addend - site->place;
	return branch(site, value, bits, why);
}

static int data32(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	if (value > UINT32_MAX && !fits_signed(value, 32))
		return out_of_range(site, value, why);
	put32(site->at, (uint32_t)value);
	return LODE_OK;
}

static int relative32(const struct link_site *site, struct lode_diag *why)
{
	uint64_t stub = lode_link_stub_(site->table, site->rela.symbol);
	uint64_t value = site->value + site->rela.addend - site->place;

	if (!fits_signed(value, 32) && stub != 0)
		value = stub + site->rela.addend - site->place;
	if (!fits_signed(value, 32))
		return out_of_range(site, value, why);
	put32(site->at, (uint32_t)value);
	return LODE_OK;
}

static int data16(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	if (value > UINT16_MAX && !fits_signed(value, 16))
		return out_of_range(site, value, why);
	site->at[0] = (unsigned char)value;
	site->at[1] = (unsigned char)(value >> 8);
	return LODE_OK;
}

static int got(const struct link_site *site, struct lode_diag *why)
{
	uint64_t base = lode_link_got_(site->table->link);
	uint64_t slot = lode_link_slot_(site->table, site->rela.symbol, false) + site->rela.addend;

	switch (site->rela.type) {
	case R_GOT_LD_PREL19: return branch(site, slot - site->place, 19, why);
	case R_ADR_GOT_PAGE: return page(site, slot, true, why);
	case R_LD64_GOT_LO12: return low12(site, slot, 3, why);
	case R_GOTPCREL32:
		if (!fits_signed(slot - site->place, 32))
			return out_of_range(site, slot - site->place, why);
		put32(site->at, (uint32_t)(slot - site->place));
		return LODE_OK;
	case R_LD64_GOTPAGE_LO15: base = PAGE(base); break;
	default: break;
	}
	if (slot - base > 0x7ff8)
		return out_of_range(site, slot - base, why);
	insert(site, (slot - base) >> 3, 12, 10);
	return LODE_OK;
}

static int initial_exec(const struct link_site *site, struct lode_diag *why)
{
	uint64_t slot = lode_link_slot_(site->table, site->rela.symbol, true) + site->rela.addend;

	if (site->rela.type == R_IE_PAGE21)
		return page(site, slot, true, why);
	if (site->rela.type == R_IE_LD64_LO12)
		return low12(site, slot, 3, why);
	return branch(site, slot - site->place, 19, why);
}

/* adrp, ldr or add that began to ask for a symbol's place become movz and movk of its offset from the thread pointer. */
static int take_offset(const struct link_site *site, bool high, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend;
	uint32_t half = (uint32_t)(high ? value >> 16 : value) & 0xffff;

	if (value > UINT32_MAX)
		return out_of_range(site, value, why);
	put32(site->at, (high ? 0xd2a00000 : 0xf2800000) | half << 5);
	return LODE_OK;
}

/* add x0, x0, ...; bl __tls_get_addr; nop: the call becomes mrs x1, tpidr_el0; add x0, x1, x0. */
static int skip_call(const struct link_site *site, uint64_t *index, struct lode_diag *why)
{
	uint64_t offset = site->rela.offset;
	bool next = site->index + 1 < site->table->count && rela_at(site->table, site->index + 1).offset == offset + 4;

	if (!next || !within(offset, 12, site->table->header->size) || le32(site->at + 8) != (uint32_t)NOP)
		return lode_link_bad_instruction_(site->table, site->index, why);
	++*index;
	return LODE_OK;
}

static int general_dynamic(const struct link_site *site, uint64_t *index, struct lode_diag *why)
{
	int status = skip_call(site, index, why);

	if (status != LODE_OK)
		return status;
	put32(site->at + 4, 0xd53bd041);
	put32(site->at + 8, 0x8b000020);
	return take_offset(site, false, why);
}

/* The module's base is the thread pointer: offsets in the block count from there. */
static int local_dynamic(const struct link_site *site, uint64_t *index, struct lode_diag *why)
{
	int status = skip_call(site, index, why);

	if (status != LODE_OK)
		return status;
	put32(site->at, 0xd53bd040);
	put32(site->at + 4, (uint32_t)NOP);
	return LODE_OK;
}

static int add_high(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	if (value >> 24 != 0)
		return out_of_range(site, value, why);
	insert(site, value >> 12, 12, 10);
	return LODE_OK;
}

static int add_low(const struct link_site *site, uint64_t value, unsigned scale, bool check, struct lode_diag *why)
{
	if (check && value > 0xfff)
		return out_of_range(site, value, why);
	return low12(site, value, scale, why);
}

/* Checked and unchecked accesses of 1, 2, 4 and 8 bytes take turns in the numbers. */
static int access(const struct link_site *site, uint64_t value, uint32_t number, struct lode_diag *why)
{
	return add_low(site, value, number / 2, (number & 1) == 0, why);
}

static int offset(const struct link_site *site, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend;
	uint32_t type = site->rela.type;

	switch (type) {
	case R_DTPREL_G2:
	case R_TPREL_G2: return move_wide(site, value, 2 | SIGNED | CHECKED, why);
	case R_DTPREL_G1:
	case R_TPREL_G1: return move_wide(site, value, 1 | SIGNED | CHECKED, why);
	case R_DTPREL_G1_NC:
	case R_TPREL_G1_NC: return move_wide(site, value, 1, why);
	case R_DTPREL_G0:
	case R_TPREL_G0: return move_wide(site, value, 0 | SIGNED | CHECKED, why);
	case R_DTPREL_G0_NC:
	case R_TPREL_G0_NC: return move_wide(site, value, 0, why);
	case R_ADD_DTPREL_HI12:
	case R_ADD_TPREL_HI12: return add_high(site, value, why);
	case R_ADD_DTPREL_LO12:
	case R_ADD_TPREL_LO12: return add_low(site, value, 0, true, why);
	case R_ADD_DTPREL_LO12_NC:
	case R_ADD_TPREL_LO12_NC: return add_low(site, value, 0, false, why);
	case R_LDST128_TPREL:
	case R_LDST128_DTPREL: return add_low(site, value, 4, true, why);
	case R_LDST128_TPREL_NC:
	case R_LDST128_DTPREL_NC: return add_low(site, value, 4, false, why);
	default: return access(site, value, type >= R_LDST8_TPREL ? type - R_LDST8_TPREL : type - R_LDST8_DTPREL, why);
	}
}

static int thread_relative(const struct link_site *site, uint64_t *index, struct lode_diag *why)
{
	switch (site->rela.type) {
	case R_TLSGD_ADR_PAGE21:
	case R_DESC_ADR_PAGE21: return take_offset(site, true, why);
	case R_TLSGD_ADD_LO12: return general_dynamic(site, index, why);
	case R_TLSLD_ADR_PAGE21: put32(site->at, (uint32_t)NOP); return LODE_OK;
	case R_TLSLD_ADD_LO12: return local_dynamic(site, index, why);
	case R_DESC_LD64_LO12: return take_offset(site, false, why);
	case R_DESC_ADD_LO12:
	case R_DESC_CALL: put32(site->at, (uint32_t)NOP); return LODE_OK;
	case R_IE_PAGE21:
	case R_IE_LD64_LO12:
	case R_IE_LD_PREL19: return initial_exec(site, why);
	default: return offset(site, why);
	}
}

static int moved(const struct link_site *site, uint64_t value, struct lode_diag *why)
{
	uint64_t relative = value - site->place;

	switch (site->rela.type) {
	case R_UABS_G0: return move_wide(site, value, 0 | CHECKED, why);
	case R_UABS_G0_NC: return move_wide(site, value, 0, why);
	case R_UABS_G1: return move_wide(site, value, 1 | CHECKED, why);
	case R_UABS_G1_NC: return move_wide(site, value, 1, why);
	case R_UABS_G2: return move_wide(site, value, 2 | CHECKED, why);
	case R_UABS_G2_NC: return move_wide(site, value, 2, why);
	case R_UABS_G3: return move_wide(site, value, 3, why);
	case R_SABS_G0: return move_wide(site, value, 0 | SIGNED | CHECKED, why);
	case R_SABS_G1: return move_wide(site, value, 1 | SIGNED | CHECKED, why);
	case R_SABS_G2: return move_wide(site, value, 2 | SIGNED | CHECKED, why);
	case R_PREL_G0: return move_wide(site, relative, 0 | SIGNED | CHECKED, why);
	case R_PREL_G0_NC: return move_wide(site, relative, 0, why);
	case R_PREL_G1: return move_wide(site, relative, 1 | SIGNED | CHECKED, why);
	case R_PREL_G1_NC: return move_wide(site, relative, 1, why);
	case R_PREL_G2: return move_wide(site, relative, 2 | SIGNED | CHECKED, why);
	case R_PREL_G2_NC: return move_wide(site, relative, 2, why);
	default: return move_wide(site, relative, 3, why);
	}
}

static int by_value(const struct link_site *site, struct lode_diag *why)
{
	uint64_t value = site->value + site->rela.addend, base = lode_link_got_(site->table->link);

	switch (site->rela.type) {
	case R_ABS64: put64(site->at, value); return LODE_OK;
	case R_PREL64: put64(site->at, value - site->place); return LODE_OK;
	case R_GOTREL64: put64(site->at, value - base); return LODE_OK;
	case R_ABS32: return data32(site, value, why);
	case R_GOTREL32: return data32(site, value - base, why);
	case R_PREL32:
	case R_PLT32: return relative32(site, why);
	case R_ABS16: return data16(site, value, why);
	case R_PREL16: return data16(site, value - site->place, why);
	case R_LD_PREL_LO19: return branch(site, value - site->place, 19, why);
	case R_ADR_PREL_LO21: return adr(site, value - site->place, true, why);
	case R_ADR_PREL_PG_HI21: return page(site, value, true, why);
	case R_ADR_PREL_PG_HI21_NC: return page(site, value, false, why);
	case R_ADD_LO12:
	case R_LDST8: return low12(site, value, 0, why);
	case R_LDST16: return low12(site, value, 1, why);
	case R_LDST32: return low12(site, value, 2, why);
	case R_LDST64: return low12(site, value, 3, why);
	case R_LDST128: return low12(site, value, 4, why);
	case R_TSTBR14: return call(site, 14, why);
	case R_CONDBR19: return call(site, 19, why);
	case R_JUMP26:
	case R_CALL26: return call(site, 26, why);
	default: return moved(site, value, why);
	}
}

static int relocate_one(const struct link_site *site, uint64_t *index, struct lode_diag *why)
{
	uint8_t type = types[site->rela.type - FIRST];

	if (site->table->unit->kinds[site->rela.symbol] == KIND_DROPPED) {
		memset(site->at, 0, type & 15);
		return LODE_OK;
	}
	if (type >> 4 == NEED_GOT)
		return got(site, why);
	if (type >> 4 == NEED_TLS || type >> 4 == NEED_GOTTP)
		return thread_relative(site, index, why);
	return by_value(site, why);
}

static int relocate(const struct link_table *table, struct lode_diag *why)
{
	int status = LODE_OK;

	for (uint64_t i = 0; i < table->count && status == LODE_OK; i++) {
		/* Others have not been looked at: their symbol may be anything. */
		if (rela_at(table, i).type != 0) {
			struct link_site site = site_at(table, i);

			status = relocate_one(&site, &i, why);
		}
	}
	return status;
}

/* stp x29, x30, [sp, #-16]!; ldp x29, x30, [sp], #16; ret. */
static const unsigned char init_head[] = {0x5f, 0x24, 0x03, 0xd5, 0xfd, 0x7b, 0xbf, 0xa9};
static const unsigned char init_tail[] = {0xfd, 0x7b, 0xc1, 0xa8, 0xc0, 0x03, 0x5f, 0xd6};
static const unsigned char init_pad[] = {0x1f, 0x20, 0x03, 0xd5};

const struct lode_link_machine lode_link_aarch64_ = {
	.machine = LODE_EM_AARCH64,
	.first_type = FIRST,
	.ntypes = COUNT,
	.types = types,
	.stub_size = 16,
	.init_head = init_head,
	.init_head_size = sizeof init_head,
	.init_tail = init_tail,
	.init_tail_size = sizeof init_tail,
	.init_pad = init_pad,
	.init_pad_size = sizeof init_pad,
	.feature = LODE_GNU_PROPERTY_AARCH64_FEATURE_1_AND,
	.tracking = 1,
	.stub = write_stub,
	.relocate = relocate,
};
