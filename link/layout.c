/* SPDX-License-Identifier: MIT */
/* Sections by class come in; each has an offset in the span, which is regions of whole pages of one permission. */
#include "link.h"

static const struct {
	uint8_t first, last; /* classes */
	uint8_t prot;
} regions[LODE_REGIONS] = {
	[LODE_REGION_TEXT] = {CLASS_INIT, CLASS_STUBS, LODE_PF_R | LODE_PF_X},
	[LODE_REGION_RODATA] = {CLASS_RODATA, CLASS_GOT, LODE_PF_R},
	[LODE_REGION_DATA] = {CLASS_DATA, CLASS_BSS, LODE_PF_R | LODE_PF_W},
	[LODE_REGION_LARGE_RODATA] = {CLASS_LARGE_RODATA, CLASS_LARGE_RODATA, LODE_PF_R},
	[LODE_REGION_LARGE_DATA] = {CLASS_LARGE_DATA, CLASS_LARGE_BSS, LODE_PF_R | LODE_PF_W},
};

/* Where the next byte goes. The limit is below 2^62, and so is what align_up makes of it. */
struct pen {
	struct lode_link *link;
	uint64_t at, limit;
	uint64_t align; /* the largest one of all */
};

static int too_large(struct pen *pen, uint64_t size, struct lode_diag *why)
{
	uint64_t value;

	if (!add_ok(&value, pen->at, size))
		value = UINT64_MAX;
	return lode_link_refuse_(pen->link, NULL, lode_diag_of(LODE_RULE_LINK_SIZE, LODE_FIELD_LINK_SPAN, value, pen->limit), why);
}

static int put(uint64_t *addr, struct pen *pen, uint64_t size, uint64_t align, struct lode_diag *why)
{
	uint64_t at = align_up(pen->at, align);

	if (at > pen->limit || size > pen->limit - at)
		return too_large(pen, size, why);
	pen->align = max_u64(pen->align, align);
	pen->at = at + size;
	*addr = at;
	return LODE_OK;
}

static const struct lode_section *header_of(const struct lode_link_section *section)
{
	return &section->unit->image.sections[section->index];
}

static uint64_t align_of(const struct lode_link_section *section)
{
	return max_u64(header_of(section)->addralign, 1);
}

static int put_sections(struct pen *pen, struct lode_link_section *section, struct lode_diag *why)
{
	int status = LODE_OK;

	for (; section && status == LODE_OK; section = section->next)
		status = put(&section->addr, pen, header_of(section)->size, align_of(section), why);
	return status;
}

/* Without gaps: four zero bytes would be read as the end. */
static int put_frames(struct pen *pen, struct lode_link_section *section, struct lode_diag *why)
{
	uint64_t terminator;
	int status = section ? put(&terminator, pen, 0, SLOT_SIZE, why) : LODE_OK;
	bool any = section;

	for (; section && status == LODE_OK; section = section->next)
		status = put(&section->addr, pen, header_of(section)->size, 1, why);
	return any && status == LODE_OK ? put(&terminator, pen, 4, 1, why) : status;
}

static bool is_common(const struct lode_link_symbol *symbol, uint8_t kind)
{
	return symbol->state_ == STATE_COMMON && symbol->kind_ == kind;
}

static int put_commons(struct pen *pen, uint8_t kind, struct lode_diag *why)
{
	int status = LODE_OK;

	for (struct lode_link_symbol *symbol = pen->link->symbols_; symbol && status == LODE_OK; symbol = symbol->all_)
		if (is_common(symbol, kind))
			status = put(&symbol->value, pen, symbol->size, max_u64(symbol->value, 1), why);
	return status;
}

static int put_sets(struct pen *pen, uint32_t class_, struct lode_diag *why)
{
	int status = LODE_OK;

	for (struct lode_link_set *set = pen->link->sets_; set && status == LODE_OK; set = set->next) {
		if (set->class_ != class_ || !set->first)
			continue;
		status = put_sections(pen, set->first, why);
		set->addr = set->first->addr;
		set->end = pen->at;
	}
	return status;
}

/* Code around fragments of one function, which has no return of its own. */
static int put_fragments(struct pen *pen, struct lode_link_section *section, struct lode_diag *why)
{
	const struct lode_link_machine *machine = pen->link->machine_;
	uint64_t addr;
	int status;

	if (!section)
		return LODE_OK;
	status = put(&addr, pen, machine->init_head_size, 16, why);
	if (status == LODE_OK)
		status = put_sections(pen, section, why);
	return status == LODE_OK ? put(&addr, pen, machine->init_tail_size, machine->init_pad_size, why) : status;
}

static uint64_t block_align(const struct lode_link *link)
{
	uint64_t align = 1;

	for (const struct lode_link_section *section = link->classes_[CLASS_TDATA].first; section; section = section->next)
		align = max_u64(align, align_of(section));
	for (const struct lode_link_section *section = link->classes_[CLASS_TBSS].first; section; section = section->next)
		align = max_u64(align, align_of(section));
	for (const struct lode_link_symbol *symbol = link->symbols_; symbol; symbol = symbol->all_)
		if (is_common(symbol, KIND_TLS))
			align = max_u64(align, symbol->value);
	return align;
}

/* The block begins where its initialised part lies in the span, so that a section's place in both is one number. */
static int put_thread_local(struct pen *pen, struct lode_link_section *section, struct lode_diag *why)
{
	struct lode_link_tls *tls = &pen->link->tls;
	struct pen block;
	int status;

	tls->align = block_align(pen->link);
	status = put(&tls->template_offset, pen, 0, tls->align, why);
	if (status == LODE_OK)
		status = put_sections(pen, section, why);
	tls->template_size = pen->at - tls->template_offset;
	block = *pen;
	if (status == LODE_OK)
		status = put_sections(&block, pen->link->classes_[CLASS_TBSS].first, why);
	if (status == LODE_OK)
		status = put_commons(&block, KIND_TLS, why);
	tls->size = block.at - tls->template_offset;
	return status;
}

static int put_class(struct pen *pen, uint32_t class_, struct lode_diag *why)
{
	struct lode_link *link = pen->link;
	struct lode_link_section *first = link->classes_[class_].first;
	uint64_t addr;
	int status;

	switch (class_) {
	case CLASS_INIT:
	case CLASS_FINI: return put_fragments(pen, first, why);
	case CLASS_STUBS: return put(&addr, pen, (uint64_t)link->nstubs_ * link->machine_->stub_size, 16, why);
	case CLASS_EH_FRAME: return put_frames(pen, first, why);
	case CLASS_TDATA: return put_thread_local(pen, first, why);
	case CLASS_PREINIT_ARRAY:
	case CLASS_INIT_ARRAY:
	case CLASS_FINI_ARRAY: return put_sections(pen, first, why);
	case CLASS_GOT: return put(&addr, pen, (uint64_t)link->nslots_ * SLOT_SIZE, 16, why);
	default: break;
	}
	status = put_sections(pen, first, why);
	if (status != LODE_OK)
		return status;
	return class_ == CLASS_BSS ? put_commons(pen, KIND_PLAIN, why) : put_sets(pen, class_, why);
}

/* A class begins behind its alignment: the symbols that name its begin are those of its first byte. */
static uint64_t class_align(const struct lode_link *link, uint32_t class_)
{
	const struct lode_link_section *first = link->classes_[class_].first;

	if (class_ == CLASS_INIT || class_ == CLASS_FINI || class_ == CLASS_STUBS || class_ == CLASS_GOT)
		return 16;
	return first && class_ != CLASS_EH_FRAME ? align_of(first) : SLOT_SIZE;
}

static int put_region(struct pen *pen, uint32_t index, struct lode_diag *why)
{
	struct lode_link_run *run = &pen->link->runs[index];
	int status = put(&run->addr, pen, 0, pen->link->options_.page_size, why);

	for (uint32_t class_ = regions[index].first; class_ <= regions[index].last && status == LODE_OK; class_++) {
		struct lode_range *place = &pen->link->class_places_[class_];

		status = put(&place->addr, pen, 0, class_align(pen->link, class_), why);
		if (status == LODE_OK)
			status = put_class(pen, class_, why);
		place->size = pen->at - place->addr;
		if (class_ != CLASS_BSS && class_ != CLASS_LARGE_BSS)
			run->filled = pen->at - run->addr;
	}
	run->prot = regions[index].prot;
	run->size = align_up(pen->at - run->addr, pen->link->options_.page_size);
	return status;
}

/* Of two sorted lists one: of equal priorities the first list's come first. */
static struct lode_link_section *merge(struct lode_link_section *a, struct lode_link_section *b)
{
	struct lode_link_section *head = NULL, **tail = &head;

	while (a && b) {
		struct lode_link_section **from = b->priority < a->priority ? &b : &a;

		*tail = *from;
		tail = &(*tail)->next;
		*from = *tail;
	}
	*tail = a ? a : b;
	return head;
}

/* Lists of 1, 2, 4... sections wait until there are two of a size. */
static void sort(struct lode_link_section_list *list)
{
	struct lode_link_section *waiting[32] = {NULL}, *section = list->first, *next, *all = NULL;

	for (; section; section = next) {
		int i = 0;

		next = section->next;
		section->next = NULL;
		for (; i < 31 && waiting[i]; i++) {
			section = merge(waiting[i], section);
			waiting[i] = NULL;
		}
		waiting[i] = section;
	}
	for (int i = 0; i < 32; i++)
		all = merge(waiting[i], all);
	list->first = all;
}

int lode_link_layout_(struct lode_link *link, struct lode_diag *why)
{
	const uint64_t largest = link->options_.max_size != 0 ? link->options_.max_size : (uint64_t)1 << 31;
	struct pen pen = {.link = link, .limit = min_u64(largest, (uint64_t)1 << 61), .align = link->options_.page_size};
	int status = LODE_OK;

	for (uint32_t class_ = CLASS_PREINIT_ARRAY; class_ <= CLASS_FINI_ARRAY; class_++)
		sort(&link->classes_[class_]);
	for (uint32_t i = 0; i < LODE_REGIONS && status == LODE_OK; i++)
		status = put_region(&pen, i, why);
	link->size = align_up(pen.at, link->options_.page_size);
	link->align = pen.align;
	return status;
}
