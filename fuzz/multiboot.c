/* SPDX-License-Identifier: MIT */
/* A machine and the beginning of a file: Multiboot headers of both versions, without ELF headers and around an ELF file. */
#include <lode/multiboot2.h>

#include "state.h"

static void check_load(bool raw, const struct lode_raw_load *load, uint64_t size)
{
	HOLDS(!raw || (load->offset <= size && load->size <= size - load->offset && load->memsize >= load->size));
}

static void first(struct fuzz_state *s, const struct lode_source *source, const struct lode_kernel *kernel, uint32_t nruns)
{
	struct lode_multiboot found;

	fuzz_begin(s, nruns, 0);
	s->status = lode_multiboot_find(&found, source, &s->why);
	if (s->status == LODE_OK) {
		check_load(found.raw, &found.load, source->size);
		s->status = lode_start_multiboot(&s->start, &found, kernel, &s->machine, &s->why);
	}
	fuzz_end(s, source->size);
}

static void second(struct fuzz_state *s, const struct lode_source *source, const struct lode_kernel *kernel, uint32_t nruns)
{
	struct lode_multiboot2 found;

	fuzz_begin(s, nruns, 0);
	s->status = lode_multiboot2_find(&found, source, &s->why);
	if (s->status == LODE_OK) {
		check_load(found.raw, &found.load, source->size);
		s->status = lode_start_multiboot2(&s->start, &found, kernel, &s->machine, &s->why);
	}
	fuzz_end(s, source->size);
}

static void in_elf(struct fuzz_state *s, const struct fuzz_tape *tape)
{
	const struct hostile_wish wish = {.flags = 0};
	struct mkelf_out out = {.bytes = NULL};
	struct hostile_image opened;
	struct hostile_plan planned;
	struct lode_source source;

	fuzz_kernel(&out, tape->at, (size_t)(tape->end - tape->at), 2);
	source = (struct lode_source){.bytes = out.bytes, .size = out.size};
	if (hostile_open(&opened, &source, &wish) == LODE_OK && fuzz_plan(&planned, &opened.image, LODE_PROTOCOL_MULTIBOOT, 0)) {
		const struct lode_kernel kernel = {&opened.image, &planned.plan};

		first(s, &source, &kernel, planned.plan.nruns);
		second(s, &source, &kernel, planned.plan.nruns);
		hostile_plan_free(&planned);
	}
	hostile_close(&opened);
	mkelf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_tape tape = {data, data + size};
	static struct fuzz_state s;
	struct lode_source source;

	fuzz_machine(&s, &tape);
	source = (struct lode_source){.bytes = tape.at, .size = (uint64_t)(tape.end - tape.at)};
	first(&s, &source, NULL, 0);
	second(&s, &source, NULL, 0);
	in_elf(&s, &tape);
	return 0;
}
