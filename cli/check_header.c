/* SPDX-License-Identifier: MIT */
/* ELF header and each PT_LOAD by itself -> findings. What two segments do to each other is check_pages.c's. */
#include "check.h"

enum { LOWEST = 65536 }; /* that Linux lets a process map (vm.mmap_min_addr of distributions) */

static bool power_of_two(uint64_t n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

static void check_target(struct check *c)
{
	uint16_t type = c->image.type, machine = c->image.machine;
	bool image = type == LODE_ET_EXEC || type == LODE_ET_DYN;

	if (!image && type != LODE_ET_REL && type != LODE_ET_CORE)
		check_add_rule(c, LODE_RULE_HEADER_TYPE, LODE_FIELD_EHDR_TYPE, check_at_header(c, LODE_FIELD_EHDR_TYPE), 0);
	else if (((c->targets & (FOR_PROCESS | FOR_KERNELS)) && !image) || (c->targets == FOR_MODULE && type != LODE_ET_REL))
		check_add(c, CHECK_TARGET_TYPE, check_at_header(c, LODE_FIELD_EHDR_TYPE), NULL);
	if (machine != LODE_EM_X86_64 && machine != LODE_EM_386)
		check_add(c, CHECK_TARGET_MACHINE, check_at_header(c, LODE_FIELD_EHDR_MACHINE), NULL);
	if (c->image.class_ != LODE_CLASS64)
		check_add(c, CHECK_TARGET_CLASS, check_at_header(c, LODE_FIELD_EHDR_CLASS), NULL);
}

void check_header(struct check *c)
{
	uint16_t size = c->image.class_ == LODE_CLASS64 ? 64 : 52;
	uint64_t word = lode_word_size(&c->image);

	check_target(c);
	if (c->image.ehsize != size)
		check_add(c, CHECK_HEADER_EHSIZE, check_at_header(c, LODE_FIELD_EHDR_EHSIZE), "it should be %u", size);
	if (c->image.nsegments > 0 && c->image.phoff % word != 0)
		check_add(c, CHECK_HEADER_PHOFF_ALIGN, check_at_header(c, LODE_FIELD_EHDR_PHOFF), NULL);
	if (c->kind.id == KIND_DEBUG)
		check_add(c, CHECK_HEADER_DEBUG_FILE, check_at_file(LODE_NO_OFFSET), NULL);
	if (c->program && c->image.entry == 0 && c->targets != FOR_PVH && c->kind.id != KIND_DEBUG)
		check_add(c, CHECK_ENTRY_ZERO, check_at_header(c, LODE_FIELD_EHDR_ENTRY), NULL);
}

/* In every x86 vmlinux the last segment is RWX; that has a rule of its own. */
static void check_rwx(struct check *c, uint32_t index)
{
	struct check_place place = check_at_segment(c, index, LODE_FIELD_PHDR_FLAGS);

	if (c->kind.linux_kernel)
		check_add(c, CHECK_LINUX_RWX, place, NULL);
	else
		check_add(c, CHECK_SEGMENT_RWX, place, NULL);
}

static void check_flags(struct check *c, uint32_t index)
{
	const uint32_t meant = LODE_PF_R | LODE_PF_W | LODE_PF_X | 0xfff00000; /* and those of system and processor */
	uint32_t flags = c->image.segments[index].flags;
	struct check_place place = check_at_segment(c, index, LODE_FIELD_PHDR_FLAGS);

	if ((flags & LODE_PF_W) && (flags & LODE_PF_X))
		check_rwx(c, index);
	if (!(flags & LODE_PF_R))
		check_add(c, CHECK_SEGMENT_NO_READ, place, NULL);
	if (flags & ~meant)
		check_add(c, CHECK_SEGMENT_FLAGS, place, NULL);
}

static void check_zeros(struct check *c, uint32_t index)
{
	const struct lode_segment *segment = &c->image.segments[index];

	if ((segment->flags & LODE_PF_W) || segment->memsz == segment->filesz)
		return;
	if (segment->filesz == 0)
		check_add(c, CHECK_SEGMENT_ZEROS_READONLY, check_at_segment(c, index, LODE_FIELD_PHDR_FLAGS), NULL);
	else
		check_add(c, CHECK_SEGMENT_BSS_READONLY, check_at_segment(c, index, LODE_FIELD_PHDR_MEMSZ), "p_filesz is 0x%llx",
			(unsigned long long)segment->filesz);
}

static void check_align(struct check *c, uint32_t index)
{
	const struct lode_segment *segment = &c->image.segments[index];
	uint64_t differ = segment->offset ^ segment->vaddr, align = segment->align;
	struct check_place place = check_at_segment(c, index, LODE_FIELD_PHDR_ALIGN);

	if (align < PAGE)
		check_add(c, CHECK_SEGMENT_ALIGN_SMALL, place, NULL);
	if (!power_of_two(align))
		return;
	if (align > LARGE_PAGE)
		check_add(c, CHECK_SEGMENT_ALIGN_LARGE, place, NULL);
	if (segment->filesz > 0 && (differ & (PAGE - 1)) == 0 && (differ & (align - 1)) != 0)
		check_add(c, CHECK_SEGMENT_CONGRUENCE_ALIGN, place, "p_offset 0x%llx, p_vaddr 0x%llx",
			(unsigned long long)segment->offset, (unsigned long long)segment->vaddr);
}

static void check_empty(struct check *c, uint32_t index)
{
	const struct lode_segment *segment = &c->image.segments[index];

	if (segment->vaddr == 0 && (c->targets & FOR_KERNELS))
		check_add(c, CHECK_SEGMENT_EMPTY_ZERO, check_at_segment(c, index, LODE_FIELD_PHDR_MEMSZ), NULL);
	else
		check_add(c, CHECK_SEGMENT_EMPTY, check_at_segment(c, index, LODE_FIELD_PHDR_MEMSZ), NULL);
}

/* vm.mmap_min_addr of today's distributions. */
static void check_low(struct check *c, uint32_t index)
{
	if (c->image.type == LODE_ET_EXEC && c->image.segments[index].vaddr < LOWEST)
		check_add(c, CHECK_SEGMENT_LOW, check_at_segment(c, index, LODE_FIELD_PHDR_VADDR), NULL);
}

/* p_paddr counts for loaders that copy to it. */
static void check_physical(struct check *c, uint32_t index)
{
	const struct lode_segment *segment = &c->image.segments[index];
	const uint64_t top = UINT64_C(1) << 32;
	struct check_place place = check_at_segment(c, index, LODE_FIELD_PHDR_PADDR);

	if (segment->paddr == 0 && segment->vaddr != 0)
		check_add(c, CHECK_PADDR_ZERO, place, "p_vaddr is 0x%llx", (unsigned long long)segment->vaddr);
	else if (segment->paddr < 0x100000)
		check_add(c, CHECK_PADDR_LOW, place, NULL);
	if (segment->memsz > top || segment->paddr > top - segment->memsz)
		check_add(c, CHECK_PADDR_HIGH, place, NULL);
}

void check_segments(struct check *c)
{
	/* Segments of a core are what memory was: no linker made them. */
	if (c->kind.id == KIND_DEBUG || c->image.type == LODE_ET_CORE)
		return;
	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		if (c->image.segments[i].type != LODE_PT_LOAD)
			continue;
		if (c->image.segments[i].memsz == 0) {
			check_empty(c, i);
			continue;
		}
		check_flags(c, i);
		check_zeros(c, i);
		check_align(c, i);
		check_low(c, i);
		check_physical(c, i);
	}
}
