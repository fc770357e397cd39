/* SPDX-License-Identifier: MIT */
/* Names and diagnoses -> text that a terminal can show without harm, and error lines. */
#include "cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool wants_colour(FILE *stream, enum when when)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (when != WHEN_AUTO)
		return when == WHEN_ALWAYS;
	if (no_color && no_color[0] != '\0')
		return false;
	if (!term || strcmp(term, "dumb") == 0)
		return false;
	return isatty(fileno(stream)) == 1;
}

size_t utf8_length(uint32_t *code, const unsigned char *p, size_t left)
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
bool is_harmless(uint32_t code)
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

size_t escape_bytes(char *buf, size_t size, const char *bytes, size_t nbytes)
{
	static const char hex[] = "0123456789abcdef";
	size_t at = 0, taken;

	for (size_t i = 0; i < nbytes; i += taken) {
		uint32_t code = 0;

		taken = utf8_length(&code, (const unsigned char *)bytes + i, nbytes - i);
		if (taken > 0 && code == '\\') {
			put(buf, size, &at, "\\\\", 2);
		} else if (taken > 0 && is_harmless(code)) {
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

size_t name_piece(const char *name, size_t length)
{
	size_t piece = length < NAME_PIECE ? length : NAME_PIECE;

	/* Never cut a character in two. */
	while (piece < length && piece > NAME_PIECE - 3 && ((unsigned char)name[piece] & 0xc0) == 0x80)
		piece--;
	return piece;
}

void put_name(FILE *stream, const char *name)
{
	char buf[4 * NAME_PIECE + 1];
	size_t length = strlen(name);

	while (length > 0) {
		size_t piece = name_piece(name, length);

		escape_bytes(buf, sizeof buf, name, piece);
		fputs(buf, stream);
		name += piece;
		length -= piece;
	}
}

void complain(const char *file, const char *format, ...)
{
	char text[1024], line[2048];
	int error = errno;
	va_list args;

	fflush(stdout);
	errno = error;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	escape_bytes(line, sizeof line, text, strlen(text));
	fputs("lode: ", stderr);
	if (file) {
		put_name(stderr, file);
		fputs(": ", stderr);
	}
	fprintf(stderr, "%s\n", line);
}

void complain_diag(const char *file, const struct lode_diag *why)
{
	char text[768];

	lode_diag_format(text, sizeof text, why);
	complain(file, "%s", text);
}
