/* SPDX-License-Identifier: MIT */
/* PT_LOAD segments in the order of their addresses -> what two of them do to each other. */
#include "check.h"

static uint64_t page_of(uint64_t addr)
{
	return addr & ~(uint64_t)(PAGE - 1);
}

static bool both_wx(uint32_t a, uint32_t b)
{
	const uint32_t wx = LODE_PF_W | LODE_PF_X;

	return ((a | b) & wx) == wx && (a & wx) != wx && (b & wx) != wx;
}

/* Segment index and one below it, other, touch the same page. */
static void check_pair(struct check *c, uint32_t index, uint32_t other)
{
	const struct lode_segment *a = &c->image.segments[index], *b = &c->image.segments[other];
	struct check_place place = check_at_segment(c, index, LODE_FIELD_PHDR_VADDR);
	unsigned long long page = page_of(a->vaddr);

	if (a->flags == b->flags || (c->targets & (FOR_PHYSICAL | FOR_RUST)))
		check_add(c, CHECK_SEGMENT_PAGE_TOUCH, place, "page 0x%llx: %s, and %s of program header %u", page,
			prot_name(a->flags), prot_name(b->flags), other);
	if (a->flags == b->flags)
		return;
	if (both_wx(a->flags, b->flags))
		check_add(c, CHECK_SEGMENT_PAGE_WX, place, "page 0x%llx: %s, and %s of program header %u", page,
			prot_name(a->flags), prot_name(b->flags), other);
	check_add(c, CHECK_SEGMENT_PAGE_SHARED, place, "page 0x%llx: %s, and %s of program header %u", page, prot_name(a->flags),
		prot_name(b->flags), other);
	check_add(c, CHECK_LIMINE_PAGE, place, "page 0x%llx: %s, and %s of program header %u", page, prot_name(a->flags),
		prot_name(b->flags), other);
}

static uint64_t last_byte(const struct lode_segment *segment)
{
	return segment->vaddr + (segment->memsz - 1);
}

static void check_virtual(struct check *c)
{
	uint32_t highest = c->image.nload > 0 ? c->image.segments[0].by_vaddr : 0;

	for (uint32_t k = 1; k < c->image.nload; k++) {
		uint32_t index = c->image.segments[k].by_vaddr;
		const struct lode_segment *segment = &c->image.segments[index], *below = &c->image.segments[highest];

		if (segment->vaddr <= last_byte(below))
			check_add_rule(c, LODE_RULE_SEGMENT_OVERLAP, LODE_FIELD_PHDR_VADDR, check_at_segment(c, index,
				LODE_FIELD_PHDR_VADDR), last_byte(below));
		else if (page_of(segment->vaddr) == page_of(last_byte(below)))
			check_pair(c, index, highest);
		if (last_byte(segment) > last_byte(below))
			highest = index;
	}
}

static void check_physical(struct check *c)
{
	uint32_t highest = c->image.nload > 0 ? c->image.segments[0].by_paddr : 0;

	for (uint32_t k = 1; k < c->image.nload; k++) {
		uint32_t index = c->image.segments[k].by_paddr;
		const struct lode_segment *segment = &c->image.segments[index], *below = &c->image.segments[highest];

		if (segment->paddr - below->paddr < below->memsz)
			check_add(c, CHECK_PADDR_OVERLAP, check_at_segment(c, index, LODE_FIELD_PHDR_PADDR),
				"with program header %u", highest);
		if (segment->paddr - below->paddr >= below->memsz ||
			segment->memsz > below->memsz - (segment->paddr - below->paddr))
			highest = index;
	}
}

/* Per-CPU data of vmlinux stands at 0: no disorder, but not part of one image either. */
static void check_order(struct check *c)
{
	uint64_t before = 0;

	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		const struct lode_segment *segment = &c->image.segments[i];

		if (segment->type != LODE_PT_LOAD || segment->memsz == 0)
			continue;
		if (c->kind.linux_kernel && segment->vaddr == 0) {
			check_add(c, CHECK_LINUX_PERCPU, check_at_segment(c, i, LODE_FIELD_PHDR_VADDR), NULL);
			continue;
		}
		if (segment->vaddr < before)
			check_add(c, CHECK_SEGMENT_DESCENDING, check_at_segment(c, i, LODE_FIELD_PHDR_VADDR),
				"the one before begins at 0x%llx", (unsigned long long)before);
		before = segment->vaddr;
	}
}

/* Limine rounds a mapping's end up by p_align. */
static void check_limine_align(struct check *c)
{
	for (uint32_t k = 0; k + 1 < c->image.nload; k++) {
		uint32_t index = c->image.segments[k].by_vaddr;
		const struct lode_segment *segment = &c->image.segments[index],
			*next = &c->image.segments[c->image.segments[k + 1].by_vaddr];
		uint64_t align = segment->align;

		if (align <= PAGE || (align & (align - 1)) != 0)
			continue;
		if ((last_byte(segment) | (align - 1)) >= next->vaddr)
			check_add(c, CHECK_LIMINE_ALIGN_COVERS, check_at_segment(c, index, LODE_FIELD_PHDR_ALIGN),
				"the next segment begins at 0x%llx", (unsigned long long)next->vaddr);
	}
}

void check_pages(struct check *c)
{
	if (c->kind.id == KIND_DEBUG || c->image.type == LODE_ET_CORE)
		return;
	check_order(c);
	check_virtual(c);
	check_physical(c);
	check_limine_align(c);
}
