/* SPDX-License-Identifier: MIT */
/* Members and values -> JSON text (RFC 8259, UTF-8) with the commas right and every string escaped. */
#include "cli.h"
#include <inttypes.h>
#include <string.h>

enum { LINES = 2 }; /* depth up to which each member has a line of its own */

/* What stands before a value: comma, line, key. */
static void lead(struct json *json, const char *key)
{
	if (json->depth > 0) {
		if (!json->empty)
			fputs(json->depth <= LINES ? "," : ", ", json->stream);
		if (json->depth <= LINES)
			fprintf(json->stream, "\n%*s", (int)json->depth * 2, "");
	}
	json->empty = false;
	if (key)
		fprintf(json->stream, "\"%s\": ", key);
}

static void enter(struct json *json, const char *key, char bracket)
{
	lead(json, key);
	putc(bracket, json->stream);
	json->depth++;
	json->empty = true;
}

static void leave(struct json *json, char bracket)
{
	json->depth--;
	if (!json->empty && json->depth < LINES)
		fprintf(json->stream, "\n%*s", (int)json->depth * 2, "");
	putc(bracket, json->stream);
	json->empty = false;
}

void json_begin(struct json *json, FILE *stream)
{
	*json = (struct json){.stream = stream, .empty = true};
}

void json_end(struct json *json)
{
	putc('\n', json->stream);
}

void json_object(struct json *json, const char *key)
{
	enter(json, key, '{');
}

void json_object_end(struct json *json)
{
	leave(json, '}');
}

void json_array(struct json *json, const char *key)
{
	enter(json, key, '[');
}

void json_array_end(struct json *json)
{
	leave(json, ']');
}

static void put_char(FILE *stream, const char *bytes, size_t length, uint32_t code)
{
	if (code == '"' || code == '\\')
		fprintf(stream, "\\%c", (int)code);
	else if (!is_harmless(code) && code <= 0xffff)
		fprintf(stream, "\\u%04" PRIx32, code);
	else if (!is_harmless(code))
		fprintf(stream, "\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((code - 0x10000) >> 10), 0xdc00 + (code & 0x3ff));
	else
		fwrite(bytes, 1, length, stream);
}

void json_bytes(struct json *json, const char *key, const char *bytes, size_t nbytes)
{
	bool exact = true;

	lead(json, key);
	putc('"', json->stream);
	for (size_t i = 0; i < nbytes;) {
		uint32_t code = 0;
		size_t length = utf8_length(&code, (const unsigned char *)bytes + i, nbytes - i);

		if (length == 0) {
			fputs("\\ufffd", json->stream);
			exact = false;
			i++;
			continue;
		}
		put_char(json->stream, bytes + i, length, code);
		i += length;
	}
	putc('"', json->stream);
	if (exact || !key)
		return;
	fprintf(json->stream, ", \"%s_hex\": \"", key);
	for (size_t i = 0; i < nbytes; i++)
		fprintf(json->stream, "%02x", (unsigned char)bytes[i]);
	putc('"', json->stream);
}

void json_string(struct json *json, const char *key, const char *value)
{
	if (!value)
		json_null(json, key);
	else
		json_bytes(json, key, value, strlen(value));
}

void json_number(struct json *json, const char *key, uint64_t value)
{
	lead(json, key);
	fprintf(json->stream, "%" PRIu64, value);
}

void json_hex(struct json *json, const char *key, uint64_t value)
{
	lead(json, key);
	fprintf(json->stream, "\"0x%" PRIx64 "\"", value);
}

void json_bool(struct json *json, const char *key, bool value)
{
	lead(json, key);
	fputs(value ? "true" : "false", json->stream);
}

void json_null(struct json *json, const char *key)
{
	lead(json, key);
	fputs("null", json->stream);
}
