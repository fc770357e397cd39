/* SPDX-License-Identifier: MIT */
/* New code that is placed comes in; every store that puts it in the old code's place goes out, and the program is as it was. */
#include "types.h"

enum { WINDOW = 512 };

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
};

static int refuse(enum lode_rule rule, enum lode_field field, uint64_t value, struct lode_diag *why)
{
	return lode_refuse_(why, rule, lode_nowhere_(field, value, 0));
}

static int add_store(struct planning *planning, const struct lode_store *store)
{
	struct lode_swap *swap = planning->swap;

	if (swap->nstores == swap->max_stores_)
		return lode_refuse_(planning->why, LODE_RULE_ROOM_LINK,
			lode_nowhere_(LODE_FIELD_LINK_MEMORY, swap->link->options_.memory_size, 0));
	swap->stores[swap->nstores++] = *store;
	return LODE_OK;
}

uint64_t lode_swap_target_(const struct lode_site *site, const unsigned char *at)
{
	if (site_width(site->kind) == 8)
		return le64(at);
	if (site->kind == LODE_SITE_ABS32)
		return le32(at);
	return site->addr + 4 + (uint64_t)(int64_t)(int32_t)le32(at);
}

static int redirect(struct planning *planning, const struct lode_site *site, const unsigned char *at, uint64_t now)
{
	struct lode_store store = {.addr = site->addr, .width = (uint8_t)site_width(site->kind),
		.data = site->kind == LODE_SITE_WORD};
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

/* A variable that begins anew is known to nobody else. */
static int refuse_moved(struct planning *planning, const struct lode_site *site, uint64_t target)
{
	planning->swap->account.datum = lode_swap_moved_at_(planning->swap, target)->name;
	return refuse(LODE_RULE_SWAP_MIGRATE, LODE_FIELD_SWAP_SITE, site->addr, planning->why);
}

/* A reference that stands in old code goes with it. */
static int meet(struct planning *planning, const struct lode_site *site)
{
	const struct lode_swap_function *function;
	const unsigned char *at;
	uint64_t target;

	if (lode_swap_is_old_(planning->swap, site->addr))
		return LODE_OK;
	if (look(&at, &planning->window, site->addr, site_width(site->kind)) != 0)
		return refuse(LODE_RULE_SWAP_READ, LODE_FIELD_SWAP_SITE, site->addr, planning->why);
	target = lode_swap_target_(site, at) - (uint64_t)site->addend;
	if (lode_swap_moved_at_(planning->swap, target))
		return refuse_moved(planning, site, target);
	function = lode_swap_old_at_(planning->swap, target);
	if (!function || function->now == 0)
		return LODE_OK;
	if (site->kind != LODE_SITE_WORD && !lode_swap_same_call_(planning->swap, function, planning->why))
		return LODE_ERR_POLICY;
	return redirect(planning, site, at, function->now + (uint64_t)site->addend);
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
	struct lode_store store;
	int made = lode_swap_door_(&store, &planning->swap->program->host, &function->old, function->now);

	if (made < 0)
		return refuse(LODE_RULE_SWAP_RANGE, LODE_FIELD_SWAP_FUNCTION, function->old.addr, planning->why);
	if (made == 0) {
		planning->swap->account.nshort++;
		return LODE_OK;
	}
	planning->swap->account.ndoors++;
	return add_store(planning, &store);
}

static int add_doors(struct planning *planning)
{
	const struct lode_swap *swap = planning->swap;
	int status = LODE_OK;

	for (uint32_t i = 0; i < swap->nfunctions_ && status == LODE_OK; i++)
		if (swap->functions_[i].now != 0 && !swap->functions_[i].data)
			status = add_door(planning, &swap->functions_[i]);
	return status;
}

/* What is left of the work space the host may take away afterwards, and later versions are compared with these. */
static void read_types(struct lode_link *link)
{
	uint32_t type;

	for (struct lode_link_unit *unit = link->units_.first; unit; unit = unit->next)
		lode_unit_types_(&type, link, unit, 0);
}

int lode_swap_plan(struct lode_swap *swap, struct lode_diag *why)
{
	struct planning planning = {.swap = swap, .window = {.host = &swap->program->host}, .why = why};
	int status = lode_swap_functions_(swap, why);
	size_t left;

	if (status != LODE_OK)
		return status;
	read_types(swap->link);
	left = swap->link->options_.memory_size - swap->link->memory_used;
	swap->max_stores_ = (uint32_t)min_u64(left / sizeof *swap->stores, UINT32_MAX);
	swap->stores = lode_link_keep_(swap->link, 0, why);
	status = find_sites(&planning);
	if (status == LODE_OK)
		status = add_doors(&planning);
	if (status == LODE_OK)
		status = lode_swap_moves_plan_(swap, why);
	if (status != LODE_OK)
		return status;
	return lode_link_keep_(swap->link, (uint64_t)swap->nstores * sizeof *swap->stores, why) ? LODE_OK : LODE_ERR_ROOM;
}
