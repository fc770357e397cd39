/* SPDX-License-Identifier: MIT */
/* A plan -> bands of memory from low to high addresses, with what is to be said about each. */
#include "show.h"
#include <inttypes.h>
#include <string.h>

enum { SECTIONS_SHOWN = 4 };

static uint64_t segment_addr(const struct show *show, const struct lode_segment *segment)
{
	return (show->policy.domain == LODE_PHYSICAL ? segment->paddr : segment->vaddr) + show->plan.bias;
}

/* Bytes that [a, a + asize) and [b, b + bsize) have in common. Neither wraps: a plan proved it. */
static uint64_t common(uint64_t a, uint64_t asize, uint64_t b, uint64_t bsize)
{
	uint64_t begin = a > b ? a : b, aend = a + asize, bend = b + bsize, end = aend - 1 < bend - 1 ? aend : bend;

	return asize == 0 || bsize == 0 || begin - a >= asize || begin - b >= bsize ? 0 : end - begin;
}

static void find_segments(struct band *band, const struct show *show)
{
	const struct lode_image *image = &show->file.image;

	for (uint32_t k = 0; k < image->nload && band->nsegments < sizeof band->segments / sizeof *band->segments; k++) {
		uint32_t i = show->policy.domain == LODE_PHYSICAL ? image->segments[k].by_paddr : image->segments[k].by_vaddr;
		const struct lode_segment *segment = &image->segments[i];

		if (common(segment_addr(show, segment), segment->memsz, band->addr, band->size) > 0)
			band->segments[band->nsegments++] = i;
	}
}

enum cell picture_cell(const struct band *band, const struct show *show, uint64_t addr, uint64_t size)
{
	uint64_t file = 0, zero = 0;

	for (uint32_t i = 0; i < band->nsegments; i++) {
		const struct lode_segment *segment = &show->file.image.segments[band->segments[i]];
		uint64_t begin = segment_addr(show, segment);

		file += common(begin, segment->filesz, addr, size);
		zero += common(begin + segment->filesz, segment->memsz - segment->filesz, addr, size);
	}
	if ((file == 0 && zero == 0) || file + zero < size - size / 2)
		return CELL_REST;
	if (common(show->plan.relro.addr, show->plan.relro.size, addr, size) > size / 2)
		return CELL_RELRO;
	return file >= zero ? CELL_FILE : CELL_ZERO;
}

static void label(struct band *band, enum band_mark mark, uint64_t addr, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
static void label(struct band *band, enum band_mark mark, uint64_t addr, const char *format, ...)
{
	va_list args;

	if (band->nlabels == BAND_LABELS)
		return;
	va_start(args, format);
	vsnprintf(band->labels[band->nlabels].text, sizeof band->labels[0].text, format, args);
	va_end(args);
	band->labels[band->nlabels].mark = mark;
	band->labels[band->nlabels++].addr = addr;
}

static void label_kind(struct band *band, const struct show *show)
{
	static const char *const words[] = {"shared with the page cache", "private copy of file bytes", "private zeros"};
	const struct lode_run *run = band->run;
	char size[24];
	const char *what = words[run->kind];

	if (run->kind == LODE_RUN_SHARE && (run->prot & LODE_PF_W))
		what = "page cache until written";
	else if (show->policy.use == LODE_USE_KERNEL)
		what = run->kind == LODE_RUN_ZERO ? "zeros" : "copied from the file";
	label(band, MARK_FIRST, band->addr, "%s %s %s", prot_name(run->prot), show_size(size, run->size), what);
	if (run->kind == LODE_RUN_SHARE)
		label(band, MARK_FILE, band->addr, "file 0x%" PRIx64, run->offset);
}

struct largest {
	uint32_t index[SECTIONS_SHOWN];
	uint64_t size[SECTIONS_SHOWN];
	uint32_t n;
};

/* Keep the largest, largest first. */
static void keep(struct largest *largest, uint32_t index, uint64_t size)
{
	uint32_t at = largest->n;

	while (at > 0 && largest->size[at - 1] < size)
		at--;
	if (at == SECTIONS_SHOWN)
		return;
	largest->n += largest->n < SECTIONS_SHOWN;
	for (uint32_t i = largest->n - 1; i > at; i--) {
		largest->index[i] = largest->index[i - 1];
		largest->size[i] = largest->size[i - 1];
	}
	largest->index[at] = index;
	largest->size[at] = size;
}

/* Bytes that a section has in the band. Thread-local zeros have addresses, but no bytes there. */
static uint64_t section_bytes(const struct band *band, const struct show *show, const struct lode_section *section)
{
	uint64_t addr;

	if (!(section->flags & LODE_SHF_ALLOC) || ((section->flags & LODE_SHF_TLS) && section->type == LODE_SHT_NOBITS))
		return 0;
	addr = section->addr + show->plan.bias;
	if (show->policy.domain == LODE_PHYSICAL) {
		const struct lode_segment *segment = lode_segment_at(&show->file.image, section->addr, section->size);

		if (!segment)
			return 0;
		addr = section->addr - segment->vaddr + segment->paddr;
	}
	if (section->size > show->plan.span.size || addr + section->size < addr)
		return 0;
	return common(addr, section->size, band->addr, band->size);
}

/* The names of the largest sections, as many as fit, in the order in which they lie. */
static void label_sections(struct band *band, const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	struct largest largest = {.n = 0};
	char text[120] = "", name[64], safe[260];

	for (uint32_t i = 1; image->sections && i < image->nsections; i++) {
		uint64_t size = section_bytes(band, show, &image->sections[i]);

		if (size > 0)
			keep(&largest, i, size);
	}
	for (uint32_t last = 0, i = 0; i < largest.n; i++) {
		uint32_t next = UINT32_MAX;
		size_t length = strlen(text);

		for (uint32_t k = 0; k < largest.n; k++)
			if (largest.index[k] > last && largest.index[k] < next)
				next = largest.index[k];
		last = next;
		section_name(name, sizeof name, &show->file.image, next);
		escape_bytes(safe, sizeof safe, name, strlen(name));
		if (length + strlen(safe) + 1 < 44)
			snprintf(text + length, sizeof text - length, "%s%.44s", length > 0 ? " " : "", safe);
	}
	if (text[0] != '\0')
		label(band, MARK_SECTIONS, band->addr, "%s", text);
}

/* The entry in the plan's addresses: a kernel that is loaded to p_paddr may name its entry by p_vaddr. */
static uint64_t entry_of(const struct show *show)
{
	const struct lode_segment *segment;

	if (show->policy.domain == LODE_VIRTUAL)
		return show->plan.entry;
	segment = lode_segment_at(&show->file.image, show->file.image.entry, 1);
	return !segment ? show->file.image.entry : show->file.image.entry - segment->vaddr + segment->paddr;
}

static bool holds(const struct band *band, uint64_t addr)
{
	return addr >= band->addr && addr - band->addr < band->size;
}

static void label_marks(struct band *band, const struct show *show)
{
	const struct lode_plan *plan = &show->plan;
	const struct lode_segment *dynamic = lode_segment_find(&show->file.image, LODE_PT_DYNAMIC);
	char size[24], zero[24];

	if (show->file.image.entry != 0 && holds(band, entry_of(show)))
		label(band, MARK_ENTRY, entry_of(show), "entry 0x%" PRIx64, entry_of(show));
	if (show->kind.offers.pvh && show->policy.domain == LODE_PHYSICAL && holds(band, show->kind.offers.pvh_entry))
		label(band, MARK_ENTRY, show->kind.offers.pvh_entry, "PVH entry 0x%" PRIx64, show->kind.offers.pvh_entry);
	if (plan->relro.size > 0 && holds(band, plan->relro.addr))
		label(band, MARK_RELRO, plan->relro.addr, "RELRO to 0x%" PRIx64 ": then read-only",
			plan->relro.addr + plan->relro.size);
	if (plan->has_tls && holds(band, plan->tls.addr))
		label(band, MARK_TLS, plan->tls.addr, "TLS template %s + %s of zeros", show_size(size, plan->tls.file_size),
			show_size(zero, plan->tls.mem_size - plan->tls.file_size));
	if (dynamic && show->policy.domain == LODE_VIRTUAL && holds(band, dynamic->vaddr + plan->bias))
		label(band, MARK_OTHER, dynamic->vaddr + plan->bias, "dynamic table 0x%" PRIx64, dynamic->vaddr + plan->bias);
	if (plan->has_phdr && holds(band, plan->phdr))
		label(band, MARK_OTHER, plan->phdr, "program headers 0x%" PRIx64, plan->phdr);
}

/* Pages that two segments touch. */
static void label_shared_pages(struct band *band, const struct show *show)
{
	for (uint32_t i = 1; i < band->nsegments; i++) {
		const struct lode_segment *low = &show->file.image.segments[band->segments[i - 1]],
			*high = &show->file.image.segments[band->segments[i]];
		uint64_t last = segment_addr(show, low) + low->memsz - 1,
			page = segment_addr(show, high) & ~(show->policy.page_size - 1);

		if (last >= page && holds(band, page))
			label(band, MARK_WARN, page, "segments %u and %u share page 0x%" PRIx64, band->segments[i - 1],
				band->segments[i], page);
	}
}

const char *picture_extent(char buf[64], const struct show *show)
{
	uint64_t pages = show->sizes.memory, span = show->plan.span.size;
	char size[24], whole[24];

	show_size(size, pages);
	show_size(whole, span);
	if (strcmp(size, whole) == 0)
		snprintf(buf, 64, "%s", size);
	else
		snprintf(buf, 64, "%s of a span of %s", size, whole);
	return buf;
}

bool picture_next_band(struct band *band, const struct show *show, uint32_t *next)
{
	const struct lode_plan *plan = &show->plan;
	uint32_t i = *next / 2;

	/* Even numbers are runs, odd ones the gaps behind them. */
	while (*next % 2 == 1 && i + 1 < plan->nruns && plan->runs[i].addr + plan->runs[i].size == plan->runs[i + 1].addr)
		i = ++*next / 2;
	if (i >= plan->nruns || (*next % 2 == 1 && i + 1 == plan->nruns))
		return false;
	memset(band, 0, sizeof *band);
	band->run = &plan->runs[i];
	band->addr = band->run->addr;
	band->size = band->run->size;
	if ((*next)++ % 2 == 1) {
		char size[24];

		band->gap = true;
		band->addr += band->size;
		band->size = plan->runs[i + 1].addr - band->addr;
		label(band, MARK_OTHER, band->addr, "gap of %s", show_size(size, band->size));
		return true;
	}
	find_segments(band, show);
	label_kind(band, show);
	label_sections(band, show);
	label_marks(band, show);
	label_shared_pages(band, show);
	return true;
}
