/* SPDX-License-Identifier: MIT */
/* lode_stack_measure at every top that is too low, and one byte above it; strings' addresses in the auxiliary vector. */
#include <lode/start.h>

#include "file.h"

static const char *const argv[] = {"one", "two"}, *const envp[] = {"A=1", "LONG=0123456789"};
static const unsigned char random_bytes[16] = "0123456789abcdef";
static const struct lode_auxv auxv[] = {
	{LODE_AT_PLATFORM, 1}, {LODE_AT_BASE_PLATFORM, 2}, {LODE_AT_RANDOM, 3}, {LODE_AT_EXECFN, 4}, {LODE_AT_PAGESZ, 4096}};

static struct lode_stack stack_of(uint32_t word, unsigned parts)
{
	return (struct lode_stack){.argv = argv,
		.envp = envp,
		.argc = parts & 1 ? 2 : 0,
		.envc = parts & 2 ? 2 : 0,
		.execfn = "./program-with-a-long-name",
		.platform = parts & 4 ? "machine" : NULL,
		.random = parts & 8 ? random_bytes : NULL,
		.auxv = auxv,
		.nauxv = parts & 16 ? 5 : 0,
		.word = word,
		.gap = parts & 32 ? 100 : 0};
}

/** What fits a high top fits down to a top of its own size, and no lower. */
static void test_tops(void)
{
	for (unsigned parts = 0; parts < 64; parts++)
		for (uint32_t word = 4; word <= 8; word += 4) {
			struct lode_stack stack = stack_of(word, parts);
			struct lode_stack_layout layout;
			struct lode_diag why;
			uint64_t size;

			CHECK_EQ(lode_stack_measure(&layout, &stack, 0x10000, &why), LODE_OK);
			size = layout.size;
			CHECK_EQ(layout.sp, 0x10000 - size);
			for (uint64_t top = 0; top < size; top += 16) {
				CHECK_EQ(lode_stack_measure(&layout, &stack, top, &why), LODE_ERR_POLICY);
				CHECK_EQ(why.rule, LODE_RULE_STACK_TOO_LARGE);
				CHECK_EQ(why.field, LODE_FIELD_STACK);
				CHECK_EQ(why.limit, top);
				CHECK(why.value > top && why.value <= size);
			}
			CHECK_EQ(lode_stack_measure(&layout, &stack, size, NULL), LODE_OK);
			CHECK_EQ(layout.sp, 0);
			CHECK_EQ(lode_stack_measure(&layout, &stack, size - 16, NULL), LODE_ERR_POLICY);
		}
}

/** 32-bit stacks end at 2^32. */
static void test_word(void)
{
	struct lode_stack stack = stack_of(4, 1);
	struct lode_stack_layout layout;
	struct lode_diag why;

	CHECK_EQ(lode_stack_measure(&layout, &stack, UINT64_C(0x100000000), NULL), LODE_OK);
	CHECK_EQ(lode_stack_measure(&layout, &stack, UINT64_C(0x100000010), &why), LODE_ERR_POLICY);
	CHECK_WHY(why, "stack-too-large", LODE_FIELD_STACK, LODE_NO_INDEX, UINT64_C(0x100000010), UINT64_C(0x100000000),
		LODE_NO_OFFSET);
	stack.word = 8;
	CHECK_EQ(lode_stack_measure(&layout, &stack, UINT64_C(0x100000010), NULL), LODE_OK);
}

/** Eight zeros, the name, and a gap that is larger than what is left; one that would wrap. */
static void test_size_against_room(void)
{
	struct lode_stack stack = stack_of(8, 0);
	struct lode_stack_layout layout;
	struct lode_diag why;

	stack.gap = 0x8000;
	CHECK_EQ(lode_stack_measure(&layout, &stack, 0x7000, &why), LODE_ERR_POLICY);
	CHECK_WHY(why, "stack-too-large", LODE_FIELD_STACK, LODE_NO_INDEX, 8 + 27 + 0x8000, 0x7000, LODE_NO_OFFSET);
	stack.gap = UINT64_MAX;
	CHECK_EQ(lode_stack_measure(&layout, &stack, 0x7000, &why), LODE_ERR_POLICY);
	CHECK_EQ(why.value, UINT64_MAX);
	CHECK_EQ(why.limit, 0x7000);
}

/** Without strings their entries are 0, not the address of other bytes. */
static void test_nothing_named(void)
{
	static unsigned char image[1024];
	const struct lode_stack stack = stack_of(8, 16);
	struct lode_stack_layout layout;

	CHECK_EQ(lode_stack_measure(&layout, &stack, 0x7000, NULL), LODE_OK);
	CHECK(layout.size <= sizeof image);
	lode_stack_build(image, &layout, &stack);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < 8; k++)
			CHECK_EQ(image[layout.auxv - layout.sp + 16 * i + 8 + k], 0);
}

/** As Linux: argv strings, platform, base platform, random bytes, downwards. */
static void test_base_platform(void)
{
	static unsigned char image[1024];
	struct lode_stack stack = stack_of(8, 63);
	struct lode_stack_layout layout;
	uint64_t value[3] = {0}, platform;

	stack.gap = 0;
	stack.base_platform = "base";
	CHECK_EQ(lode_stack_measure(&layout, &stack, 0x7000, NULL), LODE_OK);
	CHECK(layout.size <= sizeof image);
	lode_stack_build(image, &layout, &stack);
	for (unsigned i = 0; i < 3; i++)
		for (unsigned k = 0; k < 8; k++)
			value[i] |= (uint64_t)image[layout.auxv - layout.sp + 16 * i + 8 + k] << 8 * k;
	platform = (layout.arg_start & ~UINT64_C(15)) - sizeof "machine";
	CHECK_EQ(value[0], platform);
	CHECK_EQ(value[1], platform - sizeof "base");
	CHECK_EQ(value[2], platform - sizeof "base" - 16);
	CHECK_STR((const char *)image + (value[0] - layout.sp), "machine");
	CHECK_STR((const char *)image + (value[1] - layout.sp), "base");
	CHECK_MEM(image + (value[2] - layout.sp), random_bytes, 16);
}

/** Addresses in the vector point at the strings; other values stay. */
static void test_addresses(void)
{
	static unsigned char image[1024];
	const struct lode_stack stack = stack_of(8, 63);
	struct lode_stack_layout layout;
	uint64_t value[6] = {0};

	CHECK_EQ(lode_stack_measure(&layout, &stack, 0x7000, NULL), LODE_OK);
	CHECK(layout.size <= sizeof image);
	lode_stack_build(image, &layout, &stack);
	for (unsigned i = 0; i < 6; i++)
		for (unsigned k = 0; k < 8; k++)
			value[i] |= (uint64_t)image[layout.auxv - layout.sp + 16 * i + 8 + k] << 8 * k;
	CHECK_STR((const char *)image + (value[0] - layout.sp), "machine");
	CHECK_EQ(value[1], 0);
	CHECK_MEM(image + (value[2] - layout.sp), random_bytes, 16);
	CHECK_STR((const char *)image + (value[3] - layout.sp), "./program-with-a-long-name");
	CHECK_EQ(value[4], 4096);
	CHECK_EQ(value[5], 0);
}

int main(void)
{
	CASE(test_tops);
	CASE(test_word);
	CASE(test_size_against_room);
	CASE(test_nothing_named);
	CASE(test_base_platform);
	CASE(test_addresses);
	return check_done();
}
