/* SPDX-License-Identifier: MIT */
/* Names and diagnoses -> text that a terminal can show without harm, and error lines. */
#include "cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool lode_colour(FILE *stream, enum lode_when when)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when != LODE_AUTO)
		return when == LODE_ALWAYS;
	if (no_color != NULL && no_color[0] != '\0')
		return false;
	if (term == NULL || strcmp(term, "dumb") == 0)
		return false;
	return isatty(fileno(stream)) == 1;
}

size_t lode_utf8_length(uint32_t *code, const unsigned char *p, size_t left)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;

	if (length == 0 || length > left)
		return 0;
	*code = length == 1 ? p[0] : p[0] & (0x7fu >> length);
	for (size_t i = 1; i < length; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (p[i] & 0x3fu);
	}
	return *code < least[length] || *code > 0x10ffff || (*code >= 0xd800 && *code < 0xe000) ? 0 : length;
}

/* Control characters, and those that change how the text around them is drawn (direction, line ends, nothing at all). */
bool lode_harmless(uint32_t code)
{
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return false;
	return !((code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
		 code == 0xfeff || code == 0x61c || (code & 0xfffe) == 0xfffe);
}

/* A character, whole or not at all; behind one that does not fit nothing fits. */
static void put(char *buf, size_t size, size_t *at, const char *bytes, size_t nbytes)
{
	if (*at < size && nbytes < size - *at)
		memcpy(buf + *at, bytes, nbytes);
	else if (*at < size)
		buf[*at] = '\0';
	*at += nbytes;
}

size_t lode_escape(char *buf, size_t size, const char *bytes, size_t nbytes)
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0, taken;

	for (size_t i = 0; i < nbytes; i += taken) {
		uint32_t code = 0;

		taken = lode_utf8_length(&code, (const unsigned char *)bytes + i, nbytes - i);
		if (taken > 0 && code == '\\') {
			put(buf, size, &at, "\\\\", 2);
		} else if (taken > 0 && lode_harmless(code)) {
			put(buf, size, &at, bytes + i, taken);
		} else {
			unsigned char byte = (unsigned char)bytes[i];

			put(buf, size, &at, (const char[]){'\\', 'x', hex[byte >> 4], hex[byte & 15]}, 4);
			taken = 1;
		}
	}
	if (at < size)
		buf[at] = '\0';
	return at;
}

size_t lode_piece(const char *name, size_t length)
{
	size_t piece = length < LODE_PIECE ? length : LODE_PIECE;

	/* Never cut a character in two. */
	while (piece < length && piece > LODE_PIECE - 3 && ((unsigned char)name[piece] & 0xc0) == 0x80)
		piece--;
	return piece;
}

void lode_put_name(FILE *stream, const char *name)
{
	char buf[4 * LODE_PIECE + 1];
	size_t length = strlen(name);

	while (length > 0) {
		size_t piece = lode_piece(name, length);

		lode_escape(buf, sizeof buf, name, piece);
		fputs(buf, stream);
		name += piece;
		length -= piece;
	}
}

void lode_error(const char *file, const char *format, ...)
{
	char text[1024], line[2048];
	int error = errno;
	va_list args;

	fflush(stdout);
	errno = error;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	lode_escape(line, sizeof line, text, strlen(text));
	fputs("lode: ", stderr);
	if (file != NULL) {
		lode_put_name(stderr, file);
		fputs(": ", stderr);
	}
	fprintf(stderr, "%s\n", line);
}

void lode_error_diag(const char *file, const struct lode_diag *why)
{
	char text[768];

	lode_diag_format(text, sizeof text, why);
	lode_error(file, "%s", text);
}
