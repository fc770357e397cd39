/* SPDX-License-Identifier: MIT */
/* Bytes -> image. The core refuses at the first fault; each one is reported, patched over in a copy of the read bytes, and open
 * runs again, so that several faults of one file are told and the core stays the only judge. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

/* A sparse file has any size: some seconds of work. */
#define MOST_STEPS (UINT64_C(1) << 31)

static int read_patched(void *host, void *dst, uint64_t offset, size_t size)
{
	const struct check *c = host;

	if (lode_source_read(dst, &c->base, offset, size, NULL) != LODE_OK)
		return -1;
	for (unsigned i = 0; i < c->npatches; i++) {
		const struct check_patch *patch = &c->patches[i];

		if (patch->offset + patch->size <= offset || (patch->offset > offset && patch->offset - offset >= size))
			continue;
		for (uint32_t k = 0; k < patch->size; k++)
			if (patch->offset + k >= offset && patch->offset + k - offset < size)
				((unsigned char *)dst)[patch->offset + k - offset] = patch->bytes[k];
	}
	return 0;
}

/* False if there is no room for another one. */
static bool patch(struct check *c, uint64_t offset, uint32_t size, uint32_t value)
{
	struct check_patch *p;
	bool big = c->image.data == LODE_DATA2MSB;

	if (c->npatches == CHECK_PATCHES)
		return false;
	p = &c->patches[c->npatches++];
	*p = (struct check_patch){.offset = offset, .size = size};
	for (uint32_t k = 0; k < size; k++)
		p->bytes[k] = (unsigned char)(value >> 8 * (big ? size - 1 - k : k));
	return true;
}

/* The rest of the file is looked at without its sections; false if it was already. */
static bool drop_sections(uint32_t *flags)
{
	bool had = (*flags & LODE_OPEN_SECTIONS) != 0;

	*flags &= ~(uint32_t)LODE_OPEN_SECTIONS;
	return had;
}

static bool patch_section(struct check *c, uint64_t offset, uint32_t size, uint32_t value, uint32_t *flags)
{
	if (patch(c, offset, size, value))
		return true;
	check_add_seen(c, "sections were not looked at: too much is wrong with them");
	return drop_sections(flags);
}

/* Make the fault go away; false if nothing can be read behind it. */
static bool repair(struct check *c, const struct lode_diag *why, uint32_t *flags)
{
	const struct lode_image *image = &c->image;

	switch (why->rule) {
	case LODE_RULE_HEADER_VERSION:
		return patch(c, why->offset, why->field == LODE_FIELD_EHDR_VERSION ? 4 : 1, 1);
	case LODE_RULE_SEGMENT_SIZE:
	case LODE_RULE_SEGMENT_PAST_END:
	case LODE_RULE_SEGMENT_WRAP:
		c->damaged = true;
		return patch(c, image->phoff + (uint64_t)why->index * image->phentsize, 4, LODE_PT_NULL);
	case LODE_RULE_SECTION_PAST_END:
		return patch_section(c, image->shoff + (uint64_t)why->index * image->shentsize + 4, 4, LODE_SHT_NULL, flags);
	case LODE_RULE_HEADER_SHSTRNDX:
		return patch_section(c, why->offset, 2, LODE_SHN_UNDEF, flags);
	case LODE_RULE_ROOM_SECTIONS:
		check_add_seen(c, "sections were not looked at: there are more than %d", HEADERS_MOST);
		return drop_sections(flags);
	case LODE_RULE_HEADER_SHENTSIZE:
	case LODE_RULE_HEADER_SHTABLE:
	case LODE_RULE_SECTION_INDEX:
		return drop_sections(flags);
	default:
		return false;
	}
}

static bool open_once(struct check *c, struct lode_open_options *options, struct lode_diag *why)
{
	int status = lode_open(&c->image, &c->source, options, why);

	if ((options->flags & LODE_OPEN_SECTIONS) && c->image.nsections > HEADERS_MOST) {
		why->rule = LODE_RULE_ROOM_SECTIONS;
		return false;
	}
	if (status == LODE_ERR_ROOM || (status == LODE_OK && !options->segments)) {
		if (!tables_make_room(options, &c->image))
			return false;
		status = lode_open(&c->image, &c->source, options, why);
	}
	return status == LODE_OK;
}

bool check_open(struct check *c)
{
	struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS};
	struct lode_diag why = {.rule = LODE_RULE_NONE};

	c->source = (struct lode_source){.size = c->base.size, .read = read_patched, .host = c};
	c->budget = 8 * (c->base.size < MOST_STEPS / 8 ? c->base.size : MOST_STEPS / 8) + 1048576;
	while (!open_once(c, &options, &why)) {
		if (!check_other(c, why.rule) && why.rule != LODE_RULE_ROOM_SECTIONS)
			check_add_core(c, &why);
		if (!repair(c, &why, &options.flags)) {
			tables_free(&options);
			c->image.segments = NULL;
			c->image.sections = NULL;
			return false;
		}
	}
	c->opened = true;
	c->has_sections = (options.flags & LODE_OPEN_SECTIONS) && c->image.nsections > 0;
	c->image.segments = options.segments;
	c->image.sections = c->has_sections ? options.sections : NULL;
	if (!c->has_sections)
		free(options.sections);
	return true;
}

void check_close(struct check *c)
{
	free(c->image.segments);
	free(c->image.sections);
	free(c->findings);
}
