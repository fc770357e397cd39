/* SPDX-License-Identifier: MIT */
/* Names come in, entries of the link's symbol table go out: chains in buckets that double when they are full. */
#include "link.h"

enum { FIRST_BUCKETS = 1024, FREE_STEPS = 1 << 18, STEPS_A_NAME = 64 };
#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15)

static uint64_t mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * MULTIPLIER;
	return hash ^ hash >> 32;
}

/* A word with its highest bit set in the first byte that is zero (and perhaps in later ones). */
static uint64_t zero_bytes(uint64_t word)
{
	return (word - UINT64_C(0x0101010101010101)) & ~word & UINT64_C(0x8080808080808080);
}

static uint64_t load_tail(const char *at, size_t left)
{
	uint64_t word = 0;

	for (size_t i = 0; i < left && i < 8 && at[i] != '\0'; i++)
		word |= (uint64_t)(unsigned char)at[i] << 8 * i;
	return word;
}

/* Eight characters at a time, up to a NUL or the end. */
struct link_name lode_link_name_(const char *at, size_t left)
{
	struct link_name name = {.at = at};
	uint64_t hash = 0, word = 0, zeros = 0;
	size_t length = 0;

	while (left - length >= 8) {
		word = le64((const unsigned char *)at + length);
		zeros = zero_bytes(word);
		if (zeros != 0)
			break;
		hash = mix(hash, word);
		length += 8;
	}
	word = zeros != 0 ? word & ((zeros & (~zeros + 1)) - 1) : load_tail(at + length, left - length);
	hash = mix(hash, word);
	for (; word != 0; word >>= 8)
		length++;
	name.length = (uint32_t)length;
	name.hash = (uint32_t)hash;
	return name;
}

struct link_name lode_link_string_(const char *text)
{
	size_t length = 0;

	while (text[length] != '\0')
		length++;
	return lode_link_name_(text, length);
}

static bool is_name(const struct lode_link_symbol *symbol, const struct link_name *name, uint8_t key)
{
	return symbol->hash == name->hash && symbol->length == name->length && symbol->key_ == key &&
		memcmp(symbol->name, name->at, name->length) == 0;
}

/* *steps: symbols that were passed over. */
static struct lode_link_symbol *look_up(uint64_t *steps, const struct lode_link *link, const struct link_name *name, uint8_t key)
{
	struct lode_link_symbol *symbol;

	if (link->nbuckets_ == 0)
		return NULL;
	symbol = link->buckets_[name->hash & (link->nbuckets_ - 1)];
	for (; symbol && !is_name(symbol, name, key); symbol = symbol->next_)
		++*steps;
	return symbol;
}

struct lode_link_symbol *lode_link_lookup_(const struct lode_link *link, const struct link_name *name, uint8_t key)
{
	uint64_t steps = 0;

	return look_up(&steps, link, name, key);
}

static bool grow(struct lode_link *link, struct lode_diag *why)
{
	uint32_t count = link->nbuckets_ != 0 ? link->nbuckets_ * 2 : FIRST_BUCKETS;
	struct lode_link_symbol **buckets = lode_link_take_(link, (uint64_t)count * sizeof *buckets, why);

	if (!buckets)
		return false;
	for (struct lode_link_symbol *symbol = link->symbols_; symbol; symbol = symbol->all_) {
		struct lode_link_symbol **bucket = &buckets[symbol->hash & (count - 1)];

		symbol->next_ = *bucket;
		*bucket = symbol;
	}
	link->buckets_ = buckets;
	link->nbuckets_ = count;
	return true;
}

static struct lode_link_symbol *add(struct lode_link *link, const struct link_name *name, uint8_t key, struct lode_diag *why)
{
	struct lode_link_symbol *symbol, **bucket;

	if (link->nsymbols_ >= link->nbuckets_ && !grow(link, why))
		return NULL;
	symbol = lode_link_take_(link, sizeof *symbol, why);
	if (!symbol)
		return NULL;
	symbol->name = name->at;
	symbol->length = name->length;
	symbol->hash = name->hash;
	symbol->key_ = key;
	bucket = &link->buckets_[name->hash & (link->nbuckets_ - 1)];
	symbol->next_ = *bucket;
	*bucket = symbol;
	if (link->last_symbol_)
		link->last_symbol_->all_ = symbol;
	else
		link->symbols_ = symbol;
	link->last_symbol_ = symbol;
	link->nsymbols_++;
	return symbol;
}

/* Names can be made so that all have one hash; those of compilers share a bucket with one or two others. */
int lode_link_intern_(struct lode_link_symbol **symbol, struct lode_link *link, const struct link_name *name, uint8_t key,
	struct lode_diag *why)
{
	*symbol = look_up(&link->steps_, link, name, key);
	if (link->steps_ > FREE_STEPS + (uint64_t)STEPS_A_NAME * link->nsymbols_)
		return lode_link_refuse_(link, NULL,
			lode_diag_of(LODE_RULE_LINK_NAMES, LODE_FIELD_LINK_NAMES, link->steps_, link->nsymbols_), why);
	if (!*symbol)
		*symbol = add(link, name, key, why);
	return *symbol ? LODE_OK : LODE_ERR_ROOM;
}
