/* SPDX-License-Identifier: MIT */
/* Marks of the Limine boot protocol in a file -> what a Limine loader will see of them, and what it refuses. */
#include "check.h"
#include <lode/limine.h>
#include <string.h>

enum { MAX_MARKS = 128 };

static const char *const request_names[LODE_LIMINE_REQUESTS] = {
	[LODE_LIMINE_MEMMAP] = "memory map",
	[LODE_LIMINE_FRAMEBUFFER] = "framebuffer",
	[LODE_LIMINE_HHDM] = "HHDM",
	[LODE_LIMINE_RSDP] = "RSDP",
	[LODE_LIMINE_MODULES] = "modules",
	[LODE_LIMINE_ADDRESS] = "executable address",
	[LODE_LIMINE_FILE] = "executable file",
	[LODE_LIMINE_MP] = "MP",
	[LODE_LIMINE_STACK_SIZE] = "stack size",
	[LODE_LIMINE_BOOTLOADER] = "bootloader info",
	[LODE_LIMINE_DTB] = "device tree",
	[LODE_LIMINE_DATE] = "date at boot",
	[LODE_LIMINE_CMDLINE] = "command line",
	[LODE_LIMINE_PAGING_MODE] = "paging mode",
	[LODE_LIMINE_SMBIOS] = "SMBIOS",
	[LODE_LIMINE_ENTRY] = "entry point",
	[LODE_LIMINE_EFI_SYSTEM_TABLE] = "EFI system table",
	[LODE_LIMINE_EFI_MEMMAP] = "EFI memory map",
	[LODE_LIMINE_FIRMWARE] = "firmware type",
	[LODE_LIMINE_PERFORMANCE] = "performance",
	[LODE_LIMINE_TSC_FREQUENCY] = "TSC frequency",
	[LODE_LIMINE_RISCV_HART] = "RISC-V hart id",
	[LODE_LIMINE_TPM_LOG] = "TPM log",
	[LODE_LIMINE_KEEP_IOMMU] = "keep IOMMU",
	[LODE_LIMINE_FLANTERM] = "Flanterm parameters",
	[LODE_LIMINE_ENTROPY] = "entropy",
};

static const uint64_t common[2] = {LODE_LIMINE_COMMON0, LODE_LIMINE_COMMON1};
static const uint64_t base_tag[2] = {LODE_LIMINE_BASE0, LODE_LIMINE_BASE1};
static const uint64_t start_marker[2] = {LODE_LIMINE_START0, LODE_LIMINE_START1};
static const uint64_t end_marker[2] = {LODE_LIMINE_END0, LODE_LIMINE_END1};

/* One mark in the file. */
struct mark {
	uint64_t offset, vaddr;
	uint64_t low, high; /* the two words behind its magic number */
	uint32_t request;   /* LODE_LIMINE_REQUESTS: none that is known */
	bool loaded;
};

struct marks {
	struct mark mark[MAX_MARKS];
	unsigned count;
};

/* True if the bytes at offset are in memory once the kernel is loaded. */
static bool place_in_memory(struct check *c, uint64_t offset, uint64_t *vaddr)
{
	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		const struct lode_segment *segment = &c->image.segments[i];

		if (segment->type == LODE_PT_LOAD && offset >= segment->offset && offset - segment->offset < segment->filesz) {
			*vaddr = segment->vaddr + (offset - segment->offset);
			return true;
		}
	}
	return false;
}

/* Constants in debug information are no marks: what is not loaded counts only if a section says that it should be. */
static bool meant_for_memory(const struct check *c, uint64_t offset)
{
	for (uint32_t i = 1; c->has_sections && i < c->image.nsections; i++) {
		const struct lode_section *section = &c->image.sections[i];

		if (section->type != LODE_SHT_NOBITS && (section->flags & LODE_SHF_ALLOC) && offset >= section->offset &&
			offset - section->offset < section->size)
			return true;
	}
	return false;
}

/* Behind it nothing is in memory nor meant for it: debug information can be most of a file. */
static uint64_t memory_end(const struct check *c)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		const struct lode_segment *segment = &c->image.segments[i];

		if (segment->type == LODE_PT_LOAD && segment->offset + segment->filesz > end)
			end = segment->offset + segment->filesz;
	}
	for (uint32_t i = 1; c->has_sections && i < c->image.nsections; i++) {
		const struct lode_section *section = &c->image.sections[i];

		if (section->type != LODE_SHT_NOBITS && (section->flags & LODE_SHF_ALLOC) && section->offset + section->size > end)
			end = section->offset + section->size;
	}
	return end < c->source.size ? end : c->source.size;
}

static void find(struct check *c, struct marks *marks, const uint64_t magic[2])
{
	unsigned char pattern[16], raw[16];
	uint64_t at = 0, end = memory_end(c);

	for (unsigned i = 0; i < 16; i++)
		pattern[i] = (unsigned char)(magic[i / 8] >> 8 * (i % 8));
	marks->count = 0;
	while (marks->count < MAX_MARKS && check_spend(c, c->image.nsegments)) {
		struct mark mark = {0};

		at = check_search(c, pattern, sizeof pattern, at, end);
		if (at == LODE_NO_OFFSET || !check_read(c, raw, at + 16, sizeof raw))
			return;
		mark.offset = at;
		mark.low = le64(raw), mark.high = le64(raw + 8);
		mark.request = lode_limine_request_of(mark.low, mark.high);
		mark.loaded = place_in_memory(c, at, &mark.vaddr);
		if (mark.loaded || meant_for_memory(c, at))
			marks->mark[marks->count++] = mark;
		at += 8;
	}
}

static const char *request_name(const struct mark *mark)
{
	return mark->request < LODE_LIMINE_REQUESTS ? request_names[mark->request] : NULL;
}

static bool wants_firmware(const struct mark *mark)
{
	static const enum lode_limine_request ids[] = {
		LODE_LIMINE_DTB, LODE_LIMINE_SMBIOS, LODE_LIMINE_EFI_SYSTEM_TABLE, LODE_LIMINE_EFI_MEMMAP, LODE_LIMINE_RISCV_HART,
		LODE_LIMINE_TPM_LOG, LODE_LIMINE_KEEP_IOMMU, LODE_LIMINE_FLANTERM,
	};

	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		if (mark->request == ids[i])
			return true;
	return false;
}

static struct check_place at_mark(const char *structure, const char *field, uint64_t value, const struct mark *mark)
{
	return check_at(structure, LODE_NO_INDEX, field, value, mark->offset);
}

static uint64_t check_base(struct check *c, bool requests_there)
{
	struct marks tags;
	uint64_t revision;

	find(c, &tags, base_tag);
	if (tags.count == 0) {
		if (requests_there)
			check_add(c, CHECK_LIMINE_BASE_MISSING, check_at_file(LODE_NO_OFFSET), NULL);
		else
			check_add(c, CHECK_LIMINE_MISSING, check_at_file(LODE_NO_OFFSET), NULL);
		return 0;
	}
	revision = tags.mark[0].low;
	check_add_seen(c, "Limine base revision %llu", (unsigned long long)revision);
	if (revision > LODE_LIMINE_NEWEST)
		check_add(c, CHECK_LIMINE_BASE_UNSUPPORTED, at_mark("Limine base tag", "revision", revision, &tags.mark[0]), NULL);
	else if (revision < LODE_LIMINE_NEWEST)
		check_add(c, CHECK_LIMINE_BASE_OLD, at_mark("Limine base tag", "revision", revision, &tags.mark[0]), NULL);
	for (unsigned i = 1; i < tags.count; i++)
		check_add(c, CHECK_LIMINE_BASE_TWICE, at_mark("Limine base tag", "revision", tags.mark[i].low, &tags.mark[i]),
			NULL);
	return revision;
}

/* Addresses between which requests are seen: behind the last start marker, before the first end marker. */
static bool check_markers(struct check *c, uint64_t *from, uint64_t *to)
{
	struct marks starts, ends;

	*from = 0;
	*to = UINT64_MAX;
	find(c, &starts, start_marker);
	find(c, &ends, end_marker);
	if (starts.count == 0 && ends.count == 0)
		return false;
	if (starts.count > 0)
		*from = starts.mark[starts.count - 1].vaddr;
	if (ends.count > 0)
		*to = ends.mark[0].vaddr;
	if (starts.count != 1 || ends.count != 1 || *to < *from)
		check_add(c, CHECK_LIMINE_MARKERS,
			at_mark("Limine marker", "", 0, starts.count > 0 ? &starts.mark[0] : &ends.mark[0]),
			"%u start, %u end%s", starts.count, ends.count, *to < *from ? ", the end before the start" : "");
	return true;
}

static void check_request(struct check *c, const struct marks *marks, unsigned index)
{
	const struct mark *mark = &marks->mark[index];
	const char *name = request_name(mark);
	struct check_place place = at_mark("Limine request", "id", mark->low, mark);

	if (!name)
		check_add(c, CHECK_LIMINE_UNKNOWN, place, NULL);
	else if (wants_firmware(mark))
		check_add(c, CHECK_LIMINE_UNANSWERED, place, "%s", name);
	if (!mark->loaded)
		check_add(c, CHECK_LIMINE_UNLOADED, place, "%s", name ? name : "unknown");
	else if (mark->vaddr % 8 != 0)
		check_add(c, CHECK_LIMINE_ALIGN, place, "%s at 0x%llx", name ? name : "unknown",
			(unsigned long long)mark->vaddr);
	for (unsigned i = 0; i < index; i++)
		if (marks->mark[i].low == mark->low && marks->mark[i].high == mark->high)
			check_add(c, CHECK_LIMINE_TWICE, place, "%s, first at file offset 0x%llx", name ? name : "unknown",
				(unsigned long long)marks->mark[i].offset);
}

/* "Limine requests: memory map, HHDM" */
static void list_requests(struct check *c, const struct marks *marks)
{
	char list[360] = "";
	size_t used = 0;

	for (unsigned i = 0; i < marks->count && used < sizeof list; i++) {
		const char *name = request_name(&marks->mark[i]);

		used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", name ? name
			: "unknown");
	}
	if (used > 0)
		check_add_seen(c, "Limine requests: %s", list);
}

static void check_requests(struct check *c, const struct marks *marks)
{
	uint64_t from, to;
	bool bounded = check_markers(c, &from, &to);

	list_requests(c, marks);
	for (unsigned i = 0; i < marks->count; i++) {
		const struct mark *mark = &marks->mark[i];
		const char *name = request_name(mark);

		check_request(c, marks, i);
		if (bounded && mark->loaded && (mark->vaddr < from || mark->vaddr >= to))
			check_add(c, CHECK_LIMINE_OUTSIDE, at_mark("Limine request", "id", mark->low, mark), "%s at 0x%llx",
				name ? name : "unknown", (unsigned long long)mark->vaddr);
	}
}

/* Every loaded byte in the upper 2 GiB; a position-independent kernel may also lie wholly below and is moved up. */
static void check_addresses(struct check *c)
{
	bool high = false, moves = c->image.type == LODE_ET_DYN;

	for (uint32_t k = 0; k < c->image.nload; k++)
		high |= c->image.segments[c->image.segments[k].by_vaddr].vaddr >= LODE_LIMINE_UPPER;
	for (uint32_t k = 0; k < c->image.nload; k++) {
		uint32_t index = c->image.segments[k].by_vaddr;

		if (c->image.segments[index].vaddr < LODE_LIMINE_UPPER && (!moves || high))
			check_add(c, CHECK_LIMINE_LOW, check_at_segment(c, index, LODE_FIELD_PHDR_VADDR), NULL);
	}
}

static bool applied(const struct lode_rel *rel)
{
	/* R_X86_64_NONE, 64, GLOB_DAT, JUMP_SLOT, RELATIVE */
	return rel->has_addend && (rel->type <= 1 || (rel->type >= 6 && rel->type <= 8));
}

static void check_needed(struct check *c)
{
	char names[160] = "";

	if (c->dynamic.needed == 0)
		return;
	check_needed_text(names, sizeof names, c, "");
	check_add(c, CHECK_LIMINE_NEEDED, check_at("dynamic entry", LODE_NO_INDEX, "DT_NEEDED", c->dynamic.needed,
		c->dynamic.offset), "%s", names);
}

static void check_moving(struct check *c)
{
	if (c->image.type != LODE_ET_DYN)
		return;
	if (!lode_segment_find(&c->image, LODE_PT_DYNAMIC))
		check_add(c, CHECK_LIMINE_DYNAMIC, check_at_header(c, LODE_FIELD_EHDR_TYPE), NULL);
	if (!c->has_dynamic)
		return;
	check_needed(c);
	if (c->image.machine == LODE_EM_X86_64)
		check_unapplied(c, CHECK_LIMINE_RELOCATION, applied);
}

void check_limine(struct check *c)
{
	struct marks marks;
	uint64_t revision;

	if (!(c->targets & FOR_LIMINE) || c->image.class_ != LODE_CLASS64)
		return;
	find(c, &marks, common);
	revision = check_base(c, marks.count > 0);
	check_requests(c, &marks);
	for (unsigned i = 0; revision == LODE_LIMINE_RSDP_PHYSICAL && i < marks.count; i++)
		if (marks.mark[i].request == LODE_LIMINE_RSDP)
			check_add(c, CHECK_LIMINE_ACPI, at_mark("Limine request", "id", marks.mark[i].low, &marks.mark[i]), NULL);
	check_addresses(c);
	check_moving(c);
	if (revision >= LODE_LIMINE_NO_SSE && c->image.machine == LODE_EM_X86_64)
		check_sse(c, revision);
}
