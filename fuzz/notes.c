/* SPDX-License-Identifier: MIT */
/* A file: its notes; and the bytes themselves as a range of notes, after two bytes that say class, byte order and alignment. */
#include "fuzz.h"

static void walk_raw(const uint8_t *data, size_t size)
{
	const struct lode_source source = {.bytes = data, .size = size};
	struct lode_segment segment = {.type = LODE_PT_NOTE, .offset = 2, .filesz = size - 2, .align = data[0] & 1 ? 8 : data[1]};
	const struct lode_image image = {
		.source = &source,
		.class_ = data[0] & 2 ? LODE_CLASS32 : LODE_CLASS64,
		.data = data[0] & 4 ? LODE_DATA2MSB : LODE_DATA2LSB,
		.segments = &segment,
		.nsegments = 1,
	};

	hostile_notes(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct lode_source source = {.bytes = data, .size = size};
	const struct hostile_wish wish = {.flags = LODE_OPEN_SECTIONS};
	struct hostile_image opened;

	if (hostile_open(&opened, &source, &wish) == LODE_OK)
		hostile_notes(&opened.image);
	hostile_close(&opened);
	if (size >= 2)
		walk_raw(data, size);
	return 0;
}
