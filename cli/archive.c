/* SPDX-License-Identifier: MIT */
/* An archive (System V, GNU thin, BSD names) -> its members, and an input that stands for one of them. */
#include "input.h"
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Files of /proc and /sys have no size, and reading them may have effects. */
#define THIN_OTHER "the archive is thin, and this member is no regular file with bytes: not looked at"

enum { HEADER = 60, NAME_LENGTH = 16, SIZE_AT = 48, SIZE_LENGTH = 10 };

bool archive_begin(struct archive_walk *walk, const struct input *input)
{
	char magic[8];

	*walk = (struct archive_walk){.input = input, .next = sizeof magic};
	if (!input_exact(input, magic, 0, sizeof magic))
		return false;
	walk->thin = memcmp(magic, "!<thin>\n", sizeof magic) == 0;
	return walk->thin || memcmp(magic, "!<arch>\n", sizeof magic) == 0;
}

/* Decimal digits, then blanks only. Ten digits cannot overflow. */
static bool decimal(uint64_t *value, const char *text, size_t length)
{
	size_t i = 0;

	*value = 0;
	while (i < length && text[i] >= '0' && text[i] <= '9')
		*value = *value * 10 + (uint64_t)(text[i++] - '0');
	if (i == 0)
		return false;
	while (i < length && text[i] == ' ')
		i++;
	return i == length;
}

/* Cut a name at its end mark. */
static void end_name(char *name, size_t length, const char *marks)
{
	name[length] = '\0';
	name[strcspn(name, marks)] = '\0';
}

/* "/123": the name stands in the table of long names, ended by "/\n" or NUL. A path in a thin archive may hold '/'. */
static bool long_name(struct archive_member *member, const struct archive_walk *walk, const char *digits)
{
	size_t length = sizeof member->name - 1, end = 0;
	uint64_t at;

	if (!decimal(&at, digits, NAME_LENGTH - 1) || at >= walk->names_size)
		return false;
	if (length > walk->names_size - at)
		length = (size_t)(walk->names_size - at);
	if (!input_exact(walk->input, member->name, walk->names + at, length))
		return false;
	while (end < length && member->name[end] != '\0' && member->name[end] != '\n')
		end++;
	if (end > 0 && end < length && member->name[end] == '\n' && member->name[end - 1] == '/')
		end--;
	member->name[end] = '\0';
	return true;
}

/* "#1/123": the name stands before the member's bytes and counts as part of them. */
static bool bsd_name(struct archive_member *member, const struct archive_walk *walk, const char *digits)
{
	uint64_t length;
	size_t keep;

	if (!decimal(&length, digits, NAME_LENGTH - 3) || length > member->size)
		return false;
	keep = length < sizeof member->name - 1 ? (size_t)length : sizeof member->name - 1;
	if (!input_exact(walk->input, member->name, member->offset, keep))
		return false;
	member->name[keep] = '\0';
	member->offset += length;
	member->size -= length;
	return true;
}

static bool take_name(struct archive_member *member, struct archive_walk *walk, const char *raw)
{
	if (memcmp(raw, "#1/", 3) == 0)
		return bsd_name(member, walk, raw + 3);
	if (raw[0] == '/' && raw[1] >= '0' && raw[1] <= '9')
		return long_name(member, walk, raw + 1);
	memcpy(member->name, raw, NAME_LENGTH);
	if (raw[0] == '/') {
		end_name(member->name, NAME_LENGTH, " ");
		member->table = true;
		if (strcmp(member->name, "//") == 0) {
			walk->names = member->offset;
			walk->names_size = member->size;
		}
		return true;
	}
	end_name(member->name, NAME_LENGTH, "/");
	for (size_t end = strlen(member->name); end > 0 && member->name[end - 1] == ' ';)
		member->name[--end] = '\0';
	return true;
}

int archive_next(struct archive_member *member, struct archive_walk *walk)
{
	uint64_t size = walk->input->source.size, begin = walk->next;
	char raw[HEADER];

	if (begin >= size || size - begin < HEADER)
		return begin >= size || size - begin == 1 ? 0 : -1;
	if (!input_exact(walk->input, raw, begin, HEADER) || raw[HEADER - 2] != '`' || raw[HEADER - 1] != '\n')
		return -1;
	*member = (struct archive_member){.offset = begin + HEADER};
	if (!decimal(&member->size, raw + SIZE_AT, SIZE_LENGTH))
		return -1;
	member->thin = walk->thin && !(raw[0] == '/' && (raw[1] < '0' || raw[1] > '9'));
	if (!member->thin && member->size > size - member->offset)
		return -1;
	walk->next = member->offset + (member->thin ? 0 : member->size);
	walk->next += walk->next & 1;
	if (!take_name(member, walk, raw))
		return -1;
	if (strncmp(member->name, "__.SYMDEF", 9) == 0)
		member->table = true;
	return 1;
}

static int read_part(void *host, void *dst, uint64_t offset, size_t size)
{
	const struct archive_part *part = host;

	return lode_source_read(dst, &part->input->source, part->offset + offset, size, NULL) == LODE_OK ? 0 : -1;
}

struct lode_source archive_source(struct archive_part *part, const struct input *input, const struct archive_member *member)
{
	*part = (struct archive_part){input, member->offset};
	return (struct lode_source){.size = member->size, .read = read_part, .host = part};
}

/* A thin archive's member is a file beside it; full has room for PATH_MAX bytes. */
static bool thin_path(char *full, const char *path, const struct archive_member *member)
{
	const char *slash = strrchr(path, '/');
	size_t folder = !slash || member->name[0] == '/' ? 0 : (size_t)(slash - path) + 1;
	size_t length = strlen(member->name);

	if (folder + length >= PATH_MAX)
		return false;
	memcpy(full, path, folder);
	memcpy(full + folder, member->name, length + 1);
	return true;
}

/* An archive may name a pipe, which would be waited for, or a device, whose mere opening may have effects. */
static int open_thin(struct input *input, const char *path, const struct archive_member *member)
{
	char full[PATH_MAX];
	struct stat st;

	if (!thin_path(full, path, member))
		return input_fail(input, ENAMETOOLONG, "the path of this member is too long");
	if (stat(full, &st) != 0)
		return input_fail(input, errno, "the archive is thin, and this member's file: %s", strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_size <= 0)
		return input_fail(input, 0, THIN_OTHER);
	return input_regular(input, full, THIN_OTHER);
}

int archive_open_thin(struct input *input, const char *path, const struct archive_member *member)
{
	*input = (struct input){.name = member->name, .fd = -1};
	return open_thin(input, path, member);
}

static int take_thin(struct input *input, const char *path, const struct archive_member *member)
{
	free(input->memory);
	input->memory = NULL;
	input_note(input, "member of a thin archive");
	return open_thin(input, path, member);
}

static int take_bytes(struct input *input, const struct archive_member *member)
{
	input_note(input, "member of an archive");
	input->source.size = input->own_size = member->size;
	if (input->source.bytes)
		input->source.bytes = (const unsigned char *)input->source.bytes + member->offset;
	else
		input->window += member->offset;
	return 0;
}

/* Which member: its name, and which of those that are called so. */
struct wanted {
	const char *name;
	size_t length;
	uint64_t number;
};

/* A thin archive names paths; the file's name alone will do, if no member has it whole. */
static bool is_called(const struct archive_member *member, const struct wanted *wanted, bool whole)
{
	const char *slash = member->thin && !whole ? strrchr(member->name, '/') : NULL;
	const char *name = slash ? slash + 1 : member->name;

	return strlen(name) == wanted->length && memcmp(name, wanted->name, wanted->length) == 0;
}

/* As archive_next. */
static int find(struct archive_member *member, struct archive_walk *walk, const struct wanted *wanted, bool whole)
{
	uint64_t left = wanted->number;
	int more;

	archive_begin(walk, walk->input);
	while ((more = archive_next(member, walk)) > 0)
		if (!member->table && is_called(member, wanted, whole) && --left == 0)
			break;
	return more;
}

static int look_up(struct archive_member *member, struct archive_walk *walk, const struct wanted *wanted)
{
	int more = find(member, walk, wanted, true);

	return more == 0 && walk->thin ? find(member, walk, wanted, false) : more;
}

/* "member.o:2" is the second member.o. */
static bool split_number(struct wanted *wanted)
{
	const char *colon = strrchr(wanted->name, ':');
	size_t length = colon ? strlen(colon + 1) : 0;

	if (!colon || length > SIZE_LENGTH || !decimal(&wanted->number, colon + 1, length) || wanted->number == 0)
		return false;
	wanted->length = (size_t)(colon - wanted->name);
	return true;
}

int archive_take(struct input *input, const char *path, const char *name)
{
	struct wanted wanted = {.name = name, .length = strlen(name), .number = 1};
	struct archive_walk walk;
	struct archive_member member;
	int more;

	if (!archive_begin(&walk, input))
		return input_fail(input, 0, "no such file, and what stands before the last ':' is no archive");
	more = look_up(&member, &walk, &wanted);
	if (more == 0 && split_number(&wanted))
		more = look_up(&member, &walk, &wanted);
	if (more > 0)
		return member.thin ? take_thin(input, path, &member) : take_bytes(input, &member);
	if (more < 0)
		return input_fail(input, 0, "the archive is damaged: no member header at byte 0x%llx",
			(unsigned long long)walk.next);
	return input_fail(input, ENOENT, "the archive has no member of this name");
}
