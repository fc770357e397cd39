/* SPDX-License-Identifier: MIT */
/* A machine and a segment with a bootloader_api configuration somewhere in it: mappings that do not meet, structures in memory. */
#include <lode/rust.h>

#include "state.h"

static void start(struct fuzz_state *s, const struct hostile_image *opened, uint64_t size)
{
	struct hostile_plan planned;
	struct lode_rust found;

	s->why = hostile_unfilled();
	s->status = lode_rust_find(&found, &opened->image, &s->why);
	fuzz_refusal(s, size);
	if (s->status != LODE_OK || !fuzz_plan(&planned, &opened->image, LODE_PROTOCOL_RUST, found.base))
		return;
	fuzz_begin(s, planned.plan.nruns, 0);
	s->status = lode_start_rust(&s->start, &found, &(struct lode_kernel){&opened->image, &planned.plan}, &s->machine, &s->why);
	fuzz_end(s, size);
	hostile_plan_free(&planned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct hostile_wish wish = {.flags = 0};
	struct fuzz_tape tape = {data, data + size};
	struct mkelf_out out = {.bytes = NULL};
	static struct fuzz_state s;
	struct hostile_image opened;
	struct lode_source source;
	uint32_t way;

	fuzz_machine(&s, &tape);
	way = fuzz_take(&tape, 1);
	fuzz_kernel(&out, tape.at, (size_t)(tape.end - tape.at), way & 31);
	source = (struct lode_source){.bytes = out.bytes, .size = out.size};
	if (hostile_open(&opened, &source, &wish) == LODE_OK)
		start(&s, &opened, out.size);
	hostile_close(&opened);
	mkelf_free(&out);
	return 0;
}
