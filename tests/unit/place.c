/* SPDX-License-Identifier: MIT */
/* lode_place into spaces that record, and into spaces and from sources that fail at every position: all or nothing, in the
 * promised order. */
#include "recorder.h"
#include "tape.h"

static unsigned char whole[MEMORY];

/** Whole pages of text that can be shared, data with relocations of every table, a bss; linked at 0, placed at BASE + 0x1000. */
static void begin(unsigned encoding, uint32_t flags)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 5, .vaddr = 0, .align = 0x1000, .size = 0x2100, .headers = true},
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x3e00, .align = 0x1000, .size = 0x500, .bss = 0x2000},
		{.type = LODE_PT_DYNAMIC, .flags = 6, .align = 8, .covers = MKELF_DYN},
		{.type = LODE_PT_GNU_RELRO, .flags = 4, .vaddr = 0x3e00, .align = 1, .size = 0x200, .inside = true},
	};
	static const struct mkelf_symbol symbols[] = {{.name = "own", .bind = LODE_STB_GLOBAL, .shndx = 1, .value = 0x1000}};
	bool wide = encoding & 1;
	const struct mkelf_reloc relocs[] = {{0x3e10, wide ? 1027 : 8, 0, 0x100}, {0x3e18, wide ? 257 : 1, 1, 4}};
	const struct mkelf_reloc relr[] = {{.offset = 0x3f00, .addend = 0x200}, {.offset = 0x3f08, .addend = 0x300}};
	struct mkelf elf = {
		.class_ = encoding_class(encoding), .data = encoding_data(encoding), .type = LODE_ET_DYN, .entry = 0x800};
	struct lode_policy policy = lode_policy_kernel(0x1000);

	elf.machine = wide ? LODE_EM_AARCH64 : LODE_EM_386;
	elf.segments = segments;
	elf.nsegments = 4;
	elf.tables = 1;
	elf.symbols = symbols;
	elf.nsymbols = 1;
	elf.hash = true;
	*(wide ? &elf.rela : &elf.rel) = relocs;
	*(wide ? &elf.nrela : &elf.nrel) = 2;
	elf.relr = relr;
	elf.nrelr = 2;
	policy.base = BASE + 0x1000;
	policy.flags = flags;
	file_write(&f, &elf);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
}

static uint32_t count(enum call call)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < recorder.ncalls; i++)
		n += recorder.calls[i] == call;
	return n;
}

/** Stages of a placing; calls of one never come before those of an earlier one. */
static unsigned stage(enum call call)
{
	static const unsigned stages[] = {[BEGIN] = 0,
		[SHARE] = 1,
		[OWN] = 1,
		[ZERO] = 1,
		[WRITE] = 2,
		[FILL] = 2,
		[READ] = 2,
		[PROTECT] = 3,
		[COMMIT] = 4,
		[ABORT] = 5};

	return stages[call];
}

static void test_order(void)
{
	for (unsigned k = 0; k < 4; k++) {
		struct lode_space space = recording(LODE_NO_INDEX);
		uint32_t run = 0;

		begin(k, LODE_PLAN_SHARE);
		CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
		CHECK_EQ(recorder.calls[0], BEGIN);
		CHECK_EQ(recorder.addr[0], f.plan.span.addr);
		CHECK_EQ(recorder.calls[recorder.ncalls - 1], COMMIT);
		CHECK_EQ(count(COMMIT), 1);
		CHECK_EQ(count(ABORT), 0);
		CHECK(count(SHARE) && count(OWN) && count(ZERO) && count(READ) && count(WRITE));
		CHECK_EQ(count(FILL), 0); /* bytes that are in memory are written from there */
		for (uint32_t i = 1; i < recorder.ncalls; i++) {
			CHECK(stage(recorder.calls[i]) >= stage(recorder.calls[i - 1]));
			if (stage(recorder.calls[i]) != 1)
				continue;
			CHECK_EQ(recorder.addr[i], f.runs[run].addr);
			CHECK_EQ(recorder.prot[i], f.runs[run].prot);
			CHECK_EQ(recorder.calls[i], f.runs[run].kind == LODE_RUN_SHARE ? SHARE
				: f.runs[run].kind == LODE_RUN_OWN ? OWN
				: ZERO);
			run++;
		}
		CHECK_EQ(run, f.plan.nruns);
		for (uint32_t i = 0; i < recorder.ncalls; i++)
			if (recorder.calls[i] == WRITE || recorder.calls[i] == READ || recorder.calls[i] == PROTECT)
				CHECK(lode_plan_run_at(&f.plan, recorder.addr[i], 1) != NULL);
	}
}

/** The last protect is the RELRO range; shared pages have had their permissions from the beginning. */
static void test_protect(void)
{
	struct lode_space space = recording(LODE_NO_INDEX);
	uint32_t shared = 0, last;

	begin(1, LODE_PLAN_SHARE);
	CHECK(f.plan.relro.size > 0);
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
	for (uint32_t i = 0; i < f.plan.nruns; i++)
		shared += f.runs[i].kind == LODE_RUN_SHARE;
	CHECK_EQ(count(PROTECT), f.plan.nruns - shared + 1);
	last = recorder.ncalls - 2;
	CHECK_EQ(recorder.calls[last], PROTECT);
	CHECK_EQ(recorder.addr[last], f.plan.relro.addr);
	CHECK_EQ(recorder.prot[last], LODE_PF_R);
	f.plan.relocate = LODE_RELOCATE_NONE; /* then the image still has to write there */
	space = recording(LODE_NO_INDEX);
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
	CHECK_EQ(count(PROTECT), f.plan.nruns - shared);
	CHECK_EQ(count(READ), 0);
}

/** Field of the diagnosis for a call that failed. */
static enum lode_field field_of(enum call call)
{
	static const enum lode_field fields[] = {[BEGIN] = LODE_FIELD_SPACE_BEGIN,
		[SHARE] = LODE_FIELD_SPACE_SHARE,
		[OWN] = LODE_FIELD_SPACE_OWN,
		[ZERO] = LODE_FIELD_SPACE_ZERO,
		[WRITE] = LODE_FIELD_SPACE_WRITE,
		[FILL] = LODE_FIELD_SPACE_FILL,
		[READ] = LODE_FIELD_SPACE_READ,
		[PROTECT] = LODE_FIELD_SPACE_PROTECT};

	return fields[call];
}

/** Each call of each callback fails in turn: abort comes once and last, and every byte is as it was. */
static void fail_everywhere(uint32_t flags, bool piped, bool fill)
{
	struct lode_space space = recording(LODE_NO_INDEX);
	struct tape tape;
	uint32_t calls;

	begin(1, flags);
	if (piped)
		f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
	space.fill = fill ? space.fill : NULL;
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
	CHECK_EQ(count(FILL) > 0, piped && fill);
	calls = recorder.ncalls - 1;
	for (uint32_t i = 0; i < calls; i++) {
		bool begun = i > 0;

		space = recording(i);
		space.fill = fill ? space.fill : NULL;
		CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_ERR_IO);
		CHECK_STR(lode_rule_name(f.why.rule), "space-refused");
		CHECK_EQ(f.why.field, field_of(recorder.calls[i]));
		CHECK_EQ(f.why.value, recorder.addr[i]);
		CHECK_EQ(recorder.ncalls, i + 1 + begun);
		CHECK_EQ(count(ABORT), begun);
		CHECK_EQ(count(COMMIT), 0);
		CHECK_MEM(memory, before, MEMORY);
	}
	if (piped)
		tape_end(&tape);
}

static void test_failing_space(void)
{
	fail_everywhere(LODE_PLAN_SHARE, false, true);
	fail_everywhere(0, false, true);
	fail_everywhere(0, true, true);
	fail_everywhere(0, true, false);
}

/** Each read of the source fails in turn, before and after the first effect. */
static void test_failing_source(void)
{
	for (unsigned fill = 0; fill < 2; fill++) {
		struct lode_space space = recording(LODE_NO_INDEX);
		struct tape tape;
		uint64_t reads;

		begin(1, 0);
		f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
		space.fill = fill ? space.fill : NULL;
		CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
		reads = tape.reads;
		CHECK(fill || tape.longest <= 1024);
		tape_end(&tape);
		for (uint64_t i = 0; i < reads; i++) {
			f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
			tape.fail_at = i;
			space = recording(LODE_NO_INDEX);
			space.fill = fill ? space.fill : NULL;
			CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_ERR_IO);
			CHECK_STR(lode_rule_name(f.why.rule), "source-read");
			CHECK_EQ(f.why.field, LODE_FIELD_FILE);
			CHECK(f.why.offset < f.out.size);
			CHECK_EQ(tape.reads, i + 1);
			CHECK_EQ(count(ABORT), recorder.ncalls > 0);
			CHECK_EQ(count(COMMIT), 0);
			CHECK_MEM(memory, before, MEMORY);
			tape_end(&tape);
		}
	}
}

/** A source that changes or shrinks between plan and place: some refusal with nothing done, or a placing inside the span. */
static void test_changing_source(void)
{
	for (uint64_t i = 0; i < 200; i++)
		for (unsigned shrink = 0; shrink < 2; shrink++) {
			struct lode_space space = recording(LODE_NO_INDEX);
			struct tape tape;
			int status;

			begin(1, 0);
			f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
			if (shrink)
				f.source.size = f.out.size * i / 200;
			else
				tape.change_at = i;
			status = lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why);
			if (status != LODE_OK) {
				CHECK_EQ(f.why.status, status);
				CHECK_MEM(memory, before, MEMORY);
				CHECK_EQ(count(ABORT), recorder.ncalls > 0);
			} else {
				CHECK_EQ(count(COMMIT), 1);
			}
			CHECK_MEM(memory, before, 0x1000);
			CHECK_MEM(memory + 0x1000 + f.plan.span.size, before + 0x1000 + f.plan.span.size,
				(size_t)(MEMORY - 0x1000 - f.plan.span.size));
			CHECK(!shrink || status != LODE_OK || f.source.size >= f.segments[1].offset + f.segments[1].filesz);
			tape_end(&tape);
		}
}

/** The file ends before the bytes that the plan wants: said so, and nothing is left behind. */
static void test_shrunken_source(void)
{
	struct lode_space space = recording(LODE_NO_INDEX);

	begin(1, 0);
	f.plan.relocate = LODE_RELOCATE_NONE;
	f.source.size = f.fills[1].offset + f.fills[1].size - 1;
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_ERR_MALFORMED);
	CHECK_WHY(f.why, "source-past-end", LODE_FIELD_FILE, LODE_NO_INDEX, f.source.size, f.source.size + 1, f.fills[1].offset);
	CHECK_EQ(count(ABORT), 1);
	CHECK_MEM(memory, before, MEMORY);
}

/** The callbacks that every space needs. */
static void test_required(void)
{
	begin(1, 0);
	for (unsigned i = 0; i < 3; i++) {
		struct lode_space space = recording(LODE_NO_INDEX);
		enum lode_field fields[] = {LODE_FIELD_SPACE_OWN, LODE_FIELD_SPACE_WRITE, LODE_FIELD_SPACE_ABORT};

		space.own = i == 0 ? NULL : space.own;
		space.write = i == 1 ? NULL : space.write;
		space.abort = i == 2 ? NULL : space.abort;
		CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_ERR_USE);
		CHECK_WHY(f.why, "space-cannot", fields[i], LODE_NO_INDEX, 0, 0, LODE_NO_OFFSET);
		CHECK_EQ(recorder.ncalls, 0);
	}
}

/** The dynamic table's entry with a tag says that it is another. */
static void set_tag(uint64_t tag, uint64_t other)
{
	for (uint32_t i = 0; i < f.out.parts[MKELF_DYN].count; i++)
		if (mkelf_get(&f.out, MKELF_DYN, i, "d_tag") == tag)
			mkelf_set(&f.out, MKELF_DYN, i, "d_tag", other);
}

/** The RELA table becomes two REL tables of nothing but offsets and types, after all was checked. */
static int change_at_begin(void *host, const struct lode_range *span)
{
	set_tag(LODE_DT_RELA, LODE_DT_REL);
	set_tag(LODE_DT_RELASZ, LODE_DT_RELSZ);
	set_tag(LODE_DT_RELAENT, 0x60000000);
	return on_begin(host, span);
}

/** A space without read takes every image whose addends stand in the file, and refuses if that changes. */
static void test_no_read(void)
{
	struct lode_space space = recording(LODE_NO_INDEX);

	space.read = NULL;
	begin(1, 0);
	set_tag(LODE_DT_RELR, 0x60000000);
	set_tag(LODE_DT_RELRSZ, 0x60000001);
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
	CHECK_EQ(count(COMMIT), 1);
	space = recording(LODE_NO_INDEX);
	space.read = NULL;
	space.begin = change_at_begin;
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_ERR_USE);
	CHECK_WHY(f.why, "space-cannot", LODE_FIELD_SPACE_READ, LODE_NO_INDEX, 0, 0, LODE_NO_OFFSET);
	CHECK_EQ(count(ABORT), 1);
	CHECK_MEM(memory, before, MEMORY);
}

/** A plan without relocations is placed alike by both; one with them is refused, before the first effect, by the one that has
 * none. */
static void test_unrelocated(void)
{
	struct lode_space space = recording(LODE_NO_INDEX);

	begin(1, 0);
	CHECK_EQ(lode_place(&space, &f.image, &f.plan, &f.why), LODE_ERR_USE);
	CHECK_WHY(f.why, "place-relocate", LODE_FIELD_POLICY_RELOCATE, LODE_NO_INDEX, LODE_RELOCATE_LOADER, 0, LODE_NO_OFFSET);
	space.own = NULL;
	CHECK_EQ(lode_place(&space, &f.image, &f.plan, &f.why), LODE_ERR_USE);
	CHECK_WHY(f.why, "space-cannot", LODE_FIELD_SPACE_OWN, LODE_NO_INDEX, 0, 0, LODE_NO_OFFSET);
	CHECK_EQ(recorder.ncalls, 0);
	space = recording(LODE_NO_INDEX);
	f.plan.relocate = LODE_RELOCATE_NONE;
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
	memcpy(whole, memory, MEMORY);
	for (uint32_t at = 0, calls = recorder.ncalls; at <= calls; at++) {
		space = recording(at);
		CHECK_EQ(lode_place(&space, &f.image, &f.plan, &f.why), at + 1 < calls ? LODE_ERR_IO : LODE_OK);
		CHECK_MEM(memory, at + 1 < calls ? before : whole, MEMORY);
		CHECK_EQ(count(ABORT), at > 0 && at + 1 < calls);
	}
}

/** Callbacks that may be missing, and the two that the plan may need. */
static void test_missing(void)
{
	struct lode_space space = recording(LODE_NO_INDEX);

	begin(1, LODE_PLAN_SHARE);
	space.share = NULL;
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_ERR_USE);
	CHECK_STR(lode_rule_name(f.why.rule), "space-cannot");
	CHECK_EQ(f.why.field, LODE_FIELD_SPACE_SHARE);
	CHECK_EQ(recorder.ncalls, 0);
	begin(1, 0);
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
	memcpy(whole, memory, MEMORY);
	space = recording(LODE_NO_INDEX);
	space.read = NULL;
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_ERR_USE);
	CHECK_EQ(f.why.field, LODE_FIELD_SPACE_READ);
	CHECK_EQ(recorder.ncalls, 0);
	space = recording(LODE_NO_INDEX);
	space.begin = NULL;
	space.zero = NULL;
	space.protect = NULL;
	space.commit = NULL;
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
	CHECK_MEM(memory, whole, MEMORY);
	CHECK_EQ(count(ZERO) + count(PROTECT) + count(COMMIT) + count(BEGIN), 0);
}

/** Zeros over the tail of a shared page, in as many pieces as it takes. */
static void test_zero_tails(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = LODE_PT_LOAD, .flags = 6, .vaddr = 0x41000, .align = 0x1000, .size = 0x123, .bss = 0x2000}};
	const struct mkelf elf = {.segments = segments, .nsegments = 1, .tables = MKELF_NOWHERE};
	struct lode_policy policy = lode_policy_process(0x1000);
	struct lode_space space = recording(LODE_NO_INDEX);

	policy.flags |= LODE_PLAN_SHARE;
	file_write(&f, &elf);
	mkelf_poke(&f.out, f.out.size - 1, 1, 0xaa);
	CHECK_EQ(file_load(&f, &policy), LODE_OK);
	CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_OK);
	CHECK_EQ(count(WRITE), 4); /* 0xedd bytes by 1024 */
	CHECK_MEM(memory + 0x1000, f.out.bytes + f.segments[0].offset, 0x123);
	for (unsigned i = 0x1123; i < 0x4000; i++)
		CHECK_EQ(memory[i], 0);
	for (uint32_t i = 3; i < 7; i++) { /* begin, share, zero, then the writes */
		space = recording(i);
		CHECK_EQ(lode_place_relocated(&space, &f.image, &f.plan, NULL, &f.why), LODE_ERR_IO);
		CHECK_EQ(f.why.field, LODE_FIELD_SPACE_WRITE);
		CHECK_EQ(f.why.value, 0x41123 + 1024 * (i - 3));
		CHECK_MEM(memory, before, MEMORY);
	}
}

/** The array itself: bounds, and what stands there after a failure with and without undo. */
static void test_array(void)
{
	struct lode_array array = {.memory = memory, .base = BASE, .size = MEMORY};
	struct lode_space space = lode_array_space(&array);
	const struct lode_range good[] = {{BASE, MEMORY}, {BASE + MEMORY - 1, 1}, {BASE + MEMORY, 0}};
	const struct lode_range bad[] = {{BASE - 1, 1}, {BASE, MEMORY + 1}, {BASE + MEMORY, 1}, {0, UINT64_MAX}, {UINT64_MAX, 1}};

	for (unsigned i = 0; i < 3; i++)
		CHECK_EQ(space.begin(&array, &good[i]), 0);
	for (unsigned i = 0; i < 5; i++)
		CHECK(space.begin(&array, &bad[i]) != 0);
	memset(memory, 0x55, MEMORY);
	CHECK_EQ(space.begin(&array, &(struct lode_range){BASE + 0x2000, 0x1000}), 0);
	space.abort(&array);
	CHECK_EQ(memory[0x1fff], 0x55);
	CHECK_EQ(memory[0x2000] | memory[0x2fff], 0);
	CHECK_EQ(memory[0x3000], 0x55);
	CHECK(space.share == NULL && space.protect == NULL);
}

int main(void)
{
	CASE(test_order);
	CASE(test_protect);
	CASE(test_failing_space);
	CASE(test_failing_source);
	CASE(test_changing_source);
	CASE(test_shrunken_source);
	CASE(test_unrelocated);
	CASE(test_missing);
	CASE(test_required);
	CASE(test_no_read);
	CASE(test_zero_tails);
	CASE(test_array);
	file_free(&f);
	return check_done();
}
