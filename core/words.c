/* SPDX-License-Identifier: MIT */
/* A diagnosis comes in, words go out; a field comes in, its value goes out. No other file of the core needs this one. */
#include "core.h"

struct rule_words {
	const char *name, *class_, *text, *remedy, *ref;
};

static const struct rule_words rules[] = {
	[LODE_RULE_NONE] = {"", "", "", "", ""},
#define LODE_RULE(id, name, status, class_, text, remedy, ref)                                                                     \
	[LODE_RULE_##id] = {name, class_, text, remedy, ref},
#include <lode/rules.def>
#undef LODE_RULE
};

struct field_words {
	const char *structure, *field;
};

static const struct field_words fields[] = {
	[LODE_FIELD_NONE] = {"", ""},
#define LODE_FIELD(id, structure, field) [LODE_FIELD_##id] = {structure, field},
#include <lode/fields.def>
#undef LODE_FIELD
};

static const struct rule_words *words_of(enum lode_rule rule)
{
	return (unsigned int)rule < LODE_RULE_COUNT_ ? &rules[rule] : &rules[LODE_RULE_NONE];
}

const char *lode_rule_name(enum lode_rule rule)
{
	return words_of(rule)->name;
}

const char *lode_rule_text(enum lode_rule rule)
{
	return words_of(rule)->text;
}

const char *lode_rule_remedy(enum lode_rule rule)
{
	return words_of(rule)->remedy;
}

const char *lode_rule_ref(enum lode_rule rule)
{
	return words_of(rule)->ref;
}

const char *lode_rule_class(enum lode_rule rule)
{
	return words_of(rule)->class_;
}

enum lode_status lode_rule_status(enum lode_rule rule)
{
	return (unsigned int)rule < LODE_RULE_COUNT_ ? lode_diag_of(rule, LODE_FIELD_NONE, 0, 0).status : LODE_OK;
}

static bool same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

enum lode_rule lode_rule_find(const char *name)
{
	for (unsigned int rule = 1; rule < LODE_RULE_COUNT_; rule++)
		if (same(rules[rule].name, name))
			return (enum lode_rule)rule;
	return LODE_RULE_NONE;
}

static const struct field_words *field_of(enum lode_field field)
{
	return (unsigned int)field < LODE_FIELD_COUNT_ ? &fields[field] : &fields[LODE_FIELD_NONE];
}

const char *lode_field_structure(enum lode_field field)
{
	return field_of(field)->structure;
}

const char *lode_field_name(enum lode_field field)
{
	return field_of(field)->field;
}

/* Text into a buffer; length counts on where the buffer ends. */
struct text {
	char *buf;
	size_t size, length;
};

static void put(struct text *text, const char *words)
{
	for (; *words != '\0'; words++) {
		if (text->length + 1 < text->size)
			text->buf[text->length] = *words;
		text->length++;
	}
}

static void put_number(struct text *text, uint64_t number, bool hex)
{
	char digits[24];
	size_t at = sizeof digits - 1;

	digits[at] = '\0';
	do {
		digits[--at] = "0123456789abcdef"[hex ? number & 15 : number - 10 * lode_divide_(number, 10)];
		number = hex ? number >> 4 : lode_divide_(number, 10);
	} while (number != 0);
	put(text, hex ? "0x" : "");
	put(text, &digits[at]);
}

/* "program header 3: p_filesz = 0x5000 (against 0x4000) at file offset 0xe8" */
static void put_place(struct text *text, const struct lode_diag *why)
{
	put(text, lode_field_structure(why->field));
	if (why->index != LODE_NO_INDEX) {
		put(text, " ");
		put_number(text, why->index, false);
	}
	put(text, ": ");
	put(text, lode_field_name(why->field));
	put(text, " = ");
	put_number(text, why->value, true);
	if (why->limit != 0) {
		put(text, " (against ");
		put_number(text, why->limit, true);
		put(text, ")");
	}
	if (why->offset != LODE_NO_OFFSET) {
		put(text, " at file offset ");
		put_number(text, why->offset, true);
	}
	if (why->other != LODE_NO_INDEX || why->with != LODE_FIELD_NONE) {
		put(text, ", conflicts with ");
		put(text, why->with != LODE_FIELD_NONE ? lode_field_structure(why->with) : "number");
	}
	if (why->other != LODE_NO_INDEX) {
		put(text, " ");
		put_number(text, why->other, false);
	}
}

static void put_rule(struct text *text, enum lode_rule rule)
{
	put(text, lode_rule_text(rule));
	put(text, "; ");
	put(text, lode_rule_remedy(rule));
	put(text, " [");
	put(text, lode_rule_name(rule));
	put(text, "]");
}

size_t lode_diag_format(char *buf, size_t size, const struct lode_diag *why)
{
	struct text text = {.buf = buf, .size = size};

	if (why->field != LODE_FIELD_NONE)
		put_place(&text, why);
	if (why->field != LODE_FIELD_NONE && why->rule != LODE_RULE_NONE)
		put(&text, ": ");
	if (why->rule != LODE_RULE_NONE)
		put_rule(&text, why->rule);
	if (size > 0)
		buf[text.length < size ? text.length : size - 1] = '\0';
	return text.length;
}

uint64_t lode_header_value(const struct lode_image *image, enum lode_field field)
{
	const uint64_t values[] = {
		[LODE_FIELD_EHDR_MAGIC] = 0x7f454c46,
		[LODE_FIELD_EHDR_CLASS] = image->class_,
		[LODE_FIELD_EHDR_DATA] = image->data,
		[LODE_FIELD_EHDR_IDENT_VERSION] = image->ident_version,
		[LODE_FIELD_EHDR_TYPE] = image->type,
		[LODE_FIELD_EHDR_MACHINE] = image->machine,
		[LODE_FIELD_EHDR_VERSION] = image->version,
		[LODE_FIELD_EHDR_ENTRY] = image->entry,
		[LODE_FIELD_EHDR_PHOFF] = image->phoff,
		[LODE_FIELD_EHDR_SHOFF] = image->shoff,
		[LODE_FIELD_EHDR_FLAGS] = image->flags,
		[LODE_FIELD_EHDR_EHSIZE] = image->ehsize,
		[LODE_FIELD_EHDR_PHENTSIZE] = image->phentsize,
		[LODE_FIELD_EHDR_PHNUM] = image->nsegments,
		[LODE_FIELD_EHDR_SHENTSIZE] = image->shentsize,
		[LODE_FIELD_EHDR_SHNUM] = image->nsections,
		[LODE_FIELD_EHDR_SHSTRNDX] = image->shstrndx,
	};

	return field <= LODE_FIELD_EHDR_SHSTRNDX ? values[field] : 0;
}

uint64_t lode_section_value(const struct lode_image *image, uint32_t index, enum lode_field field)
{
	const struct lode_section *section = &image->sections[index];
	const uint64_t values[] = {
		[0] = section->name,
		[LODE_FIELD_SHDR_TYPE - LODE_FIELD_SHDR_NAME] = section->type,
		[LODE_FIELD_SHDR_FLAGS - LODE_FIELD_SHDR_NAME] = section->flags,
		[LODE_FIELD_SHDR_OFFSET - LODE_FIELD_SHDR_NAME] = section->offset,
		[LODE_FIELD_SHDR_ADDR - LODE_FIELD_SHDR_NAME] = section->addr,
		[LODE_FIELD_SHDR_SIZE - LODE_FIELD_SHDR_NAME] = section->size,
		[LODE_FIELD_SHDR_LINK - LODE_FIELD_SHDR_NAME] = section->link,
		[LODE_FIELD_SHDR_INFO - LODE_FIELD_SHDR_NAME] = section->info,
		[LODE_FIELD_SHDR_ADDRALIGN - LODE_FIELD_SHDR_NAME] = section->addralign,
		[LODE_FIELD_SHDR_ENTSIZE - LODE_FIELD_SHDR_NAME] = section->entsize,
	};

	if (field < LODE_FIELD_SHDR_NAME || field > LODE_FIELD_SHDR_ENTSIZE)
		return 0;
	return values[field - LODE_FIELD_SHDR_NAME];
}
