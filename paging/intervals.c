/* SPDX-License-Identifier: MIT */
/* Wishes for address ranges -> places in the caller's sorted array that touch nobody else's, and not the canonical hole. */
#include "paging.h"

/* Addresses that nobody else may have: [low, last]. */
struct span {
	uint64_t low, last;
};

static struct span span_of(const struct lode_interval *interval)
{
	return (struct span){interval->addr - interval->before, interval->addr + (interval->size - 1) + interval->after};
}

static struct span hole_of(const struct lode_intervals *intervals)
{
	return (struct span){intervals->hole.addr, intervals->hole.addr + (intervals->hole.size - 1)};
}

static bool touch(struct span a, struct span b)
{
	return a.low <= b.last && b.low <= a.last;
}

static uint64_t align_of(const struct lode_interval *wish)
{
	return wish->align != 0 ? wish->align : LODE_SMALL_;
}

static struct lode_diag about(const struct lode_interval *wish, enum lode_field field, uint64_t value, uint64_t limit)
{
	struct lode_diag diag = lode_nowhere_(field, value, limit);

	diag.index = wish->owner;
	return diag;
}

static int refuse_range(enum lode_field field, const struct lode_interval *wish, uint64_t value, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_INTERVAL_RANGE, about(wish, field, value, align_of(wish)));
}

/* Sizes: together they do not pass 2^64. */
static int check_sizes(const struct lode_interval *wish, struct lode_diag *why)
{
	const uint64_t align = align_of(wish);

	if ((align & (align - 1)) != 0 || align < LODE_SMALL_)
		return refuse_range(LODE_FIELD_INTERVAL_ALIGN, wish, align, why);
	if (wish->size == 0 || !aligned(wish->size | wish->before | wish->after, 0))
		return refuse_range(LODE_FIELD_INTERVAL_SIZE, wish, wish->size, why);
	if (wish->before > UINT64_MAX - wish->size || wish->after > UINT64_MAX - wish->size - wish->before)
		return refuse_range(LODE_FIELD_INTERVAL_SIZE, wish, wish->size, why);
	return LODE_OK;
}

/* And with its address. */
static int check_place(const struct lode_intervals *intervals, const struct lode_interval *wish, struct lode_diag *why)
{
	int status = check_sizes(wish, why);

	if (status != LODE_OK)
		return status;
	if (!aligned(wish->addr, 0) || wish->before > wish->addr || wish->size - 1 + wish->after > UINT64_MAX - wish->addr)
		return refuse_range(LODE_FIELD_INTERVAL_ADDR, wish, wish->addr, why);
	if (intervals->hole.size > 0 && touch(span_of(wish), hole_of(intervals)))
		return refuse_range(LODE_FIELD_INTERVAL_ADDR, wish, wish->addr, why);
	return LODE_OK;
}

/* How many begin at or below an address. */
static uint32_t count_below(const struct lode_intervals *intervals, uint64_t addr)
{
	uint32_t low = 0, high = intervals->nentries;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (intervals->entries[middle].addr <= addr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int insert(struct lode_intervals *intervals, const struct lode_interval *wish, struct lode_diag *why)
{
	uint32_t place = count_below(intervals, wish->addr);

	if (intervals->nentries >= intervals->max_entries)
		return lode_refuse_(why, LODE_RULE_ROOM_INTERVALS, lode_nowhere_(LODE_FIELD_INTERVALS,
						(uint64_t)intervals->nentries + 1, intervals->max_entries));
	for (uint32_t i = intervals->nentries++; i > place; i--)
		intervals->entries[i] = intervals->entries[i - 1];
	intervals->entries[place] = *wish;
	return LODE_OK;
}

int lode_intervals_take(struct lode_intervals *intervals, const struct lode_interval *wish, struct lode_diag *why)
{
	uint32_t place;
	int status = check_place(intervals, wish, why);

	if (status != LODE_OK)
		return status;
	/* what is there is disjoint and sorted: only the two neighbours can be in the way */
	place = count_below(intervals, wish->addr);
	for (uint32_t i = place > 0 ? place - 1 : 0; i <= place && i < intervals->nentries; i++) {
		const struct lode_interval *other = &intervals->entries[i];
		struct lode_diag conflict = about(wish, LODE_FIELD_INTERVAL_ADDR, wish->addr, other->addr);

		conflict.other = other->owner;
		if (touch(span_of(wish), span_of(other)))
			return lode_refuse_(why, LODE_RULE_INTERVAL_TAKEN, conflict);
	}
	return insert(intervals, wish, why);
}

/* A walk over what is free in [first, last]. */
struct gaps {
	const struct lode_intervals *intervals;
	uint32_t next;
	uint64_t from;
	bool done;
	struct span gap;
};

/* The lowest thing that ends at or above from. */
static bool obstacle(struct span *found, struct gaps *gaps)
{
	const struct lode_intervals *intervals = gaps->intervals;
	const struct span hole = hole_of(intervals);
	bool any = false;

	while (gaps->next < intervals->nentries && span_of(&intervals->entries[gaps->next]).last < gaps->from)
		gaps->next++;
	if (gaps->next < intervals->nentries) {
		*found = span_of(&intervals->entries[gaps->next]);
		any = true;
	}
	if (intervals->hole.size > 0 && hole.last >= gaps->from && (!any || hole.low < found->low)) {
		*found = hole;
		any = true;
	}
	return any;
}

static bool next_gap(struct gaps *gaps)
{
	const uint64_t last = gaps->intervals->last;
	struct span in_the_way;

	while (!gaps->done && gaps->from <= last) {
		gaps->gap = (struct span){gaps->from, last};
		if (!obstacle(&in_the_way, gaps)) {
			gaps->done = true;
			return true;
		}
		gaps->done = in_the_way.last == UINT64_MAX;
		gaps->from = in_the_way.last + 1;
		if (in_the_way.low > gaps->gap.low) {
			gaps->gap.last = min_u64(last, in_the_way.low - 1);
			return true;
		}
	}
	return false;
}

/* How many aligned places a gap has for a wish, and the lowest of them. */
static uint64_t places_in(uint64_t *lowest, struct span gap, const struct lode_interval *wish)
{
	const uint64_t align = align_of(wish), room = gap.last - gap.low, need = wish->before + (wish->size - 1) + wish->after;
	uint64_t pad, count;

	if (need > room)
		return 0;
	*lowest = gap.low + wish->before;
	pad = (0 - *lowest) & (align - 1);
	if (pad > room - need)
		return 0;
	*lowest += pad;
	count = room - need - pad;
	for (uint64_t unit = align; unit > 1; unit >>= 1)
		count >>= 1;
	return count + 1;
}

static struct gaps gaps_of(const struct lode_intervals *intervals)
{
	return (struct gaps){.intervals = intervals, .from = intervals->first};
}

/* Place number k of all; the number of places if there are not that many. */
static uint64_t place(uint64_t *addr, const struct lode_intervals *intervals, const struct lode_interval *wish, uint64_t k)
{
	struct gaps gaps = gaps_of(intervals);
	uint64_t total = 0, lowest = 0;

	while (next_gap(&gaps)) {
		uint64_t n = places_in(&lowest, gaps.gap, wish);

		if (n > 0 && k - total < n) {
			*addr = lowest + (k - total) * align_of(wish);
			return k;
		}
		total += n;
	}
	return total;
}

/* The upper half of a 128-bit product: a number below n out of 64 random bits, without a division. */
static uint64_t scale(uint64_t random, uint64_t n)
{
	const uint64_t r0 = random & UINT32_MAX, r1 = random >> 32, n0 = n & UINT32_MAX, n1 = n >> 32;
	const uint64_t middle = r1 * n0 + (r0 * n0 >> 32);

	return r1 * n1 + (middle >> 32) + (((middle & UINT32_MAX) + r0 * n1) >> 32);
}

static int take_place(uint64_t *addr, struct lode_intervals *intervals, const struct lode_interval *wish, uint64_t k,
	struct lode_diag *why)
{
	struct lode_interval taken = *wish;
	int status;

	place(&taken.addr, intervals, wish, k);
	status = insert(intervals, &taken, why);
	if (status == LODE_OK)
		*addr = taken.addr;
	return status;
}

int lode_intervals_take_random(uint64_t *addr, struct lode_intervals *intervals, const struct lode_interval *wish, uint64_t random,
	struct lode_diag *why)
{
	uint64_t count;
	int status = check_sizes(wish, why);

	if (status != LODE_OK)
		return status;
	count = place(addr, intervals, wish, UINT64_MAX);
	if (count == 0)
		return lode_refuse_(why, LODE_RULE_INTERVAL_NO_PLACE,
			about(wish, LODE_FIELD_INTERVAL_SIZE, wish->size, align_of(wish)));
	return take_place(addr, intervals, wish, scale(random, count), why);
}

int lode_intervals_take_first(uint64_t *addr, struct lode_intervals *intervals, const struct lode_interval *wish,
	struct lode_diag *why)
{
	return lode_intervals_take_random(addr, intervals, wish, 0, why);
}

const struct lode_interval *lode_intervals_at(const struct lode_intervals *intervals, uint64_t addr)
{
	uint32_t place = count_below(intervals, addr);
	const struct lode_interval *found = place > 0 ? &intervals->entries[place - 1] : NULL;

	return found && addr - found->addr < found->size ? found : NULL;
}

bool lode_intervals_drop(struct lode_intervals *intervals, uint64_t addr)
{
	const struct lode_interval *found = lode_intervals_at(intervals, addr);

	if (!found || found->addr != addr)
		return false;
	intervals->nentries--;
	for (uint32_t i = (uint32_t)(found - intervals->entries); i < intervals->nentries; i++)
		intervals->entries[i] = intervals->entries[i + 1];
	return true;
}
