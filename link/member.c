/* SPDX-License-Identifier: MIT */
/* An offset in an archive comes in, the member that begins there goes out: System V, GNU thin and BSD headers. */
#include "member.h"

enum { HEADER = 60, NAME = 16, SIZE_AT = 48, SIZE_DIGITS = 10 };

/* Decimal digits, then blanks only. Fifteen digits cannot overflow. */
static bool decimal(uint64_t *value, const char *text, size_t size)
{
	size_t i = 0;

	*value = 0;
	while (i < size && text[i] >= '0' && text[i] <= '9')
		*value = *value * 10 + (uint64_t)(text[i++] - '0');
	if (i == 0)
		return false;
	while (i < size && text[i] == ' ')
		i++;
	return i == size;
}

/* "/123": in the table of long names, up to "/\n", "\n" or NUL. Thin archives have paths there, which hold '/'. */
static bool long_name(struct link_member *member, const struct lode_link_archive *archive, const char *digits)
{
	uint64_t at, end;

	if (!decimal(&at, digits, NAME - 1) || at >= archive->names_size)
		return false;
	for (end = at; end < archive->names_size && archive->names[end] != '\n' && archive->names[end] != '\0';)
		end++;
	if (end > at && archive->names[end - 1] == '/')
		end--;
	member->name = (struct lode_link_text){.at = archive->names + at, .size = (size_t)(end - at)};
	return true;
}

/* "#1/123": the name stands before the member's bytes and counts as part of them. */
static bool bsd_name(struct link_member *member, const struct lode_link_archive *archive, const char *digits)
{
	const char *name = (const char *)archive->input.bytes + member->offset;
	uint64_t size;

	if (!decimal(&size, digits, NAME - 3) || size > member->size || !within(member->offset, size, archive->input.size))
		return false;
	member->offset += size;
	member->size -= size;
	while (size > 0 && name[size - 1] == '\0')
		size--;
	member->name = (struct lode_link_text){.at = name, .size = (size_t)size};
	return true;
}

static void short_name(struct link_member *member, const char *raw)
{
	size_t size = NAME;

	while (size > 0 && raw[size - 1] == ' ')
		size--;
	member->table = raw[0] == '/';
	if (!member->table && size > 0 && raw[size - 1] == '/')
		size--;
	member->name = (struct lode_link_text){.at = raw, .size = size};
}

static bool take_name(struct link_member *member, const struct lode_link_archive *archive, const char *raw)
{
	bool there = true;

	if (memcmp(raw, "#1/", 3) == 0)
		there = bsd_name(member, archive, raw + 3);
	else if (raw[0] == '/' && raw[1] >= '0' && raw[1] <= '9')
		there = long_name(member, archive, raw + 1);
	else
		short_name(member, raw);
	if (there && TEXT_BEGINS(&member->name, "__.SYMDEF"))
		member->table = true;
	return there;
}

bool lode_member_read_(struct link_member *member, const struct lode_link_archive *archive, uint64_t at)
{
	const char *raw = (const char *)archive->input.bytes + at;
	uint64_t size = archive->input.size;
	bool digits;

	if (!within(at, HEADER, size) || raw[HEADER - 2] != '`' || raw[HEADER - 1] != '\n')
		return false;
	*member = (struct link_member){.offset = at + HEADER};
	if (!decimal(&member->size, raw + SIZE_AT, SIZE_DIGITS))
		return false;
	digits = raw[1] >= '0' && raw[1] <= '9';
	member->outside = archive->thin && (raw[0] != '/' || digits);
	if (!member->outside && !within(member->offset, member->size, size))
		return false;
	if (!take_name(member, archive, raw))
		return false;
	member->next = member->offset + (member->outside ? 0 : member->size);
	member->next += member->next & 1;
	return true;
}
