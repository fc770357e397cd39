/* SPDX-License-Identifier: MIT */
/* Files that are built to cost time come in; what is counted is how often and how much of the source is read, and how long
 * sorting and planning take when a file doubles. Work must grow with the file's size, never with what a field says. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "hostile.h"

static char what[64];

void hostile_broken(const char *text, const char *file, int line)
{
	char where[320];

	snprintf(where, sizeof where, "%s [%s]", text, what);
	check_true_(false, where, file, line);
}

enum { FACTOR = 48, SMALL = 1 << 16 };

/* Bytes read since the last look, against the size of the file; and no more calls than bytes. */
static void bounded(struct hostile_source *s, const char *step)
{
	uint64_t limit = FACTOR * s->size + SMALL;

	if (!CHECK(s->total <= limit) || !CHECK(s->reads <= s->size + SMALL))
		printf("%s, %s: %" PRIu64 " reads, %" PRIu64 " bytes of a file of %" PRIu64 "\n", check_state_.name, step, s->reads,
			s->total, s->size);
	s->total = s->reads = 0;
}

static void count_dynamic(struct hostile_source *s, const struct lode_image *image)
{
	struct lode_versions walk;
	struct lode_version version;
	struct lode_dynamic dynamic;
	int status = lode_dynamic_open(&dynamic, image, NULL);

	bounded(s, "dynamic table");
	if (status != LODE_OK)
		return;
	lode_versions_begin(&walk, image, &dynamic);
	while (lode_version_next(&version, &walk, NULL) == 1)
		;
	bounded(s, "versions");
}

static void count_relocations(struct hostile_source *s, const struct lode_image *image)
{
	struct lode_policy policy = lode_policy_kernel(4096);
	struct lode_relocation_count count;
	struct hostile_plan planned;
	int status;

	policy.flags |= LODE_PLAN_ENTRY_ANY;
	policy.base = hostile_base(image, &policy);
	if (hostile_plan(&planned, image, &policy) != LODE_OK)
		return;
	bounded(s, "plan");
	status = lode_relocations_check(&count, image, &planned.plan, &hostile_relocation, NULL);
	HOLDS(status <= 0 && count.total <= 8 * s->size);
	bounded(s, "relocations");
	hostile_plan_free(&planned);
}

/* Every entry point once, with its reads counted. */
static void count_all(const unsigned char *bytes, uint64_t size)
{
	const struct hostile_wish wish = {.flags = LODE_OPEN_SECTIONS};
	struct hostile_image opened;
	struct hostile_source s;
	struct lode_note note;
	int found;

	hostile_source_begin(&s, bytes, size);
	hostile_open(&opened, &s.source, &wish);
	bounded(&s, "open");
	if (opened.status == LODE_OK) {
		count_dynamic(&s, &opened.image);
		count_relocations(&s, &opened.image);
		found = lode_note_find(&note, &opened.image, "Nobody", 77, NULL);
		HOLDS(found <= 0);
		bounded(&s, "notes");
	}
	hostile_close(&opened);
}

static void test_seeds(void)
{
	struct hostile_seed seed;

	for (uint32_t i = 0; hostile_seed(&seed, i); i++) {
		snprintf(what, sizeof what, "%s", seed.name);
		count_all(seed.out.bytes, seed.out.size);
		mkelf_free(&seed.out);
	}
}

static const struct mkelf_segment *many(uint32_t n, struct mkelf_segment each)
{
	struct mkelf_segment *segments = calloc(n, sizeof *segments);

	for (uint32_t i = 0; i < n; i++)
		segments[i] = each;
	return segments;
}

/* n PT_NOTE segments that all cover the same 60,000 smallest notes. */
static void test_notes(void)
{
	enum { NOTES = 60000, SEGMENTS = 3000 };
	struct mkelf_segment *segments =
		(struct mkelf_segment *)(uintptr_t)many(SEGMENTS, (struct mkelf_segment){.type = PT_NOTE, .align = 8});
	unsigned char *empty = calloc(NOTES, 12);
	struct mkelf elf = {.type = ET_EXEC, .segments = segments, .nsegments = SEGMENTS, .tables = MKELF_NOWHERE};
	struct mkelf_out out = {0};

	for (size_t i = 0; i < NOTES; i++)
		empty[12 * i + 8] = 1;
	segments[0] = (struct mkelf_segment){
		.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0x100000, .align = 0x1000, .bytes = empty, .size = 12 * NOTES};
	mkelf_write(&out, &elf);
	for (uint32_t i = 1; i < SEGMENTS; i++) {
		mkelf_set(&out, MKELF_PHDR, i, "p_offset", mkelf_get(&out, MKELF_PHDR, 0, "p_offset"));
		mkelf_set(&out, MKELF_PHDR, i, "p_filesz", 12 * NOTES);
	}
	count_all(out.bytes, out.size);
	mkelf_free(&out);
	free(segments);
	free(empty);
}

/* Every needed library claims all entries that follow it as its versions. */
static void test_versions(void)
{
	enum { ENTRIES = 4000 };
	unsigned char *table = calloc(ENTRIES, 16);
	const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R, .vaddr = 0, .align = 0x1000, .size = 0x40, .headers = true},
		{.type = PT_LOAD, .flags = PF_R, .vaddr = 0x10000, .align = 0x1000, .bytes = table, .size = 16 * ENTRIES},
		{.type = PT_DYNAMIC, .flags = PF_R, .align = 8, .covers = MKELF_DYN},
	};
	const struct mkelf_dyn dyns[] = {{DT_VERNEED, 0x10000}, {DT_VERNEEDNUM, UINT64_MAX}};
	struct mkelf elf = {.type = ET_DYN, .segments = segments, .nsegments = 3, .tables = 0, .dyns = dyns, .ndyns = 2};
	struct mkelf_out out = {0};

	for (size_t i = 0; i < ENTRIES; i++) {
		table[16 * i + 2] = table[16 * i + 3] = 0xff; /* vn_cnt */
		table[16 * i + 8] = 16;                       /* vn_aux, vna_name */
		table[16 * i + 12] = 16;                      /* vn_next, vna_next */
	}
	table[16 * ENTRIES - 4] = 0;
	mkelf_write(&out, &elf);
	count_all(out.bytes, out.size);
	mkelf_free(&out);
	free(table);
}

/* RELR in which every word is a bitmap of ones, over a segment that can take them all. */
static void test_relr(void)
{
	enum { WORDS = 20000 };
	const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_X, .vaddr = 0, .align = 0x1000, .size = 0x40, .headers = true},
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0x1000000, .align = 0x1000, .size = 0x40, .bss = 64 * 8 * WORDS},
		{.type = PT_DYNAMIC, .flags = PF_R, .align = 8, .covers = MKELF_DYN},
	};
	uint64_t *words = calloc(WORDS, sizeof *words);
	struct mkelf elf = {
		.type = ET_DYN, .segments = segments, .nsegments = 3, .tables = 0, .relr_words = words, .nrelr_words = WORDS};
	struct mkelf_out out = {0};

	words[0] = 0x1000000;
	for (size_t i = 1; i < WORDS; i++)
		words[i] = UINT64_MAX;
	mkelf_write(&out, &elf);
	count_all(out.bytes, out.size);
	mkelf_free(&out);
	free(words);
}

/* Every relocation asks for a symbol whose name is longer than any buffer. */
static void test_names(void)
{
	enum { RELOCS = 3000, LONG = 5000 };
	const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R | PF_W, .vaddr = 0, .align = 0x1000, .size = 0x40, .headers = true},
		{.type = PT_DYNAMIC, .flags = PF_R, .align = 8, .covers = MKELF_DYN},
	};
	struct mkelf_reloc *relocs = calloc(RELOCS, sizeof *relocs);
	char *name = calloc(1, LONG + 1);
	const struct mkelf_symbol symbol = {.name = name, .bind = STB_WEAK, .type = STT_FUNC};
	struct mkelf elf = {.type = ET_DYN,
		.segments = segments,
		.nsegments = 2,
		.tables = 0,
		.symbols = &symbol,
		.nsymbols = 1,
		.hash = true,
		.rela = relocs,
		.nrela = RELOCS};
	struct mkelf_out out = {0};

	memset(name, 'x', LONG);
	for (int length = 400; length <= LONG; length += LONG - 400) {
		name[length] = '\0';
		for (size_t i = 0; i < RELOCS; i++)
			relocs[i] = (struct mkelf_reloc){.offset = 0x200, .type = R_X86_64_64, .symbol = 1};
		mkelf_write(&out, &elf);
		count_all(out.bytes, out.size);
		name[length] = 'x';
	}
	mkelf_free(&out);
	free(relocs);
	free(name);
}

/* A reader that has no end and gives the same bytes again and again: only tables that the caller allows for are read. */
static int endless(void *host, void *dst, uint64_t offset, size_t size)
{
	const struct hostile_source *s = host;

	for (size_t i = 0; i < size; i++)
		((unsigned char *)dst)[i] = s->bytes[(offset + i) % s->size];
	((struct hostile_source *)host)->reads++;
	return 0;
}

static void test_endless(void)
{
	struct hostile_seed seed;

	for (uint32_t i = 0; hostile_seed(&seed, i); i++) {
		struct lode_segment segments[64];
		const struct lode_open_options options = {.segments = segments, .max_segments = 64};
		struct hostile_source s = {.bytes = seed.out.bytes, .size = seed.out.size};
		struct lode_diag why = hostile_unfilled();
		struct lode_dynamic dynamic;
		struct lode_image image;

		snprintf(what, sizeof what, "%s", seed.name);
		s.source = (struct lode_source){.size = LODE_SIZE_UNKNOWN, .read = endless, .host = &s};
		for (uint32_t tag = 0; tag + 1 < seed.out.parts[MKELF_DYN].count; tag++)
			if (mkelf_get(&seed.out, MKELF_DYN, tag, "d_tag") == DT_STRSZ)
				mkelf_set(&seed.out, MKELF_DYN, tag, "d_val", UINT64_C(1) << 40);
		if (lode_open(&image, &s.source, &options, &why) == LODE_OK)
			lode_dynamic_open(&dynamic, &image, &why);
		CHECK(s.reads < 4096);
		mkelf_free(&seed.out);
	}
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Open and plan n segments that stand in the worst order for a sort. */
static double time_segments(uint32_t n)
{
	struct mkelf_segment *segments = (struct mkelf_segment *)(uintptr_t)many(n,
		(struct mkelf_segment){.type = PT_LOAD, .flags = PF_R | PF_W, .align = 1, .bss = 8});
	struct mkelf elf = {.type = ET_EXEC, .segments = segments, .nsegments = n, .tables = MKELF_NOWHERE};
	const struct hostile_wish wish = {.flags = 0};
	struct lode_policy policy = lode_policy_kernel(4096);
	struct hostile_image opened;
	struct hostile_plan planned;
	struct mkelf_out out = {0};
	struct lode_source source;
	double begun;

	for (uint32_t i = 0; i < n; i++)
		segments[i].vaddr = 0x100000 + 16 * (uint64_t)(i * 2654435761u % n);
	mkelf_write(&out, &elf);
	source = (struct lode_source){.bytes = out.bytes, .size = out.size};
	policy.flags |= LODE_PLAN_ENTRY_ANY;
	begun = seconds();
	CHECK_EQ(hostile_open(&opened, &source, &wish), LODE_OK);
	if (hostile_plan(&planned, &opened.image, &policy) == LODE_OK)
		hostile_plan_free(&planned);
	begun = seconds() - begun;
	hostile_close(&opened);
	mkelf_free(&out);
	free(segments);
	return begun;
}

/* Eight times the segments may cost little more than eight times the time, far from 64 times; the best of three, because
 * machines are busy. */
static void test_segments(void)
{
	double small = 1e9, large = 1e9;

	for (int i = 0; i < 3; i++) {
		double a = time_segments(8000), b = time_segments(64000);

		small = a < small ? a : small;
		large = b < large ? b : large;
	}
	printf("8,000 segments: %.2f ms, 64,000: %.2f ms\n", 1e3 * small, 1e3 * large);
	CHECK(large < 40 * small);
}

/* Look up, in n segments of which each begins behind the last and ends before it, what only the first one holds, n times. */
static double time_lookups(uint32_t n)
{
	struct mkelf_segment *segments =
		(struct mkelf_segment *)(uintptr_t)many(n, (struct mkelf_segment){.type = PT_LOAD, .flags = PF_R, .align = 1});
	struct mkelf elf = {.type = ET_EXEC, .segments = segments, .nsegments = n, .tables = MKELF_NOWHERE};
	const struct hostile_wish wish = {.flags = 0};
	struct hostile_image opened;
	struct mkelf_out out = {0};
	struct lode_source source;
	double begun;

	for (uint32_t i = 0; i < n; i++) {
		segments[i].vaddr = 0x100000 + i;
		segments[i].bss = 4 * (uint64_t)n - 2 * (uint64_t)i;
	}
	mkelf_write(&out, &elf);
	source = (struct lode_source){.bytes = out.bytes, .size = out.size};
	CHECK_EQ(hostile_open(&opened, &source, &wish), LODE_OK);
	begun = seconds();
	for (uint32_t i = 0; i < n; i++)
		HOLDS(lode_segment_at(&opened.image, 0x100000 + 4 * (uint64_t)n - 1, 1) == &opened.image.segments[0]);
	begun = seconds() - begun;
	hostile_close(&opened);
	mkelf_free(&out);
	free(segments);
	return begun;
}

static void test_lookups(void)
{
	double small = 1e9, large = 1e9;

	for (int i = 0; i < 3; i++) {
		double a = time_lookups(8000), b = time_lookups(64000);

		small = a < small ? a : small;
		large = b < large ? b : large;
	}
	printf("8,000 lookups in as many segments: %.2f ms, 64,000: %.2f ms\n", 1e3 * small, 1e3 * large);
	CHECK(large < 40 * small);
}

/* The default of max_segments bounds the quadratic policy. */
static void test_limit(void)
{
	enum { N = 66000 };
	struct lode_segment *segments = calloc(N, sizeof *segments);
	const struct lode_source source = {.bytes = segments, .size = 1};
	struct lode_image image = {.source = &source,
		.class_ = LODE_CLASS64,
		.data = LODE_DATA2LSB,
		.type = LODE_ET_EXEC,
		.nsegments = N,
		.nload = N,
		.segments = segments,
		.phentsize = 56};
	struct lode_policy policy = lode_policy_kernel(4096);
	struct lode_diag why = hostile_unfilled();
	struct lode_span span;

	CHECK_EQ(lode_plan_span(&span, &image, &policy, &why), LODE_ERR_POLICY);
	CHECK_EQ(why.rule, LODE_RULE_SEGMENT_LIMIT);
	CHECK_EQ(why.limit, 65536);
	free(segments);
}

int main(void)
{
	CASE(test_seeds);
	CASE(test_notes);
	CASE(test_versions);
	CASE(test_relr);
	CASE(test_names);
	CASE(test_endless);
	CASE(test_segments);
	CASE(test_lookups);
	CASE(test_limit);
	return check_done();
}
