/* SPDX-License-Identifier: MIT */
/* A DT_HASH or DT_GNU_HASH table comes in, the number of dynamic symbols goes out. */
#include "core.h"
#include "dynamic.h"

enum { GNU_HEADER = 16, WORDS = 32 };

static int read_words(uint32_t *words, uint32_t count, const struct lode_image *image, uint64_t offset, struct lode_diag *why)
{
	unsigned char raw[4 * WORDS];
	struct lode_cursor cursor = image_cursor(image, raw);
	int status = lode_source_read(raw, image->source, offset, 4 * (size_t)count, why);

	if (status != LODE_OK)
		return status;
	for (uint32_t i = 0; i < count; i++)
		words[i] = lode_take32_(&cursor);
	return LODE_OK;
}

static struct lode_diag at_hash(enum lode_field field, uint64_t offset, uint64_t value, uint64_t limit)
{
	struct lode_diag place = lode_nowhere_(field, value, limit);

	place.offset = offset;
	return place;
}

/* nbucket, nchain; nchain is the number of symbols. */
static int sysv_count(uint64_t *count, const struct lode_image *image, const struct lode_extent *table, struct lode_diag *why)
{
	uint32_t words[2];
	int status;

	if (table->size < 8)
		return lode_refuse_(why, LODE_RULE_HASH_SIZE, at_hash(LODE_FIELD_HASH_NBUCKET, table->offset, table->size, 8));
	status = read_words(words, 2, image, table->offset, why);
	if (status != LODE_OK)
		return status;
	if (!within(8, 4 * ((uint64_t)words[0] + words[1]), table->size))
		return lode_refuse_(why, LODE_RULE_HASH_SIZE,
			at_hash(LODE_FIELD_HASH_NCHAIN, table->offset + 4, words[1], table->size));
	*count = words[1];
	return LODE_OK;
}

/* The highest symbol that a bucket begins with; 0 if all are empty. */
static int highest_bucket(uint32_t *highest, const struct lode_image *image, uint64_t offset, uint32_t nbuckets,
	struct lode_diag *why)
{
	uint32_t words[WORDS];

	*highest = 0;
	while (nbuckets > 0) {
		uint32_t piece = nbuckets < WORDS ? nbuckets : WORDS;
		int status = read_words(words, piece, image, offset, why);

		if (status != LODE_OK)
			return status;
		for (uint32_t i = 0; i < piece; i++)
			if (words[i] > *highest)
				*highest = words[i];
		offset += 4 * (uint64_t)piece;
		nbuckets -= piece;
	}
	return LODE_OK;
}

/* Follow a chain to its end (bit 0). chain is the file range of its words and all behind it; *count grows by its length. */
static int follow_chain(uint64_t *count, const struct lode_image *image, const struct lode_extent *chain, struct lode_diag *why)
{
	for (uint64_t at = 0; within(at, 4, chain->size); at += 4) {
		uint32_t word;
		int status = read_words(&word, 1, image, chain->offset + at, why);

		if (status != LODE_OK)
			return status;
		++*count;
		if (word & 1)
			return LODE_OK;
	}
	return lode_refuse_(why, LODE_RULE_HASH_CHAIN, at_hash(LODE_FIELD_HASH_CHAIN, chain->offset, *count, chain->size));
}

/* Header: nbuckets, symoffset, bloom_size, bloom_shift; then bloom words, buckets, and a chain word for each hashed symbol.
 * A table that hashes nothing does not know how many undefined symbols there are (GNU ld writes symoffset 1): count 0. */
static int gnu_count(uint64_t *count, const struct lode_image *image, const struct lode_extent *table, struct lode_diag *why)
{
	uint32_t words[4], highest;
	uint64_t buckets, end;
	struct lode_extent chain;
	int status;

	if (table->size < GNU_HEADER)
		return lode_refuse_(why, LODE_RULE_HASH_SIZE,
			at_hash(LODE_FIELD_HASH_NBUCKET, table->offset, table->size, GNU_HEADER));
	status = read_words(words, 4, image, table->offset, why);
	if (status != LODE_OK)
		return status;
	buckets = GNU_HEADER + (uint64_t)words[2] * image_word(image);
	end = buckets + 4 * (uint64_t)words[0];
	if (end > table->size)
		return lode_refuse_(why, LODE_RULE_HASH_SIZE,
			at_hash(LODE_FIELD_HASH_NBUCKET, table->offset, words[0], table->size));
	status = highest_bucket(&highest, image, table->offset + buckets, words[0], why);
	if (status != LODE_OK)
		return status;
	if (highest == 0)
		return LODE_OK;
	chain = (struct lode_extent){.offset = table->offset + end, .size = table->size - end};
	if (highest < words[1] || !within(4 * ((uint64_t)highest - words[1]), 4, chain.size))
		return lode_refuse_(why, LODE_RULE_HASH_CHAIN,
			at_hash(LODE_FIELD_HASH_CHAIN, table->offset + buckets, highest, words[1]));
	chain.offset += 4 * ((uint64_t)highest - words[1]);
	chain.size -= 4 * ((uint64_t)highest - words[1]);
	*count = highest;
	return follow_chain(count, image, &chain, why);
}

/* Words of DT_HASH have 8 bytes on s390x: DT_GNU_HASH, or the bound, counts its symbols. */
static bool words_are_wide(const struct lode_image *image)
{
	return image->machine == LODE_EM_S390 && image_wide(image);
}

int lode_hash_count_(struct lode_dynamic *dynamic, const struct lode_image *image, uint64_t room, struct lode_diag *why)
{
	uint64_t count = 0;
	int status;

	if (dynamic->hash.size != 0 && !words_are_wide(image))
		status = sysv_count(&count, image, &dynamic->hash, why);
	else if (dynamic->gnu_hash.size != 0)
		status = gnu_count(&count, image, &dynamic->gnu_hash, why);
	else
		return LODE_OK;
	if (status != LODE_OK || count == 0)
		return status;
	if (count > room)
		return lode_refuse_(why, LODE_RULE_HASH_SIZE,
			at_hash(LODE_FIELD_HASH_NCHAIN, dynamic->symbols.offset, count, room));
	dynamic->symbols.count = count;
	dynamic->counted = true;
	return LODE_OK;
}
