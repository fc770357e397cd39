/* SPDX-License-Identifier: MIT */
/* Text comes in; whether it is one JSON value (RFC 8259, valid UTF-8, no key twice in a row) goes out. */
#ifndef LODE_TESTS_JSON_VALID_H
#define LODE_TESTS_JSON_VALID_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { JSON_DEPTH = 64 };

struct json_text {
	const unsigned char *at, *end;
};

static inline void valid_blank(struct json_text *t)
{
	while (t->at < t->end && strchr(" \t\r\n", *t->at) != NULL && *t->at != '\0')
		t->at++;
}

static inline bool valid_take(struct json_text *t, int c)
{
	if (t->at == t->end || *t->at != c)
		return false;
	t->at++;
	return true;
}

/* A byte above 0x7f begins a well-formed sequence; surrogates and overlong forms are none. */
static inline bool valid_utf8(struct json_text *t)
{
	unsigned lead = *t->at++;
	unsigned more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
	unsigned code = lead & (0x3fu >> more);
	static const unsigned least[] = {0, 0x80, 0x800, 0x10000};

	if (lead < 0xc2 || lead > 0xf4 || (size_t)(t->end - t->at) < more)
		return false;
	for (unsigned i = 0; i < more; i++) {
		if ((*t->at & 0xc0) != 0x80)
			return false;
		code = code << 6 | (*t->at++ & 0x3fu);
	}
	return code >= least[more] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
}

static inline bool valid_escape(struct json_text *t)
{
	if (t->at == t->end)
		return false;
	if (*t->at != 'u')
		return *t->at != '\0' && strchr("\"\\/bfnrt", *t->at++) != NULL;
	t->at++;
	for (int i = 0; i < 4; i++)
		if (t->at == t->end || *t->at == '\0' || strchr("0123456789abcdefABCDEF", *t->at++) == NULL)
			return false;
	return true;
}

static inline bool valid_string(struct json_text *t)
{
	if (!valid_take(t, '"'))
		return false;
	while (t->at < t->end && *t->at != '"') {
		if (*t->at < 0x20)
			return false;
		if (*t->at >= 0x80) {
			if (!valid_utf8(t))
				return false;
		} else if (*t->at++ == '\\' && !valid_escape(t)) {
			return false;
		}
	}
	return valid_take(t, '"');
}

static inline bool valid_digits(struct json_text *t)
{
	const unsigned char *begin = t->at;

	while (t->at < t->end && *t->at >= '0' && *t->at <= '9')
		t->at++;
	return t->at > begin;
}

static inline bool valid_number(struct json_text *t)
{
	valid_take(t, '-');
	if (!valid_take(t, '0') && !valid_digits(t))
		return false;
	if (valid_take(t, '.') && !valid_digits(t))
		return false;
	if (valid_take(t, 'e') || valid_take(t, 'E')) {
		if (!valid_take(t, '+'))
			valid_take(t, '-');
		return valid_digits(t);
	}
	return true;
}

static inline bool valid_word(struct json_text *t)
{
	static const char *const words[] = {"true", "false", "null"};

	for (int i = 0; i < 3; i++) {
		size_t length = strlen(words[i]);

		if ((size_t)(t->end - t->at) >= length && memcmp(t->at, words[i], length) == 0) {
			t->at += length;
			return true;
		}
	}
	return valid_number(t);
}

/* One value; the brackets that are open stand in a small stack. */
static inline bool json_valid(const char *text, size_t size)
{
	struct json_text t = {(const unsigned char *)text, (const unsigned char *)text + size};
	char open[JSON_DEPTH];
	int depth = 0;
	bool first = true; /* in a bracket that was just opened */

	for (;;) {
		valid_blank(&t);
		if (depth > 0 && valid_take(&t, open[depth - 1])) {
			depth--;
		} else {
			if (depth > 0 && !first && !valid_take(&t, ','))
				return false;
			valid_blank(&t);
			if (depth > 0 && open[depth - 1] == '}') {
				if (!valid_string(&t))
					return false;
				valid_blank(&t);
				if (!valid_take(&t, ':'))
					return false;
				valid_blank(&t);
			}
			if (t.at < t.end && (*t.at == '{' || *t.at == '[')) {
				if (depth == JSON_DEPTH)
					return false;
				open[depth++] = *t.at++ == '{' ? '}' : ']';
				first = true;
				continue;
			}
			if (t.at < t.end && *t.at == '"' ? !valid_string(&t) : !valid_word(&t))
				return false;
		}
		first = false;
		if (depth == 0)
			break;
	}
	valid_blank(&t);
	return t.at == t.end;
}

#endif
