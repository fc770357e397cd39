/* SPDX-License-Identifier: MIT */
/* Names and diagnoses -> text that a terminal can show without harm, and error lines. */
#include "cli.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* Columns: without a terminal, and of one that says nonsense; what is wrapped is never made narrower than NARROW. */
enum { NO_TERMINAL = 100, NARROWEST = 60, WIDEST = 1000, NARROW = 20 };

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
	static const struct {
		uint32_t first, last;
	} others[] = {
		{0, 0x1f}, {0x7f, 0x9f}, {0xad, 0xad}, {0x34f, 0x34f}, {0x61c, 0x61c}, {0x115f, 0x1160}, {0x180e, 0x180e},
		{0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f}, {0x3164, 0x3164}, {0xfeff, 0xfeff}, {0xffa0, 0xffa0},
		{0xfff9, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0xe01ef},
	};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (code >= others[i].first && code <= others[i].last)
			return false;
	return (code & 0xfffe) != 0xfffe;
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

void put_characters(FILE *stream, const char *name, size_t length)
{
	char buf[4 * NAME_PIECE + 1];

	while (length > 0) {
		size_t piece = name_piece(name, length);

		escape_bytes(buf, sizeof buf, name, piece);
		fputs(buf, stream);
		name += piece;
		length -= piece;
	}
}

void put_name(FILE *stream, const char *name)
{
	put_characters(stream, name, strlen(name));
}

/* What the environment says goes before what the terminal says, as for other tools. */
static int width_or(int none)
{
	const char *columns = getenv("COLUMNS");
	struct winsize size;
	uint64_t number = 0;

	if (!columns || !parse_size(&number, columns) || number == 0)
		number = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
	if (number == 0)
		return none;
	return number < NARROWEST ? NARROWEST : number > WIDEST ? WIDEST : (int)number;
}

int terminal_width(void)
{
	return width_or(NO_TERMINAL);
}

int line_width(void)
{
	return width_or(INT_MAX);
}

/* Bytes of a text that take at most room columns, up to a blank where there is one. */
static size_t fit(const char *text, size_t room)
{
	size_t blank = 0, columns = 0, i;

	for (i = 0; text[i] != '\0'; i++) {
		if (((unsigned char)text[i] & 0xc0) == 0x80)
			continue;
		if (text[i] == ' ')
			blank = i;
		if (columns++ == room)
			return blank > 0 ? blank : i;
	}
	return i;
}

void put_wrapped(const char *text, int width, size_t at, size_t indent)
{
	size_t columns = (size_t)width;
	char safe[4 * TEXT_MOST + 1];

	escape_bytes(safe, sizeof safe, text, strlen(text));
	for (const char *p = safe; *p != '\0';) {
		size_t piece = fit(p, columns > at + NARROW ? columns - at : NARROW);

		printf("%.*s", (int)piece, p);
		p += piece;
		while (*p == ' ')
			p++;
		if (*p == '\0')
			return;
		printf("\n%*s", (int)indent, "");
		at = indent;
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
		put_name(stderr, *file ? file : "''");
		fputs(": ", stderr);
	}
	fprintf(stderr, "%s\n", line);
}

void diag_text(char buf[TEXT_MOST], const struct lode_diag *why, bool inside)
{
	static const char words[] = " at file offset ";
	char text[TEXT_MOST];
	const char *at, *rest;

	lode_diag_format(buf, TEXT_MOST, why);
	at = inside ? strstr(buf, words) : NULL;
	if (!at)
		return;
	rest = at + sizeof words - 1;
	rest += strspn(rest, "0123456789abcdefx");
	snprintf(text, sizeof text, "%.*s at offset 0x%llx of the image inside%s", (int)(at - buf), buf,
		(unsigned long long)why->offset, rest);
	memcpy(buf, text, sizeof text);
}

void complain_diag(const char *file, const struct lode_diag *why, bool inside)
{
	char text[TEXT_MOST];

	diag_text(text, why, inside);
	complain(file, "%s", text);
}

/* Each is opened the wrong way round: what is read or written there fails, as it would if it were closed. */
void open_standard(void)
{
	int fd;

	do
		fd = open("/dev/null", (fcntl(STDIN_FILENO, F_GETFD) < 0 ? O_WRONLY : O_RDONLY) | O_NOCTTY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}
