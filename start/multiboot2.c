/* SPDX-License-Identifier: MIT */
/* The first 32 KiB of a file -> its Multiboot 2 header with all tags. */
#include <lode/multiboot2.h>

#include "multiboot.h"

enum { I386 = 0, LARGEST = 24 };

static const struct lode_header_kind_ kind = {LODE_MULTIBOOT2_MAGIC, LODE_MULTIBOOT2_SEARCH, LODE_MULTIBOOT2_ALIGN, 4,
	LODE_FIELD_MULTIBOOT2_MAGIC};

/* Smallest size of each tag. */
static const unsigned char sizes[] = {
	[LODE_MB2_END] = 8, [LODE_MB2_REQUEST] = 8, [LODE_MB2_ADDRESS] = 24, [LODE_MB2_ENTRY] = 12, [LODE_MB2_CONSOLE] = 12,
	[LODE_MB2_FRAMEBUFFER] = 20, [LODE_MB2_MODULE_ALIGN] = 8, [LODE_MB2_EFI_BS] = 8, [LODE_MB2_ENTRY_EFI32] = 12,
	[LODE_MB2_ENTRY_EFI64] = 12, [LODE_MB2_RELOCATABLE] = 24,
};

/* Information that is given, if the machine has it. */
static const uint32_t known = 1u << LODE_MB2I_CMDLINE | 1u << LODE_MB2I_LOADER_NAME | 1u << LODE_MB2I_MODULE |
	1u << LODE_MB2I_MEMORY | 1u << LODE_MB2I_MMAP | 1u << LODE_MB2I_FRAMEBUFFER | 1u << LODE_MB2I_SECTIONS |
	1u << LODE_MB2I_RSDP_OLD | 1u << LODE_MB2I_RSDP_NEW | 1u << LODE_MB2I_LOAD_BASE;

/* A tag, and as much of it as any tag that is understood has. */
struct tag {
	uint64_t offset;
	uint32_t type, size;
	bool optional;
	unsigned char raw[LARGEST];
};

static int refuse(struct lode_diag *why, enum lode_rule rule, const struct tag *tag, enum lode_field field)
{
	uint64_t value = field == LODE_FIELD_MULTIBOOT2_TAG_SIZE ? tag->size : tag->type;

	return lode_refuse_(why, rule, lode_place_at_(field, value, tag->offset));
}

static int read_tag(struct tag *tag, const struct lode_source *source, uint64_t left, struct lode_diag *why)
{
	uint32_t smallest = LODE_MULTIBOOT2_TAG;
	int status;

	tag->size = 0;
	if (left < LODE_MULTIBOOT2_TAG)
		return refuse(why, LODE_RULE_START_MULTIBOOT2_TAG, tag, LODE_FIELD_MULTIBOOT2_TAG_SIZE);
	status = lode_source_read(tag->raw, source, tag->offset, LODE_MULTIBOOT2_TAG, why);
	if (status != LODE_OK)
		return status;
	tag->type = le16(tag->raw);
	tag->optional = (le16(tag->raw + 2) & LODE_MULTIBOOT2_OPTIONAL) != 0;
	tag->size = le32(tag->raw + 4);
	if (tag->type < sizeof sizes)
		smallest = sizes[tag->type];
	if (tag->size < smallest || tag->size > left)
		return refuse(why, LODE_RULE_START_MULTIBOOT2_TAG, tag, LODE_FIELD_MULTIBOOT2_TAG_SIZE);
	return lode_source_read(tag->raw, source, tag->offset, tag->size < LARGEST ? tag->size : LARGEST, why);
}

static uint32_t word(const struct tag *tag, uint32_t i)
{
	return le32(tag->raw + LODE_MULTIBOOT2_TAG + 4 * i);
}

static int read_requests(struct lode_multiboot2 *m, const struct tag *tag, const struct lode_source *source, struct lode_diag *why)
{
	for (uint32_t at = LODE_MULTIBOOT2_TAG; tag->size - at >= 4; at += 4) {
		unsigned char raw[4];
		int status = lode_source_read(raw, source, tag->offset + at, sizeof raw, why);
		uint32_t type = status == LODE_OK ? le32(raw) : 0;

		if (status != LODE_OK)
			return status;
		if (type < 32 && (known >> type & 1) != 0)
			m->requests |= 1u << type;
		else if (!tag->optional)
			return lode_refuse_(why, LODE_RULE_START_MULTIBOOT_DEMAND,
				lode_place_at_(LODE_FIELD_MULTIBOOT2_REQUEST, type, tag->offset + at));
	}
	return LODE_OK;
}

static int read_address(struct lode_multiboot2 *m, const struct tag *tag, const struct lode_source *source, struct lode_diag *why)
{
	const struct lode_address_fields_ addresses = {m->offset, word(tag, 0), word(tag, 1), word(tag, 2), word(tag, 3)};

	m->raw = true;
	return lode_multiboot_read_load_(&m->load, &addresses, source, why);
}

static int read_relocatable(struct lode_multiboot2 *m, const struct tag *tag, struct lode_diag *why)
{
	m->relocatable = true;
	m->min = word(tag, 0);
	m->last = word(tag, 1);
	m->align = word(tag, 2) != 0 ? word(tag, 2) : 1;
	m->preference = word(tag, 3);
	if (!power_of_two(m->align) || m->preference > 2)
		return refuse(why, LODE_RULE_START_MULTIBOOT2_TAG, tag, LODE_FIELD_MULTIBOOT2_TAG);
	return LODE_OK;
}

static int take_tag(struct lode_multiboot2 *m, const struct tag *tag, const struct lode_source *source, struct lode_diag *why)
{
	switch (tag->type) {
	case LODE_MB2_REQUEST:
		return read_requests(m, tag, source, why);
	case LODE_MB2_ADDRESS:
		return read_address(m, tag, source, why);
	case LODE_MB2_ENTRY:
		m->has_entry = true;
		m->entry = word(tag, 0);
		return LODE_OK;
	case LODE_MB2_FRAMEBUFFER:
		m->wants_video = true;
		m->width = word(tag, 0), m->height = word(tag, 1), m->depth = word(tag, 2);
		return LODE_OK;
	case LODE_MB2_MODULE_ALIGN:
		m->page_align = true;
		return LODE_OK;
	case LODE_MB2_RELOCATABLE:
		return read_relocatable(m, tag, why);
	case LODE_MB2_CONSOLE:
	case LODE_MB2_EFI_BS:
	case LODE_MB2_ENTRY_EFI32:
	case LODE_MB2_ENTRY_EFI64:
		return LODE_OK;
	default:
		return tag->optional ? LODE_OK : refuse(why, LODE_RULE_START_MULTIBOOT_DEMAND, tag, LODE_FIELD_MULTIBOOT2_TAG);
	}
}

/* Each tag has 8 bytes at least, so that the loop ends. */
static int read_tags(struct lode_multiboot2 *m, const struct lode_source *source, struct lode_diag *why)
{
	uint64_t end = m->offset + m->length;
	struct tag tag = {.offset = m->offset + LODE_MULTIBOOT2_HEADER};

	for (;;) {
		int status = read_tag(&tag, source, end - tag.offset, why);

		if (status != LODE_OK)
			return status;
		if (tag.type == LODE_MB2_END)
			return LODE_OK;
		status = take_tag(m, &tag, source, why);
		if (status != LODE_OK)
			return status;
		tag.offset += align_up(tag.size, LODE_MULTIBOOT2_ALIGN);
		tag.offset = tag.offset < end ? tag.offset : end;
	}
}

static int check(const struct lode_multiboot2 *m, struct lode_diag *why)
{
	if (!m->raw)
		return LODE_OK;
	if (!m->has_entry)
		return lode_refuse_(why, LODE_RULE_START_ENTRY, lode_place_at_(LODE_FIELD_MULTIBOOT_ENTRY, 0, m->offset));
	return lode_multiboot_check_entry_(&m->load, m->entry, why);
}

int lode_multiboot2_find(struct lode_multiboot2 *multiboot, const struct lode_source *source, struct lode_diag *why)
{
	unsigned char raw[LODE_MULTIBOOT2_HEADER];
	int status;

	*multiboot = (struct lode_multiboot2){.offset = 0};
	status = lode_multiboot_find_header_(&multiboot->offset, source, &kind, why);
	if (status == LODE_OK)
		status = lode_source_read(raw, source, multiboot->offset, sizeof raw, why);
	if (status != LODE_OK)
		return status;
	multiboot->length = le32(raw + LODE_MULTIBOOT2_LENGTH);
	if (le32(raw + LODE_MULTIBOOT2_ARCH) != I386)
		return lode_refuse_(why, LODE_RULE_START_MACHINE, lode_place_at_(LODE_FIELD_MULTIBOOT2_ARCH,
			le32(raw + LODE_MULTIBOOT2_ARCH), multiboot->offset + LODE_MULTIBOOT2_ARCH));
	if (multiboot->length < LODE_MULTIBOOT2_HEADER || !within(multiboot->offset, multiboot->length, source->size))
		return lode_refuse_(why, LODE_RULE_START_MULTIBOOT2_TAG, lode_place_at_(LODE_FIELD_MULTIBOOT2_LENGTH,
			multiboot->length, multiboot->offset + LODE_MULTIBOOT2_LENGTH));
	status = read_tags(multiboot, source, why);
	return status == LODE_OK ? check(multiboot, why) : status;
}
