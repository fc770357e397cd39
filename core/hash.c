/* SPDX-License-Identifier: MIT */
/* A DT_HASH or DT_GNU_HASH table comes in, the number of dynamic symbols goes out. */
#include "core.h"
#include "dynamic.h"

enum { SYSV_HEADER = 8, GNU_HEADER = 16, WORDS = 32 };

/* What a table may make a reader walk over, in buckets and in chains: a sparse file has any size for nothing. */
enum { MOST_SYMBOLS = 1 << 24 };

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
	return lode_at_entry_(field, LODE_NO_INDEX, offset, value, limit);
}

static int refuse_size(enum lode_field field, uint64_t offset, uint64_t value, uint64_t limit, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_HASH_SIZE, at_hash(field, offset, value, limit));
}

/* nbucket, nchain; nchain is the number of symbols. */
static int sysv_count(uint64_t *count, const struct lode_image *image, const struct lode_extent *table, struct lode_diag *why)
{
	uint32_t words[2];
	uint64_t room;
	int status;

	if (table->size < SYSV_HEADER)
		return refuse_size(LODE_FIELD_HASH_TABLE, table->offset, table->size, SYSV_HEADER, why);
	status = read_words(words, 2, image, table->offset, why);
	if (status != LODE_OK)
		return status;
	room = (table->size - SYSV_HEADER) >> 2;
	if (words[0] > room)
		return refuse_size(LODE_FIELD_HASH_NBUCKET, table->offset, words[0], room, why);
	if (words[1] > room - words[0])
		return refuse_size(LODE_FIELD_HASH_NCHAIN, table->offset + 4, words[1], room - words[0], why);
	*count = words[1];
	return LODE_OK;
}

/* The highest symbol that a bucket begins with, and where it says so; 0 if all are empty. */
struct highest {
	uint32_t symbol;
	uint64_t offset;
};

static int highest_bucket(struct highest *highest, const struct lode_image *image, uint64_t offset, uint32_t nbuckets,
	struct lode_diag *why)
{
	uint32_t words[WORDS];

	highest->symbol = 0;
	while (nbuckets > 0) {
		uint32_t piece = nbuckets < WORDS ? nbuckets : WORDS;
		int status = read_words(words, piece, image, offset, why);

		if (status != LODE_OK)
			return status;
		for (uint32_t i = 0; i < piece; i++)
			if (words[i] > highest->symbol)
				*highest = (struct highest){.symbol = words[i], .offset = offset + 4 * (uint64_t)i};
		offset += 4 * (uint64_t)piece;
		nbuckets -= piece;
	}
	return LODE_OK;
}

/* Follow a chain to its end (bit 0), or until there are more than most. chain is its words and all behind them, one at least;
 * *count grows by as many as follow the first. */
static int follow_chain(uint64_t *count, const struct lode_image *image, const struct lode_extent *chain, uint64_t most,
	struct lode_diag *why)
{
	uint32_t word = 0;
	uint64_t at;

	for (at = 0; within(at, 4, chain->size); at += 4) {
		int status = read_words(&word, 1, image, chain->offset + at, why);

		if (status != LODE_OK)
			return status;
		if ((word & 1) || ++*count > most)
			return LODE_OK;
	}
	return lode_refuse_(why, LODE_RULE_HASH_CHAIN, at_hash(LODE_FIELD_HASH_CHAIN, chain->offset + at - 4, word, 0));
}

static int refuse_bucket(const struct highest *highest, uint64_t limit, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_HASH_CHAIN, at_hash(LODE_FIELD_HASH_BUCKET, highest->offset, highest->symbol, limit));
}

/* The chain words that a bucket begins: *chain, all of them, loses those of lower symbols. */
static int find_chain(struct lode_extent *chain, const struct highest *highest, uint32_t first, struct lode_diag *why)
{
	uint64_t words = chain->size >> 2, skipped = (uint64_t)highest->symbol - first;

	if (highest->symbol < first)
		return refuse_bucket(highest, first, why);
	if (skipped >= words)
		return refuse_bucket(highest, first + words, why);
	chain->offset += 4 * skipped;
	chain->size -= 4 * skipped;
	return LODE_OK;
}

/* Header: nbuckets, symoffset, bloom_size, bloom_shift; then bloom words, buckets, and a chain word for each hashed symbol.
 * A table that hashes nothing does not know how many undefined symbols there are (GNU ld writes symoffset 1): count 0. */
static int gnu_count(uint64_t *count, const struct lode_image *image, const struct lode_extent *table, uint64_t most,
	struct lode_diag *why)
{
	uint32_t words[4];
	uint64_t room, bloom, buckets;
	struct highest highest;
	struct lode_extent chain;
	int status;

	if (table->size < GNU_HEADER)
		return refuse_size(LODE_FIELD_HASH_TABLE, table->offset, table->size, GNU_HEADER, why);
	status = read_words(words, 4, image, table->offset, why);
	if (status != LODE_OK)
		return status;
	room = table->size - GNU_HEADER;
	bloom = (uint64_t)words[2] * lode_word_size(image);
	if (bloom > room)
		return refuse_size(LODE_FIELD_HASH_BLOOM, table->offset + 8, words[2], lode_divide_(room, lode_word_size(image)),
			why);
	buckets = min_u64((room - bloom) >> 2, MOST_SYMBOLS);
	if (words[0] > buckets)
		return refuse_size(LODE_FIELD_HASH_NBUCKET, table->offset, words[0], buckets, why);
	chain.offset = table->offset + GNU_HEADER + bloom;
	status = highest_bucket(&highest, image, chain.offset, words[0], why);
	if (status != LODE_OK || highest.symbol == 0)
		return status;
	chain.offset += 4 * (uint64_t)words[0];
	chain.size = room - bloom - 4 * (uint64_t)words[0];
	status = find_chain(&chain, &highest, words[1], why);
	*count = (uint64_t)highest.symbol + 1;
	return status == LODE_OK ? follow_chain(count, image, &chain, most, why) : status;
}

/* Words of DT_HASH have 8 bytes on s390x: DT_GNU_HASH, or the bound, counts its symbols. */
static bool words_are_wide(const struct lode_image *image)
{
	return image->machine == LODE_EM_S390 && image_wide(image);
}

int lode_hash_count_(struct lode_dynamic *dynamic, const struct lode_image *image, uint64_t room, struct lode_diag *why)
{
	uint64_t count = 0, most = min_u64(room, MOST_SYMBOLS);
	int status;

	if (dynamic->hash.size != 0 && !words_are_wide(image))
		status = sysv_count(&count, image, &dynamic->hash, why);
	else if (dynamic->gnu_hash.size != 0)
		status = gnu_count(&count, image, &dynamic->gnu_hash, most, why);
	else
		return LODE_OK;
	if (status != LODE_OK || count == 0)
		return status;
	if (count > most)
		return refuse_size(LODE_FIELD_SYMBOL_COUNT, dynamic->symbols.offset, count, most, why);
	dynamic->symbols.count = count;
	dynamic->counted = true;
	return LODE_OK;
}
