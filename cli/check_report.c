/* SPDX-License-Identifier: MIT */
/* What is found comes in one by one -> the findings of a file, and the worst of them. */
#include "check.h"
#include <stdlib.h>
#include <string.h>

static bool same_place(const struct check_place *a, const struct check_place *b)
{
	return a->field == b->field && a->index == b->index && a->offset == b->offset;
}

static bool known(const struct check *c, uint32_t rule, const struct check_place *place)
{
	for (size_t i = 0; i < c->nfindings; i++)
		if (c->findings[i].rule == rule && same_place(&c->findings[i].place, place))
			return true;
	return false;
}

/* What only says that something lies in no segment, while one is missing because of a fault that was already told. */
static bool follows(uint32_t rule)
{
	static const uint32_t rules[] = {
		LODE_RULE_ENTRY_OUTSIDE, LODE_RULE_TLS_RANGE, LODE_RULE_RELRO_RANGE, LODE_RULE_RELOC_RANGE, LODE_RULE_DYNAMIC_RANGE,
		LODE_RULE_SEGMENT_NONE,
		LODE_RULE_COUNT_ + (uint32_t)CHECK_INIT_OUTSIDE, LODE_RULE_COUNT_ + (uint32_t)CHECK_PHDR_UNMAPPED,
		LODE_RULE_COUNT_ + (uint32_t)CHECK_PVH_ENTRY, LODE_RULE_COUNT_ + (uint32_t)CHECK_MULTIBOOT_ENTRY,
		LODE_RULE_COUNT_ + (uint32_t)CHECK_LIMINE_UNLOADED,
	};

	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		if (rules[i] == rule)
			return true;
	return false;
}

static struct check_finding *append(struct check *c, uint32_t rule, struct check_place place)
{
	struct check_finding *finding;

	if (known(c, rule, &place) || (c->damaged && follows(rule)))
		return NULL;
	if (c->count[rule]++ >= CHECK_SAME_RULE)
		return NULL;
	if (c->nfindings == c->room) {
		size_t room = c->room != 0 ? 2 * c->room : 16;
		struct check_finding *more = realloc(c->findings, room * sizeof *more);

		if (!more)
			return NULL;
		c->findings = more;
		c->room = room;
	}
	finding = &c->findings[c->nfindings++];
	*finding = (struct check_finding){.rule = rule, .place = place};
	return finding;
}

void check_add(struct check *c, enum check_id id, struct check_place place, const char *format, ...)
{
	uint32_t rule = LODE_RULE_COUNT_ + (uint32_t)id;
	struct check_finding *finding;
	va_list args;

	if (!(check_rule_at(rule).targets & c->targets))
		return;
	finding = append(c, rule, place);
	if (!finding || !format)
		return;
	va_start(args, format);
	vsnprintf(finding->detail, sizeof finding->detail, format, args);
	va_end(args);
}

void check_add_core(struct check *c, const struct lode_diag *why)
{
	struct check_place place = {
		.structure = lode_field_structure(why->field),
		.field = lode_field_name(why->field),
		.index = why->index,
		.has_value = true,
		.value = why->value,
		.offset = why->offset,
	};
	struct check_finding *finding = append(c, (uint32_t)why->rule, place);
	size_t used;

	if (!finding)
		return;
	check_diag_text(finding->detail, sizeof finding->detail, c, why);
	used = strlen(finding->detail);
	if (why->limit != 0)
		snprintf(finding->detail + used, sizeof finding->detail - used, "%scompared with 0x%llx", used > 0 ? ", " : "",
			(unsigned long long)why->limit);
}

void check_add_start(struct check *c, const struct lode_diag *why, const char *protocol)
{
	size_t before = c->nfindings, used;
	struct check_finding *finding;

	check_add_core(c, why);
	if (c->nfindings == before)
		return;
	finding = &c->findings[before];
	used = strlen(finding->detail);
	snprintf(finding->detail + used, sizeof finding->detail - used, "%slode boot --protocol=%s", used > 0 ? "; " : "",
		protocol);
}

void check_add_rule(struct check *c, enum lode_rule rule, enum lode_field field, struct check_place place, uint64_t limit)
{
	struct lode_diag why = lode_diag_of(rule, field, place.value, limit);

	why.index = place.index;
	why.offset = place.offset;
	check_add_core(c, &why);
}

void check_add_seen(struct check *c, const char *format, ...)
{
	va_list args;

	if (c->nseen == CHECK_SEEN)
		return;
	va_start(args, format);
	vsnprintf(c->seen[c->nseen++], sizeof c->seen[0], format, args);
	va_end(args);
}

enum check_severity check_worst(const struct check *c, bool strict, bool *clean)
{
	enum check_severity worst = CHECK_HINT;

	*clean = true;
	for (size_t i = 0; i < c->nfindings; i++) {
		enum check_severity severity = check_rule_at(c->findings[i].rule).severity;

		if (severity > CHECK_HINT || strict)
			*clean = false;
		if (severity > worst)
			worst = severity;
	}
	return worst;
}
