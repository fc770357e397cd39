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
	/* bytes that the input decides */
	s->machine.random = (const unsigned char *)s->memory;
	s->machine.nrandom = sizeof s->memory;
	if (s->status != LODE_OK || !fuzz_plan(&planned, &opened->image, LODE_PROTOCOL_RUST,
		lode_rust_base(&found, &opened->image, &s->machine)))
		return;
	fuzz_begin(s, planned.plan.nruns, 0);
	s->status = lode_start_rust(&s->start, &found, &(struct lode_kernel){&opened->image, &planned.plan}, &s->machine, &s->why);
	fuzz_end(s, size);
	hostile_plan_free(&planned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_tape tape = {data, data + size};

	return fuzz_in_kernel(&tape, 31, 0, start);
}
