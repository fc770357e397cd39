/* SPDX-License-Identifier: MIT */
/* Symbols that nobody defines -> lines. */
#include "undefined.h"
#include "cli.h"

static void put(const struct lode_link_text *text)
{
	put_characters(stderr, text->at, text->size);
}

/* lode: undefined: NAME (used in FILE(MEMBER)) */
static void put_one(const struct lode_link_undefined *one)
{
	fputs("lode: undefined: ", stderr);
	put(&one->name);
	if (one->file.size > 0) {
		fputs(" (used in ", stderr);
		put(&one->file);
		if (one->member.size > 0) {
			putc('(', stderr);
			put(&one->member);
			putc(')', stderr);
		}
		putc(')', stderr);
	}
	fprintf(stderr, " [%s]\n", lode_rule_name(LODE_RULE_LINK_UNDEFINED));
}

void put_undefined(const struct lode_link_undefined *first, uint32_t count)
{
	uint32_t listed = count < UNDEFINED_MOST ? count : UNDEFINED_MOST;

	for (uint32_t i = 0; i < listed; i++)
		put_one(&first[i]);
	if (count > listed)
		fprintf(stderr, "lode: and %u more undefined symbol%s\n", count - listed, count - listed > 1 ? "s" : "");
}
