/* SPDX-License-Identifier: MIT */
/* An object with debug information: its types are read, the same way twice, every number in bounds; or are not known. */
#include "fuzz.h"

#include <live/types_try.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	types_try(data, size);
	return 0;
}
