/* SPDX-License-Identifier: MIT */
/* An ELF file comes in, the same with a field, a pair of fields or some bytes changed goes out: the writer's table of
 * fields says where. */
#include <string.h>

#include <mutate.h>

#include "fuzz.h"

static uint32_t random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void set_field(struct mkelf_out *out, const struct mutate_place *place, uint32_t *state)
{
	uint64_t values[MUTATE_VALUES], old;
	unsigned n;

	if (place->width == 0 || place->offset + place->width > out->size)
		return;
	old = mkelf_peek(out, place->offset, place->width);
	n = mutate_values(values, old, out->size, place->width);
	switch (random_next(state) % 4) {
	case 0: mkelf_poke(out, place->offset, place->width, old + random_next(state) % 4096); break;
	case 1: mkelf_poke(out, place->offset, place->width, old ^ UINT64_C(1) << random_next(state) % (8 * place->width)); break;
	default: mkelf_poke(out, place->offset, place->width, values[random_next(state) % n]); break;
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	struct mutate_place place, other = {.width = 0};
	struct mkelf_out out;
	uint32_t state = seed | 1, n, times;

	random_next(&state);
	hostile_locate(&out, data, size);
	n = mutate_places(&out);
	if (n == 0 || random_next(&state) % 4 == 0)
		return LLVMFuzzerMutate(data, size, max_size);
	for (times = 1 + random_next(&state) % 3; times > 0; times--) {
		if (random_next(&state) % 3 == 0 && mutate_pair(&place, &other, &out, random_next(&state) % 64))
			set_field(&out, &other, &state);
		else if (!mutate_place(&place, &out, random_next(&state) % n))
			continue;
		set_field(&out, &place, &state);
	}
	return size;
}
