/* SPDX-License-Identifier: MIT */
/* Stores that were planned come in; all of them are done, or none: each is checked first, and taken back if a later one fails. */
#include "swap.h"

static int refuse(enum lode_rule rule, const struct lode_store *store, struct lode_diag *why)
{
	return lode_refuse_(why, rule, lode_nowhere_(LODE_FIELD_SWAP_SITE, store->addr, 0));
}

static bool is_door(const struct lode_store *store)
{
	return store->width == 5;
}

static int expect(const struct lode_program *program, const struct lode_store *store, const unsigned char *bytes, struct lode_diag *why)
{
	unsigned char now[8];

	if (program->host.read(program->host.host, now, store->addr, store->width) != 0)
		return refuse(LODE_RULE_SWAP_READ, store, why);
	return memcmp(now, bytes, store->width) == 0 ? LODE_OK : refuse(LODE_RULE_SWAP_CHANGED, store, why);
}

static int put(const struct lode_program *program, const struct lode_store *store, const unsigned char *bytes)
{
	return program->host.write(program->host.host, store->addr, bytes, store->width);
}

static bool is_new(const struct lode_swap *swap, uint64_t addr)
{
	return addr - swap->link->runs[LODE_REGION_TEXT].addr < swap->link->runs[LODE_REGION_TEXT].size;
}

bool lode_swap_concerns(const struct lode_swap *swap, uint64_t addr)
{
	return is_new(swap, addr) || lode_swap_is_in_old_(swap, addr);
}

/* Whether a thread is in the code that is taken out of use: old functions, or the new ones on the way back. */
static bool is_used(const struct lode_swap *swap, const struct lode_swap_busy *busy, bool back)
{
	for (uint32_t i = 0; i < busy->count; i++)
		if (back ? is_new(swap, busy->addrs[i]) : lode_swap_is_in_old_(swap, busy->addrs[i]))
			return true;
	return false;
}

/* Code that still runs counts on what its compiler knew of the functions beside it: they are entered as they are while it does. */
static void leave_doors(struct lode_swap *swap)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < swap->nstores; i++)
		if (!is_door(&swap->stores[i]))
			swap->stores[kept++] = swap->stores[i];
	swap->account.nbusy = swap->nstores - kept;
	swap->account.ndoors = 0;
	swap->nstores = kept;
}

int lode_swap_commit(struct lode_swap *swap, const struct lode_swap_busy *busy, struct lode_diag *why)
{
	struct lode_program *program = swap->program;
	bool used = is_used(swap, busy, false);
	int status = LODE_OK;

	if (used && busy->policy == LODE_SWAP_IDLE)
		return lode_refuse_(why, LODE_RULE_SWAP_BUSY, lode_nowhere_(LODE_FIELD_SWAP_FUNCTION, busy->count, 0));
	if (used)
		leave_doors(swap);
	for (uint32_t i = 0; i < swap->nstores && status == LODE_OK; i++)
		status = expect(program, &swap->stores[i], swap->stores[i].before, why);
	for (uint32_t i = 0; i < swap->nstores && status == LODE_OK; i++) {
		if (put(program, &swap->stores[i], swap->stores[i].after) == 0)
			continue;
		status = refuse(LODE_RULE_SWAP_WRITE, &swap->stores[i], why);
		while (i-- > 0)
			put(program, &swap->stores[i], swap->stores[i].before);
		break;
	}
	if (status != LODE_OK)
		return status;
	swap->committed = true;
	swap->older_ = program->newest;
	program->newest = swap;
	return LODE_OK;
}

int lode_swap_rollback(struct lode_swap *swap, const struct lode_swap_busy *busy, struct lode_diag *why)
{
	struct lode_program *program = swap->program;
	int status = LODE_OK;

	if (program->newest != swap)
		return lode_refuse_(why, LODE_RULE_SWAP_NOTHING, lode_nowhere_(LODE_FIELD_SWAP_FUNCTIONS, 0, 0));
	if (busy->policy == LODE_SWAP_IDLE && is_used(swap, busy, true))
		return lode_refuse_(why, LODE_RULE_SWAP_BUSY, lode_nowhere_(LODE_FIELD_SWAP_FUNCTION, busy->count, 0));
	for (uint32_t i = swap->nstores; i-- > 0 && status == LODE_OK;)
		status = expect(program, &swap->stores[i], swap->stores[i].after, why);
	for (uint32_t i = swap->nstores; i-- > 0 && status == LODE_OK;) {
		if (put(program, &swap->stores[i], swap->stores[i].before) == 0)
			continue;
		status = refuse(LODE_RULE_SWAP_WRITE, &swap->stores[i], why);
		while (++i < swap->nstores)
			put(program, &swap->stores[i], swap->stores[i].after);
		break;
	}
	if (status != LODE_OK)
		return status;
	swap->committed = false;
	program->newest = swap->older_;
	return LODE_OK;
}
