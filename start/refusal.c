/* SPDX-License-Identifier: MIT */
/* A rule and a place come in, a filled diagnosis and its status go out; every refusal of a start state passes here. */
#include "start.h"

static const signed char status_of[] = {
	[LODE_RULE_NONE] = LODE_OK,
#define LODE_RULE(id, name, status, class_, text, remedy, ref) [LODE_RULE_##id] = LODE_ERR_##status,
#include <lode/rules.def>
#undef LODE_RULE
};

int lode_start_refuse_(struct lode_diag *why, enum lode_rule rule, struct lode_diag place)
{
	enum lode_status status = (enum lode_status)status_of[rule];

	if (why != NULL) {
		place.rule = rule;
		place.status = status;
		*why = place;
	}
	return status;
}

struct lode_diag lode_place_of_(enum lode_field field, uint64_t value, uint64_t limit)
{
	return (struct lode_diag){
		.field = field,
		.index = LODE_NO_INDEX,
		.other = LODE_NO_INDEX,
		.value = value,
		.limit = limit,
		.offset = LODE_NO_OFFSET,
	};
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

	while (s != NULL && s[size - 1] != '\0')
		size++;
	return size;
}
