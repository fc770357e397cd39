/* SPDX-License-Identifier: MIT */
/* Objects and archives come in, a module goes out: the public steps, in the order in which they are taken. */
#include "link.h"

enum { MAX_ALIGN_BITS = 40 };

static const struct lode_link_machine *find_machine(uint16_t machine)
{
	static const struct lode_link_machine *const machines[] = {&lode_link_x86_64_, &lode_link_aarch64_, &lode_link_riscv64_};

	for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
		if (machines[i]->machine == machine)
			return machines[i];
	return NULL;
}

/* After a failure the link is good for nothing but its blame. */
static int finish(struct lode_link *link, int status)
{
	if (status != LODE_OK)
		link->stage_ = STAGE_FAILED;
	return status;
}

static int interpose(struct lode_link *link, struct lode_diag *why)
{
	const struct lode_namespace *names = link->options_.names;

	for (uint32_t i = 0; names && i < names->ninterposed; i++) {
		const struct lode_link_name *one = &names->interposed[i];
		struct link_name name = lode_link_string_(one->name);
		struct lode_link_symbol *symbol;
		int status = lode_link_intern_(&symbol, link, &name, KEY_SYMBOL, why);

		if (status != LODE_OK)
			return status;
		symbol->state_ = STATE_ELSEWHERE;
		symbol->flags_ = FLAG_INTERPOSED;
		symbol->value = one->answer.value;
		symbol->type = one->answer.type;
	}
	return LODE_OK;
}

int lode_link_begin(struct lode_link *link, const struct lode_link_options *options, struct lode_diag *why)
{
	uint64_t page = options->page_size;

	*link = (struct lode_link){.options_ = *options};
	link->machine_ = find_machine(options->machine);
	if (!link->machine_)
		return lode_refuse_(why, LODE_RULE_MACHINE_UNSUPPORTED,
			lode_nowhere_(LODE_FIELD_EHDR_MACHINE, options->machine, 0));
	if (((uintptr_t)options->memory & 15) != 0)
		return lode_refuse_(why, LODE_RULE_LINK_USE, lode_nowhere_(LODE_FIELD_LINK_MEMORY, (uintptr_t)options->memory, 16));
	if (!power_of_two(page) || page > (uint64_t)1 << MAX_ALIGN_BITS)
		return lode_refuse_(why, LODE_RULE_LINK_USE, lode_nowhere_(LODE_FIELD_POLICY_PAGE_SIZE, page, 0));
	link->stage_ = STAGE_ADD;
	return finish(link, interpose(link, why));
}

int lode_link_add(struct lode_link *link, const char *name, const void *bytes, uint64_t size, struct lode_diag *why)
{
	struct link_input input = {.bytes = bytes, .size = size, .file = {.at = name}};
	int status = lode_link_stage_(link, STAGE_ADD, why);

	if (status != LODE_OK)
		return status;
	while (name[input.file.size] != '\0')
		input.file.size++;
	link->blame = (struct lode_link_blame){.file = input.file};
	if (lode_archive_is_(&input))
		return finish(link, lode_link_archive_(link, &input, why));
	return finish(link, lode_link_object_(link, &input, why));
}

int lode_link_want(struct lode_link *link, const char *name, struct lode_diag *why)
{
	struct link_name key = lode_link_string_(name);
	struct lode_link_symbol *symbol;
	int status = lode_link_stage_(link, STAGE_ADD, why);

	if (status != LODE_OK)
		return status;
	symbol = lode_link_lookup_(link, &key, KEY_SYMBOL);
	if (symbol)
		lode_link_want_(link, symbol);
	return LODE_OK;
}

int lode_link_resolve(struct lode_link *link, struct lode_diag *why)
{
	int status = lode_link_stage_(link, STAGE_ADD, why);

	if (status != LODE_OK)
		return status;
	link->blame = (struct lode_link_blame){.file = {NULL, 0}};
	status = finish(link, lode_link_settle_(link, why));
	if (status == LODE_OK)
		link->stage_ = STAGE_RESOLVED;
	return status;
}

static void see_features(struct lode_link *link)
{
	for (const struct lode_link_unit *unit = link->units_.first; unit; unit = unit->next)
		if (!(unit->features & link->machine_->tracking))
			link->no_branch_tracking = true;
}

static int ask_tls(struct lode_link *link, struct lode_diag *why)
{
	const struct lode_link_host *host = link->options_.host;

	if (link->tls.size == 0)
		return LODE_OK;
	if (host && host->tls && host->tls(host->host, &link->tls) == 0)
		return LODE_OK;
	return lode_refuse_(why, LODE_RULE_LINK_TLS, lode_nowhere_(LODE_FIELD_LINK_TLS, link->tls.size, 0));
}

int lode_link_plan(struct lode_link *link, struct lode_diag *why)
{
	int status = lode_link_stage_(link, STAGE_RESOLVED, why);

	if (status != LODE_OK)
		return status;
	link->blame = (struct lode_link_blame){.file = {NULL, 0}};
	status = lode_link_keep_data_(link, why);
	if (status == LODE_OK)
		status = lode_link_kinds_(link, why);
	if (status == LODE_OK)
		status = lode_link_scan_(link, why);
	if (status == LODE_OK)
		status = lode_link_layout_(link, why);
	if (status == LODE_OK)
		status = ask_tls(link, why);
	if (status != LODE_OK)
		return finish(link, status);
	see_features(link);
	link->stage_ = STAGE_PLANNED;
	return LODE_OK;
}

static int check_place(const struct lode_link *link, const struct lode_link_place *place, struct lode_diag *why)
{
	uint64_t end;

	if ((place->addr & (link->align - 1)) == 0 && add_ok(&end, place->addr, link->size) && link->size <= SIZE_MAX)
		return LODE_OK;
	return lode_refuse_(why, LODE_RULE_LINK_USE, lode_nowhere_(LODE_FIELD_LINK_PLACE, place->addr, link->align));
}

static void see_frames(struct lode_link *link)
{
	const struct lode_range *place = &link->class_places_[CLASS_EH_FRAME];

	if (link->classes_[CLASS_EH_FRAME].first)
		link->eh_frame = (struct lode_range){.addr = link->addr + place->addr, .size = place->size};
}

static bool has_ifuncs(const struct lode_link *link)
{
	for (const struct lode_link_slot *slot = link->slots_; slot; slot = slot->next)
		if (slot->ifunc)
			return true;
	return false;
}

int lode_link_place(struct lode_link *link, const struct lode_link_place *place, struct lode_diag *why)
{
	int status = lode_link_stage_(link, STAGE_PLANNED, why);

	if (status == LODE_OK)
		status = check_place(link, place, why);
	if (status != LODE_OK)
		return status;
	link->addr = place->addr;
	link->view_ = place->view;
	for (uint32_t i = 0; i < LODE_REGIONS; i++)
		link->runs[i].addr += link->addr;
	lode_link_values_(link);
	lode_link_write_(link);
	status = lode_link_tables_(link, link->machine_->relocate, why);
	if (status == LODE_OK)
		status = lode_link_calls_(link, why);
	if (status != LODE_OK)
		return finish(link, status);
	see_frames(link);
	link->stage_ = has_ifuncs(link) ? STAGE_PLACED : STAGE_READY;
	return LODE_OK;
}

static int call_resolver(struct lode_link *link, const struct lode_link_slot *slot, unsigned char *at, struct lode_diag *why)
{
	const struct lode_link_host *host = link->options_.host;
	uint64_t value, resolver = lode_unit_address_(link, slot->unit, slot->index);

	if (host && host->ifunc && host->ifunc(host->host, &value, resolver) == 0) {
		put64(at, value);
		return LODE_OK;
	}
	lode_link_blame_symbol_(link, slot->unit, slot->index);
	return lode_link_refuse_(link, slot->unit, lode_diag_of(LODE_RULE_LINK_IFUNC, LODE_FIELD_REL_FIELD, resolver, 0), why);
}

int lode_link_ifuncs(struct lode_link *link, struct lode_diag *why)
{
	int status = link->stage_ == STAGE_READY ? LODE_OK : lode_link_stage_(link, STAGE_PLACED, why);
	unsigned char *at = link->view_ + link->class_places_[CLASS_GOT].addr;

	for (const struct lode_link_slot *slot = link->slots_; slot && status == LODE_OK; slot = slot->next, at += SLOT_SIZE)
		if (slot->ifunc)
			status = call_resolver(link, slot, at, why);
	if (status == LODE_OK)
		link->stage_ = STAGE_READY;
	return status;
}
