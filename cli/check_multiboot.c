/* SPDX-License-Identifier: MIT */
/* The first 8 KiB (Multiboot 1) or 32 KiB (Multiboot 2) of a file -> what GRUB, QEMU and Limine will say to it. */
#include "check.h"
#include <lode/multiboot2.h>
#include <string.h>

/* One version of the header, as it is searched for where the library does not look. */
struct version {
	uint32_t magic;
	uint32_t area, align;
	uint32_t words; /* that add up to 0 */
	const char *name;
};
static const struct version kinds[2] = {
	{LODE_MULTIBOOT_MAGIC, LODE_MULTIBOOT_SEARCH, LODE_MULTIBOOT_ALIGN, 3, "Multiboot header"},
	{LODE_MULTIBOOT2_MAGIC, LODE_MULTIBOOT2_SEARCH, LODE_MULTIBOOT2_ALIGN, 4, "Multiboot 2 header"},
};

static bool sums(const unsigned char *p, uint32_t words)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < words; i++)
		sum += le32(p + 4 * i);
	return sum == 0;
}

/* Where loaders do not look: at any offset of the file. */
static uint64_t find_anywhere(struct check *c, const struct version *kind, bool valid)
{
	const unsigned char pattern[4] = {(unsigned char)kind->magic, (unsigned char)(kind->magic >> 8),
		(unsigned char)(kind->magic >> 16), (unsigned char)(kind->magic >> 24)};
	unsigned char raw[16];
	uint64_t size = 4 * (uint64_t)kind->words, at = 0;

	for (unsigned tries = 0; tries < 1024; tries++) {
		at = check_search(c, pattern, sizeof pattern, at, c->source.size);
		if (at == LODE_NO_OFFSET)
			break;
		if (check_read(c, raw, at, (size_t)size) && sums(raw, kind->words) == valid)
			return at;
		at++;
	}
	return LODE_NO_OFFSET;
}

static struct check_place at(const struct version *kind, const char *field, uint64_t value, uint64_t offset)
{
	return check_at(kind->name, LODE_NO_INDEX, field, value, offset);
}

/* No loader sees a header: one that is nearly right says why. */
static bool near_miss(struct check *c, const struct version *kind)
{
	uint64_t offset = find_anywhere(c, kind, true);

	if (offset != LODE_NO_OFFSET && offset % kind->align != 0) {
		check_add(c, CHECK_MULTIBOOT_ALIGN, at(kind, "magic", kind->magic, offset), NULL);
		return true;
	}
	if (offset != LODE_NO_OFFSET) {
		check_add(c, CHECK_MULTIBOOT_LATE, at(kind, "magic", kind->magic, offset), "loaders look at the first %u bytes",
			kind->area);
		return true;
	}
	offset = find_anywhere(c, kind, false);
	if (offset == LODE_NO_OFFSET || offset >= kind->area || offset % kind->align != 0)
		return false;
	check_add(c, CHECK_MULTIBOOT_CHECKSUM, at(kind, "checksum", 0, offset + 4 * ((uint64_t)kind->words - 1)), NULL);
	return true;
}

/* No header of version 2, and none of version 1 where that would do. */
static void tell_missing(struct check *c, bool either)
{
	bool near = either && near_miss(c, &kinds[0]);

	if (near || near_miss(c, &kinds[1]))
		return;
	if (either)
		check_add(c, CHECK_MULTIBOOT_MISSING, check_at_file(LODE_NO_OFFSET), NULL);
	check_add(c, CHECK_MULTIBOOT2_MISSING, check_at_file(LODE_NO_OFFSET), NULL);
}

static void check_entry(struct check *c)
{
	if (!check_loaded(c, LODE_VIRTUAL, c->image.entry) && !check_loaded(c, LODE_PHYSICAL, c->image.entry))
		check_add(c, CHECK_MULTIBOOT_ENTRY, check_at_header(c, LODE_FIELD_EHDR_ENTRY), NULL);
}

/* header_addr, load_addr, load_end_addr, bss_end_addr, entry_addr; 0 as an end means: as far as the file goes. */
static void check_addresses(struct check *c, uint64_t offset)
{
	unsigned char raw[20];
	uint32_t header, load, load_end, bss_end, entry;
	bool wrong;

	check_add(c, CHECK_MULTIBOOT_ADDRESS, at(&kinds[0], "flags", LODE_MULTIBOOT_ADDRESSES, offset + 4), NULL);
	if (!check_read(c, raw, offset + 12, sizeof raw))
		return;
	header = le32(raw), load = le32(raw + 4), load_end = le32(raw + 8);
	bss_end = le32(raw + 12), entry = le32(raw + 16);
	wrong = header < load || header - load > offset || (load_end != 0 && load_end < load) ||
		(bss_end != 0 && bss_end < load_end) || entry < load || (load_end != 0 && entry >= load_end);
	if (wrong)
		check_add(c, CHECK_MULTIBOOT_ADDRESS_RANGE, at(&kinds[0], "load_addr", load, offset + 16),
			"header 0x%x, load 0x%x to 0x%x, bss to 0x%x, entry 0x%x", header, load, load_end, bss_end, entry);
}

static void check_first(struct check *c, const struct lode_multiboot *header, const struct lode_diag *why)
{
	uint64_t flags_at = header->offset + LODE_MULTIBOOT_FLAGS;

	check_add_seen(c, "Multiboot 1 header at file offset 0x%llx, flags 0x%x", (unsigned long long)header->offset,
		header->flags);
	if (why->rule == LODE_RULE_START_MULTIBOOT_DEMAND)
		check_add(c, CHECK_MULTIBOOT_FLAGS, at(&kinds[0], "flags", header->flags, flags_at), NULL);
	if (header->flags & LODE_MULTIBOOT_VIDEO)
		check_add(c, CHECK_MULTIBOOT_VIDEO, at(&kinds[0], "flags", header->flags, flags_at), NULL);
	if (c->image.class_ == LODE_CLASS64)
		check_add(c, CHECK_MULTIBOOT_ELF64, at(&kinds[0], "magic", LODE_MULTIBOOT_MAGIC, header->offset), NULL);
	if (header->flags & LODE_MULTIBOOT_ADDRESSES)
		check_addresses(c, header->offset);
	else
		check_entry(c);
}

/* What the values of a tag do wrong is left to the start state. */
static void check_second(struct check *c, const struct lode_multiboot2 *header, const struct lode_diag *why)
{
	bool of_tag = why->field == LODE_FIELD_MULTIBOOT2_TAG;

	check_add_seen(c, "Multiboot 2 header at file offset 0x%llx, %u bytes", (unsigned long long)header->offset, header->length);
	if (why->rule == LODE_RULE_START_MACHINE)
		check_add_core(c, why);
	else if (why->rule == LODE_RULE_START_MULTIBOOT2_TAG && !of_tag)
		check_add(c, CHECK_MULTIBOOT2_TAG, at(&kinds[1], lode_field_name(why->field), why->value, why->offset), NULL);
	else if (why->rule == LODE_RULE_START_MULTIBOOT_DEMAND && of_tag)
		check_add(c, CHECK_MULTIBOOT2_DEMAND, at(&kinds[1], lode_field_name(why->field), why->value, why->offset), NULL);
	else if (why->rule == LODE_RULE_NONE && !header->has_entry)
		check_entry(c);
}

/* Whatever is wrong with it. */
static bool is_there(int status, const struct lode_diag *why)
{
	return status == LODE_OK || (why->rule != LODE_RULE_START_MULTIBOOT_NONE && why->status != LODE_ERR_IO);
}

void check_multiboot(struct check *c)
{
	struct lode_diag first_why = {.rule = LODE_RULE_NONE}, second_why = {.rule = LODE_RULE_NONE};
	bool either = (c->targets & FOR_MULTIBOOT) != 0, has_first = false, has_second;
	struct lode_multiboot first;
	struct lode_multiboot2 second;

	if (!(c->targets & FOR_MULTIBOOTS))
		return;
	if (either)
		has_first = is_there(lode_multiboot_find(&first, &c->source, &first_why), &first_why);
	has_second = is_there(lode_multiboot2_find(&second, &c->source, &second_why), &second_why);
	if (!has_second && (!has_first || (c->targets & FOR_MULTIBOOT2)))
		tell_missing(c, either && !has_first);
	if (has_first)
		check_first(c, &first, &first_why);
	else if (has_second)
		check_add(c, CHECK_MULTIBOOT2_ONLY, at(&kinds[1], "magic", LODE_MULTIBOOT2_MAGIC, second.offset), NULL);
	if (has_second)
		check_second(c, &second, &second_why);
}
