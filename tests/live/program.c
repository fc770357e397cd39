/* SPDX-License-Identifier: MIT */
/* program CASE FOLDER: this process's own units are replaced by objects of the folder, and its state is looked at. */
#define _GNU_SOURCE
#include "units.h"
#include <check.h>
#include <errno.h>
#include <link.h>
#include <lode/live.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static const char *folder;
static struct lode_live_program self;
static struct lode_diag why;

static int replace_by(const char *name, enum lode_swap_policy policy)
{
	char path[4096], line[600];
	int status;

	snprintf(path, sizeof path, "%s/%s.o", folder, name);
	why = (struct lode_diag){.status = LODE_OK};
	status = lode_live_replace(&self, path, policy, &why);
	if (status != LODE_OK && getenv("TELL")) {
		lode_diag_format(line, sizeof line, &why);
		printf("%s: %s (%.*s %.*s, errno %d)\n", name, line, (int)self.blame.symbol.size, self.blame.symbol.at,
			(int)self.account.datum.size, self.account.datum.at, self.error);
	}
	return status;
}

static int replace(const char *name)
{
	return replace_by(name, LODE_SWAP_IDLE);
}

static int take_back(void)
{
	why = (struct lode_diag){.status = LODE_OK};
	return lode_live_rollback(&self, LODE_SWAP_IDLE, &why);
}

/** Everything that calls version() comes to the same one. */
static void check_version(int v)
{
	CHECK_EQ(version(), v);
	CHECK_EQ(tail(), v);
	CHECK_EQ(other_version(), v);
	CHECK_EQ(other_tail(), v);
	CHECK_EQ(other_pointer()(), v);
	CHECK_EQ(other_table[0](), v);
	CHECK_EQ(other_table[1](), v);
	CHECK_EQ(table[0](), v);
	CHECK_EQ(table[1](), 10 + v);
	CHECK(other_try(v));
}

static void test_state(void)
{
	int *middle = address_of(MIDDLE), *b = address_of(PAIR);
	struct state state;

	for (int i = 0; i < 3; i++)
		step();
	pair.b = 22;
	*(int *)address_of(LIMIT) += 1;
	check_version(1);
	CHECK_EQ(replace("counter2"), LODE_OK);
	CHECK_EQ(self.account.nnew, 4);
	CHECK(self.account.nkept >= 10);
	check_version(2);
	state = look();
	CHECK_EQ(state.hits, 3);
	CHECK_EQ(state.total, 8);
	CHECK_EQ(state.limit, 101);
	CHECK_EQ(other_limit(), 77);
	CHECK_EQ(state.pair.b, 22);
	CHECK_EQ(state.per_thread, 10);
	CHECK_EQ(state.own_per_thread, 3);
	CHECK_EQ(state.last, 6);
	CHECK_EQ(state.fresh, 42);
	CHECK_EQ(state.fresh_static, 43);
	CHECK(address_of(MIDDLE) == middle && address_of(PAIR) == b);
	CHECK_EQ(step(), 8);
	state = look();
	CHECK_EQ(state.hits, 4);
	CHECK_EQ(state.total, 10);
	CHECK_EQ(state.fresh, 43);
	CHECK_EQ(state.fresh_static, 44);
	CHECK_EQ(state.fresh_per_thread, 1);
	CHECK_EQ(state.per_thread, 11);
	CHECK_EQ(state.own_per_thread, 5);
	CHECK_EQ(hits, 4);
	CHECK_EQ(count_constructed(), 1);
}

/** One, two, one again, three: data of version 2 is still there when it comes back. */
static void test_versions(void)
{
	step();
	CHECK_EQ(replace("counter2"), LODE_OK);
	step();
	CHECK_EQ(look().fresh, 43);
	CHECK_EQ(replace("counter1"), LODE_OK);
	check_version(1);
	step();
	CHECK_EQ(replace("counter3"), LODE_OK);
	check_version(3);
	step();
	CHECK_EQ(look().hits, 4);
	CHECK_EQ(look().total, 5 + 1 + 2 + 1 + 3);
	CHECK_EQ(replace("counter2"), LODE_OK);
	check_version(2);
	CHECK_EQ(step(), 3 + 1 + 2 + 1 + 3 + 2);
	CHECK_EQ(look().fresh, 44);
	CHECK_EQ(look().fresh_static, 45);
	CHECK_EQ(look().fresh_per_thread, 2);
	CHECK_EQ(count_constructed(), 1);
}

/*
 * Bytes: all of this program's memory but what belongs to the test and the library
 */

struct part {
	unsigned char *at, *copy;
	size_t size;
};
static struct part *parts;
static size_t nparts;
static unsigned char *template; /* of thread-local variables: some are the library's */
static size_t template_size;

static bool is_ours(const struct lode_index_symbol *symbol)
{
	const struct lode_link_text *unit = symbol->unit == LODE_NO_INDEX ? NULL : &self.program_.index->units[symbol->unit];

	if (!unit)
		return symbol->length == 12 && memcmp(symbol->name, "check_state_", 12) == 0;
	return !(unit->size == 9 && memcmp(unit->at, "counter.c", 9) == 0) &&
		!(unit->size == 7 && memcmp(unit->at, "other.c", 7) == 0);
}

static int copy_part(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)size;
	(void)data;
	parts = calloc(info->dlpi_phnum, sizeof *parts);
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];

		if (segment->p_type == PT_LOAD)
			parts[nparts++] = (struct part){.at = (unsigned char *)(info->dlpi_addr + segment->p_vaddr),
				.copy = malloc(segment->p_memsz), .size = segment->p_memsz};
		if (segment->p_type != PT_TLS)
			continue;
		template = (unsigned char *)(info->dlpi_addr + segment->p_vaddr);
		template_size = segment->p_filesz;
	}
	for (size_t i = 0; i < nparts; i++)
		memcpy(parts[i].copy, parts[i].at, parts[i].size);
	return 1;
}

static void remember(void)
{
	for (size_t i = 0; i < nparts; i++)
		free(parts[i].copy);
	free(parts);
	nparts = 0;
	dl_iterate_phdr(copy_part, NULL);
}

/** Own bytes are copied over, so that they are equal. */
static void overlook(const unsigned char *at, size_t size)
{
	for (size_t i = 0; i < nparts; i++)
		if (at >= parts[i].at && (size_t)(at - parts[i].at) < parts[i].size)
			memcpy(parts[i].copy + (at - parts[i].at), at, size);
}

/** True if every byte is as it was. */
static bool is_as_before(void)
{
	bool same = true;

	for (uint32_t i = 0; i < self.program_.index->nsymbols; i++) {
		const struct lode_index_symbol *symbol = &self.program_.index->symbols[i];

		if (symbol->type == LODE_STT_OBJECT && is_ours(symbol))
			overlook((unsigned char *)(uintptr_t)(symbol->addr + self.program_.bias), symbol->size);
	}
	overlook(template, template_size);
	for (size_t i = 0; i < nparts; i++)
		for (size_t k = 0; k < parts[i].size; k++)
			if (parts[i].at[k] != parts[i].copy[k]) {
				if (same && getenv("TELL"))
					printf("%p differs\n", (void *)(parts[i].at + k));
				same = false;
			}
	return same;
}

static void test_rollback(void)
{
	int (*volatile kept)(void) = version, (*volatile newer)(void);

	remember();
	CHECK_EQ(replace("counter2"), LODE_OK);
	CHECK(!is_as_before());
	CHECK_EQ(kept(), 2);
	newer = other_pointer();
	CHECK_EQ(newer(), 2);
	CHECK_EQ(replace("counter3"), LODE_OK);
	CHECK_EQ(newer(), 3);
	CHECK_EQ(take_back(), LODE_OK);
	check_version(2);
	CHECK_EQ(newer(), 2);
	CHECK_EQ(take_back(), LODE_OK);
	check_version(1);
	CHECK(is_as_before());
	/* What was taken back leads to what is there. */
	CHECK_EQ(newer(), 1);
	CHECK_EQ(kept(), 1);
	CHECK_EQ(take_back(), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_SWAP_NOTHING);
	CHECK_EQ(replace("counter3"), LODE_OK);
	check_version(3);
	CHECK_EQ(kept(), 3);
	CHECK_EQ(newer(), 3);
}

/** A word that the program has written since is the program's. */
static void test_words(void)
{
	remember();
	table[2] = tail;
	CHECK_EQ(replace("counter2"), LODE_OK);
	CHECK_EQ(table[2](), 2);
	table[0] = other_limit;
	CHECK_EQ(take_back(), LODE_OK);
	CHECK_EQ(self.account.nchanged, 0);
	CHECK_EQ(self.newest == NULL, true);
	CHECK(table[0] == other_limit);
	CHECK_EQ(table[2](), 1);
	table[0] = version;
	table[2] = NULL;
	CHECK(is_as_before());
}

enum { GENERATIONS = 200, MOST_KIB = 512 };

static long resident_kib(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	long all = 0, pages = 0;

	if (file && fscanf(file, "%ld %ld", &all, &pages) != 2)
		pages = 0;
	if (file)
		fclose(file);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

/** Code stays mapped for good, and what its tables need: as much for the last version as for the first. */
static void test_memory(void)
{
	long before = 0, first = 0, last = 0;

	for (int i = 0; i < 40; i++) {
		before = resident_kib();
		CHECK_EQ(replace(i % 2 ? "counter1" : "counter2"), LODE_OK);
		last = resident_kib() - before;
		first = i == 1 ? last : first;
	}
	CHECK(before > 0);
	CHECK(last <= MOST_KIB);
	CHECK(last <= 4 * first + 64);
}

static void test_generations(void)
{
	static const char *const names[] = {"counter1", "counter2", "counter3"};
	int (*volatile kept)(void) = version;
	long total = 5;

	remember();
	for (int i = 0; i < GENERATIONS; i++) {
		if (!CHECK_EQ(replace(names[i % 3]), LODE_OK))
			return;
		CHECK_EQ(other_version(), i % 3 + 1);
		CHECK_EQ(kept(), i % 3 + 1);
		CHECK_EQ(table[0](), i % 3 + 1);
		step();
		total += i % 3 + 1;
	}
	CHECK_EQ(look().hits, GENERATIONS);
	CHECK_EQ(look().total, total);
	for (int i = GENERATIONS; i-- > 0;) {
		if (!CHECK_EQ(take_back(), LODE_OK))
			return;
		CHECK_EQ(other_version(), i > 0 ? (i - 1) % 3 + 1 : 1);
	}
	CHECK_EQ(look().total, total);
	CHECK_EQ(look().hits, GENERATIONS);
	check_version(1);
}

/*
 * Faults: the n-th read or write fails
 */

static struct lode_swap_host real;
static int reads_left, writes_left;

static int failing_read(void *host, void *dst, uint64_t addr, size_t size)
{
	return reads_left >= 0 && reads_left-- == 0 ? -1 : real.read(host, dst, addr, size);
}

static int failing_write(void *host, uint64_t addr, const void *src, size_t size)
{
	return writes_left >= 0 && writes_left-- == 0 ? -1 : real.write(host, addr, src, size);
}

static void failing(int reads, int writes)
{
	reads_left = reads;
	writes_left = writes;
}

static int no_fault(void)
{
	int status;

	failing(-1, -1);
	status = replace("counter2");
	CHECK_EQ(status, LODE_OK);
	return status;
}

/** Every read, then every write, on the way there. What cannot be read while planning may be looked at again, or left out. */
static void test_faults_there(void)
{
	int refused[2] = {0, 0};

	real = self.program_.host;
	self.program_.host.read = failing_read;
	self.program_.host.write = failing_write;
	for (int writes = 0; writes < 2; writes++)
		for (int n = 0, quiet = 0; quiet < 5; n++) {
			int status;

			remember();
			failing(writes ? -1 : n, writes ? n : -1);
			status = replace("counter3");
			quiet = reads_left >= 0 || writes_left >= 0 ? quiet + 1 : 0;
			if (status == LODE_OK) {
				failing(-1, -1);
				check_version(3);
				CHECK_EQ(take_back(), LODE_OK);
				CHECK(is_as_before());
				continue;
			}
			refused[writes]++;
			CHECK_EQ(why.rule, writes ? LODE_RULE_SWAP_WRITE : LODE_RULE_SWAP_READ);
			CHECK(is_as_before());
			check_version(1);
		}
	CHECK(refused[0] >= 5);
	CHECK(refused[1] >= 5);
	no_fault();
}

/** The same on the way back. */
static void test_faults_back(void)
{
	int refused[2] = {0, 0};

	real = self.program_.host;
	self.program_.host.read = failing_read;
	self.program_.host.write = failing_write;
	for (int writes = 0; writes < 2; writes++)
		for (int n = 0;; n++) {
			if (!self.newest && no_fault() != LODE_OK)
				return;
			remember();
			failing(writes ? -1 : n, writes ? n : -1);
			if (take_back() == LODE_OK)
				break;
			refused[writes]++;
			CHECK_EQ(why.rule, writes ? LODE_RULE_SWAP_WRITE : LODE_RULE_SWAP_READ);
			CHECK(is_as_before());
			check_version(2);
		}
	failing(-1, -1);
	CHECK(refused[0] >= 5);
	CHECK(refused[1] >= 5);
	check_version(1);
}

/*
 * Threads
 */

enum { CALLERS = 3 };
static atomic_bool ending;
static atomic_ulong calls, wrong;

static void *call(void *data)
{
	int (*volatile kept)(int) = triple;
	int x = (int)(intptr_t)data;

	while (!atomic_load(&ending)) {
		int v = other_version();

		if (!other_try(x) || kept(x) != 3 * x + 1 || v < 1 || v > 3)
			atomic_fetch_add(&wrong, 1);
		atomic_fetch_add(&calls, 1);
		x = (x + 1) % 100000;
	}
	return NULL;
}

static void with_callers(enum lode_swap_policy policy)
{
	static const char *const names[] = {"counter2", "counter3", "counter1"};
	unsigned long before;
	pthread_t threads[CALLERS];

	for (int i = 0; i < CALLERS; i++)
		pthread_create(&threads[i], NULL, call, (void *)(intptr_t)(i * 1000));
	self.patience_ms = 20000;
	for (int i = 0; i < 12; i++) {
		before = atomic_load(&calls);
		CHECK_EQ(replace_by(names[i % 3], policy), LODE_OK);
		CHECK_EQ(other_version(), (i + 1) % 3 + 1);
		while (atomic_load(&calls) < before + 100)
			usleep(100);
	}
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(lode_live_rollback(&self, policy, &why), LODE_OK);
		usleep(1000);
	}
	atomic_store(&ending, true);
	for (int i = 0; i < CALLERS; i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(atomic_load(&wrong), 0);
	CHECK(atomic_load(&calls) > 1000);
}

static void test_callers_idle(void)
{
	with_callers(LODE_SWAP_IDLE);
}

static void test_callers_lazy(void)
{
	with_callers(LODE_SWAP_LAZY);
}

/** Threads begin and end all the time. */
static void *brief(void *data)
{
	(void)data;
	other_try(3);
	return NULL;
}

static void *begin_others(void *data)
{
	(void)data;
	while (!atomic_load(&ending)) {
		pthread_t thread;

		if (pthread_create(&thread, NULL, brief, NULL) != 0)
			continue;
		free(malloc(1000));
		pthread_join(thread, NULL);
	}
	return NULL;
}

static void test_brief_threads(void)
{
	static const char *const names[] = {"counter2", "counter3"};
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, begin_others, NULL);
	self.patience_ms = 20000;
	for (int i = 0; i < 30; i++)
		CHECK_EQ(replace(names[i % 2]), LODE_OK);
	atomic_store(&ending, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	check_version(3);
}

static volatile int stop;

static void *run_forever(void *data)
{
	*(int *)data = forever(&stop);
	return NULL;
}

/** A function that does not return: idle is refused, lazy is not, and the thread stays where it is. */
static void test_never_returns(void)
{
	int (*volatile kept)(void) = version;
	pthread_t thread;
	int ended_in = 0, before = hits;

	pthread_create(&thread, NULL, run_forever, &ended_in);
	while (*(volatile int *)&hits == before)
		usleep(100);
	remember();
	CHECK_EQ(replace("counter2"), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_SWAP_BUSY);
	self.patience_ms = 50;
	CHECK_EQ(replace("counter2"), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_SWAP_BUSY);
	self.patience_ms = 0;
	check_version(1);
	CHECK_EQ(replace_by("counter2", LODE_SWAP_LAZY), LODE_OK);
	CHECK(self.account.nbusy > 0);
	CHECK_EQ(self.account.ndoors, 0);
	/* References lead to the new code, copies of pointers to the old one. */
	CHECK_EQ(version(), 2);
	CHECK_EQ(other_version(), 2);
	CHECK_EQ(table[0](), 2);
	CHECK_EQ(kept(), 1);
	before = hits;
	while (*(volatile int *)&hits == before)
		usleep(100);
	stop = 1;
	pthread_join(thread, NULL);
	CHECK_EQ(ended_in, 1);
	CHECK_EQ(replace("counter3"), LODE_OK);
	check_version(3);
	CHECK_EQ(kept(), 3);
}

/** Code that is taken back while a thread is in it. */
static void test_never_returns_back(void)
{
	pthread_t thread;
	int ended_in = 0, before;

	CHECK_EQ(replace("counter2"), LODE_OK);
	before = hits;
	pthread_create(&thread, NULL, run_forever, &ended_in);
	while (*(volatile int *)&hits == before)
		usleep(100);
	CHECK_EQ(take_back(), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_SWAP_BUSY);
	CHECK_EQ(lode_live_rollback(&self, LODE_SWAP_LAZY, &why), LODE_OK);
	check_version(1);
	stop = 1;
	pthread_join(thread, NULL);
	CHECK_EQ(ended_in, 2);
	CHECK_EQ(replace("counter3"), LODE_OK);
	check_version(3);
}

static void check_refused(const char *name, int status, enum lode_rule rule)
{
	remember();
	CHECK_EQ(replace(name), status);
	CHECK_EQ(why.rule, rule);
	CHECK(is_as_before());
	check_version(1);
}

static void test_refused(void)
{
	check_refused("larger", LODE_ERR_POLICY, LODE_RULE_SWAP_SIZE);
	CHECK_EQ(self.account.datum.size, 4);
	CHECK(self.account.datum.at && memcmp(self.account.datum.at, "pair", 4) == 0);
	CHECK_EQ(self.account.old_size, 8);
	CHECK_EQ(self.account.new_size, 12);
#ifdef __clang__
	/* Its names say which function a variable is of. */
	name_one();
	name_two();
	CHECK_EQ(replace("names"), LODE_OK);
	CHECK_EQ(name_one(), 2);
	CHECK_EQ(name_two(), 4);
	CHECK_EQ(take_back(), LODE_OK);
#else
	check_refused("names", LODE_ERR_POLICY, LODE_RULE_SWAP_AMBIGUOUS);
	CHECK(self.account.datum.at && memcmp(self.account.datum.at, "same", 4) == 0);
#endif
	check_refused("nothing", LODE_ERR_POLICY, LODE_RULE_SWAP_NOTHING);
	check_refused("missing", LODE_ERR_MALFORMED, LODE_RULE_LINK_UNDEFINED);
	check_refused("aliases", LODE_ERR_UNSUPPORTED, LODE_RULE_SWAP_SHARED);
	check_refused("absent", LODE_ERR_IO, LODE_RULE_NONE);
	CHECK_EQ(self.error, ENOENT);
	/* A refusal leaves nothing behind. */
	CHECK_EQ(replace("counter3"), LODE_OK);
	check_version(3);
}

/** Ends of arrays, beside a new one: right, or refused; with -fdata-sections it is clear what is meant. */
static void test_arrays(void)
{
	bool sections = getenv("SECTIONS");
	int status;

	arrays_step();
	CHECK_EQ(arrays_sum(), 1000 + 16 + 320);
	status = replace("arrays");
	if (!sections && status == LODE_ERR_UNSUPPORTED) {
		CHECK_EQ(why.rule, LODE_RULE_LINK_KEEP);
		CHECK_EQ(arrays_sum(), 1000 + 16 + 320);
		return;
	}
	CHECK_EQ(status, LODE_OK);
	CHECK_EQ(self.account.nkept, 3);
	CHECK_EQ(self.account.nnew, 1);
	CHECK_EQ(arrays_sum(), 1000 + 16 + 320);
	arrays_step();
	CHECK_EQ(arrays_sum(), 2 * (1000 + 16 + 320) + 2400);
	CHECK_EQ(take_back(), LODE_OK);
	CHECK_EQ(arrays_sum(), 2 * (1000 + 16 + 320));
}

/*
 * What other systems lose or leave behind, and the case that looks for it here: static variables of functions (state, versions),
 * code that is never given back (memory, generations), functions that never return (never_returns), pointers to functions that
 * the program has copied (rollback), relocations that are wrong and silent (refused, arrays), what fails halfway (faults_*).
 */
static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
#define ONE(name) {#name, test_##name}
	ONE(state), ONE(versions), ONE(rollback), ONE(words), ONE(memory), ONE(generations), ONE(faults_there), ONE(faults_back),
	ONE(callers_idle), ONE(callers_lazy), ONE(brief_threads), ONE(never_returns), ONE(never_returns_back), ONE(refused),
	ONE(arrays),
};

int main(int argc, char **argv)
{
	char line[600];

	if (argc < 3) {
		for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
			puts(cases[i].name);
		return 0;
	}
	folder = argv[2];
	check_case("%s", argv[1]);
	if (lode_live_self(&self, NULL, &why) != LODE_OK) {
		lode_diag_format(line, sizeof line, &why);
		printf("FAIL %s: no index: %s, errno %d\n", argv[1], line, self.error);
		return 1;
	}
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (strcmp(argv[1], cases[i].name) == 0)
			cases[i].run();
	return check_done();
}
