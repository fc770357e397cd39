/* SPDX-License-Identifier: MIT */
/* Checks of a test program -> one line for each failure, one for each skip, and last `N passed, N failed[, N skipped]`. */
#ifndef LODE_TESTS_CHECK_H
#define LODE_TESTS_CHECK_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/*
 * What is counted are cases, not checks: a case fails if one of its checks does.
 *
 *	static void test_empty(void) { CHECK_EQ(f(0), 0); }
 *	int main(void) { CASE(test_empty); return check_done(); }
 *
 * Cases out of a table are begun with check_case("name %d", i). Every CHECK is an expression that is true if it holds.
 */
struct check_state {
	char name[128];
	bool open;
	bool skipped;
	unsigned failures; /* of the open case */
	unsigned checks;   /* of the open case */
	unsigned long passed, failed, skips;
};
/* One for all files of a test program. */
__attribute__((weak)) struct check_state check_state_;

enum { CHECK_LINES = 8 }; /* failures of one case that are printed */

/* Rounds of a long random test: all of them, or one in CHECK_SHARE where the processor is emulated (tools/check-cross). */
#ifndef CHECK_SHARE
#define CHECK_SHARE 1
#endif

/** How many of @all rounds to run; says so if that is not all. */
static inline int check_rounds(int all)
{
	if (CHECK_SHARE > 1)
		printf("LESS %d of %d rounds\n", all / CHECK_SHARE, all);
	return all / CHECK_SHARE;
}

static inline void check_close_(void)
{
	struct check_state *s = &check_state_;

	if (!s->open)
		return;
	s->open = false;
	if (!s->checks && !s->skipped) {
		printf("FAIL %s: the case checked nothing\n", s->name);
		s->failures = 1;
	}
	if (s->failures > CHECK_LINES)
		printf("FAIL %s: %u more\n", s->name, s->failures - CHECK_LINES);
	if (s->failures)
		s->failed++;
	else if (s->skipped)
		s->skips++;
	else
		s->passed++;
	fflush(stdout);
}

/** Begin a case; it ends where the next one begins, or at check_done(). */
__attribute__((format(printf, 1, 2))) static inline void check_case(const char *format, ...)
{
	struct check_state *s = &check_state_;
	va_list args;

	check_close_();
	va_start(args, format);
	vsnprintf(s->name, sizeof s->name, format, args);
	va_end(args);
	s->open = true;
	s->skipped = false;
	s->failures = 0;
	s->checks = 0;
}

static inline bool check_count_(bool ok)
{
	struct check_state *s = &check_state_;

	if (!s->open)
		check_case("%s", "main");
	s->checks++;
	if (ok)
		return true;
	s->failures++;
	return false;
}

static inline bool check_quiet_(void)
{
	return check_state_.failures > CHECK_LINES;
}

static inline bool check_true_(bool ok, const char *text, const char *file, int line)
{
	if (!check_count_(ok) && !check_quiet_())
		printf("FAIL %s: %s:%d: %s\n", check_state_.name, file, line, text);
	return ok;
}

static inline bool check_equal_(uint64_t got, uint64_t want, const char *text, const char *file, int line)
{
	bool ok = got == want;

	if (!check_count_(ok) && !check_quiet_())
		printf("FAIL %s: %s:%d: %s is %" PRId64 " (0x%" PRIx64 "), not %" PRId64 " (0x%" PRIx64 ")\n", check_state_.name,
			file, line, text, (int64_t)got, got, (int64_t)want, want);
	return ok;
}

static inline bool check_string_(const char *got, const char *want, const char *text, const char *file, int line)
{
	bool ok = got && want ? strcmp(got, want) == 0 : got == want;

	if (!check_count_(ok) && !check_quiet_())
		printf("FAIL %s: %s:%d: %s is \"%s\", not \"%s\"\n", check_state_.name, file, line, text, got ? got : "(null)",
			want ? want : "(null)");
	return ok;
}

static inline bool check_memory_(const void *got, const void *want, size_t size, const char *text, const char *file, int line)
{
	const unsigned char *a = got, *b = want;
	size_t at = 0;

	while (at < size && a[at] == b[at])
		at++;
	if (!check_count_(at == size) && !check_quiet_())
		printf("FAIL %s: %s:%d: %s: byte %zu of %zu is 0x%02x, not 0x%02x\n", check_state_.name, file, line, text, at, size,
			a[at], b[at]);
	return at == size;
}

#define CHECK(condition) check_true_(condition, #condition, __FILE__, __LINE__)
/** Integers of any type, compared as 64 bit. */
#define CHECK_EQ(got, want) check_equal_((uint64_t)(got), (uint64_t)(want), #got, __FILE__, __LINE__)
/** C strings; NULL equals only NULL. */
#define CHECK_STR(got, want) check_string_(got, want, #got, __FILE__, __LINE__)
#define CHECK_MEM(got, want, size) check_memory_(got, want, (size_t)(size), #got, __FILE__, __LINE__)
/** Run a function as a case of its name. */
#define CASE(function) (check_case("%s", #function), function())

/** The open case cannot run here; say why, then leave it. */
static inline void check_skip(const char *reason)
{
	if (!check_state_.open)
		check_case("%s", "main");
	check_state_.skipped = true;
	printf("SKIP %s: %s\n", check_state_.name, reason);
}
#define SKIP(reason) check_skip(reason)

/** Print the counts; what main returns. */
static inline int check_done(void)
{
	struct check_state *s = &check_state_;

	check_close_();
	printf("%lu passed, %lu failed", s->passed, s->failed);
	if (s->skips)
		printf(", %lu skipped", s->skips);
	printf("\n");
	return s->failed || !(s->passed + s->skips);
}

#endif
