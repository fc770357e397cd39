/* SPDX-License-Identifier: MIT */
/* Good files come in through a reader and into a space that fail at every position, one after the other, and through a reader whose
 * bytes change between two reads: a right result or a clear refusal, the destination as it was, nothing written beside it. */
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "hostile.h"
#include "space.h"

static char what[160];

void hostile_broken(const char *text, const char *file, int line)
{
	char where[320];

	snprintf(where, sizeof where, "%s [%s]", text, what);
	check_true_(false, where, file, line);
}

/* All that a host does with a file, by one policy. True if the file was placed. */
static bool go_through(struct hostile_source *s, uint32_t policy_index, bool compare)
{
	const struct hostile_wish wish = {.flags = LODE_OPEN_SECTIONS};
	struct lode_policy policy = hostile_policy(policy_index);
	struct hostile_image opened;
	struct hostile_plan planned;
	unsigned long refused;
	bool placed = false;

	hostile_open(&opened, &s->source, &wish);
	if (opened.status == LODE_OK) {
		hostile_tables(&opened.image);
		policy.base = hostile_base(&opened.image, &policy);
		if (hostile_plan(&planned, &opened.image, &policy) == LODE_OK) {
			refused = hostile_count.refused;
			if (planned.plan.span.size <= HOSTILE_ARENA) {
				hostile_place(&opened.image, &planned, &policy, s->bytes, s->size, compare);
				placed = hostile_count.refused == refused;
			}
			hostile_plan_free(&planned);
		}
	}
	hostile_close(&opened);
	return placed;
}

/* The k-th read fails, for every k there is. */
static void reader_fails(const struct hostile_seed *seed, uint32_t policy)
{
	struct hostile_source s;
	uint64_t k = 0;

	do {
		unsigned long io = hostile_count.rule[LODE_RULE_SOURCE_READ] + hostile_count.rule[LODE_RULE_SPACE_REFUSED];

		hostile_source_begin(&s, seed->out.bytes, seed->out.size);
		s.fail_at = ++k;
		snprintf(what, sizeof what, "%s, policy %u, read %" PRIu64 " fails", seed->name, policy, k);
		go_through(&s, policy, true);
		/* a walk that only looks whether notes fit, or an owner's name that is passed over, asks for no diagnosis */
		if (s.reads >= k)
			CHECK(hostile_count.rule[LODE_RULE_SOURCE_READ] + hostile_count.rule[LODE_RULE_SPACE_REFUSED] > io ||
				s.reads > k);
	} while (s.reads >= k);
	CHECK(k > 4);
}

/* From the k-th read on, or only there, bytes are others than before. */
static void bytes_change(const struct hostile_seed *seed, const struct hostile_seed *other, uint32_t policy)
{
	static const unsigned char flips[] = {0x01, 0x10, 0x80, 0xff};
	struct hostile_source s;
	uint64_t k = 0;

	do {
		k++;
		for (unsigned way = 0; way < 2 * sizeof flips + 1; way++) {
			hostile_source_begin(&s, seed->out.bytes, seed->out.size);
			s.flip_at = k;
			s.flip = flips[way / 2 % sizeof flips];
			s.flip_on = way % 2 == 1 || way == 2 * sizeof flips;
			s.other = way == 2 * sizeof flips ? other->out.bytes : NULL;
			s.other_size = other->out.size;
			snprintf(what, sizeof what, "%s, policy %u, read %" PRIu64 " changed, way %u", seed->name, policy, k, way);
			go_through(&s, policy, false);
		}
	} while (s.reads >= k);
	CHECK(k > 4);
}

/* A space over a small guarded array in which the k-th callback fails. */
static int place_failing(const struct lode_image *image, const struct lode_plan *plan, unsigned long k, bool undo,
	unsigned long *calls)
{
	static unsigned char *arena, *undo_arena;
	struct lode_diag why = hostile_unfilled();
	struct lode_array array = {.base = plan->span.addr, .size = plan->span.size};
	struct hostile_space watched;
	int status;

	if (arena == NULL) {
		arena = hostile_arena();
		undo_arena = hostile_arena();
	}
	array.memory = arena + (HOSTILE_ARENA - array.size);
	array.undo = undo ? undo_arena + (HOSTILE_ARENA - array.size) : NULL;
	memset(array.memory, 0xc5, (size_t)array.size);
	hostile_space_begin(&watched, &array, plan, image->source);
	watched.fail_at = k;
	status = lode_place_relocated(&watched.space, image, plan, &hostile_relocation, &why);
	hostile_space_end(&watched, status);
	*calls = watched.calls;
	if (status == LODE_OK || k > watched.calls)
		return status;
	hostile_refusal(status, &why, image->source->size);
	CHECK_EQ(why.rule, LODE_RULE_SPACE_REFUSED);
	CHECK(why.field >= LODE_FIELD_SPACE_BEGIN && why.field <= LODE_FIELD_SPACE_PROTECT);
	CHECK(array.memory[0] == (undo || !watched.begun ? 0xc5 : 0));
	CHECK(memcmp(array.memory, array.memory + 1, (size_t)array.size - 1) == 0);
	return status;
}

static void space_fails(const struct hostile_seed *seed, uint32_t policy_index)
{
	const struct lode_source source = {.bytes = seed->out.bytes, .size = seed->out.size};
	const struct hostile_wish wish = {.flags = 0};
	struct lode_policy policy = hostile_policy(policy_index);
	struct hostile_image opened;
	struct hostile_plan planned;
	unsigned long calls = 1;
	int status = LODE_ERR_IO;

	snprintf(what, sizeof what, "%s, policy %u, space fails", seed->name, policy_index);
	CHECK_EQ(hostile_open(&opened, &source, &wish), LODE_OK);
	policy.base = hostile_base(&opened.image, &policy);
	if (hostile_plan(&planned, &opened.image, &policy) == LODE_OK && planned.plan.span.size <= HOSTILE_ARENA) {
		for (unsigned long k = 1; k <= calls + 1 && status != LODE_OK; k++) {
			place_failing(&opened.image, &planned.plan, k, false, &calls);
			status = place_failing(&opened.image, &planned.plan, k, true, &calls);
			CHECK(status == LODE_OK ? k > calls : status < 0);
		}
		hostile_plan_free(&planned);
	}
	hostile_close(&opened);
}

/* Bytes in memory that are others when the plan is placed than when it was made. */
static void memory_changes(const struct hostile_seed *seed, uint32_t policy_index)
{
	unsigned char *bytes = malloc(seed->out.size);
	const struct lode_source source = {.bytes = bytes, .size = seed->out.size};
	const struct hostile_wish wish = {.flags = LODE_OPEN_SECTIONS};
	struct lode_policy policy = hostile_policy(policy_index);

	for (unsigned round = 0; round < 200; round++) {
		struct hostile_image opened;
		struct hostile_plan planned;

		snprintf(what, sizeof what, "%s, policy %u, memory changes, round %u", seed->name, policy_index, round);
		memcpy(bytes, seed->out.bytes, seed->out.size);
		CHECK_EQ(hostile_open(&opened, &source, &wish), LODE_OK);
		policy.base = hostile_base(&opened.image, &policy);
		if (hostile_plan(&planned, &opened.image, &policy) == LODE_OK) {
			for (size_t i = round % 7; i < seed->out.size; i += 1 + (round * 37 + i * 11) % (1 + 5 * round))
				bytes[i] = (unsigned char)(bytes[i] * 5 + round + (i >> 3));
			if (planned.plan.span.size <= 1 << 18)
				hostile_place(&opened.image, &planned, &policy, bytes, source.size, false);
			hostile_plan_free(&planned);
		}
		hostile_close(&opened);
	}
	free(bytes);
}

/* One policy of each kind: a kernel's, a process's, and one that shares pages. */
static void try_seed(const struct hostile_seed *seed, const struct hostile_seed *other, bool all)
{
	static const uint32_t policies[] = {0, 1, 2, 5, 6};

	if (strncmp(seed->name, "object", 6) == 0)
		return;
	for (size_t i = 0; i < sizeof policies / sizeof *policies; i++) {
		if (!all && i > 0 && (i + strlen(seed->name)) % 4 != 0)
			continue;
		check_case("reader fails: %s, policy %u", seed->name, policies[i]);
		reader_fails(seed, policies[i]);
		check_case("bytes change: %s, policy %u", seed->name, policies[i]);
		bytes_change(seed, other, policies[i]);
		memory_changes(seed, policies[i]);
		check_case("space fails: %s, policy %u", seed->name, policies[i]);
		space_fails(seed, policies[i]);
	}
}

int main(int argc, char **argv)
{
	struct hostile_seed seed, other;
	bool all = argc > 1 && strcmp(argv[1], "all") == 0;

	hostile_seed(&other, 0);
	for (uint32_t i = 0; hostile_seed(&seed, i); i++) {
		try_seed(&seed, &other, all);
		mkelf_free(&other.out);
		other = seed;
	}
	mkelf_free(&other.out);
	return check_done();
}
