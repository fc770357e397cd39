/* SPDX-License-Identifier: MIT */
/* A machine and a setup header: what is read lies in the file, and the start state keeps its promises. */
#include <lode/linux.h>

#include "state.h"

static void check(const struct lode_linux *l, uint64_t size)
{
	HOLDS(l->setup_size < size && l->system_size <= size - l->setup_size);
	HOLDS(l->payload.offset <= size && l->payload.size <= size - l->payload.offset);
	HOLDS(l->header_size <= sizeof l->header);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_tape tape = {data, data + size};
	static struct fuzz_state s;
	struct lode_source source;
	struct lode_linux found;

	fuzz_machine(&s, &tape);
	source = (struct lode_source){.bytes = tape.at, .size = (uint64_t)(tape.end - tape.at)};
	fuzz_begin(&s, 0, 0);
	s.status = lode_linux_read(&found, &source, &s.why);
	if (s.status == LODE_OK) {
		check(&found, source.size);
		s.status = lode_start_linux(&s.start, &found, &s.machine, &s.why);
	}
	fuzz_end(&s, source.size);
	return 0;
}
