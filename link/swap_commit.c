/* SPDX-License-Identifier: MIT */
/* Stores that were planned come in; all of them are done, or none: what a store overwrites is looked at first, and what was done is
 * taken back if a later one fails. */
#include "types.h"

enum { GROUP = 512, JUMP = 5, MARK = 4 };
static const unsigned char mark[MARK] = {0xf3, 0x0f, 0x1e, 0xfa}; /* endbr64 */

static int refuse(enum lode_rule rule, const struct lode_store *store, struct lode_diag *why)
{
	return lode_refuse_(why, rule, lode_nowhere_(LODE_FIELD_SWAP_SITE, store->addr, 0));
}

static bool is_door(const struct lode_store *store)
{
	return store->width == JUMP;
}

int lode_swap_door_(struct lode_store *store, const struct lode_swap_host *host, const struct lode_range *from, uint64_t to)
{
	unsigned char bytes[MARK + JUMP];
	uint64_t distance;
	size_t skipped;

	if (from->size < JUMP || host->read(host->host, bytes, from->addr, (size_t)min_u64(from->size, sizeof bytes)) != 0)
		return 0;
	skipped = memcmp(bytes, mark, MARK) == 0 ? MARK : 0;
	if (from->size < skipped + JUMP)
		return 0;
	*store = (struct lode_store){.addr = from->addr + skipped, .width = JUMP};
	distance = to - (store->addr + JUMP);
	if (!fits_signed(distance, 32))
		return -1;
	memcpy(store->before, bytes + skipped, JUMP);
	store->after[0] = 0xe9;
	put32(store->after + 1, (uint32_t)distance);
	return 1;
}

/* Stores into code that lie side by side are one read and one write. The number of the first one behind them. */
static uint32_t end_of_group(const struct lode_swap *swap, uint32_t first)
{
	const struct lode_store *begin = &swap->stores[first];
	uint32_t end = first + 1;

	if (begin->data)
		return end;
	for (; end < swap->nstores; end++) {
		const struct lode_store *last = &swap->stores[end - 1], *store = &swap->stores[end];

		if (store->data || store->addr < last->addr + last->width || store->addr + store->width - begin->addr > GROUP)
			break;
	}
	return end;
}

struct turn {
	struct lode_swap *swap;
	bool back;
};

/* A data word that holds something else by now is the program's. */
static int put_group(const struct turn *turn, uint32_t first, uint32_t end, struct lode_diag *why)
{
	const struct lode_swap_host *host = &turn->swap->program->host;
	const struct lode_store *stores = turn->swap->stores;
	uint64_t addr = stores[first].addr;
	size_t size = (size_t)(stores[end - 1].addr + stores[end - 1].width - addr);
	unsigned char bytes[GROUP];

	if (host->read(host->host, bytes, addr, size) != 0)
		return refuse(LODE_RULE_SWAP_READ, &stores[first], why);
	for (uint32_t i = first; i < end; i++) {
		const struct lode_store *store = &stores[i];
		unsigned char *at = bytes + (store->addr - addr);

		if (memcmp(at, turn->back ? store->after : store->before, store->width) == 0) {
			memcpy(at, turn->back ? store->before : store->after, store->width);
			continue;
		}
		if (!store->data)
			return refuse(LODE_RULE_SWAP_CHANGED, store, why);
		turn->swap->account.nchanged++;
		return LODE_OK;
	}
	return host->write(host->host, addr, bytes, size) == 0 ? LODE_OK : refuse(LODE_RULE_SWAP_WRITE, &stores[first], why);
}

static int put_all(struct lode_swap *swap, bool back, struct lode_diag *why)
{
	const struct turn turn = {.swap = swap, .back = back}, undo = {.swap = swap, .back = !back};
	uint32_t first = 0, end;
	int status = LODE_OK;

	swap->account.nchanged = 0;
	for (; first < swap->nstores; first = end) {
		end = end_of_group(swap, first);
		status = put_group(&turn, first, end, why);
		if (status != LODE_OK)
			break;
	}
	for (uint32_t i = 0; status != LODE_OK && i < first; i = end) {
		end = end_of_group(swap, i);
		put_group(&undo, i, end, NULL);
	}
	return status;
}

static bool is_new(const struct lode_swap *swap, uint64_t addr)
{
	return addr - swap->link->runs[LODE_REGION_TEXT].addr < swap->link->runs[LODE_REGION_TEXT].size;
}

bool lode_swap_concerns(const struct lode_swap *swap, uint64_t addr)
{
	return is_new(swap, addr) || lode_swap_is_in_old_(swap, addr);
}

/* Where a thread is in the code that is taken out of use: old functions, or the new ones on the way back. 0: nowhere. */
static uint64_t used_at(const struct lode_swap *swap, const struct lode_swap_busy *busy, bool back)
{
	for (uint32_t i = 0; i < busy->count; i++)
		if (back ? is_new(swap, busy->addrs[i]) : lode_swap_is_in_old_(swap, busy->addrs[i]))
			return busy->addrs[i];
	return 0;
}

static int refuse_busy(struct lode_swap *swap, uint64_t addr, struct lode_diag *why)
{
	lode_swap_function_at(swap, &swap->account.datum, addr);
	return lode_refuse_(why, LODE_RULE_SWAP_BUSY, lode_nowhere_(LODE_FIELD_SWAP_FUNCTION, addr, 0));
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
	uint64_t used = used_at(swap, busy, false);
	int status;

	if (used != 0 && (busy->policy == LODE_SWAP_IDLE || swap->moves_))
		return refuse_busy(swap, used, why);
	if (used != 0)
		leave_doors(swap);
	status = lode_swap_moves_run_(swap, why);
	if (status == LODE_OK)
		status = put_all(swap, false, why);
	if (status != LODE_OK)
		return status;
	swap->committed = true;
	swap->older_ = program->newest;
	program->newest = swap;
	return LODE_OK;
}

int lode_swap_adopt(struct lode_swap *swap, struct lode_store *stores, uint32_t count, struct lode_diag *why)
{
	struct lode_program *program = swap->program;
	int status = lode_swap_functions_(swap, why);

	if (status != LODE_OK)
		return status;
	swap->stores = stores;
	swap->nstores = count;
	swap->committed = true;
	swap->older_ = program->newest;
	program->newest = swap;
	return LODE_OK;
}

/* For pointers to what is taken back. It is code that nothing else refers to any more: what fails is left. */
static void lead_back(const struct lode_swap *swap)
{
	const struct lode_swap_host *host = &swap->program->host;

	for (uint32_t i = 0; i < swap->nfunctions_; i++) {
		const struct lode_swap_function *function = &swap->functions_[i];
		const struct lode_range now = {.addr = function->now, .size = function->now_size};
		struct lode_store store;

		if (!function->newest || function->now == 0 || function->data)
			continue;
		if (lode_swap_door_(&store, host, &now, function->old.addr) > 0)
			host->write(host->host, store.addr, store.after, store.width);
	}
}

int lode_swap_rollback(struct lode_swap *swap, const struct lode_swap_busy *busy, struct lode_diag *why)
{
	struct lode_program *program = swap->program;
	uint64_t used = used_at(swap, busy, true);
	int status;

	if (program->newest != swap)
		return lode_refuse_(why, LODE_RULE_SWAP_NOTHING, lode_nowhere_(LODE_FIELD_SWAP_FUNCTIONS, 0, 0));
	if (used != 0 && busy->policy == LODE_SWAP_IDLE)
		return refuse_busy(swap, used, why);
	status = put_all(swap, true, why);
	if (status != LODE_OK)
		return status;
	swap->committed = false;
	program->newest = swap->older_;
	if (used == 0)
		lead_back(swap);
	return LODE_OK;
}
