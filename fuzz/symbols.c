/* SPDX-License-Identifier: MIT */
/* A file with sections: every symbol table and its strings. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lode_source source = {.bytes = data, .size = size};
	const struct hostile_wish wish = {.flags = LODE_OPEN_SECTIONS};
	struct hostile_image opened;

	if (hostile_open(&opened, &source, &wish) == LODE_OK)
		hostile_symbols(&opened.image);
	hostile_close(&opened);
	return 0;
}
