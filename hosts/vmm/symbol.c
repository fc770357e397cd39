/* SPDX-License-Identifier: MIT */
/* rip -> the symbol of the kernel's image that it belongs to, by its section tables. */
#include "explain.h"

enum { SYMBOLS_MOST = 1 << 22 };

/** The best symbol so far. */
struct nearest {
	struct lode_symbol symbol;
	struct lode_strings strings;
	bool found;
};

/* An address of the running kernel -> as linked: kernels that have paging run by virtual addresses, others by physical ones. */
static bool as_linked(uint64_t *vaddr, const struct vmm *vm, uint64_t addr)
{
	const struct lode_image *image = &vm->kernel.image;

	*vaddr = addr - vm->begun.bias;
	if (lode_segment_at(image, *vaddr, 1))
		return true;
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];

		if (segment->type == LODE_PT_LOAD && *vaddr - segment->paddr < segment->memsz) {
			*vaddr = *vaddr - segment->paddr + segment->vaddr;
			return true;
		}
	}
	return false;
}

static bool is_place(const struct lode_symbol *symbol)
{
	return symbol->name && symbol->shndx && !symbol->reserved &&
		(symbol->type == LODE_STT_NOTYPE || symbol->type == LODE_STT_OBJECT || symbol->type == LODE_STT_FUNC);
}

/* The nearest one below, of those the one with a size, of those the global one. One that ends before does not count. */
static bool is_nearer(const struct lode_symbol *symbol, const struct nearest *best, uint64_t vaddr)
{
	const struct lode_symbol *other = &best->symbol;

	if (symbol->value > vaddr || (symbol->size && vaddr - symbol->value >= symbol->size))
		return false;
	if (!best->found || symbol->value != other->value)
		return !best->found || symbol->value > other->value;
	if (!symbol->size != !other->size)
		return symbol->size;
	return symbol->bind && !other->bind;
}

static void search(struct nearest *best, const struct lode_image *image, uint32_t section, uint64_t vaddr)
{
	struct lode_symtab table;

	if (lode_symtab_of_section(&table, image, section, NULL) != LODE_OK)
		return;
	for (uint64_t i = 1; i < table.count && i < SYMBOLS_MOST; i++) {
		struct lode_symbol symbol;

		if (lode_symbol_read(&symbol, image, &table, i, NULL) != LODE_OK)
			return;
		if (is_place(&symbol) && is_nearer(&symbol, best, vaddr))
			*best = (struct nearest){symbol, table.strings, true};
	}
}

void lode_vmm_symbol_find_(struct vmm *vm)
{
	const struct lode_image *image = &vm->kernel.image;
	struct lode_vmm_state *s = &vm->state;
	struct nearest best = {.found = false};
	uint64_t vaddr;
	int status;

	s->symbol[0] = '\0';
	if (!vm->kernel.elf || !image->sections ||
		!as_linked(&vaddr, vm, s->mode == LODE_VMM_MODE_64 ? s->rip : s->rip + s->cs_base))
		return;
	for (uint32_t i = 1; i < image->nsections; i++)
		if (image->sections[i].type == LODE_SHT_SYMTAB || image->sections[i].type == LODE_SHT_DYNSYM)
			search(&best, image, i, vaddr);
	if (!best.found)
		return;
	status = lode_string_read(s->symbol, sizeof s->symbol, &best.strings, best.symbol.name, NULL);
	if (status != LODE_OK && status != LODE_ERR_ROOM)
		s->symbol[0] = '\0';
	s->symbol[sizeof s->symbol - 1] = '\0';
	s->symbol_offset = vaddr - best.symbol.value;
}
