/* SPDX-License-Identifier: MIT */
/* The first byte says for which machine; the rest is an object or an archive. Linked, or refused by a rule, the same way twice,
 * nothing touched outside. */
#include "fuzz.h"

#include <link/scenes.h>
#include <link/try.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t machines[] = {LODE_EM_X86_64, LODE_EM_AARCH64, LODE_EM_RISCV};
	static struct object wants;
	struct link_try how = {.machine = machines[size > 0 ? data[0] % 3 : 0]};

	if (size == 0)
		return 0;
	/* Archives are asked for a symbol. */
	if (data[0] & 0x80) {
		object_begin(&wants, how.machine);
		object_symbol(&wants, "main", OBJECT_INFO(1, 0), 0, 0);
		object_end(&wants);
		how.extra = wants.bytes;
		how.extra_size = wants.size;
	}
	link_try(&how, data + 1, size - 1);
	return 0;
}
