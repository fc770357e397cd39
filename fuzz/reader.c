/* SPDX-License-Identifier: MIT */
/* Four bytes say at which read a reader fails or begins to lie and how, one which policy; the rest is the file. Whatever
 * comes of it, the guards stand and a refusal leaves the destination as it was. */
#include "fuzz.h"

static void use(const struct lode_image *image, uint32_t index, const uint8_t *file, size_t size)
{
	struct lode_policy policy = hostile_policy(index);
	struct hostile_plan planned;

	hostile_tables(image);
	policy.base = hostile_base(image, &policy);
	if (hostile_plan(&planned, image, &policy) != LODE_OK)
		return;
	if (planned.plan.span.size <= 1 << 18)
		hostile_place(image, &planned, &policy, file, size, false);
	hostile_plan_free(&planned);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_tape tape = {data, data + size};
	uint32_t at = fuzz_take(&tape, 2), way = fuzz_take(&tape, 1), flip = fuzz_take(&tape, 1);
	uint32_t index = fuzz_take(&tape, 1) % hostile_npolicies;
	size_t left = (size_t)(tape.end - tape.at);
	const struct hostile_wish wish = {.flags = way & 1 ? LODE_OPEN_SECTIONS : 0};
	struct hostile_image opened;
	struct hostile_source s;

	hostile_source_begin(&s, tape.at, left);
	s.fail_at = way & 2 ? at : 0;
	s.flip_at = way & 2 ? 0 : at;
	s.flip_on = (way & 4) != 0;
	s.flip = (unsigned char)flip;
	if (hostile_open(&opened, &s.source, &wish) == LODE_OK)
		use(&opened.image, index, tape.at, left);
	hostile_close(&opened);
	return 0;
}
