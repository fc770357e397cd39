/* SPDX-License-Identifier: MIT */
/* PT_DYNAMIC comes in; its tables go out as file ranges that are proven to lie in the file part of a PT_LOAD. */
#include "core.h"
#include "dynamic.h"

enum { DYN64 = 16, NTAGS = 42, MAX_DYNAMIC = 1 << 20 };

/* The table while it is decoded: values of the tags as the file has them, addresses not yet turned into offsets. */
struct tags {
	const struct lode_image *image;
	struct lode_dynamic *dynamic;
	uint64_t value[NTAGS];
	uint32_t entry[NTAGS]; /* which entry it came from, for diagnoses */
	bool seen[NTAGS];
};

/* Slots of the tags that lie far above the others, in gaps of the gABI's numbers. */
enum { TAG_GNU_HASH = NTAGS - 4, TAG_VERSYM, TAG_VERDEF, TAG_VERNEED };

static uint32_t entry_size(const struct lode_image *image)
{
	return 2 * lode_word_size(image);
}

int lode_dynamic_entry(struct lode_dyn *entry, const struct lode_image *image, const struct lode_dynamic *dynamic, uint32_t index,
	struct lode_diag *why)
{
	unsigned char raw[DYN64];
	uint32_t size = entry_size(image);
	struct lode_cursor cursor = image_cursor(image, raw);
	int status = lode_source_read(raw, image->source, dynamic->offset + (uint64_t)index * size, size, why);

	if (status != LODE_OK)
		return status;
	if (image_wide(image))
		entry->tag = (int64_t)lode_take64_(&cursor);
	else
		entry->tag = (int32_t)lode_take32_(&cursor);
	entry->value = lode_take_word_(&cursor);
	return LODE_OK;
}

/* Where a tag's value is kept; NTAGS: nowhere. */
static uint32_t slot_of(int64_t tag)
{
	if (tag >= 0 && tag < TAG_GNU_HASH)
		return (uint32_t)tag;
	switch (tag) {
	case LODE_DT_GNU_HASH: return TAG_GNU_HASH;
	case LODE_DT_VERSYM: return TAG_VERSYM;
	case LODE_DT_VERDEF: return TAG_VERDEF;
	case LODE_DT_VERNEED: return TAG_VERNEED;
	default: return NTAGS;
	}
}

static void note_tag(struct tags *tags, const struct lode_dyn *entry)
{
	struct lode_dynamic *dynamic = tags->dynamic;
	uint32_t slot = slot_of(entry->tag);

	if (slot < NTAGS) {
		tags->value[slot] = entry->value;
		tags->entry[slot] = dynamic->count;
		tags->seen[slot] = true;
	}
	switch (entry->tag) {
	case LODE_DT_NEEDED: dynamic->needed++; break;
	case LODE_DT_VERDEFNUM: dynamic->verdefnum = entry->value; break;
	case LODE_DT_VERNEEDNUM: dynamic->verneednum = entry->value; break;
	case LODE_DT_RELCOUNT:
	case LODE_DT_RELACOUNT: dynamic->relacount = entry->value; break;
	case LODE_DT_FLAGS_1: dynamic->flags_1 = entry->value; break;
	default: break;
	}
}

static int read_entries(struct tags *tags, uint64_t limit, struct lode_diag *why)
{
	for (struct lode_dynamic *dynamic = tags->dynamic; dynamic->count < limit; dynamic->count++) {
		struct lode_dyn entry;
		int status = lode_dynamic_entry(&entry, tags->image, dynamic, dynamic->count, why);

		if (status != LODE_OK)
			return status;
		if (entry.tag == LODE_DT_NULL)
			break;
		note_tag(tags, &entry);
	}
	return LODE_OK;
}

/* The entry that a tag came from is at fault. */
static int refuse_tag(const struct tags *tags, enum lode_rule rule, uint32_t slot, uint64_t limit, struct lode_diag *why)
{
	uint64_t entry = tags->dynamic->offset + (uint64_t)tags->entry[slot] * entry_size(tags->image);

	return lode_refuse_(why, rule, lode_at_entry_(LODE_FIELD_DYN_VALUE, tags->entry[slot], entry + lode_word_size(tags->image),
		tags->value[slot], limit));
}

/* A table whose size nothing says: the rest of the file part of its segment. */
static int locate(struct lode_extent *extent, const struct tags *tags, uint32_t slot, struct lode_diag *why)
{
	const struct lode_image *image = tags->image;
	uint64_t vaddr = tags->value[slot];
	const struct lode_segment *segment;

	if (!tags->seen[slot] || vaddr == 0)
		return LODE_OK;
	if (!lode_vaddr_to_offset(&extent->offset, image, vaddr, 1))
		return refuse_tag(tags, LODE_RULE_DYNAMIC_RANGE, slot, 1, why);
	segment = lode_segment_at(image, vaddr, 1);
	extent->size = segment->offset + segment->filesz - extent->offset;
	return LODE_OK;
}

/* A table whose size stands in another tag. Absent: size 0. A size alone says nothing. */
static int locate_sized(struct lode_extent *extent, const struct tags *tags, uint32_t slot, uint32_t size_slot,
	struct lode_diag *why)
{
	uint64_t size = tags->value[size_slot];

	if (size == 0)
		return LODE_OK;
	if (!tags->seen[slot])
		return refuse_tag(tags, LODE_RULE_DYNAMIC_RANGE, size_slot, 0, why);
	if (!lode_vaddr_to_offset(&extent->offset, tags->image, tags->value[slot], size))
		return refuse_tag(tags, LODE_RULE_DYNAMIC_RANGE, slot, size, why);
	extent->size = size;
	return LODE_OK;
}

/* DT_SYMENT and its like: absent, or the size of the structure. */
static int check_entry_sizes(const struct tags *tags, struct lode_diag *why)
{
	const struct lode_image *image = tags->image;
	const uint32_t tag[4] = {LODE_DT_SYMENT, LODE_DT_RELENT, LODE_DT_RELAENT, LODE_DT_RELRENT};
	const uint32_t size[4] = {lode_symbol_size(image), lode_rel_size(image, false), lode_rel_size(image, true),
		lode_word_size(image)};

	for (int i = 0; i < 4; i++)
		if (tags->seen[tag[i]] && tags->value[tag[i]] != size[i])
			return refuse_tag(tags, LODE_RULE_DYNAMIC_ENTSIZE, tag[i], size[i], why);
	return LODE_OK;
}

static int locate_relocs(struct lode_reltab *table, const struct tags *tags, uint32_t slot, uint32_t size_slot,
	struct lode_diag *why)
{
	struct lode_extent extent = {0};
	uint32_t size = lode_rel_size(tags->image, table->rela);
	int status = locate_sized(&extent, tags, slot, size_slot, why);

	if (status != LODE_OK)
		return status;
	table->offset = extent.offset;
	table->size = extent.size;
	table->count = lode_divide_(extent.size, size);
	if (table->count * size != extent.size)
		return refuse_tag(tags, LODE_RULE_RELOC_TABLE, size_slot, size, why);
	return LODE_OK;
}

static int locate_relr(const struct tags *tags, struct lode_diag *why)
{
	struct lode_extent *relr = &tags->dynamic->relr;
	int status = locate_sized(relr, tags, LODE_DT_RELR, LODE_DT_RELRSZ, why);

	if (status == LODE_OK && (relr->size & (lode_word_size(tags->image) - 1)))
		return refuse_tag(tags, LODE_RULE_RELOC_TABLE, LODE_DT_RELRSZ, lode_word_size(tags->image), why);
	return status;
}

/* GNU ld for RISC-V counts the entries of DT_JMPREL, which lie behind the others, in DT_RELASZ too: they are not to be
 * applied twice. */
static void cut_jmprel(struct lode_reltab *table, const struct lode_image *image, const struct lode_reltab *jmprel)
{
	uint64_t before = jmprel->offset - table->offset;

	if (!within(before, jmprel->size, table->size) || table->size - before != jmprel->size)
		return;
	table->size = before;
	table->count = lode_divide_(before, lode_rel_size(image, table->rela));
}

static int locate_relocations(const struct tags *tags, struct lode_diag *why)
{
	struct lode_dynamic *dynamic = tags->dynamic;
	uint64_t kind = tags->value[LODE_DT_PLTREL];
	int status;

	if (tags->value[LODE_DT_PLTRELSZ] != 0 && kind != LODE_DT_REL && kind != LODE_DT_RELA)
		return refuse_tag(tags, LODE_RULE_DYNAMIC_PLTREL, tags->seen[LODE_DT_PLTREL] ? LODE_DT_PLTREL : LODE_DT_PLTRELSZ, 0,
			why);
	dynamic->rela.rela = true;
	dynamic->jmprel.rela = kind == LODE_DT_RELA;
	status = locate_relocs(&dynamic->rel, tags, LODE_DT_REL, LODE_DT_RELSZ, why);
	if (status == LODE_OK)
		status = locate_relocs(&dynamic->rela, tags, LODE_DT_RELA, LODE_DT_RELASZ, why);
	if (status == LODE_OK)
		status = locate_relocs(&dynamic->jmprel, tags, LODE_DT_JMPREL, LODE_DT_PLTRELSZ, why);
	if (status == LODE_OK)
		status = locate_relr(tags, why);
	if (status == LODE_OK)
		cut_jmprel(dynamic->jmprel.rela ? &dynamic->rela : &dynamic->rel, tags->image, &dynamic->jmprel);
	return status;
}

static int locate_versions(const struct tags *tags, struct lode_diag *why)
{
	int status = locate(&tags->dynamic->versym, tags, TAG_VERSYM, why);

	if (status == LODE_OK)
		status = locate(&tags->dynamic->verdef, tags, TAG_VERDEF, why);
	if (status == LODE_OK)
		status = locate(&tags->dynamic->verneed, tags, TAG_VERNEED, why);
	return status;
}

/* Without a hash table nobody says how many symbols there are: as many as lie before the strings, or in the file part. */
static void bound_symbols(struct lode_symtab *symbols, const struct lode_image *image, uint64_t size)
{
	if (symbols->strings.offset > symbols->offset)
		size = min_u64(size, symbols->strings.offset - symbols->offset);
	symbols->count = lode_divide_(size, lode_symbol_size(image));
}

static int locate_symbols(const struct tags *tags, struct lode_diag *why)
{
	struct lode_dynamic *dynamic = tags->dynamic;
	struct lode_extent room = {0}, strings = {0};
	int status;

	if (tags->seen[LODE_DT_STRTAB] != tags->seen[LODE_DT_STRSZ])
		return refuse_tag(tags, LODE_RULE_DYNAMIC_STRINGS, tags->seen[LODE_DT_STRTAB] ? LODE_DT_STRTAB : LODE_DT_STRSZ, 0,
			why);
	status = locate_sized(&strings, tags, LODE_DT_STRTAB, LODE_DT_STRSZ, why);
	if (status == LODE_OK)
		status = locate(&room, tags, LODE_DT_SYMTAB, why);
	if (status == LODE_OK)
		status = locate(&dynamic->hash, tags, LODE_DT_HASH, why);
	if (status == LODE_OK)
		status = locate(&dynamic->gnu_hash, tags, TAG_GNU_HASH, why);
	if (status != LODE_OK)
		return status;
	dynamic->symbols.offset = room.offset;
	dynamic->symbols.strings =
		(struct lode_strings){.source = tags->image->source, .offset = strings.offset, .size = strings.size};
	bound_symbols(&dynamic->symbols, tags->image, room.size);
	return lode_hash_count_(dynamic, tags->image, lode_divide_(room.size, lode_symbol_size(tags->image)), why);
}

/* Called by address, but their words have bytes in the file. */
static int locate_array(struct lode_range *array, const struct tags *tags, uint32_t slot, uint32_t size_slot, struct lode_diag *why)
{
	struct lode_extent extent = {0};
	int status = locate_sized(&extent, tags, slot, size_slot, why);

	if (status == LODE_OK && extent.size > 0)
		*array = (struct lode_range){.addr = tags->value[slot], .size = extent.size};
	return status;
}

static int locate_arrays(const struct tags *tags, struct lode_diag *why)
{
	struct lode_dynamic *dynamic = tags->dynamic;
	int status = locate_array(&dynamic->init_array, tags, LODE_DT_INIT_ARRAY, LODE_DT_INIT_ARRAYSZ, why);

	if (status == LODE_OK)
		status = locate_array(&dynamic->fini_array, tags, LODE_DT_FINI_ARRAY, LODE_DT_FINI_ARRAYSZ, why);
	return status;
}

static void take_scalars(const struct tags *tags)
{
	struct lode_dynamic *dynamic = tags->dynamic;
	const uint64_t *value = tags->value;

	dynamic->init = value[LODE_DT_INIT];
	dynamic->fini = value[LODE_DT_FINI];
	dynamic->flags = value[LODE_DT_FLAGS];
	dynamic->soname = tags->seen[LODE_DT_SONAME] ? value[LODE_DT_SONAME] : LODE_NO_OFFSET;
	dynamic->rpath = tags->seen[LODE_DT_RPATH] ? value[LODE_DT_RPATH] : LODE_NO_OFFSET;
	dynamic->runpath = tags->seen[LODE_DT_RUNPATH] ? value[LODE_DT_RUNPATH] : LODE_NO_OFFSET;
	dynamic->textrel = tags->seen[LODE_DT_TEXTREL] || (value[LODE_DT_FLAGS] & LODE_DF_TEXTREL);
	dynamic->bind_now = tags->seen[LODE_DT_BIND_NOW] || (value[LODE_DT_FLAGS] & LODE_DF_BIND_NOW);
	dynamic->debug = tags->seen[LODE_DT_DEBUG];
}

static int refuse_size(const struct lode_image *image, const struct lode_segment *segment, enum lode_rule rule, uint64_t limit,
	struct lode_diag *why)
{
	return lode_refuse_(why, rule,
		lode_at_segment_(image, lode_segment_index(image, segment), LODE_FIELD_PHDR_FILESZ, limit));
}

/* The segment that holds the table is there and can be one. */
static int check_segment(const struct lode_image *image, const struct lode_segment *segment, struct lode_diag *why)
{
	if (!within(segment->offset, segment->filesz, image->source->size))
		return lode_refuse_(why, LODE_RULE_SEGMENT_PAST_END, lode_past_end_(image, lode_segment_index(image, segment)));
	if (segment->filesz & (entry_size(image) - 1))
		return refuse_size(image, segment, LODE_RULE_DYNAMIC_SIZE, entry_size(image), why);
	return LODE_OK;
}

/* All entries, or a refusal: none is passed over. A source that does not know its size may have no end. */
static int read_table(struct tags *tags, const struct lode_segment *segment, struct lode_diag *why)
{
	const struct lode_image *image = tags->image;
	uint64_t entries = lode_divide_(segment->filesz, entry_size(image));
	int status = read_entries(tags, min_u64(entries, MAX_DYNAMIC + 1), why);

	if (status == LODE_OK && tags->dynamic->count > MAX_DYNAMIC)
		return refuse_size(image, segment, LODE_RULE_DYNAMIC_LENGTH, (uint64_t)MAX_DYNAMIC * entry_size(image), why);
	return status;
}

int lode_dynamic_open(struct lode_dynamic *dynamic, const struct lode_image *image, struct lode_diag *why)
{
	const struct lode_segment *segment = lode_segment_find(image, LODE_PT_DYNAMIC);
	struct tags tags = {.image = image, .dynamic = dynamic};
	int status;

	*dynamic = (struct lode_dynamic){.soname = LODE_NO_OFFSET, .rpath = LODE_NO_OFFSET, .runpath = LODE_NO_OFFSET};
	if (!segment || segment->filesz == 0)
		return LODE_OK;
	dynamic->offset = segment->offset;
	status = check_segment(image, segment, why);
	if (status == LODE_OK)
		status = read_table(&tags, segment, why);
	if (status != LODE_OK)
		return status;
	take_scalars(&tags);
	status = check_entry_sizes(&tags, why);
	if (status == LODE_OK)
		status = locate_symbols(&tags, why);
	if (status == LODE_OK)
		status = locate_relocations(&tags, why);
	if (status == LODE_OK)
		status = locate_versions(&tags, why);
	if (status == LODE_OK)
		status = locate_arrays(&tags, why);
	return status;
}
