/* SPDX-License-Identifier: MIT */
/* Bytes describe segments and a policy; the file is written in both classes and byte orders, and the four plans must be alike. */
#include <elf.h>
#include <string.h>

#include "fuzz.h"

enum { SEGMENTS = 7, FILE_SIZE = 0x6000 };

struct description {
	struct { uint32_t type, flags, offset, vaddr, paddr, filesz, memsz, align; } segments[SEGMENTS];
	uint32_t n, entry, policy;
	bool pie;
};

static uint32_t take_address(struct fuzz_tape *tape)
{
	uint32_t way = fuzz_take(tape, 1), value = fuzz_take(tape, 2);

	return (way & 3) == 0 ? value : (way & 3) == 1 ? 0x400000 + value : (way & 3) == 2 ? value << 12 : way << 20 | value;
}

static void describe(struct description *d, struct fuzz_tape *tape)
{
	static const uint32_t types[] = {PT_LOAD, PT_LOAD, PT_LOAD, PT_LOAD, PT_LOAD, PT_TLS, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP,
		PT_NOTE, PT_GNU_PROPERTY, PT_NULL};

	memset(d, 0, sizeof *d);
	d->policy = fuzz_take(tape, 1) % hostile_npolicies;
	d->pie = fuzz_take(tape, 1) & 1;
	d->n = 1 + fuzz_take(tape, 1) % SEGMENTS;
	d->entry = take_address(tape);
	for (uint32_t i = 0; i < d->n; i++) {
		uint32_t way = fuzz_take(tape, 1);

		d->segments[i].type = types[fuzz_take(tape, 1) % (sizeof types / sizeof *types)];
		d->segments[i].flags = fuzz_take(tape, 1);
		d->segments[i].vaddr = take_address(tape);
		d->segments[i].paddr = way & 1 ? take_address(tape) : d->segments[i].vaddr;
		/* behind the headers, whose size differs with the class */
		d->segments[i].offset = (way & 2 ? fuzz_take(tape, 2) : 0x1000 + (d->segments[i].vaddr & 0xfff)) | 0x1000;
		d->segments[i].filesz = fuzz_take(tape, 2);
		d->segments[i].memsz = way & 4 ? take_address(tape) : d->segments[i].filesz;
		d->segments[i].align = way & 8 ? fuzz_take(tape, 2) : way & 16 ? 0x1000 : 1u << (way >> 5) * 3;
	}
}

static void write_file(struct mkelf_out *out, const struct description *d, uint8_t class_, uint8_t data)
{
	static const unsigned char filler[FILE_SIZE] = {1, 2, 3};
	struct mkelf_segment segments[SEGMENTS] = {{.type = PT_NULL}};
	const struct mkelf elf = {.class_ = class_,
		.data = data,
		.machine = class_ == ELFCLASS64 ? EM_X86_64 : EM_386,
		.type = d->pie ? ET_DYN : ET_EXEC,
		.entry = d->entry,
		.segments = segments,
		.nsegments = d->n,
		.tables = MKELF_NOWHERE};

	mkelf_write(out, &elf);
	mkelf_bytes_(out, filler, FILE_SIZE - out->size);
	for (uint32_t i = 0; i < d->n; i++) {
		mkelf_set(out, MKELF_PHDR, i, "p_type", d->segments[i].type);
		mkelf_set(out, MKELF_PHDR, i, "p_flags", d->segments[i].flags);
		mkelf_set(out, MKELF_PHDR, i, "p_offset", d->segments[i].offset);
		mkelf_set(out, MKELF_PHDR, i, "p_vaddr", d->segments[i].vaddr);
		mkelf_set(out, MKELF_PHDR, i, "p_paddr", d->segments[i].paddr);
		mkelf_set(out, MKELF_PHDR, i, "p_filesz", d->segments[i].filesz);
		mkelf_set(out, MKELF_PHDR, i, "p_memsz", d->segments[i].memsz);
		mkelf_set(out, MKELF_PHDR, i, "p_align", d->segments[i].align);
	}
}

/* What became of one encoding. */
struct result {
	struct mkelf_out out;
	struct lode_source source;
	struct hostile_image opened;
	struct hostile_plan planned;
	struct lode_diag why;
	int status;
	bool has_plan;
};

static void run(struct result *r, const struct description *d, uint8_t class_, uint8_t data)
{
	const struct hostile_wish wish = {.flags = 0};
	struct lode_policy policy = hostile_policy(d->policy);

	memset(r, 0, sizeof *r);
	write_file(&r->out, d, class_, data);
	r->source = (struct lode_source){.bytes = r->out.bytes, .size = r->out.size};
	r->status = hostile_open(&r->opened, &r->source, &wish);
	r->why = r->opened.why;
	if (r->status != LODE_OK)
		return;
	policy.base = hostile_base(&r->opened.image, &policy);
	r->status = hostile_plan(&r->planned, &r->opened.image, &policy);
	r->has_plan = r->status == LODE_OK;
	if (!r->has_plan) {
		struct lode_run runs[LODE_PLAN_RUNS(SEGMENTS)];
		struct lode_fill fills[LODE_PLAN_FILLS(SEGMENTS)];
		struct lode_plan again = {
			.runs = runs, .fills = fills, .max_runs = LODE_PLAN_RUNS(SEGMENTS), .max_fills = LODE_PLAN_FILLS(SEGMENTS)};

		HOLDS(lode_plan(&again, &r->opened.image, &policy, &r->why) == r->status);
	}
}

static void finish(struct result *r)
{
	if (r->has_plan)
		hostile_plan_free(&r->planned);
	hostile_close(&r->opened);
	mkelf_free(&r->out);
}

static void same_lists(const struct lode_plan *a, const struct lode_plan *b)
{
	HOLDS(a->nruns == b->nruns && a->nfills == b->nfills);
	for (uint32_t i = 0; i < a->nruns; i++) {
		const struct lode_run *x = &a->runs[i], *y = &b->runs[i];

		HOLDS(x->addr == y->addr && x->size == y->size && x->offset == y->offset);
		HOLDS(x->prot == y->prot && x->kind == y->kind && x->segment == y->segment);
	}
	HOLDS(memcmp(a->fills, b->fills, a->nfills * sizeof *a->fills) == 0);
}

static void same_plan(const struct lode_plan *a, const struct lode_plan *b)
{
	same_lists(a, b);
	HOLDS(a->bias == b->bias && a->span.addr == b->span.addr && a->span.size == b->span.size && a->align == b->align);
	HOLDS(a->end == b->end && a->entry == b->entry && a->has_phdr == b->has_phdr && a->has_tls == b->has_tls);
	HOLDS(a->tls.addr == b->tls.addr && a->tls.offset == b->tls.offset && a->tls.file_size == b->tls.file_size);
	HOLDS(a->tls.mem_size == b->tls.mem_size && a->tls.align == b->tls.align);
	HOLDS(a->relro.addr == b->relro.addr && a->relro.size == b->relro.size);
	HOLDS(a->has_stack == b->has_stack && a->stack_prot == b->stack_prot && a->stack_size == b->stack_size);
	HOLDS(a->interp.offset == b->interp.offset && a->interp.size == b->interp.size && a->property.size == b->property.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_tape tape = {data, data + size};
	struct description d;
	struct result r[4];

	describe(&d, &tape);
	for (int i = 0; i < 4; i++)
		run(&r[i], &d, i & 2 ? ELFCLASS32 : ELFCLASS64, i & 1 ? ELFDATA2MSB : ELFDATA2LSB);
	for (int i = 1; i < 4; i++) {
		HOLDS(r[i].status == r[0].status);
		if (r[0].has_plan)
			same_plan(&r[0].planned.plan, &r[i].planned.plan);
		else
			HOLDS(r[i].why.rule == r[0].why.rule && r[i].why.field == r[0].why.field &&
				r[i].why.index == r[0].why.index && r[i].why.value == r[0].why.value);
	}
	for (int i = 0; i < 4; i++)
		finish(&r[i]);
	return 0;
}
