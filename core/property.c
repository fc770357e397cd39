/* SPDX-License-Identifier: MIT */
/* A GNU property note comes in, its properties go out one by one. */
#include "core.h"

enum { HEADER = 8, WORD = 4 };

/* pr_type, pr_datasz, then the data, padded to the word of the class. Sizes are 32-bit: nothing here can wrap. */
int lode_property_next(struct lode_property *property, uint64_t *at, const struct lode_image *image, const struct lode_note *note,
	struct lode_diag *why)
{
	unsigned char raw[HEADER];
	struct lode_cursor cursor = image_cursor(image, raw);
	uint64_t offset = note->desc_offset + *at, left;
	int status;

	if (!within(*at, HEADER, note->desc_size))
		return 0;
	status = lode_source_read(raw, image->source, offset, HEADER, why);
	if (status != LODE_OK)
		return status;
	property->type = lode_take32_(&cursor);
	property->size = lode_take32_(&cursor);
	property->offset = offset + HEADER;
	property->value = 0;
	left = note->desc_size - *at - HEADER;
	if (property->size > left)
		return lode_refuse_(why, LODE_RULE_PROPERTY_PAST_END,
			lode_at_entry_(LODE_FIELD_PROPERTY_SIZE, LODE_NO_INDEX, offset + WORD, property->size, left));
	*at += HEADER + align_up(property->size, lode_word_size(image));
	if (property->size < WORD)
		return 1;
	cursor = image_cursor(image, raw);
	status = lode_source_read(raw, image->source, property->offset, WORD, why);
	if (status != LODE_OK)
		return status;
	property->value = lode_take32_(&cursor);
	return 1;
}
