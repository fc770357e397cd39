/* SPDX-License-Identifier: MIT */
/* The first 8 KiB of a file -> its Multiboot 1 header. */
#include "multiboot.h"

enum { KNOWN = LODE_MULTIBOOT_PAGE_ALIGN | LODE_MULTIBOOT_MEMORY | LODE_MULTIBOOT_VIDEO };

static const struct lode_header_kind_ kind = {LODE_MULTIBOOT_MAGIC, LODE_MULTIBOOT_SEARCH, LODE_MULTIBOOT_ALIGN, 3,
	LODE_FIELD_MULTIBOOT_MAGIC};

/* Fields that the flags do not announce need not be there. */
static int read_header(unsigned char *raw, struct lode_multiboot *m, const struct lode_source *source, struct lode_diag *why)
{
	uint32_t size = LODE_MULTIBOOT_HEADER_ADDR;
	int status = lode_source_read(raw, source, m->offset, size, why);

	if (status != LODE_OK)
		return status;
	m->flags = le32(raw + LODE_MULTIBOOT_FLAGS);
	if (m->flags & LODE_MULTIBOOT_ADDRESSES)
		size = LODE_MULTIBOOT_MODE;
	if (m->flags & LODE_MULTIBOOT_VIDEO)
		size = LODE_MULTIBOOT_HEADER_SIZE;
	return lode_source_read(raw, source, m->offset, size, why);
}

static int read_addresses(struct lode_multiboot *m, const unsigned char *raw, const struct lode_source *source,
	struct lode_diag *why)
{
	const struct lode_address_fields_ addresses = {m->offset, le32(raw + LODE_MULTIBOOT_HEADER_ADDR),
		le32(raw + LODE_MULTIBOOT_LOAD_ADDR), le32(raw + LODE_MULTIBOOT_LOAD_END),
		le32(raw + LODE_MULTIBOOT_BSS_END)};
	int status;

	m->raw = true;
	m->entry = le32(raw + LODE_MULTIBOOT_ENTRY);
	status = lode_multiboot_read_load_(&m->load, &addresses, source, why);
	return status == LODE_OK ? lode_multiboot_check_entry_(&m->load, m->entry, why) : status;
}

int lode_multiboot_find(struct lode_multiboot *multiboot, const struct lode_source *source, struct lode_diag *why)
{
	unsigned char raw[LODE_MULTIBOOT_HEADER_SIZE];
	int status;

	*multiboot = (struct lode_multiboot){.flags = 0};
	status = lode_multiboot_find_header_(&multiboot->offset, source, &kind, why);
	if (status == LODE_OK)
		status = read_header(raw, multiboot, source, why);
	if (status != LODE_OK)
		return status;
	if (multiboot->flags & LODE_MULTIBOOT_DEMANDS & ~(uint32_t)KNOWN)
		return lode_refuse_(why, LODE_RULE_START_MULTIBOOT_DEMAND,
			lode_place_at_(LODE_FIELD_MULTIBOOT_FLAGS, multiboot->flags, multiboot->offset + LODE_MULTIBOOT_FLAGS));
	if (multiboot->flags & LODE_MULTIBOOT_VIDEO) {
		multiboot->wants_video = true;
		multiboot->text = le32(raw + LODE_MULTIBOOT_MODE) == 1;
		multiboot->width = le32(raw + LODE_MULTIBOOT_WIDTH);
		multiboot->height = le32(raw + LODE_MULTIBOOT_HEIGHT);
		multiboot->depth = le32(raw + LODE_MULTIBOOT_DEPTH);
	}
	return multiboot->flags & LODE_MULTIBOOT_ADDRESSES ? read_addresses(multiboot, raw, source, why) : LODE_OK;
}
