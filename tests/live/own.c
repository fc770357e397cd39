/* SPDX-License-Identifier: MIT */
/* own FILE... -- OBJECT...: a thread opens and plans each file and links each archive, all the time; meanwhile this program's own
 * units, those that it does so with, are replaced by the objects. What comes out is what came out at first. */
#define _GNU_SOURCE
#include <check.h>
#include <fcntl.h>
#include <lode/live.h>
#include <lode/lode.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILES = 16, SEGMENTS = 64, SECTIONS = 256, ROUNDS = 2 };
#define ADDR UINT64_C(0x10000000)

struct input {
	const char *name;
	const void *bytes;
	size_t size;
};

static struct input inputs[FILES];
static int ninputs;
static uint64_t first;
static atomic_ulong rounds, wrong;
static atomic_bool ending;

static uint64_t more(uint64_t hash, const void *bytes, size_t size)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static int find(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol)
{
	(void)host;
	(void)symbol;
	*address = ADDR + strlen(name);
	return 0;
}

static uint64_t place(uint64_t hash, const struct lode_image *image, const struct lode_plan *made)
{
	struct lode_array array = {.memory = calloc(1, made->span.size), .base = made->span.addr, .size = made->span.size};
	struct lode_space space = lode_array_space(&array);
	struct lode_dynamic dynamic;
	struct lode_symbol symbol;
	struct lode_diag why = {.status = LODE_OK};
	const struct lode_relocation relocation = {.resolve = find, .static_tls = true};
	int status = lode_place_relocated(&space, image, made, &relocation, &why);

	hash = more(more(more(hash, &status, sizeof status), &why.rule, sizeof why.rule), array.memory, made->span.size);
	free(array.memory);
	if (lode_dynamic_open(&dynamic, image, NULL) != LODE_OK)
		return hash;
	for (uint64_t i = 0; i < dynamic.symbols.count; i++)
		if (lode_symbol_read(&symbol, image, &dynamic.symbols, i, NULL) == LODE_OK)
			hash = more(hash, &symbol.value, sizeof symbol.value);
	return hash;
}

static uint64_t plan(uint64_t hash, const struct input *input)
{
	const struct lode_source source = {.bytes = input->bytes, .size = input->size};
	static struct lode_segment segments[SEGMENTS];
	static struct lode_section sections[SECTIONS];
	static struct lode_run runs[LODE_PLAN_RUNS(SEGMENTS)];
	static struct lode_fill fills[LODE_PLAN_FILLS(SEGMENTS)];
	const struct lode_open_options how = {.flags = LODE_OPEN_SECTIONS, .segments = segments, .max_segments = SEGMENTS,
		.sections = sections, .max_sections = SECTIONS};
	struct lode_plan made = {.runs = runs, .max_runs = LODE_PLAN_RUNS(SEGMENTS), .fills = fills,
		.max_fills = LODE_PLAN_FILLS(SEGMENTS)};
	struct lode_policy policy = lode_policy_process(4096);
	struct lode_image image;
	struct lode_diag why = {.status = LODE_OK};
	char line[512];

	policy.base = ADDR;
	policy.relocate = LODE_RELOCATE_LOADER;
	if (lode_open(&image, &source, &how, &why) == LODE_OK && lode_plan(&made, &image, &policy, &why) == LODE_OK) {
		hash = more(hash, &image.entry, sizeof image.entry);
		for (uint32_t i = 0; i < made.nruns; i++)
			hash = more(more(hash, &runs[i].addr, sizeof runs[i].addr), &runs[i].size, sizeof runs[i].size);
		for (uint32_t i = 0; i < made.nfills; i++)
			hash = more(more(hash, &fills[i].addr, sizeof fills[i].addr), &fills[i].offset, sizeof fills[i].offset);
		return place(hash, &image, &made);
	}
	lode_diag_format(line, sizeof line, &why);
	return more(hash, line, strlen(line));
}

/* Whatever the archive lacks is at one address. */
static int resolve(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	(void)host;
	answer->value = ADDR - 4096;
	answer->type = symbol->type == LODE_STT_OBJECT ? LODE_STT_OBJECT : LODE_STT_FUNC;
	return 0;
}

static uint64_t link_all(uint64_t hash, const struct input *input)
{
	static struct lode_link link;
	static const struct lode_link_host host = {.resolve = resolve};
	struct lode_link_options options = {.memory_size = LODE_LINK_MEMORY(input->size), .host = &host, .page_size = 4096,
		.machine = LODE_EM_X86_64, .flags = LODE_LINK_EH_FRAME};
	struct lode_diag why = {.status = LODE_OK};
	void *view = NULL;
	char line[512];
	int status;

	options.memory = aligned_alloc(16, options.memory_size & ~(size_t)15);
	options.memory_size &= ~(size_t)15;
	status = lode_link_begin(&link, &options, &why);
	if (status == LODE_OK)
		status = lode_link_add(&link, input->name, input->bytes, input->size, &why);
	if (status == LODE_OK)
		status = lode_link_want(&link, "luaL_newstate", &why);
	if (status == LODE_OK)
		status = lode_link_resolve(&link, &why);
	if (status == LODE_OK)
		status = lode_link_plan(&link, &why);
	if (status == LODE_OK) {
		view = calloc(1, link.size);
		status = lode_link_place(&link, &(struct lode_link_place){.addr = ADDR, .view = view}, &why);
	}
	if (status == LODE_OK)
		hash = more(hash, view, link.size);
	lode_diag_format(line, sizeof line, &why);
	hash = status == LODE_OK ? hash : more(hash, line, strlen(line));
	free(view);
	free(options.memory);
	return hash;
}

static uint64_t work(void)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (int i = 0; i < ninputs; i++)
		hash = memcmp(inputs[i].bytes, "!<arch>", 7) == 0 ? link_all(hash, &inputs[i]) : plan(hash, &inputs[i]);
	return hash;
}

static void *work_on(void *data)
{
	while (!atomic_load(&ending)) {
		if (work() != first)
			atomic_fetch_add(&wrong, 1);
		atomic_fetch_add(&rounds, 1);
	}
	return data;
}

static void await_rounds(unsigned long count)
{
	unsigned long until = atomic_load(&rounds) + count;

	while (atomic_load(&rounds) < until)
		usleep(200);
}

static void take(const char *name)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (ninputs == FILES || fd < 0 || fstat(fd, &st) != 0)
		exit(2);
	inputs[ninputs++] = (struct input){name, mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0), (size_t)st.st_size};
	close(fd);
}

static struct lode_live_program self;

static bool replace(const char *name)
{
	struct lode_diag why = {.status = LODE_OK};
	char line[512];

	check_case("%s", strrchr(name, '/') ? strrchr(name, '/') + 1 : name);
	if (lode_live_replace(&self, name, LODE_SWAP_LAZY, &why) == LODE_OK) {
		CHECK(self.account.nfunctions + self.account.nconstants > 0);
		await_rounds(2);
		CHECK_EQ(atomic_load(&wrong), 0);
		return true;
	}
	if (why.rule == LODE_RULE_SWAP_NOTHING) {
		check_skip("the program has nothing of it");
		return false;
	}
	lode_diag_format(line, sizeof line, &why);
	printf("FAIL %s: %s (%.*s %.*s, errno %d)\n", name, line, (int)self.blame.symbol.size, self.blame.symbol.at,
		(int)self.account.datum.size, self.account.datum.at, self.error);
	CHECK(false);
	return false;
}

int main(int argc, char **argv)
{
	struct lode_diag why;
	pthread_t thread;
	int objects = 1, done = 0;

	for (; objects < argc && strcmp(argv[objects], "--") != 0; objects++)
		take(argv[objects]);
	first = work();
	check_case("index");
	CHECK_EQ(work(), first);
	CHECK_EQ(lode_live_self(&self, NULL, &why), LODE_OK);
	CHECK_EQ(pthread_create(&thread, NULL, work_on, NULL), 0);
	await_rounds(2);
	for (int round = 0; round < ROUNDS; round++)
		for (int i = objects + 1; i < argc; i++)
			done += replace(argv[i]);
	check_case("taken back");
	while (self.newest)
		if (!CHECK_EQ(lode_live_rollback(&self, LODE_SWAP_LAZY, &why), LODE_OK))
			break;
	await_rounds(2);
	atomic_store(&ending, true);
	pthread_join(thread, NULL);
	CHECK_EQ(atomic_load(&wrong), 0);
	CHECK_EQ(work(), first);
	printf("%d replacements of %d units; the thread worked %lu times\n", done, argc - objects - 1, atomic_load(&rounds));
	return check_done();
}
