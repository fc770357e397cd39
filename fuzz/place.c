/* SPDX-License-Identifier: MIT */
/* A file: what is placed and relocated equals the naive reference; what is refused leaves the destination as it was; guard
 * pages stand. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lode_source source = {.bytes = data, .size = size};
	const struct hostile_wish wish = {.flags = 0};
	unsigned long choice = fuzz_choice(data, size);
	struct hostile_image opened;

	if (hostile_open(&opened, &source, &wish) == LODE_OK) {
		const uint32_t tries[3] = {0, 1, (uint32_t)(2 + choice % (hostile_npolicies - 2))};

		for (int i = 0; i < 3; i++) {
			struct lode_policy policy = hostile_policy(tries[i]);
			struct hostile_plan planned;

			policy.base = hostile_base(&opened.image, &policy);
			if (hostile_plan(&planned, &opened.image, &policy) != LODE_OK)
				continue;
			if (planned.plan.span.size <= 1 << 18 || (planned.plan.span.size <= HOSTILE_ARENA && choice % 64 == 0))
				hostile_place(&opened.image, &planned, &policy, data, size, true);
			hostile_plan_free(&planned);
		}
	}
	hostile_close(&opened);
	return 0;
}
