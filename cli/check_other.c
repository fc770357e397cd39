/* SPDX-License-Identifier: MIT */
/* A file that is refused at its first bytes -> what it is instead of an ELF file. */
#include "check.h"

/* False: nothing better can be said than that the magic number is missing. */
static bool rule_of(enum check_id *id, enum kind_id kind)
{
	switch (kind) {
	case KIND_EMPTY: *id = CHECK_FILE_EMPTY; return true;
	case KIND_SCRIPT: *id = CHECK_FILE_SCRIPT; return true;
	case KIND_TEXT: *id = CHECK_FILE_TEXT; return true;
	case KIND_PE:
	case KIND_FOREIGN: *id = CHECK_FILE_FOREIGN; return true;
	case KIND_BITCODE: *id = CHECK_FILE_BITCODE; return true;
	case KIND_FLAT: *id = CHECK_FILE_FLAT; return true;
	default: return false;
	}
}

bool check_other(struct check *c, enum lode_rule rule)
{
	struct kind kind;
	enum check_id id;

	if (rule != LODE_RULE_HEADER_MAGIC && rule != LODE_RULE_HEADER_TRUNCATED)
		return false;
	kind = kind_of_bytes(&c->base);
	if (!rule_of(&id, kind.id))
		return false;
	if (c->targets == 0) {
		c->targets = kind.id == KIND_SCRIPT ? FOR_PROCESS : FOR_ANY;
		c->guess = kind.id == KIND_SCRIPT ? "it is a script" : "it is no ELF file";
	}
	if (kind.id == KIND_SCRIPT && (c->targets & FOR_PROCESS))
		check_script(c);
	if (kind.id == KIND_EMPTY || kind.id == KIND_TEXT)
		check_add(c, id, check_at_file(LODE_NO_OFFSET), NULL);
	else
		check_add(c, id, check_at_file(LODE_NO_OFFSET), "%s%s", kind.article, kind.words);
	return true;
}
