/* SPDX-License-Identifier: MIT */
/* Setup header of a bzImage, and a vmlinux -> what boot loaders and VMMs will say. */
#include "check.h"
#include "input.h"
#include <lode/linux.h>
#include <string.h>

enum { V205 = 0x205, V212 = 0x20c };

static struct check_place at(const char *field, uint64_t value, uint64_t offset)
{
	return check_at("setup header", LODE_NO_INDEX, field, value, offset);
}

/* What is there against what the header announces. */
static void check_length(struct check *c, const struct lode_linux *l, const struct lode_diag *why)
{
	struct check_place place = at(lode_field_name(why->field), why->value, why->offset);

	if (why->field != LODE_FIELD_LINUX_SYSSIZE)
		check_add(c, CHECK_BZIMAGE_TRUNCATED, place, NULL);
	else
		check_add(c, CHECK_BZIMAGE_TRUNCATED, place, "setup and system need 0x%llx bytes, the file has 0x%llx",
			(unsigned long long)(l->setup_size + 16 * why->value), (unsigned long long)c->source.size);
}

static void check_payload(struct check *c, const struct lode_linux *l)
{
	unsigned char magic[9];

	if (l->payload.size != 0 && check_read(c, magic, l->payload.offset, sizeof magic) && !packed_name(magic, sizeof magic) &&
		memcmp(magic, "\177ELF", 4) != 0)
		check_add(c, CHECK_BZIMAGE_PAYLOAD, at("payload_offset", l->payload.offset - l->setup_size, l->payload.offset),
			"it begins with %02x %02x %02x %02x", magic[0], magic[1], magic[2], magic[3]);
}

static void check_setup(struct check *c, const struct lode_linux *l)
{
	bool wide = (l->xloadflags & LODE_LINUX_KERNEL_64) != 0;

	check_add_seen(c, "Linux boot protocol %u.%02u, %s", l->version >> 8, l->version & 0xff,
		wide ? "64-bit entry" : "no 64-bit entry");
	if (!(l->loadflags & LODE_LINUX_LOADED_HIGH))
		check_add(c, CHECK_BZIMAGE_LOW, at("loadflags", l->loadflags, LODE_LINUX_LOADFLAGS), NULL);
	if (l->version < V212)
		check_add(c, CHECK_BZIMAGE_OLD, at("version", l->version, LODE_LINUX_VERSION),
			"it is %u.%02u", l->version >> 8, l->version & 0xff);
	else if (!wide)
		check_add(c, CHECK_BZIMAGE_16BIT, at("xloadflags", l->xloadflags, LODE_LINUX_XLOADFLAGS), NULL);
	if (l->version >= V205 && !l->relocatable)
		check_add(c, CHECK_BZIMAGE_FIXED, at("relocatable_kernel", 0, LODE_LINUX_RELOCATABLE), NULL);
	check_payload(c, l);
}

/* The source is the file itself here, not what was unpacked from it. What has no header is for the start state to say. */
void check_bzimage(struct check *c)
{
	struct lode_linux linux_;
	struct lode_diag why = {.rule = LODE_RULE_NONE};
	int status = lode_linux_read(&linux_, &c->source, &why);
	bool truncated = status != LODE_OK && why.rule == LODE_RULE_START_LINUX_TRUNCATED;

	if (truncated)
		check_length(c, &linux_, &why);
	if (status == LODE_OK || truncated)
		check_setup(c, &linux_);
	check_start_bzimage(c);
}

void check_linux(struct check *c)
{
	if (!(c->targets & FOR_LINUX) || c->image.nload == 0)
		return;
	if (!c->bzimage && !c->kind.offers.pvh)
		check_add(c, CHECK_LINUX_NO_PVH, check_at_file(LODE_NO_OFFSET), NULL);
}
