/* SPDX-License-Identifier: MIT */
/* The first sectors of a bzImage -> its setup header, of any version, checked against the file's size. */
#include <lode/linux.h>

#include "start.h"

enum { SECTOR = 512, DEFAULT_SECTORS = 4, PARAGRAPH = 16, V203 = 0x203, V204 = 0x204, V205 = 0x205, V206 = 0x206, V208 = 0x208,
	V210 = 0x20a, V212 = 0x20c, OLD_CMDLINE = 255 };
#define OLD_ADDRESS 0x100000u
#define OLD_INITRD_LAST 0x37ffffffu

static const unsigned char *field(const struct lode_linux *l, uint32_t offset)
{
	return l->header + (offset - LODE_LINUX_SETUP_SECTS);
}

static uint16_t word(const struct lode_linux *l, uint32_t offset)
{
	return le16(field(l, offset));
}

static uint32_t dword(const struct lode_linux *l, uint32_t offset)
{
	return le32(field(l, offset));
}

static void decode(struct lode_linux *l)
{
	uint32_t sectors = *field(l, LODE_LINUX_SETUP_SECTS);
	uint16_t v = l->version = word(l, LODE_LINUX_VERSION);

	l->setup_size = ((sectors != 0 ? sectors : DEFAULT_SECTORS) + 1) * SECTOR;
	l->loadflags = *field(l, LODE_LINUX_LOADFLAGS);
	l->initrd_last = v >= V203 ? dword(l, LODE_LINUX_INITRD_MAX) : OLD_INITRD_LAST;
	l->alignment = v >= V205 ? dword(l, LODE_LINUX_ALIGNMENT) : 0;
	l->relocatable = v >= V205 && *field(l, LODE_LINUX_RELOCATABLE) != 0;
	l->cmdline_size = v >= V206 ? dword(l, LODE_LINUX_CMDLINE_SIZE) : OLD_CMDLINE;
	l->pref_address = v >= V210 ? le64(field(l, LODE_LINUX_PREF_ADDRESS)) : OLD_ADDRESS;
	l->init_size = v >= V210 ? dword(l, LODE_LINUX_INIT_SIZE) : 0;
	l->xloadflags = v >= V212 ? word(l, LODE_LINUX_XLOADFLAGS) : 0;
	l->payload.offset = l->setup_size + (v >= V208 ? (uint64_t)dword(l, LODE_LINUX_PAYLOAD) : 0);
	l->payload.size = v >= V208 ? dword(l, LODE_LINUX_PAYLOAD_SIZE) : 0;
	l->header_size = LODE_LINUX_MAGIC + *field(l, LODE_LINUX_JUMP) - LODE_LINUX_SETUP_SECTS;
	if (l->header_size > sizeof l->header)
		l->header_size = sizeof l->header;
}

/* syssize counts paragraphs, of which the last need not be full; signatures and the like may stand behind the system. */
static int check_size(struct lode_linux *l, const struct lode_source *source, struct lode_diag *why)
{
	uint32_t paragraphs = l->version >= V204 ? dword(l, LODE_LINUX_SYSSIZE) : word(l, LODE_LINUX_SYSSIZE);
	uint64_t told = (uint64_t)paragraphs * PARAGRAPH, have = source->size - l->setup_size;

	if (l->setup_size >= source->size)
		return lode_refuse_(why, LODE_RULE_START_LINUX_TRUNCATED,
			lode_place_at_(LODE_FIELD_LINUX_SETUP_SECTS, l->setup_size, LODE_LINUX_SETUP_SECTS));
	if (told > have && told - have >= PARAGRAPH)
		return lode_refuse_(why, LODE_RULE_START_LINUX_TRUNCATED,
			lode_place_at_(LODE_FIELD_LINUX_SYSSIZE, paragraphs, LODE_LINUX_SYSSIZE));
	l->system_size = told > 0 && told < have ? told : have;
	if (source->size == LODE_SIZE_UNKNOWN && told == 0)
		return lode_refuse_(why, LODE_RULE_START_LINUX_TRUNCATED,
			lode_place_at_(LODE_FIELD_LINUX_SYSSIZE, paragraphs, LODE_LINUX_SYSSIZE));
	return LODE_OK;
}

static int check_payload(const struct lode_linux *l, struct lode_diag *why)
{
	uint64_t offset = l->payload.offset - l->setup_size;

	if (!within(offset, l->payload.size, l->system_size))
		return lode_refuse_(why, LODE_RULE_START_LINUX_TRUNCATED,
			lode_place_at_(LODE_FIELD_LINUX_PAYLOAD, offset, LODE_LINUX_PAYLOAD));
	return LODE_OK;
}

int lode_linux_read(struct lode_linux *linux_, const struct lode_source *source, struct lode_diag *why)
{
	struct lode_diag place = lode_place_at_(LODE_FIELD_LINUX_MAGIC, 0, LODE_LINUX_MAGIC);
	int status;

	*linux_ = (struct lode_linux){.version = 0};
	if (source->size < LODE_LINUX_HEADER_END)
		return lode_refuse_(why, LODE_RULE_START_LINUX_NONE, lode_nowhere_(LODE_FIELD_FILE, source->size,
			LODE_LINUX_HEADER_END));
	status = lode_source_read(linux_->header, source, LODE_LINUX_SETUP_SECTS, sizeof linux_->header, why);
	if (status != LODE_OK)
		return status;
	place.value = dword(linux_, LODE_LINUX_MAGIC);
	if (word(linux_, LODE_LINUX_BOOT_FLAG) != 0xaa55 || memcmp(field(linux_, LODE_LINUX_MAGIC), "HdrS", 4) != 0)
		return lode_refuse_(why, LODE_RULE_START_LINUX_NONE, place);
	decode(linux_);
	status = check_size(linux_, source, why);
	return status == LODE_OK ? check_payload(linux_, why) : status;
}
