/* SPDX-License-Identifier: MIT */
/* A rule and a place come in, a filled diagnosis and its status go out; every refusal of a start state passes here. */
#include "start.h"

int lode_start_refuse_(struct lode_diag *why, enum lode_rule rule, struct lode_diag place)
{
	const struct lode_diag by_rule = lode_diag_of(rule, place.field, place.value, place.limit);

	place.rule = by_rule.rule;
	place.status = by_rule.status;
	if (why)
		*why = place;
	return place.status;
}

struct lode_diag lode_place_of_(enum lode_field field, uint64_t value, uint64_t limit)
{
	return lode_diag_of(LODE_RULE_NONE, field, value, limit);
}

struct lode_diag lode_place_at_(enum lode_field field, uint64_t value, uint64_t offset)
{
	struct lode_diag place = lode_place_of_(field, value, 0);

	place.offset = offset;
	return place;
}

uint64_t lode_string_size_(const char *s)
{
	uint64_t size = 1;

	while (s && s[size - 1] != '\0')
		size++;
	return size;
}
