/* SPDX-License-Identifier: MIT */
/* A linear address of the guest -> what its page tables say of it. Ref: Intel SDM volume 3A, 4.3 to 4.6. */
#include "explain.h"

#define CR0_PG UINT64_C(0x80000000)
#define CR0_WP UINT64_C(0x10000)
#define CR4_PSE UINT64_C(0x10)
#define CR4_PAE UINT64_C(0x20)
#define CR4_LA57 UINT64_C(0x1000)
#define EFER_LMA UINT64_C(0x400)
#define EFER_NXE UINT64_C(0x800)
#define NO_EXECUTE (UINT64_C(1) << 63)
#define FRAME UINT64_C(0x000ffffffffff000)

enum { PRESENT = 1, WRITE = 2, USER = 4, LARGE = 0x80 };

/** One of the three shapes that tables have. */
struct shape {
	uint32_t levels;
	uint32_t entry; /* bytes */
	uint32_t bits;  /* of an index */
	uint32_t large; /* highest level that has pages */
};

static struct shape shape_of(const struct lode_vmm_state *s)
{
	if (s->efer & EFER_LMA)
		return (struct shape){s->cr4 & CR4_LA57 ? 5 : 4, 8, 9, 3};
	if (s->cr4 & CR4_PAE)
		return (struct shape){3, 8, 9, 2};
	return (struct shape){2, 4, 10, s->cr4 & CR4_PSE ? 2 : 1};
}

static bool is_canonical(uint64_t addr, uint32_t bits)
{
	uint64_t top = addr >> (bits - 1);

	return top == 0 || top == UINT64_MAX >> (bits - 1);
}

static bool read_entry(uint64_t *entry, const struct vmm *vm, uint64_t at, uint32_t size)
{
	const unsigned char *bytes = lode_vmm_ram_at_(&vm->ram, at, size);

	*entry = 0;
	for (uint32_t i = size; bytes && i-- > 0;)
		*entry = *entry << 8 | bytes[i];
	return bytes;
}

/* The four entries at the top of PAE's tables have no rights; a CR3 there is aligned to 32 bytes. */
static void restrict_page(struct vmm_page *page, const struct lode_vmm_state *s, uint64_t entry, bool top)
{
	if (top && !(s->efer & EFER_LMA) && (s->cr4 & CR4_PAE))
		return;
	page->write = page->write && (entry & WRITE);
	page->user = page->user && (entry & USER);
	page->execute = page->execute && !((s->efer & EFER_NXE) && (entry & NO_EXECUTE));
}

static struct vmm_page walk(const struct vmm *vm, const struct shape *shape, uint64_t addr)
{
	const struct lode_vmm_state *s = &vm->state;
	struct vmm_page page = {.found = VMM_PAGE_NO_TABLE, .write = true, .user = true, .execute = true};
	uint64_t table = s->efer & EFER_LMA ? s->cr3 & FRAME : s->cr3 & (s->cr4 & CR4_PAE ? 0xffffffe0 : 0xfffff000), entry = 0;

	for (uint32_t level = shape->levels; level > 0; level--) {
		uint32_t shift = 12 + shape->bits * (level - 1);
		uint64_t index = addr >> shift & ((1u << shape->bits) - 1), inside = (UINT64_C(1) << shift) - 1;

		if (!read_entry(&entry, vm, table + index * shape->entry, shape->entry)) {
			page.phys = table;
			return page;
		}
		if (!(entry & PRESENT)) {
			page.found = VMM_PAGE_ABSENT;
			return page;
		}
		restrict_page(&page, s, entry, level == shape->levels);
		if (level == 1 || (level <= shape->large && (entry & LARGE))) {
			page.found = VMM_PAGE_THERE;
			page.phys = (entry & FRAME & ~inside) | (addr & inside);
			return page;
		}
		table = entry & FRAME;
	}
	return page;
}

struct vmm_page lode_vmm_walk_(const struct vmm *vm, uint64_t addr)
{
	const struct lode_vmm_state *s = &vm->state;
	struct shape shape = shape_of(s);
	struct vmm_page page;

	if (!(s->efer & EFER_LMA))
		addr &= 0xffffffff;
	if (!(s->cr0 & CR0_PG))
		return (struct vmm_page){VMM_PAGE_THERE, addr, true, true, true};
	if ((s->efer & EFER_LMA) && !is_canonical(addr, shape.levels == 5 ? 57 : 48))
		return (struct vmm_page){.found = VMM_PAGE_ABSENT};
	page = walk(vm, &shape, addr);
	page.write = page.write || (page.found == VMM_PAGE_THERE && !(s->cr0 & CR0_WP) && (s->cs & 3) != 3);
	return page;
}
