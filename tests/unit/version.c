/* SPDX-License-Identifier: MIT */
/* Symbol versions: definitions and needs in file order, indices and the hidden bit; chains that leave their table or never end. */
#include "file.h"
#include "tape.h"

static struct file f;
static struct lode_dynamic dynamic;
static struct lode_versions walk;

static int open_sample(const char *name, unsigned encoding)
{
	file_sample(&f, name, encoding_class(encoding), encoding_data(encoding), 0);
	CHECK_EQ(file_open(&f, 0), LODE_OK);
	return lode_dynamic_open(&dynamic, &f.image, &f.why);
}

static void check_string(uint64_t index, const char *want)
{
	char buf[64] = "";

	CHECK_EQ(lode_string_read(buf, sizeof buf, &dynamic.symbols.strings, index, &f.why), LODE_OK);
	CHECK_STR(buf, want);
}

static void expect(const char *file, const char *name, uint16_t index, uint16_t flags)
{
	struct lode_version version;

	CHECK_EQ(lode_version_next(&version, &walk, &f.why), 1);
	CHECK_EQ(version.index, index);
	CHECK_EQ(version.flags, flags);
	CHECK_EQ(version.hash, mkelf_sysv_hash(name));
	check_string(version.name, name);
	if (file)
		check_string(version.file, file);
	else
		CHECK_EQ(version.file, LODE_NO_OFFSET);
}

static void test_walk(void)
{
	struct lode_version version;

	for (unsigned k = 0; k < 4; k++) {
		CHECK_EQ(open_sample("dynamic", k), LODE_OK);
		lode_versions_begin(&walk, &f.image, &dynamic);
		expect("libc.so.6", "GLIBC_2.34", 2, 0);
		expect("libc.so.6", "GLIBC_2.2.5", 3, 0);
		expect("libm.so.6", "GLIBC_2.29", 4, 0);
		CHECK_EQ(lode_version_next(&version, &walk, &f.why), 0);
		CHECK_EQ(lode_version_next(&version, &walk, &f.why), 0);
		CHECK_EQ(open_sample("library", k), LODE_OK);
		lode_versions_begin(&walk, &f.image, &dynamic);
		expect(NULL, "libsample.so.1", 1, 1);
		expect(NULL, "SAMPLE_1.0", 2, 0);
		expect(NULL, "SAMPLE_1.1", 3, 0);
		CHECK_EQ(lode_version_next(&version, &walk, &f.why), 0);
	}
	CHECK_EQ(open_sample("static", 0), LODE_OK);
	lode_versions_begin(&walk, &f.image, &dynamic);
	CHECK_EQ(lode_version_next(&version, &walk, &f.why), 0);
	file_free(&f);
}

static void test_index(void)
{
	struct lode_versym version = {0};
	uint64_t room;

	for (unsigned k = 0; k < 4; k++) {
		CHECK_EQ(open_sample("library", k), LODE_OK);
		CHECK_EQ(lode_versym_read(&version, &f.image, &dynamic, 0, &f.why), LODE_OK);
		CHECK(version.index == 0 && !version.hidden);
		CHECK_EQ(lode_versym_read(&version, &f.image, &dynamic, 1, &f.why), LODE_OK);
		CHECK(version.index == 2 && !version.hidden);
		CHECK_EQ(lode_versym_read(&version, &f.image, &dynamic, 2, &f.why), LODE_OK);
		CHECK(version.index == 3 && version.hidden);
		room = dynamic.versym.size / 2;
		CHECK_EQ(lode_versym_read(&version, &f.image, &dynamic, room - 1, &f.why), LODE_OK);
		CHECK_EQ(lode_versym_read(&version, &f.image, &dynamic, room, &f.why), LODE_ERR_MALFORMED);
		CHECK_WHY(f.why, "version-range", LODE_FIELD_SYMBOL_INDEX, LODE_NO_INDEX, room, room, LODE_NO_OFFSET);
		f.source.size = dynamic.versym.offset;
		CHECK_EQ(lode_versym_read(&version, &f.image, &dynamic, 1, &f.why), LODE_ERR_MALFORMED);
		CHECK_EQ(f.why.rule, LODE_RULE_SOURCE_PAST_END);
	}
	file_free(&f);
}

/** Steps to the end of a walk, or the status that ends it. */
static int count_versions(uint64_t *steps)
{
	struct lode_version version;
	int more;

	*steps = 0;
	lode_versions_begin(&walk, &f.image, &dynamic);
	do {
		more = lode_version_next(&version, &walk, &f.why);
		*steps += more > 0;
	} while (more > 0);
	return more;
}

/** Each link of the chains in turn points far away, just behind the table, or at itself; each count says too much. */
static void test_lies(void)
{
	static const struct lie {
		const char *sample, *field;
		enum mkelf_structure structure;
		uint32_t index;
		uint64_t value;
		uint64_t versions; /* seen before the end */
		int end;
	} lies[] = {
		{"dynamic", "vn_aux", MKELF_VERNEED, 0, 0xffffffff, 0, LODE_ERR_MALFORMED},
		{"dynamic", "vn_next", MKELF_VERNEED, 0, 0xffffffff, 2, LODE_ERR_MALFORMED},
		{"dynamic", "vna_next", MKELF_VERNEED, 1, 0xffffff00, 1, LODE_ERR_MALFORMED},
		{"dynamic", "vna_next", MKELF_VERNEED, 1, 0, 2, 0}, /* the list of the first library ends early */
		{"dynamic", "vn_cnt", MKELF_VERNEED, 0, 1, 2, 0},
		{"dynamic", "vn_cnt", MKELF_VERNEED, 0, 0, 1, 0},
		{"dynamic", "vn_cnt", MKELF_VERNEED, 0, 0xffff, 3, 0}, /* vna_next 0 ends it all the same */
		{"dynamic", "vn_next", MKELF_VERNEED, 0, 0, 2, 0},
		{"library", "vd_aux", MKELF_VERDEF, 0, 0xffffffff, 0, LODE_ERR_MALFORMED},
		{"library", "vd_next", MKELF_VERDEF, 0, 0xfffffff0, 1, LODE_ERR_MALFORMED},
		{"library", "vd_next", MKELF_VERDEF, 1, 0, 2, 0},
	};

	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++)
		for (unsigned k = 0; k < 4; k++) {
			const struct lie *lie = &lies[i];
			uint64_t steps;

			CHECK_EQ(open_sample(lie->sample, k), LODE_OK);
			mkelf_set(&f.out, lie->structure, lie->index, lie->field, lie->value);
			CHECK_EQ(count_versions(&steps), lie->end);
			CHECK_EQ(steps, lie->versions);
			if (lie->end != 0) {
				CHECK_EQ(f.why.rule, LODE_RULE_VERSION_RANGE);
				CHECK_STR(lode_field_name(f.why.field), lie->field);
				CHECK_EQ(f.why.value, lie->value);
				CHECK_EQ(f.why.limit, *lie->sample == 'd' ? dynamic.verneed.size : dynamic.verdef.size);
				CHECK_EQ(f.why.offset, mkelf_at(&f.out, lie->structure, lie->index, lie->field));
			}
		}
	file_free(&f);
}

/** A chain that names itself, and a count to match: no more steps than the tables could hold entries. */
static void test_endless(void)
{
	uint64_t steps;

	CHECK_EQ(open_sample("library", 1), LODE_OK);
	dynamic.verdefnum = UINT64_MAX;
	mkelf_set(&f.out, MKELF_VERDEF, 2, "vd_next", 1); /* creeps on byte by byte */
	CHECK_EQ(count_versions(&steps), LODE_ERR_MALFORMED);
	CHECK(steps <= dynamic.verdef.size);
	CHECK_EQ(open_sample("dynamic", 1), LODE_OK);
	dynamic.verneednum = UINT64_MAX;
	mkelf_set(&f.out, MKELF_VERNEED, 0, "vn_cnt", 0);
	mkelf_set(&f.out, MKELF_VERNEED, 3, "vn_cnt", 0);
	mkelf_set(&f.out, MKELF_VERNEED, 3, "vn_next", 0xffffffd0); /* addition is in 64 bit: far away, not back */
	CHECK_EQ(count_versions(&steps), LODE_ERR_MALFORMED);
	CHECK_EQ(steps, 0);
	file_free(&f);
}

/** Many definitions in one place: the steps are bounded by the table's size, whatever the number of names. */
static void test_overlapping(void)
{
	uint64_t steps;

	CHECK_EQ(open_sample("library", 1), LODE_OK);
	dynamic.verdefnum = 1000000;
	dynamic.verdef.size = 28; /* one entry and its name; the next one lies over them */
	mkelf_set(&f.out, MKELF_VERDEF, 0, "vd_next", 4);
	CHECK_EQ(count_versions(&steps), LODE_ERR_MALFORMED);
	CHECK(steps <= 3);
	CHECK_EQ(f.why.rule, LODE_RULE_VERSION_RANGE);
	CHECK_EQ(f.why.limit, 28 / 8 + dynamic.verneed.size / 8);
	dynamic.verdef.size = 80;
	dynamic.verneed.size = 24;
	for (uint64_t at = 0; at < 80; at += 4)
		mkelf_poke(&f.out, dynamic.verdef.offset + at, 4, 4); /* every word links to the next one */
	CHECK_EQ(count_versions(&steps), LODE_ERR_MALFORMED);
	CHECK_EQ(steps, 6); /* two entries each: 13 are as many as 104 bytes have room for */
	CHECK_WHY(f.why, "version-range", LODE_FIELD_VERSION_ENTRIES, LODE_NO_INDEX, 14, 13, dynamic.verdef.offset + 28);
	file_free(&f);
}

/** Tables that are too small for their first entry: that nobody has pointed at. */
static void test_small_tables(void)
{
	uint64_t steps;

	CHECK_EQ(open_sample("library", 1), LODE_OK);
	dynamic.verdef.size = 19;
	CHECK_EQ(count_versions(&steps), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "version-range", LODE_FIELD_VERSION_TABLE, LODE_NO_INDEX, 19, 20, dynamic.verdef.offset);
	CHECK_EQ(open_sample("dynamic", 2), LODE_OK);
	dynamic.verneed.size = 15;
	CHECK_EQ(count_versions(&steps), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "version-range", LODE_FIELD_VERSION_TABLE, LODE_NO_INDEX, 15, 16, dynamic.verneed.offset);
	file_free(&f);
}

static void test_failing_reads(void)
{
	static const char *const samples[] = {"dynamic", "library"};
	struct tape tape;
	uint64_t reads, steps;

	for (unsigned s = 0; s < 2; s++) {
		CHECK_EQ(open_sample(samples[s], 1), LODE_OK);
		f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
		CHECK_EQ(count_versions(&steps), 0);
		CHECK_EQ(tape_twice(&tape), 0);
		reads = tape.reads;
		tape_end(&tape);
		for (uint64_t i = 0; i < reads; i++) {
			f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
			tape.fail_at = i;
			CHECK_EQ(count_versions(&steps), LODE_ERR_IO);
			CHECK_EQ(tape.reads, i + 1);
			tape_end(&tape);
		}
	}
	file_free(&f);
}

int main(void)
{
	CASE(test_walk);
	CASE(test_index);
	CASE(test_lies);
	CASE(test_endless);
	CASE(test_overlapping);
	CASE(test_small_tables);
	CASE(test_failing_reads);
	return check_done();
}
