/* SPDX-License-Identifier: MIT */
/* A file: open in all its ways, plan by all policies. Runs ascend, are disjoint, lie in span and limits; fills lie in runs
 * and file; a refusal names rule and place; a reader and bytes in memory give the same. */
#include "fuzz.h"

static void plan_all(const struct lode_image *image)
{
	for (uint32_t i = 0; i < hostile_npolicies; i++) {
		struct lode_policy policy = hostile_policy(i);
		struct hostile_plan planned;

		policy.base = hostile_base(image, &policy);
		if (hostile_plan(&planned, image, &policy) == LODE_OK)
			hostile_plan_free(&planned);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lode_source source = {.bytes = data, .size = size};
	static const struct hostile_wish wishes[] = {
		{.flags = LODE_OPEN_SECTIONS},
		{.flags = 0},
		{.flags = LODE_OPEN_NATIVE, .class_ = LODE_CLASS64, .data = LODE_DATA2LSB},
		{.flags = LODE_OPEN_NATIVE | LODE_OPEN_SECTIONS, .class_ = LODE_CLASS32, .data = LODE_DATA2MSB},
	};

	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
		struct hostile_image opened;

		if (hostile_open(&opened, &source, &wishes[i]) == LODE_OK && i > 0)
			plan_all(&opened.image);
		hostile_close(&opened);
	}
	return 0;
}
