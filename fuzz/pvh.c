/* SPDX-License-Identifier: MIT */
/* A machine and the bytes of a PT_NOTE segment with any alignment: PVH notes, and the kernel where it is or moved. */
#include <lode/pvh.h>

#include "state.h"

static void start(struct fuzz_state *s, const struct hostile_image *opened, uint64_t size)
{
	struct hostile_plan planned;
	struct lode_pvh found;

	s->why = hostile_unfilled();
	s->status = lode_pvh_find(&found, &opened->image, &s->why);
	fuzz_refusal(s, size);
	if (s->status != LODE_OK || !fuzz_plan(&planned, &opened->image, LODE_PROTOCOL_PVH, 0))
		return;
	fuzz_begin(s, planned.plan.nruns, 0);
	s->status = lode_start_pvh(&s->start, &found, &(struct lode_kernel){&opened->image, &planned.plan}, &s->machine, &s->why);
	fuzz_end(s, size);
	hostile_plan_free(&planned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_tape tape = {data, data + size};

	return fuzz_in_kernel(&tape, UINT32_MAX, 64, start);
}
