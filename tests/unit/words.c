/* SPDX-License-Identifier: MIT */
/* Rules and diagnoses in words: every rule has all of them, names lead back to rules, and a line fits any buffer. */
#include "file.h"

static const struct {
	enum lode_rule rule;
	const char *name, *text, *remedy, *ref, *class_;
	int status;
} rules[] = {
#define LODE_RULE(id, name, status, class_, text, remedy, ref) {LODE_RULE_##id, name, text, remedy, ref, class_, LODE_ERR_##status},
#include <lode/rules.def>
#undef LODE_RULE
};

static const struct {
	enum lode_field field;
	const char *structure, *name;
} fields[] = {
#define LODE_FIELD(id, structure, field) {LODE_FIELD_##id, structure, field},
#include <lode/fields.def>
#undef LODE_FIELD
};

/** Small letters and hyphens: what `lode check --explain` takes. */
static bool is_name(const char *name)
{
	return strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(name) && name[0] && name[0] != '-';
}

static void test_rules(void)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		enum lode_rule rule = rules[i].rule;

		CHECK_EQ(rule, i + 1);
		CHECK_STR(lode_rule_name(rule), rules[i].name);
		CHECK_STR(lode_rule_text(rule), rules[i].text);
		CHECK_STR(lode_rule_remedy(rule), rules[i].remedy);
		CHECK_STR(lode_rule_ref(rule), rules[i].ref);
		CHECK_STR(lode_rule_class(rule), rules[i].class_);
		CHECK_EQ(lode_rule_status(rule), rules[i].status);
		CHECK(rules[i].status < 0);
		CHECK(is_name(rules[i].name));
		CHECK(strlen(rules[i].text) > 10 && rules[i].text[strlen(rules[i].text) - 1] != '.');
		CHECK(strlen(rules[i].remedy) > 10 && rules[i].ref[0]); /* more than "relink": which flag, which tool */
		CHECK(strncmp(rules[i].class_, "E_", 2) == 0);
		CHECK_EQ(lode_rule_find(rules[i].name), rule);
		for (size_t k = 0; k < i; k++)
			CHECK(strcmp(rules[k].name, rules[i].name) != 0);
	}
	CHECK_EQ(sizeof rules / sizeof rules[0], LODE_RULE_COUNT_ - 1);
}

static void test_fields(void)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		CHECK_EQ(fields[i].field, i + 1);
		CHECK_STR(lode_field_structure(fields[i].field), fields[i].structure);
		CHECK_STR(lode_field_name(fields[i].field), fields[i].name);
		CHECK(fields[i].structure[0] && fields[i].name[0]);
	}
	CHECK_EQ(sizeof fields / sizeof fields[0], LODE_FIELD_COUNT_ - 1);
}

/** Values outside the enums, names that are none. */
static void test_unknown(void)
{
	static const unsigned wild[] = {0, LODE_RULE_COUNT_, LODE_RULE_COUNT_ + 1, 0x7fffffff};

	for (unsigned i = 0; i < 4; i++) {
		CHECK_STR(lode_rule_name((enum lode_rule)wild[i]), "");
		CHECK_STR(lode_rule_text((enum lode_rule)wild[i]), "");
		CHECK_STR(lode_rule_remedy((enum lode_rule)wild[i]), "");
		CHECK_STR(lode_rule_ref((enum lode_rule)wild[i]), "");
		CHECK_STR(lode_rule_class((enum lode_rule)wild[i]), "");
		CHECK_EQ(lode_rule_status((enum lode_rule)wild[i]), LODE_OK);
		CHECK_STR(lode_field_name((enum lode_field)(wild[i] ? wild[i] + 1000 : 0)), "");
		CHECK_STR(lode_field_structure((enum lode_field)(wild[i] ? wild[i] + 1000 : 0)), "");
	}
	CHECK_EQ(lode_rule_find(""), LODE_RULE_NONE);
	CHECK_EQ(lode_rule_find("segment-past-en"), LODE_RULE_NONE);
	CHECK_EQ(lode_rule_find("segment-past-endx"), LODE_RULE_NONE);
	CHECK_EQ(lode_rule_find("Segment-Past-End"), LODE_RULE_NONE);
}

/** The whole line: each part that is there, none that is not. */
static void test_lines(void)
{
	struct lode_diag why = {.status = LODE_ERR_MALFORMED,
		.rule = LODE_RULE_SEGMENT_PAST_END,
		.field = LODE_FIELD_PHDR_OFFSET,
		.index = 3,
		.other = LODE_NO_INDEX,
		.value = 0x5000,
		.limit = 0x4000,
		.offset = 0xe8};
	char line[512], want[512];

	snprintf(want, sizeof want,
		"program header 3: p_offset = 0x5000 (against 0x4000) at file offset 0xe8: %s; %s [segment-past-end]",
		lode_rule_text(why.rule), lode_rule_remedy(why.rule));
	CHECK_EQ(lode_diag_format(line, sizeof line, &why), strlen(want));
	CHECK_STR(line, want);
	why = (struct lode_diag){.rule = LODE_RULE_PLAN_WINDOW,
		.field = LODE_FIELD_POLICY_WINDOW,
		.index = LODE_NO_INDEX,
		.other = 12,
		.value = UINT64_MAX,
		.offset = LODE_NO_OFFSET};
	snprintf(want, sizeof want, "policy: window = 0xffffffffffffffff, conflicts with number 12: %s; %s [plan-window]",
		lode_rule_text(why.rule), lode_rule_remedy(why.rule));
	CHECK_EQ(lode_diag_format(line, sizeof line, &why), strlen(want));
	CHECK_STR(line, want);
	why = (struct lode_diag){
		.rule = LODE_RULE_PLAN_WINDOW, .index = 4294967294, .other = LODE_NO_INDEX, .offset = LODE_NO_OFFSET};
	snprintf(want, sizeof want, "%s; %s [plan-window]", lode_rule_text(why.rule), lode_rule_remedy(why.rule));
	lode_diag_format(line, sizeof line, &why);
	CHECK_STR(line, want);
	why.field = LODE_FIELD_RUN;
	lode_diag_format(line, sizeof line, &why);
	CHECK(strncmp(line, "run 4294967294: addr = 0x0: ", 28) == 0);
	why.rule = LODE_RULE_NONE;
	lode_diag_format(line, sizeof line, &why);
	CHECK_STR(line, "run 4294967294: addr = 0x0");
	why.with = LODE_FIELD_PART_KERNEL;
	lode_diag_format(line, sizeof line, &why);
	CHECK_STR(line, "run 4294967294: addr = 0x0, conflicts with kernel");
	why.field = LODE_FIELD_NONE;
	CHECK_EQ(lode_diag_format(line, sizeof line, &why), 0);
	CHECK_STR(line, "");
}

/** Any size of buffer: a prefix of the line with its NUL, the same length returned, not a byte behind it. */
static void test_truncation(void)
{
	const struct lode_diag why = {.rule = LODE_RULE_HEADER_SHTABLE,
		.field = LODE_FIELD_EHDR_SHOFF,
		.index = 7,
		.other = 9,
		.value = 1,
		.limit = 2,
		.offset = 3};
	char whole[512], line[513];
	size_t length = lode_diag_format(whole, sizeof whole, &why);

	CHECK_EQ(strlen(whole), length);
	CHECK_EQ(lode_diag_format(NULL, 0, &why), length);
	for (size_t size = 0; size < sizeof whole; size++) {
		size_t kept = size == 0 ? 0 : size - 1 < length ? size - 1 : length;

		memset(line, '#', sizeof line);
		CHECK_EQ(lode_diag_format(line, size, &why), length);
		CHECK_MEM(line, whole, kept);
		CHECK_EQ(line[kept], size ? '\0' : '#');
		for (size_t i = kept + 1; size && i < sizeof line; i++)
			CHECK_EQ(line[i], '#');
	}
}

/** A diagnosis begins with the rule's status and points nowhere. */
static void test_of(void)
{
	for (unsigned rule = 0; rule < LODE_RULE_COUNT_; rule++) {
		struct lode_diag why = lode_diag_of((enum lode_rule)rule, LODE_FIELD_STACK, 7, 5);

		CHECK_EQ(why.rule, rule);
		CHECK_EQ(why.status, lode_rule_status((enum lode_rule)rule));
		CHECK_EQ(why.field, LODE_FIELD_STACK);
		CHECK_EQ(why.index, LODE_NO_INDEX);
		CHECK_EQ(why.other, LODE_NO_INDEX);
		CHECK_EQ(why.value, 7);
		CHECK_EQ(why.limit, 5);
		CHECK_EQ(why.offset, LODE_NO_OFFSET);
	}
}

int main(void)
{
	CASE(test_of);
	CASE(test_rules);
	CASE(test_fields);
	CASE(test_unknown);
	CASE(test_lines);
	CASE(test_truncation);
	return check_done();
}
