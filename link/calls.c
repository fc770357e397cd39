/* SPDX-License-Identifier: MIT */
/* Arrays of initialisers, relocated, come in; lists of functions in the order in which they are to be called go out. */
#include "link.h"

static uint64_t entries(const struct lode_link *link, uint8_t class_)
{
	uint64_t count = 1;

	for (const struct lode_link_section *section = link->classes_[class_].first; section; section = section->next)
		count += section->unit->image.sections[section->index].size / SLOT_SIZE;
	return count;
}

/* Sections of old compilers have 0 or -1 at their ends. */
static void take(struct lode_link_call *calls, uint32_t *count, const unsigned char *at)
{
	uint64_t addr = le64(at);

	if (addr != 0 && addr != UINT64_MAX)
		calls[(*count)++].addr = addr;
}

static void take_section(struct lode_link_call *calls, uint32_t *count, const struct lode_link *link,
	const struct lode_link_section *section)
{
	struct lode_link_text name = lode_unit_section_name_(section->unit, section->index);
	uint64_t n = section->unit->image.sections[section->index].size / SLOT_SIZE;
	const unsigned char *at = link->view_ + section->addr;
	bool backwards = lode_section_backwards_(&name);

	for (uint64_t i = 0; i < n; i++)
		take(calls, count, at + (backwards ? n - 1 - i : i) * SLOT_SIZE);
}

static void take_frame(struct lode_link_call *calls, uint32_t *count, const struct lode_link *link, uint8_t class_)
{
	if (link->classes_[class_].first)
		calls[(*count)++].addr = link->addr + link->class_places_[class_].addr;
}

static int collect(struct lode_link_call **calls, uint32_t *count, struct lode_link *link, uint8_t class_, struct lode_diag *why)
{
	*calls = lode_link_take_(link, entries(link, class_) * sizeof **calls, why);
	if (!*calls)
		return LODE_ERR_ROOM;
	if (class_ == CLASS_INIT_ARRAY)
		take_frame(*calls, count, link, CLASS_INIT);
	for (const struct lode_link_section *section = link->classes_[class_].first; section; section = section->next)
		take_section(*calls, count, link, section);
	return LODE_OK;
}

static void turn_round(struct lode_link_call *calls, uint32_t count)
{
	for (uint32_t i = 0; i < count / 2; i++) {
		struct lode_link_call call = calls[i];

		calls[i] = calls[count - 1 - i];
		calls[count - 1 - i] = call;
	}
}

int lode_link_calls_(struct lode_link *link, struct lode_diag *why)
{
	int status = collect(&link->preinit, &link->npreinit, link, CLASS_PREINIT_ARRAY, why);

	if (status == LODE_OK)
		status = collect(&link->init, &link->ninit, link, CLASS_INIT_ARRAY, why);
	if (status == LODE_OK)
		status = collect(&link->fini, &link->nfini, link, CLASS_FINI_ARRAY, why);
	if (status != LODE_OK)
		return status;
	turn_round(link->fini, link->nfini);
	take_frame(link->fini, &link->nfini, link, CLASS_FINI);
	return LODE_OK;
}
