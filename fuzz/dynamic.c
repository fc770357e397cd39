/* SPDX-License-Identifier: MIT */
/* A file: dynamic table, hash tables, symbols, relocation entries and version tables stay in their ranges and come to an end. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lode_source source = {.bytes = data, .size = size};
	const struct hostile_wish wish = {.flags = 0};
	struct hostile_image opened;

	if (hostile_open(&opened, &source, &wish) == LODE_OK)
		hostile_dynamic(&opened.image);
	hostile_close(&opened);
	return 0;
}
