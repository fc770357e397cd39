/* SPDX-License-Identifier: MIT */
/* GNU property notes, right, short and lying -> what lode_property_next makes of them. */
#include <lode/lode.h>

#include "check.h"

/* An image over some bytes: the walk needs no more than class, byte order and source. */
static struct lode_image image_over(const struct lode_source *source, uint8_t class_, uint8_t data)
{
	return (struct lode_image){.source = source, .class_ = class_, .data = data};
}

static struct lode_note note_over(uint32_t size)
{
	return (struct lode_note){.desc_offset = 0, .desc_size = size};
}

static void test_two_properties(void)
{
	static const unsigned char little[] = {
		2, 0, 0, 0xc0, 4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, /* X86_FEATURE_1_AND: IBT, SHSTK */
		2, 0x80, 0, 0xc0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, /* X86_ISA_1_NEEDED: baseline */
	};
	static const unsigned char big[] = {
		0xc0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 1, /* AARCH64_FEATURE_1_AND: BTI, padded to 4 */
		0, 0, 0, 1, 0, 0, 0, 2, 9, 9, 0, 0, /* smaller than a word */
	};
	struct lode_source source = {.bytes = little, .size = sizeof little};
	struct lode_image image = image_over(&source, LODE_CLASS64, LODE_DATA2LSB);
	struct lode_note note = note_over(sizeof little);
	struct lode_property property;
	struct lode_diag why;
	uint64_t at = 0;

	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), 1);
	CHECK_EQ(property.type, LODE_GNU_PROPERTY_X86_FEATURE_1_AND);
	CHECK_EQ(property.value, 3);
	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), 1);
	CHECK_EQ(property.type, LODE_GNU_PROPERTY_X86_ISA_1_NEEDED);
	CHECK_EQ(property.value, 1);
	CHECK_EQ(property.offset, 24);
	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), 0);

	source = (struct lode_source){.bytes = big, .size = sizeof big};
	image = image_over(&source, LODE_CLASS32, LODE_DATA2MSB);
	note = note_over(sizeof big);
	at = 0;
	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), 1);
	CHECK_EQ(property.type, LODE_GNU_PROPERTY_AARCH64_FEATURE_1_AND);
	CHECK_EQ(property.value, 1);
	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), 1);
	CHECK_EQ(property.size, 2);
	CHECK_EQ(property.value, 0);
	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), 0);
}

static void test_past_end(void)
{
	unsigned char bytes[16] = {2, 0, 0, 0xc0, 9, 0, 0, 0};
	struct lode_source source = {.bytes = bytes, .size = sizeof bytes};
	struct lode_image image = image_over(&source, LODE_CLASS64, LODE_DATA2LSB);
	struct lode_note note = note_over(sizeof bytes);
	struct lode_property property;
	struct lode_diag why;
	uint64_t at = 0;

	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), LODE_ERR_MALFORMED);
	CHECK_EQ(why.rule, LODE_RULE_PROPERTY_PAST_END);
	CHECK_EQ(why.field, LODE_FIELD_PROPERTY_SIZE);
	CHECK_EQ(why.offset, 4);
	CHECK_EQ(why.value, 9);
	CHECK_EQ(why.limit, 8);
	memset(&bytes[4], 0xff, 4);
	CHECK_EQ(lode_property_next(&property, &at, &image, &note, NULL), LODE_ERR_MALFORMED);
	CHECK_EQ(at, 0);
	/* a descriptor with room for a part of a header only is at its end */
	note.desc_size = 7;
	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), 0);
}

/* The last property may lack its padding; a source that ends early is told apart from a lying size. */
static void test_truncated(void)
{
	static const unsigned char bytes[] = {2, 0, 0, 0xc0, 4, 0, 0, 0, 7, 0, 0, 0};
	struct lode_source source = {.bytes = bytes, .size = sizeof bytes};
	struct lode_image image = image_over(&source, LODE_CLASS64, LODE_DATA2LSB);
	struct lode_note note = note_over(sizeof bytes);
	struct lode_property property;
	struct lode_diag why;
	uint64_t at = 0;

	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), 1);
	CHECK_EQ(property.value, 7);
	CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), 0);
	for (uint64_t size = 0; size < sizeof bytes; size++) {
		source.size = size;
		at = 0;
		CHECK_EQ(lode_property_next(&property, &at, &image, &note, &why), LODE_ERR_MALFORMED);
		CHECK_EQ(why.rule, LODE_RULE_SOURCE_PAST_END);
	}
}

int main(void)
{
	CASE(test_two_properties);
	CASE(test_past_end);
	CASE(test_truncated);
	return check_done();
}
