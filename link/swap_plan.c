/* SPDX-License-Identifier: MIT */
/* New code that is placed comes in; every store that puts it in the old code's place goes out, and the program is as it was. */
#include "swap.h"

enum { WINDOW = 4096, JUMP = 5, MARK = 4 };
static const unsigned char mark[MARK] = {0xf3, 0x0f, 0x1e, 0xfa}; /* endbr64 */

/* The program's memory, a piece at a time: references come in ascending order, nearly. */
struct window {
	const struct lode_swap_host *host;
	uint64_t addr;
	size_t size;
	unsigned char bytes[WINDOW];
};

static int look(const unsigned char **at, struct window *window, uint64_t addr, size_t size)
{
	uint64_t begin = align_down(addr, WINDOW / 2);

	if (!within(addr - window->addr, size, window->size)) {
		window->size = 0;
		window->addr = begin;
		if (window->host->read(window->host->host, window->bytes, begin, WINDOW) == 0) {
			window->size = WINDOW;
		} else {
			window->addr = addr;
			if (window->host->read(window->host->host, window->bytes, addr, size) != 0)
				return -1;
			window->size = size;
		}
	}
	*at = window->bytes + (addr - window->addr);
	return 0;
}

struct planning {
	struct lode_swap *swap;
	struct window window;
	struct lode_diag *why;
	bool counting;
};

static int refuse(enum lode_rule rule, enum lode_field field, uint64_t value, struct lode_diag *why)
{
	return lode_refuse_(why, rule, lode_nowhere_(field, value, 0));
}

/*
 * Functions: every address that the old code has had, with its successor
 */

static bool is_function(const struct lode_link_unit *unit, uint32_t index)
{
	struct link_sym symbol = lode_unit_symbol_(unit, index);

	if (symbol.type != LODE_STT_FUNC || symbol.reserved || symbol.shndx == LODE_SHN_UNDEF)
		return false;
	if (unit->sections[symbol.shndx].class_ != CLASS_TEXT)
		return false;
	return index < unit->nlocals || (unit->globals[index - unit->nlocals]->unit == unit &&
		unit->globals[index - unit->nlocals]->index == index);
}

static void add_function(struct planning *planning, const struct lode_swap_function *function)
{
	struct lode_swap *swap = planning->swap;

	if (function->old.addr == function->now)
		return;
	if (!planning->counting)
		swap->functions_[swap->nfunctions_] = *function;
	swap->nfunctions_++;
}

static uint64_t size_in(const struct lode_link *link, const struct lode_swap_name *name)
{
	for (const struct lode_link_unit *unit = link->units_.first; unit; unit = unit->next)
		for (uint32_t i = 1; i < unit->nsymbols; i++) {
			struct lode_link_text text;

			if ((i < unit->nlocals) != name->local || !is_function(unit, i))
				continue;
			text = lode_unit_symbol_name_(unit, i);
			if (text_is(&text, name->name.at, name->name.size))
				return lode_unit_symbol_(unit, i).size;
		}
	return 0;
}

static void add_old(struct planning *planning, const struct lode_swap_name *name, uint64_t now)
{
	const struct lode_program *program = planning->swap->program;
	struct lode_swap_function function = {.now = now, .name = name->name};
	const struct lode_index_symbol *symbol;
	uint32_t unit = name->local ? lode_swap_unit_(planning->swap, &name->source) : LODE_NO_INDEX;

	for (const struct lode_swap *version = program->newest; version; version = version->older_) {
		if (lode_swap_own_(&function.old.addr, version, name) == 0)
			continue;
		function.old.size = size_in(version->link, name);
		add_function(planning, &function);
	}
	if (name->local && unit == LODE_NO_INDEX)
		return;
	symbol = name->local ? lode_index_local_(program->index, &name->name, unit) : lode_index_global_(program->index, &name->name);
	if (!symbol || symbol->type != LODE_STT_FUNC)
		return;
	function.old = (struct lode_range){.addr = symbol->addr + program->bias, .size = symbol->size};
	add_function(planning, &function);
}

/* Parts and variants that the compiler makes of a function are called within their unit only, as they please. */
static bool is_clone(const struct lode_link_text *name)
{
	for (size_t i = 1; i < name->size; i++)
		if (name->at[i] == '.')
			return true;
	return false;
}

static void find_functions(struct planning *planning)
{
	const struct lode_link *link = planning->swap->link;

	planning->swap->nfunctions_ = 0;
	for (const struct lode_link_unit *unit = link->units_.first; unit; unit = unit->next)
		for (uint32_t i = 1; i < unit->nsymbols; i++) {
			struct lode_swap_name name = {.local = i < unit->nlocals, .type = LODE_STT_FUNC};

			if (!is_function(unit, i))
				continue;
			name.name = lode_unit_symbol_name_(unit, i);
			if (is_clone(&name.name))
				continue;
			name.source = lode_unit_source_name_(unit, i);
			add_old(planning, &name, lode_unit_address_(link, unit, i));
		}
}

static void swap_functions(struct lode_swap_function *a, struct lode_swap_function *b)
{
	struct lode_swap_function c = *a;

	*a = *b;
	*b = c;
}

/* By their old addresses: a heap, the largest on top. */
static void sift(struct lode_swap_function *all, uint32_t from, uint32_t count)
{
	for (uint32_t child = 2 * from + 1; child < count; from = child, child = 2 * from + 1) {
		if (child + 1 < count && all[child + 1].old.addr > all[child].old.addr)
			child++;
		if (all[from].old.addr >= all[child].old.addr)
			return;
		swap_functions(&all[from], &all[child]);
	}
}

static void sort(struct lode_swap_function *all, uint32_t count)
{
	for (uint32_t i = count / 2; i-- > 0;)
		sift(all, i, count);
	for (uint32_t i = count; i-- > 1;) {
		swap_functions(&all[0], &all[i]);
		sift(all, 0, i);
	}
}

/* The last function that begins at or below the address. */
static const struct lode_swap_function *below(const struct lode_swap *swap, uint64_t addr)
{
	uint32_t low = 0, high = swap->nfunctions_;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (swap->functions_[middle].old.addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? &swap->functions_[low - 1] : NULL;
}

static const struct lode_swap_function *old_at(const struct lode_swap *swap, uint64_t entry)
{
	const struct lode_swap_function *function = below(swap, entry);

	return function && function->old.addr == entry ? function : NULL;
}

bool lode_swap_is_old_(const struct lode_swap *swap, uint64_t addr)
{
	const struct lode_swap_function *function = below(swap, addr);

	return function && addr - function->old.addr < function->old.size;
}

/* Who is in a function is behind its first byte: that alone is a pointer to it. */
bool lode_swap_is_in_old_(const struct lode_swap *swap, uint64_t addr)
{
	const struct lode_swap_function *function = below(swap, addr);

	return function && function->old.addr != addr && addr - function->old.addr < function->old.size;
}

/*
 * Stores
 */

static int add_store(struct planning *planning, const struct lode_store *store)
{
	struct lode_swap *swap = planning->swap;

	if (swap->nstores == swap->max_stores_)
		return lode_refuse_(planning->why, LODE_RULE_ROOM_LINK,
			lode_nowhere_(LODE_FIELD_LINK_MEMORY, swap->link->options_.memory_size, 0));
	swap->stores[swap->nstores++] = *store;
	return LODE_OK;
}

static uint64_t target_of(const struct lode_site *site, const unsigned char *at)
{
	if (site->kind == LODE_SITE_ABS64)
		return le64(at);
	if (site->kind == LODE_SITE_ABS32)
		return le32(at);
	return site->addr + 4 + (uint64_t)(int64_t)(int32_t)le32(at);
}

static int redirect(struct planning *planning, const struct lode_site *site, const unsigned char *at, uint64_t now)
{
	struct lode_store store = {.addr = site->addr, .width = (uint8_t)site_width(site->kind)};
	uint64_t value = site->kind == LODE_SITE_REL32 ? now - (site->addr + 4) : now;

	if ((site->kind == LODE_SITE_REL32 && !fits_signed(value, 32)) || (site->kind == LODE_SITE_ABS32 && value > INT32_MAX))
		return refuse(LODE_RULE_SWAP_RANGE, LODE_FIELD_SWAP_SITE, site->addr, planning->why);
	memcpy(store.before, at, store.width);
	if (store.width == 8)
		put64(store.after, value);
	else
		put32(store.after, (uint32_t)value);
	planning->swap->account.nsites++;
	return add_store(planning, &store);
}

/* A reference that stands in old code goes with it. */
static int meet(struct planning *planning, const struct lode_site *site)
{
	const struct lode_swap_function *function;
	const unsigned char *at;

	if (lode_swap_is_old_(planning->swap, site->addr))
		return LODE_OK;
	if (look(&at, &planning->window, site->addr, site_width(site->kind)) != 0)
		return refuse(LODE_RULE_SWAP_READ, LODE_FIELD_SWAP_SITE, site->addr, planning->why);
	function = old_at(planning->swap, target_of(site, at));
	return function ? redirect(planning, site, at, function->now) : LODE_OK;
}

static int meet_host(void *host, const struct lode_site *site)
{
	return meet(host, site);
}

static int find_sites(struct planning *planning)
{
	const struct lode_program *program = planning->swap->program;
	int status = LODE_OK;

	for (uint64_t i = 0; i < program->index->nsites && status == LODE_OK; i++) {
		struct lode_site site = program->index->sites[i];

		site.addr += program->bias;
		status = meet(planning, &site);
	}
	for (const struct lode_swap *version = program->newest; version && status == LODE_OK; version = version->older_)
		status = lode_link_sites_(version->link, meet_host, planning);
	return status;
}

/* Pointers that the program has made copies of lead to the old entry: there it jumps. */
static int add_door(struct planning *planning, const struct lode_swap_function *function)
{
	struct lode_store store = {.addr = function->old.addr, .width = JUMP};
	const unsigned char *at;
	uint64_t distance;

	if (function->old.size < JUMP || look(&at, &planning->window, store.addr, JUMP) != 0) {
		planning->swap->account.nshort++;
		return LODE_OK;
	}
	if (memcmp(at, mark, MARK) == 0) {
		store.addr += MARK;
		if (function->old.size < MARK + JUMP || look(&at, &planning->window, store.addr, JUMP) != 0) {
			planning->swap->account.nshort++;
			return LODE_OK;
		}
	}
	distance = function->now - (store.addr + JUMP);
	if (!fits_signed(distance, 32))
		return refuse(LODE_RULE_SWAP_RANGE, LODE_FIELD_SWAP_FUNCTION, store.addr, planning->why);
	memcpy(store.before, at, JUMP);
	store.after[0] = 0xe9;
	put32(store.after + 1, (uint32_t)distance);
	planning->swap->account.ndoors++;
	return add_store(planning, &store);
}

static int add_doors(struct planning *planning)
{
	const struct lode_swap *swap = planning->swap;
	int status = LODE_OK;

	for (uint32_t i = 0; i < swap->nfunctions_ && status == LODE_OK; i++)
		if (i == 0 || swap->functions_[i].old.addr != swap->functions_[i - 1].old.addr)
			status = add_door(planning, &swap->functions_[i]);
	return status;
}

int lode_swap_plan(struct lode_swap *swap, struct lode_diag *why)
{
	struct planning planning = {.swap = swap, .window = {.host = &swap->program->host}, .why = why, .counting = true};
	size_t left;
	int status;

	find_functions(&planning);
	if (swap->nfunctions_ == 0)
		return refuse(LODE_RULE_SWAP_NOTHING, LODE_FIELD_SWAP_FUNCTIONS, 0, why);
	swap->functions_ = lode_link_take_(swap->link, (uint64_t)swap->nfunctions_ * sizeof *swap->functions_, why);
	if (!swap->functions_)
		return LODE_ERR_ROOM;
	planning.counting = false;
	find_functions(&planning);
	sort(swap->functions_, swap->nfunctions_);
	swap->account.nfunctions = swap->nfunctions_;
	left = swap->link->options_.memory_size - swap->link->memory_used;
	swap->max_stores_ = (uint32_t)min_u64(left / sizeof *swap->stores, UINT32_MAX);
	swap->stores = lode_link_keep_(swap->link, 0, why);
	status = find_sites(&planning);
	if (status == LODE_OK)
		status = add_doors(&planning);
	if (status != LODE_OK)
		return status;
	return lode_link_keep_(swap->link, (uint64_t)swap->nstores * sizeof *swap->stores, why) ? LODE_OK : LODE_ERR_ROOM;
}
