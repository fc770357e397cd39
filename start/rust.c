/* SPDX-License-Identifier: MIT */
/* A kernel's file -> its bootloader_api configuration, of every size that 0.11 has had. */
#include "rust.h"
#include "scan.h"

enum { NAME = 20, MAJOR = 0, MINOR = 11, BASE_SINCE = 11, LAST_PAGE = 0xfff };
#define LOWEST UINT64_C(0x8000000000) /* the second level-4 entry: the first is left to the kernel's own mappings */
#define HIGHEST UINT64_C(0xfffffffffffff000)

static const unsigned char uuid[LODE_SCAN_PATTERN_] = {
	0x74, 0x3c, 0xa9, 0x61, 0x09, 0x36, 0x46, 0xa0, 0xbb, 0x55, 0x5c, 0x15, 0x89, 0x15, 0x25, 0x3d};

/* The rest of the bytes, and whether all went well so far. */
struct reader {
	const unsigned char *at;
	const unsigned char *begin;
	uint32_t wrong; /* offset of the first byte with a value that it cannot have; 0: none */
};

static uint8_t take8(struct reader *r)
{
	return *r->at++;
}

static uint64_t take64(struct reader *r)
{
	r->at += 8;
	return le64(r->at - 8);
}

static void reject(struct reader *r, const unsigned char *at)
{
	if (r->wrong == 0)
		r->wrong = (uint32_t)(at - r->begin);
}

/* A byte that is 0 or 1. */
static bool take_flag(struct reader *r)
{
	if (*r->at > 1)
		reject(r, r->at);
	return take8(r) == 1;
}

static struct lode_rust_mapping take_mapping(struct reader *r)
{
	const unsigned char *at = r->at;
	struct lode_rust_mapping mapping = {.fixed = take_flag(r)};

	mapping.addr = take64(r);
	if (!mapping.fixed && mapping.addr != 0)
		reject(r, at);
	return mapping;
}

static uint64_t take_optional(struct reader *r, uint64_t otherwise)
{
	const unsigned char *at = r->at;
	bool some = take_flag(r);
	uint64_t value = take64(r);

	if (!some && value != 0)
		reject(r, at);
	return some ? value : otherwise;
}

static void take_all(struct lode_rust *c, struct reader *r)
{
	c->stack_size = take64(r);
	c->stack = take_mapping(r);
	if (c->size >= LODE_RUST_CONFIG_BASE)
		c->kernel_base = take_mapping(r);
	c->boot_info = take_mapping(r);
	c->framebuffer = take_mapping(r);
	c->has_physical = take_flag(r);
	c->physical = take_mapping(r);
	c->has_recursive = take_flag(r);
	c->recursive = take_mapping(r);
	c->aslr = take_flag(r);
	c->range_start = take_optional(r, LOWEST);
	c->range_end = take_optional(r, HIGHEST | LAST_PAGE);
	if (c->size >= LODE_RUST_CONFIG_RAMDISK)
		c->ramdisk = take_mapping(r);
	take_optional(r, 0);
	take_optional(r, 0);
}

static int decode(struct lode_rust *c, const unsigned char *raw, struct lode_diag *why)
{
	struct reader r = {.at = raw + LODE_RUST_HEAD_, .begin = raw};

	if (c->major != MAJOR || c->minor != MINOR)
		return lode_refuse_(why, LODE_RULE_START_RUST_VERSION,
			lode_place_at_(LODE_FIELD_RUST_VERSION, (uint64_t)c->major << 16 | c->minor, c->offset + sizeof uuid));
	take_all(c, &r);
	if (r.wrong != 0)
		return lode_refuse_(why, LODE_RULE_START_RUST_FIELD,
			lode_place_at_(LODE_FIELD_RUST_FIELD, raw[r.wrong], c->offset + r.wrong));
	return LODE_OK;
}

static void read_version(struct lode_rust *c, const unsigned char *raw)
{
	c->major = le16(raw + 16);
	c->minor = le16(raw + 18);
	c->patch = le16(raw + 20);
	c->pre = raw[22] != 0;
}

/* Without a section the version says how long it is. */
static uint32_t size_of_version(const struct lode_rust *c)
{
	return c->patch == 0 ? LODE_RUST_CONFIG_FIRST : c->patch < BASE_SINCE ? LODE_RUST_CONFIG_RAMDISK : LODE_RUST_CONFIG_BASE;
}

static bool right_size(uint64_t size)
{
	return size == LODE_RUST_CONFIG_FIRST || size == LODE_RUST_CONFIG_RAMDISK || size == LODE_RUST_CONFIG_BASE;
}

static int read_config(struct lode_rust *c, const struct lode_source *source, uint64_t size, struct lode_diag *why)
{
	unsigned char raw[LODE_RUST_CONFIG_BASE];
	int status;

	if (size != 0 && !right_size(size))
		return lode_refuse_(why, LODE_RULE_START_RUST_SIZE, lode_place_at_(LODE_FIELD_RUST_SIZE, size, c->offset));
	status = lode_source_read(raw, source, c->offset, LODE_RUST_HEAD_, why);
	if (status != LODE_OK)
		return status;
	read_version(c, raw);
	c->size = size != 0 ? (uint32_t)size : size_of_version(c);
	if (memcmp(raw, uuid, sizeof uuid) != 0)
		return lode_refuse_(why, LODE_RULE_START_RUST_FIELD, lode_place_at_(LODE_FIELD_RUST_FIELD, raw[0],
			c->offset));
	status = lode_source_read(raw, source, c->offset, c->size, why);
	return status == LODE_OK ? decode(c, raw, why) : status;
}

static const struct lode_section *find_section(const struct lode_image *image)
{
	static const char wanted[] = ".bootloader-config";
	struct lode_strings names;
	char name[NAME];

	if (!image->sections || image->shstrndx >= image->nsections)
		return NULL;
	names = (struct lode_strings){image->source, image->sections[image->shstrndx].offset,
		image->sections[image->shstrndx].size};
	for (uint32_t i = 1; i < image->nsections; i++)
		if (image->sections[i].type != LODE_SHT_NOBITS &&
			lode_string_read(name, sizeof name, &names, image->sections[i].name, NULL) == LODE_OK &&
			memcmp(name, wanted, sizeof wanted) == 0)
			return &image->sections[i];
	return NULL;
}

/* The first place that is not the kernel's own copy of the constant counts; which one that is only the version can tell. */
static int found_uuid(void *context, uint64_t vaddr, uint64_t offset, struct lode_diag *why)
{
	struct lode_rust *c = context;

	(void)vaddr, (void)why;
	c->offset = offset;
	return 1;
}

static int find_uuid(struct lode_rust *c, const struct lode_image *image, struct lode_diag *why)
{
	struct lode_scan_ scan = {.image = image, .step = 1, .hit = found_uuid, .context = c};
	int found;

	memcpy(scan.pattern, uuid, sizeof uuid);
	found = lode_scan_(&scan, why);
	if (found < 0)
		return found;
	if (found == 0)
		return lode_refuse_(why, LODE_RULE_START_RUST_NONE, lode_nowhere_(LODE_FIELD_RUST_SIZE, 0, 0));
	return read_config(c, image->source, 0, why);
}

/* What is added to linked addresses is kernel_base itself, or what brings the first page to the lowest free address. */
static void choose_base(struct lode_rust *c, const struct lode_image *image)
{
	uint64_t lowest = image->nload > 0 ? image->segments[image->segments[0].by_vaddr].vaddr : 0, align = 0x200000;

	for (uint32_t i = 0; i < image->nsegments; i++)
		if (image->segments[i].type == LODE_PT_LOAD && image->segments[i].align > align &&
			power_of_two(image->segments[i].align))
			align = image->segments[i].align;
	lowest = align_down(lowest, LODE_PAGE_);
	c->align = align;
	if (c->kernel_base.fixed)
		c->base = lowest + c->kernel_base.addr;
	else
		c->base = align_up(c->range_start, align) + (lowest & (align - 1));
}

int lode_rust_find(struct lode_rust *rust, const struct lode_image *image, struct lode_diag *why)
{
	const struct lode_section *section = find_section(image);
	int status = lode_start_x86_64_only_(image, why);

	*rust = (struct lode_rust){.size = 0};
	if (status != LODE_OK)
		return status;
	if (section) {
		rust->offset = section->offset;
		status = read_config(rust, image->source, section->size != 0 ? section->size : 1, why);
	} else {
		status = find_uuid(rust, image, why);
	}
	if (status == LODE_OK)
		choose_base(rust, image);
	return status;
}
