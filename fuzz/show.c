/* SPDX-License-Identifier: MIT */
/* A file: `lode show` and `lode check` in all their forms end with a documented status, print valid JSON and no control bytes. */
#include <try.h>

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned long choice = fuzz_choice(data, size);

	hostile_try_call(data, size, 3);
	hostile_try_call(data, size, 4);
	hostile_try_call(data, size, choice);
	return 0;
}
