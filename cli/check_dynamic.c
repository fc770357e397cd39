/* SPDX-License-Identifier: MIT */
/* The dynamic table's entries, strings, hash tables and versions -> findings. */
#include "check.h"
#include <string.h>

enum { LONGEST_STRING = 4096, MAX_NEEDED = 4096 };

static bool string_at(const struct check *c, char *buf, size_t size, uint64_t index)
{
	return lode_string_read(buf, size, &c->dynamic.symbols.strings, index, NULL) == LODE_OK;
}

static struct check_place at_entry(const struct check *c, uint32_t index, const char *field, uint64_t value)
{
	uint64_t word = lode_word_size(&c->image);

	return check_at("dynamic entry", index, field, value, c->dynamic.offset + 2 * word * index);
}

static bool entry_at(const struct check *c, struct lode_dyn *entry, uint32_t index)
{
	return lode_dynamic_entry(entry, &c->image, &c->dynamic, index, NULL) == LODE_OK;
}

/* Tags that may stand as often as they like, or whose repetition is harmless. */
static bool repeats(int64_t tag)
{
	return tag == LODE_DT_NEEDED || tag == 0x7ffffffd || tag == 0x7fffffff; /* DT_AUXILIARY, DT_FILTER */
}

/* Tags below 64 and the GNU ones in a bitmap each: no table is so large that n^2 would matter. */
static void check_twice(struct check *c)
{
	uint64_t low = 0, high = 0;

	for (uint32_t i = 0; i < c->dynamic.count && check_spend(c, 16); i++) {
		struct lode_dyn entry;
		bool gnu;
		uint64_t *seen, bit;

		if (!entry_at(c, &entry, i))
			return;
		gnu = entry.tag >= 0x6fffffc0 && entry.tag <= 0x6fffffff;
		if (repeats(entry.tag) || (!gnu && (entry.tag < 0 || entry.tag >= 64)))
			continue;
		seen = gnu ? &high : &low;
		bit = UINT64_C(1) << (entry.tag & 63);
		if (*seen & bit)
			check_add(c, CHECK_DYNAMIC_TWICE, at_entry(c, i, "d_tag", (uint64_t)entry.tag), NULL);
		*seen |= bit;
	}
}

static void check_end(struct check *c)
{
	const struct lode_segment *segment = lode_segment_find(&c->image, LODE_PT_DYNAMIC);
	uint64_t size = 2 * lode_word_size(&c->image);

	if (segment->filesz / size <= c->dynamic.count)
		check_add(c, CHECK_DYNAMIC_OPEN,
			check_at_segment(c, lode_segment_index(&c->image, segment), LODE_FIELD_PHDR_FILESZ), "%u entries",
			c->dynamic.count);
}

static bool is_among(uint64_t value, const uint64_t *values, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (values[i] == value)
			return true;
	return false;
}

static void check_needed(struct check *c)
{
	uint64_t before[MAX_NEEDED];
	char name[LONGEST_STRING];

	for (uint32_t i = 0, seen = 0; i < c->dynamic.count && seen < MAX_NEEDED; i++) {
		struct lode_dyn entry;
		struct lode_diag why;

		if (!entry_at(c, &entry, i) || entry.tag != LODE_DT_NEEDED)
			continue;
		before[seen++] = entry.value;
		if (lode_string_read(name, sizeof name, &c->dynamic.symbols.strings, entry.value, &why) != LODE_OK) {
			check_add_core(c, &why);
			continue;
		}
		if (name[0] == '\0')
			check_add(c, CHECK_NEEDED_EMPTY, at_entry(c, i, "DT_NEEDED", entry.value), NULL);
		else if (strchr(name, '/'))
			check_add(c, CHECK_NEEDED_SLASH, at_entry(c, i, "DT_NEEDED", entry.value), "\"%s\"", name);
		if (check_spend(c, seen) && is_among(entry.value, before, seen - 1))
			check_add(c, CHECK_NEEDED_TWICE, at_entry(c, i, "DT_NEEDED", entry.value), "\"%s\"", name);
	}
}

/* Elements of a run path: empty ones mean the current directory, as do relative ones that no $ORIGIN or $LIB begins. */
static void check_path(struct check *c, const char *path, const char *tag)
{
	struct check_place place = check_at("dynamic entry", LODE_NO_INDEX, tag, 0, c->dynamic.offset);
	bool empty = path[0] == '\0';

	place.has_value = false;
	for (const char *p = path; !empty; p++) {
		size_t n = strcspn(p, ":");

		if (n == 0)
			check_add(c, CHECK_RPATH_EMPTY, place, "\"%s\"", path);
		else if (*p != '/' && *p != '$')
			check_add(c, CHECK_RPATH_RELATIVE, place, "\"%s\"", path);
		else if (*p == '/')
			check_writable(c, p, n, place);
		p += n;
		if (*p == '\0')
			break;
	}
}

static void check_paths(struct check *c)
{
	char path[LONGEST_STRING];

	if (c->dynamic.rpath != LODE_NO_OFFSET && c->dynamic.runpath == LODE_NO_OFFSET)
		check_add(c, CHECK_RPATH_USED, check_at("dynamic entry", LODE_NO_INDEX, "DT_RPATH", c->dynamic.rpath,
			c->dynamic.offset), NULL);
	if (c->dynamic.rpath != LODE_NO_OFFSET && string_at(c, path, sizeof path, c->dynamic.rpath))
		check_path(c, path, "DT_RPATH");
	if (c->dynamic.runpath != LODE_NO_OFFSET && string_at(c, path, sizeof path, c->dynamic.runpath))
		check_path(c, path, "DT_RUNPATH");
}

static void check_soname(struct check *c)
{
	const char *base = strrchr(c->name, '/') ? strrchr(c->name, '/') + 1 : c->name;
	char name[LONGEST_STRING];

	if (c->dynamic.soname == LODE_NO_OFFSET) {
		if (c->library && strncmp(base, "lib", 3) == 0 && strstr(base, ".so"))
			check_add(c, CHECK_SONAME_MISSING, check_at_file(LODE_NO_OFFSET), NULL);
		return;
	}
	if (string_at(c, name, sizeof name, c->dynamic.soname) && strchr(name, '/'))
		check_add(c, CHECK_SONAME_SLASH, check_at("dynamic entry", LODE_NO_INDEX, "DT_SONAME", c->dynamic.soname,
			c->dynamic.offset), "\"%s\"", name);
}

static void check_hash(struct check *c)
{
	const struct lode_dynamic *dynamic = &c->dynamic;
	struct check_place place = check_at("dynamic entry", LODE_NO_INDEX, "DT_HASH", dynamic->hash.offset, dynamic->offset);

	if (dynamic->gnu_hash.size > 0 || dynamic->symbols.offset == 0)
		return;
	if (dynamic->hash.size > 0)
		check_add(c, CHECK_HASH_SYSV_ONLY, place, NULL);
	else if (dynamic->symbols.count > 1)
		check_add(c, CHECK_HASH_MISSING, check_at("dynamic entry", LODE_NO_INDEX, "DT_SYMTAB", dynamic->symbols.offset,
			dynamic->offset), NULL);
}

/* .dynsym's size against the hash tables' count. Without defined symbols DT_GNU_HASH counts none of the undefined ones. */
static void check_count(struct check *c)
{
	for (uint32_t i = 1; c->has_sections && c->dynamic.counted && i < c->image.nsections; i++) {
		const struct lode_section *section = &c->image.sections[i];
		uint64_t size = lode_symbol_size(&c->image), count = section->size / size;
		bool fewer = c->dynamic.hash.size == 0 && c->dynamic.symbols.count <= count;

		if (section->type == LODE_SHT_DYNSYM && section->offset == c->dynamic.symbols.offset &&
			count != c->dynamic.symbols.count && !fewer)
			check_add(c, CHECK_SYMBOL_COUNT, check_at_section(c, i, LODE_FIELD_SHDR_SIZE),
				"sections say %llu, the hash table %llu", (unsigned long long)count,
				(unsigned long long)c->dynamic.symbols.count);
	}
}

static void check_flags(struct check *c)
{
	bool program = lode_segment_find(&c->image, LODE_PT_INTERP) != NULL && c->dynamic.needed > 0 &&
		c->dynamic.soname == LODE_NO_OFFSET;

	if (c->dynamic.textrel)
		check_add(c, CHECK_TEXTREL_USED, check_at("dynamic entry", LODE_NO_INDEX, "DT_TEXTREL", c->dynamic.flags,
			c->dynamic.offset), NULL);
	if (program && !c->dynamic.debug)
		check_add(c, CHECK_DEBUG_MISSING, check_at_file(LODE_NO_OFFSET), NULL);
	if (c->library && (c->dynamic.flags & LODE_DF_STATIC_TLS))
		check_add(c, CHECK_STATIC_TLS, check_at("dynamic entry", LODE_NO_INDEX, "DT_FLAGS", c->dynamic.flags,
			c->dynamic.offset), NULL);
}

static void check_init(struct check *c)
{
	const struct lode_dynamic *d = &c->dynamic;
	const struct {
		const char *tag;
		uint64_t addr;
	} calls[] = {{"DT_INIT", d->init}, {"DT_FINI", d->fini}};

	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (calls[i].addr != 0 && !lode_segment_at(&c->image, calls[i].addr, 1))
			check_add(c, CHECK_INIT_OUTSIDE, check_at("dynamic entry", LODE_NO_INDEX, calls[i].tag, calls[i].addr,
				d->offset), NULL);
}

/* Bit n: version index n is defined or needed. */
struct known {
	unsigned char bits[65536 / 8];
};

static bool learn_versions(struct check *c, struct known *known)
{
	struct lode_versions walk;
	struct lode_version version;
	struct lode_diag why;
	int more;

	known->bits[0] = 3; /* local and global */
	lode_versions_begin(&walk, &c->image, &c->dynamic);
	do {
		more = lode_version_next(&version, &walk, &why);
		if (more > 0)
			known->bits[(version.index & 0x7fff) / 8] |= (unsigned char)(1u << version.index % 8);
	} while (more > 0 && check_spend(c, 16));
	if (more < 0)
		check_add_core(c, &why);
	return more == 0;
}

static void check_versions(struct check *c)
{
	static struct known known;
	uint64_t symbols = c->dynamic.counted ? c->dynamic.symbols.count : 0;
	char name[120];

	if (c->dynamic.versym.size == 0)
		return;
	memset(&known, 0, sizeof known);
	if (!learn_versions(c, &known))
		return;
	for (uint64_t i = 1; i < symbols && check_spend(c, 2); i++) {
		struct lode_versym version;
		struct lode_diag why;

		if (lode_versym_read(&version, &c->image, &c->dynamic, i, &why) != LODE_OK) {
			check_add_core(c, &why);
			return;
		}
		if (known.bits[version.index / 8] & 1u << version.index % 8)
			continue;
		check_symbol_name(name, sizeof name, c, &c->dynamic.symbols, i);
		check_add(c, CHECK_VERSION_UNKNOWN, check_at("symbol", (uint32_t)i, "version index", version.index,
			c->dynamic.versym.offset + 2 * i), "%s", name);
	}
}

void check_dynamic(struct check *c)
{
	if (!c->has_dynamic)
		return;
	check_twice(c);
	check_end(c);
	check_needed(c);
	check_paths(c);
	check_soname(c);
	check_hash(c);
	check_count(c);
	check_flags(c);
	check_init(c);
	check_versions(c);
	check_relocations(c);
	if (c->program && lode_segment_find(&c->image, LODE_PT_INTERP))
		check_libraries(c, c->dynamic.runpath != LODE_NO_OFFSET ? c->dynamic.runpath : c->dynamic.rpath);
}
