/* SPDX-License-Identifier: MIT */
/* RELR tables: addresses and bitmaps of both classes and byte orders against the list of places that went in; tables that lie. */
#include "dynimage.h"

enum { MOST = 300 };

static struct dyn_image image_of(unsigned encoding)
{
	return (struct dyn_image){.class_ = encoding_class(encoding),
		.data = encoding_data(encoding),
		.machine = encoding & 1 ? LODE_EM_AARCH64 : LODE_EM_386,
		.rela = true};
}

/** Random sets of words in the data: each is biased once, everything else is as in the file. */
static void test_sets(void)
{
	static struct mkelf_reloc relr[MOST];
	uint64_t seed = 3;

	for (unsigned round = 0; round < 60; round++)
		for (unsigned k = 0; k < 4; k++) {
			struct dyn_image image = image_of(k);
			unsigned word = k & 1 ? 8 : 4, stride = 1 + (unsigned)random_below(&seed, 40);
			const unsigned char *file;

			image.relr = relr;
			image.nrelr = 0;
			for (uint64_t at = DYN_DATA; at + word <= DYN_BSS; at += word * (1 + random_below(&seed, stride)))
				relr[image.nrelr++] = (struct mkelf_reloc){
					.offset = at, .addend = (int64_t)(DYN_LINKED + random_below(&seed, 0x1000))};
			dyn_write(&image);
			CHECK_EQ(dyn_place(NULL, 0), LODE_OK);
			file = dyn.out.bytes + dyn.segments[1].offset;
			for (uint32_t i = 0; i < image.nrelr; i++)
				CHECK_EQ(dyn_word(relr[i].offset, word), (uint64_t)relr[i].addend + DYN_BIAS);
			for (uint32_t i = 0; i < image.nrelr; i++) /* take them back: nothing else may have changed */
				memcpy(dyn_memory + (relr[i].offset - DYN_LINKED), file + (relr[i].offset - DYN_DATA), word);
			CHECK_MEM(dyn_memory + (DYN_DATA - DYN_LINKED), file, 0x400);
		}
}

static int place_words(unsigned encoding, const uint64_t *words, uint32_t n)
{
	struct dyn_image image = image_of(encoding);

	image.relr_words = words;
	image.nrelr_words = n;
	dyn_write(&image);
	return dyn_place(NULL, 0);
}

/** Words as the proposal defines them: each bitmap goes on where the one before ended, whether or not it had bits. */
static void test_words(void)
{
	static const uint64_t words[] = {DYN_DATA, 3, 1, 5};

	for (unsigned k = 0; k < 4; k++) {
		unsigned word = k & 1 ? 8 : 4, bits = 8 * word - 1;
		const unsigned char *file;
		uint64_t places[3] = {DYN_DATA, DYN_DATA + word, DYN_DATA + word * (2 + 2 * bits)};

		CHECK_EQ(place_words(k, words, 4), LODE_OK);
		file = dyn.out.bytes + dyn.segments[1].offset;
		for (unsigned i = 0; i < 3; i++) {
			uint64_t mask = word == 8 ? UINT64_MAX : UINT32_MAX, at = places[i] - DYN_DATA;
			/* behind it lies the bss */
			uint64_t addend = at < 0x400 ? mkelf_peek(&dyn.out, dyn.segments[1].offset + at, word) : 0;

			CHECK_EQ(dyn_word(places[i], word), (addend + DYN_BIAS) & mask);
			if (at < 0x400)
				memcpy(dyn_memory + (places[i] - DYN_LINKED), file + at, word);
		}
		CHECK_MEM(dyn_memory + (DYN_DATA - DYN_LINKED), file, 0x400);
	}
}

static void expect(unsigned encoding, const uint64_t *words, uint32_t n, const char *rule, uint32_t index, uint64_t value)
{
	CHECK(place_words(encoding, words, n) != LODE_OK);
	CHECK_WHY(dyn.why, rule, LODE_FIELD_RELR_ENTRY, index, value, 0, mkelf_at(&dyn.out, MKELF_RELR, index, "word"));
	for (size_t i = 0; i < DYN_MEMORY; i++)
		if (!CHECK_EQ(dyn_memory[i], 0x33))
			break;
}

static void test_refused(void)
{
	for (unsigned k = 0; k < 4; k++) {
		unsigned word = k & 1 ? 8 : 4;
		uint64_t last = word == 8 ? UINT64_MAX : UINT32_MAX;

		expect(k, (uint64_t[]){3, DYN_DATA}, 2, "relr-order", 0, 3);
		expect(k, (uint64_t[]){DYN_LINKED}, 1, "reloc-text", 0, DYN_LINKED);
		expect(k, (uint64_t[]){DYN_DATA, DYN_DATA - 2}, 2, "reloc-range", 1, DYN_DATA - 2);
		expect(k, (uint64_t[]){DYN_DATA, last - 1}, 2, "reloc-range", 1, last - 1);
		expect(k, (uint64_t[]){DYN_DATA, DYN_LINKED + 0x2000 - word, 3}, 3, "reloc-range", 1, DYN_LINKED + 0x2000 - word);
		expect(k, (uint64_t[]){0}, 1, "reloc-range", 0, 0);
		/* the highest bit of a bitmap lies too far behind the last word of the data */
		CHECK_EQ(place_words(k, (uint64_t[]){DYN_DATA}, 1), LODE_OK);
		{
			uint64_t near = (DYN_DATA + dyn.segments[1].memsz - word) & ~(uint64_t)1;

			expect(k, (uint64_t[]){near, 3}, 2, "reloc-range", 1, near + word);
		}
	}
}

/** An odd size is no table. */
static void test_size(void)
{
	for (unsigned k = 0; k < 2; k++) {
		CHECK_EQ(place_words(k, (uint64_t[]){DYN_DATA, 3}, 2), LODE_OK);
		for (uint32_t i = 0; i < dyn.out.parts[MKELF_DYN].count; i++)
			if (mkelf_get(&dyn.out, MKELF_DYN, i, "d_tag") == LODE_DT_RELRSZ) {
				mkelf_set(&dyn.out, MKELF_DYN, i, "d_val", k ? 12 : 6);
				CHECK_EQ(dyn_place(NULL, 0), LODE_ERR_MALFORMED);
				CHECK_WHY(dyn.why, "reloc-table", LODE_FIELD_DYN_VALUE, i, k ? 12 : 6, k ? 8 : 4,
					mkelf_at(&dyn.out, MKELF_DYN, i, "d_val"));
			}
	}
}

int main(void)
{
	CASE(test_sets);
	CASE(test_words);
	CASE(test_refused);
	CASE(test_size);
	file_free(&dyn);
	return check_done();
}
