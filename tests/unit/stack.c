/* SPDX-License-Identifier: MIT */
/* lode_stack_measure and lode_stack_build: exact bytes, every parity, limits, and this process's own stack from the kernel. */
#include <stdlib.h>

#include <lode/start.h>

#include "../check.h"

static const unsigned char random16[16] = {
	0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xab, 0xac, 0xad, 0xae, 0xaf,
};
static const char *const small_argv[] = {"a", "bc"};
static const char *const small_envp[] = {"X=1"};
static const struct lode_auxv small_auxv[] = {
	{LODE_AT_PAGESZ, 4096}, {LODE_AT_RANDOM, 0}, {LODE_AT_EXECFN, 0}, {LODE_AT_PLATFORM, 0},
};

static struct lode_stack small_stack(uint32_t word, bool big)
{
	return (struct lode_stack){
		.argv = small_argv, .argc = 2, .envp = small_envp, .envc = 1, .execfn = "/p", .platform = "m", .random = random16,
		.auxv = small_auxv, .nauxv = 4, .word = word, .big = big,
	};
}

/* The bytes at the top, the same for every word and byte order: argv, envp, execfn, eight zeros. */
static const unsigned char small_tail[] = {'a', 0, 'b', 'c', 0, 'X', '=', '1', 0, '/', 'p', 0, 0, 0, 0, 0, 0, 0, 0, 0};

static uint64_t word_at(const unsigned char *at, uint32_t word, bool big)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < word; i++)
		value = value << 8 | at[big ? i : word - 1 - i];
	return value;
}

static void check_small(uint32_t word, bool big)
{
	struct lode_stack stack = small_stack(word, big);
	struct lode_stack_layout l;
	unsigned char buf[512];
	/* Worked out by hand for top = 0x10000: 8 zeros, "/p" at fff5, "X=1" at fff1, "bc" at ffee, "a" at ffec; down to 16: ffe0;
	 * "m" at ffde, random at ffce; then 10 auxv words and 7 others, down to 16. */
	uint64_t sp = word == 8 ? 0xff40 : 0xff80;
	uint64_t want[] = {2, 0xffec, 0xffee, 0, 0xfff1, 0, 6, 4096, 25, 0xffce, 31, 0xfff5, 15, 0xffde, 0, 0};

	CHECK_EQ(lode_stack_measure(&l, &stack, 0x10000, NULL), LODE_OK);
	CHECK_EQ(l.sp, sp);
	CHECK_EQ(l.top, 0x10000);
	CHECK_EQ(l.size, 0x10000 - sp);
	CHECK_EQ(l.arg_start, 0xffec);
	CHECK_EQ(l.arg_end, 0xfff1);
	CHECK_EQ(l.env_start, 0xfff1);
	CHECK_EQ(l.env_end, 0xfff5);
	CHECK_EQ(l.auxv, sp + 6 * word);
	CHECK_EQ(l.auxv_size, 10 * word);
	memset(buf, 0x55, sizeof buf);
	lode_stack_build(buf, &l, &stack);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		CHECK_EQ(word_at(buf + i * word, word, big), want[i]);
	for (size_t i = 16 * word; i < 0xffce - sp; i++)
		CHECK_EQ(buf[i], 0);
	CHECK_MEM(buf + 0xffce - sp, random16, 16);
	CHECK_MEM(buf + 0xffde - sp, "m\0\0\0\0\0\0\0\0\0\0\0\0", 14);
	CHECK_MEM(buf + 0xffec - sp, small_tail, sizeof small_tail);
	CHECK_EQ(buf[l.size], 0x55);
}

static void test_exact_64_little(void)
{
	check_small(8, false);
}

static void test_exact_64_big(void)
{
	check_small(8, true);
}

static void test_exact_32_little(void)
{
	check_small(4, false);
}

static void test_exact_32_big(void)
{
	check_small(4, true);
}

enum { MOST = 9 };

/* Everything that a new program would walk over, for one combination of counts. */
static void check_counts(const struct lode_stack *stack, uint64_t top)
{
	struct lode_stack_layout l;
	unsigned char buf[16384];
	uint32_t w = stack->word;
	uint64_t at = 0, addr;

	CHECK_EQ(lode_stack_measure(&l, stack, top, NULL), LODE_OK);
	CHECK_EQ(l.sp % 16, 0);
	CHECK(l.size < sizeof buf);
	lode_stack_build(buf, &l, stack);
	CHECK_EQ(word_at(buf, w, stack->big), stack->argc);
	at = w;
	addr = l.arg_start;
	for (uint32_t i = 0; i < stack->argc; i++, at += w) {
		CHECK_EQ(word_at(buf + at, w, stack->big), addr);
		CHECK_STR((char *)buf + (addr - l.sp), stack->argv[i]);
		addr += strlen(stack->argv[i]) + 1;
	}
	CHECK_EQ(addr, l.arg_end);
	CHECK_EQ(word_at(buf + at, w, stack->big), 0);
	at += w;
	for (uint32_t i = 0; i < stack->envc; i++, at += w) {
		CHECK_EQ(word_at(buf + at, w, stack->big), addr);
		CHECK_STR((char *)buf + (addr - l.sp), stack->envp[i]);
		addr += strlen(stack->envp[i]) + 1;
	}
	CHECK_EQ(addr, l.env_end);
	CHECK_EQ(word_at(buf + at, w, stack->big), 0);
	CHECK_EQ(l.sp + at + w, l.auxv);
	CHECK_EQ(l.auxv_size, (stack->nauxv + 1) * 2 * w);
	CHECK_STR((char *)buf + (l.env_end - l.sp), stack->execfn);
}

static void test_every_parity(void)
{
	const char *strings[MOST];
	struct lode_auxv auxv[MOST];
	static const uint32_t words[] = {4, 8};

	for (uint32_t i = 0; i < MOST; i++) {
		strings[i] = &"abcdefgh"[8 - i % 8];
		auxv[i] = (struct lode_auxv){LODE_AT_UID, i};
	}
	for (uint32_t n = 0; n < 2 * MOST * MOST * 3; n++) {
		struct lode_stack stack = {.argv = strings, .argc = n % MOST, .envp = strings, .envc = n / MOST % MOST,
			.execfn = "/x",
			.auxv = auxv, .nauxv = n % 7, .word = words[n & 1], .big = n / 2 & 1, .gap = n * 41 % 8192};

		check_counts(&stack, 0x7fff0000);
	}
}

/* A compact image is the other one without the bytes of the gap. */
static void test_compact(void)
{
	struct lode_stack stack = small_stack(8, false);
	struct lode_stack_layout l, compact;
	unsigned char whole[512], image[512];

	for (uint64_t gap = 0; gap < 256; gap++) {
		size_t below, above;

		stack.gap = gap;
		stack.compact = false;
		CHECK_EQ(lode_stack_measure(&l, &stack, 0x10000, NULL), LODE_OK);
		lode_stack_build(whole, &l, &stack);
		stack.compact = true;
		CHECK_EQ(lode_stack_measure(&compact, &stack, 0x10000, NULL), LODE_OK);
		CHECK(memcmp(&l, &compact, sizeof l) == 0);
		memset(image, 0xa5, sizeof image);
		lode_stack_build(image, &compact, &stack);
		below = (size_t)(l.arg_start - gap - l.sp);
		above = (size_t)(l.top - l.arg_start);
		CHECK(memcmp(image, whole, below) == 0);
		CHECK(memcmp(image + below, whole + below + gap, above) == 0);
		CHECK_EQ(image[l.size - gap], 0xa5);
	}
}

static void test_gap_keeps_alignment(void)
{
	struct lode_stack stack = small_stack(8, false);
	struct lode_stack_layout l;

	for (uint64_t gap = 0; gap < 64; gap++) {
		stack.gap = gap;
		CHECK_EQ(lode_stack_measure(&l, &stack, 0x10000, NULL), LODE_OK);
		CHECK_EQ(l.sp, 0xff40 - ((gap + 3) & ~15ull));
		CHECK_EQ(l.arg_start, 0xffec);
	}
}

static void test_limits(void)
{
	struct lode_stack stack = small_stack(8, false);
	struct lode_stack_layout l;
	struct lode_diag why;

	for (uint64_t top = 0; top < 0xc0; top += 16) {
		memset(&why, 0, sizeof why);
		CHECK_EQ(lode_stack_measure(&l, &stack, top, &why), LODE_ERR_POLICY);
		CHECK_EQ(why.rule, LODE_RULE_STACK_TOO_LARGE);
		CHECK_EQ(why.status, LODE_ERR_POLICY);
		CHECK_EQ(why.limit, top);
	}
	CHECK_EQ(lode_stack_measure(&l, &stack, 0xc0, NULL), LODE_OK);
	CHECK_EQ(l.sp, 0);
	stack.gap = UINT64_MAX;
	CHECK_EQ(lode_stack_measure(&l, &stack, 0x10000, NULL), LODE_ERR_POLICY);
	stack = small_stack(4, false);
	CHECK_EQ(lode_stack_measure(&l, &stack, 0x100000010, NULL), LODE_ERR_POLICY);
	CHECK_EQ(lode_stack_measure(&l, &stack, 0x100000000, NULL), LODE_OK);
	CHECK_EQ(l.env_end, 0xfffffff5);
	stack = small_stack(8, false);
	CHECK_EQ(lode_stack_measure(&l, &stack, 0xfffffffffffffff0, NULL), LODE_OK);
	stack.nauxv = stack.argc = stack.envc = 0;
	stack.platform = NULL;
	stack.random = NULL;
	CHECK_EQ(lode_stack_measure(&l, &stack, 48 + 8 + 8, NULL), LODE_OK);
	CHECK_EQ(l.sp, 0);
}

static char **main_argv;

#if defined(__x86_64__) && defined(__linux__)
#include <sys/auxv.h>

static uint64_t stack_top(void)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[512];
	uint64_t top = 0;

	while (maps && fgets(line, sizeof line, maps))
		if (strstr(line, "[stack]"))
			top = strtoull(strchr(line, '-') + 1, NULL, 16);
	if (maps)
		fclose(maps);
	return top;
}

/* What the kernel was given, read back from where it put it. */
static struct lode_stack own_stack(struct lode_auxv *auxv, uint32_t most)
{
	struct lode_stack stack = {.word = 8, .argv = (const char *const *)main_argv, .auxv = auxv};
	const uint64_t *word;
	uint64_t arg_start = (uint64_t)(uintptr_t)main_argv[0];

	while (stack.argv[stack.argc])
		stack.argc++;
	stack.envp = stack.argv + stack.argc + 1;
	while (stack.envp[stack.envc])
		stack.envc++;
	word = (const uint64_t *)(const void *)(stack.envp + stack.envc + 1);
	for (; word[0] && stack.nauxv < most; word += 2)
		auxv[stack.nauxv++] = (struct lode_auxv){word[0], word[1]};
	stack.execfn = (const char *)(uintptr_t)getauxval(AT_EXECFN);
	stack.platform = (const char *)(uintptr_t)getauxval(AT_PLATFORM);
	stack.random = (const unsigned char *)(uintptr_t)getauxval(AT_RANDOM);
	stack.gap = arg_start - ((uint64_t)(uintptr_t)stack.platform + strlen(stack.platform) + 1);
	return stack;
}

/* The kernel's words for this very process, byte for byte from argc to the top. */
static void test_as_the_kernel(void)
{
	struct lode_auxv auxv[64];
	struct lode_stack stack = own_stack(auxv, 64);
	struct lode_stack_layout l;
	unsigned char *buf;

	CHECK_EQ(lode_stack_measure(&l, &stack, stack_top(), NULL), LODE_OK);
	if (CHECK_EQ(l.sp, (uint64_t)(uintptr_t)(main_argv - 1))) {
		buf = malloc((size_t)l.size);
		CHECK(buf != NULL);
		lode_stack_build(buf, &l, &stack);
		CHECK_MEM(buf, main_argv - 1, (size_t)l.size);
		free(buf);
	}
}
#else
static void test_as_the_kernel(void)
{
	SKIP("compares with a 64-bit x86 Linux kernel only");
}
#endif

int main(int argc, char **argv)
{
	(void)argc;
	main_argv = argv;
	CASE(test_exact_64_little);
	CASE(test_exact_64_big);
	CASE(test_exact_32_little);
	CASE(test_exact_32_big);
	CASE(test_every_parity);
	CASE(test_compact);
	CASE(test_gap_keeps_alignment);
	CASE(test_limits);
	CASE(test_as_the_kernel);
	return check_done();
}
