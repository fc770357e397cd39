/* SPDX-License-Identifier: MIT */
/* Every rule of rules.def is broken by one image or wish, in both classes and byte orders: the refusal is that rule and
 * names the place. */
#include "rules.h"

static const struct {
	enum lode_rule rule;
	const char *id;
	void (*run)(struct bad *b);
} cases[] = {
#define LODE_RULE(id, name, status, class_, text, remedy, ref) {LODE_RULE_##id, #id, rule_##id},
#include <lode/rules.def>
#undef LODE_RULE
};

void bad_sample(struct bad *b, const char *name)
{
	file_sample(&b->file, name, encoding_class(b->encoding), encoding_data(b->encoding),
		b->wide ? LODE_EM_AARCH64 : LODE_EM_386);
}

void bad_want(struct bad *b, enum lode_field field, uint32_t index, uint64_t value, uint64_t offset)
{
	b->want.field = field;
	b->want.index = index;
	b->want.value = value;
	b->want.offset = offset;
}

void bad_set(struct bad *b, enum mkelf_structure structure, uint32_t index, const char *name, uint64_t value)
{
	mkelf_set(&b->file.out, structure, index, name, value);
}

void bad_lie(struct bad *b, enum mkelf_structure structure, uint32_t index, const char *name, enum lode_field field, uint64_t value)
{
	bad_set(b, structure, index, name, value);
	bad_want(b, field, structure == MKELF_EHDR ? LODE_NO_INDEX : index, value, mkelf_at(&b->file.out, structure, index, name));
}

void bad_open(struct bad *b, uint32_t flags)
{
	b->status = file_open(&b->file, flags);
	b->why = b->file.why;
}

void bad_plan(struct bad *b)
{
	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	b->status = file_plan(&b->file, &b->policy);
	b->why = b->file.why;
}

void bad_dynamic(struct bad *b)
{
	struct lode_dynamic dynamic;

	CHECK_EQ(file_open(&b->file, 0), LODE_OK);
	b->status = lode_dynamic_open(&dynamic, &b->file.image, &b->why);
}

uint32_t bad_tag(struct bad *b, uint64_t tag)
{
	uint32_t i = 0;

	while (i < b->file.out.parts[MKELF_DYN].count && mkelf_get(&b->file.out, MKELF_DYN, i, "d_tag") != tag)
		i++;
	CHECK(i < b->file.out.parts[MKELF_DYN].count);
	return i;
}

/** The words of a diagnosis: everything of it stands in the line. */
static void check_words(const struct bad *b, enum lode_rule rule)
{
	char line[700], name[80];

	CHECK(lode_diag_format(line, sizeof line, &b->why) < sizeof line);
	snprintf(name, sizeof name, "[%s]", lode_rule_name(rule));
	CHECK(strstr(line, name) != NULL);
	CHECK(strstr(line, lode_rule_text(rule)) != NULL);
	CHECK(strstr(line, lode_field_structure(b->want.field)) == line);
	CHECK(strstr(line, lode_field_name(b->want.field)) != NULL);
	CHECK(strchr(line, '\n') == NULL);
}

static void run(size_t i, unsigned encoding)
{
	static struct bad b;

	b.encoding = encoding;
	b.wide = encoding & 1;
	b.last = b.wide ? UINT64_MAX : UINT32_MAX;
	b.policy = lode_policy_kernel(0x1000);
	b.policy.base = 0x100000;
	b.want = (struct lode_diag){.other = LODE_NO_INDEX};
	b.why = (struct lode_diag){0};
	b.status = LODE_OK;
	check_case("%s, class %u, data %u", cases[i].id, encoding_class(encoding), encoding_data(encoding));
	cases[i].run(&b);
	CHECK_STR(lode_rule_name(b.why.rule), lode_rule_name(cases[i].rule));
	CHECK_EQ(b.status, lode_rule_status(cases[i].rule));
	CHECK_EQ(b.why.status, b.status);
	CHECK(b.status < 0);
	CHECK_STR(lode_field_name(b.why.field), lode_field_name(b.want.field));
	CHECK_EQ(b.why.field, b.want.field);
	CHECK_EQ(b.why.index, b.want.index);
	CHECK_EQ(b.why.other, b.want.other);
	CHECK_EQ(b.why.with, b.want.with);
	CHECK_EQ(b.why.value, b.want.value);
	CHECK_EQ(b.why.limit, b.want.limit);
	CHECK_EQ(b.why.offset, b.want.offset);
	check_words(&b, cases[i].rule);
	file_free(&b.file);
}

int main(void)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (unsigned encoding = 0; encoding < 4; encoding++)
			run(i, encoding);
	check_case("every rule is there");
	CHECK_EQ(sizeof cases / sizeof cases[0], LODE_RULE_COUNT_ - 1);
	file_free(&dyn);
	return check_done();
}
