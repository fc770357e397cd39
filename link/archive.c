/* SPDX-License-Identifier: MIT */
/* An archive comes in; the symbols of its index are known to the link, and a member becomes a unit when one of them is wanted. */
#include "member.h"

bool lode_archive_is_(const struct link_input *input)
{
	if (input->size < ARCHIVE_MAGIC)
		return false;
	return memcmp(input->bytes, "!<arch>\n", ARCHIVE_MAGIC) == 0 || memcmp(input->bytes, "!<thin>\n", ARCHIVE_MAGIC) == 0;
}

static int refuse(struct lode_link *link, const struct lode_link_archive *archive, struct lode_diag place,
	struct lode_diag *why)
{
	link->blame.file = archive->input.file;
	return lode_link_refuse_(link, NULL, place, why);
}

int lode_archive_damaged_(struct lode_link *link, const struct lode_link_archive *archive, uint64_t at, struct lode_diag *why)
{
	struct lode_diag place = lode_diag_of(LODE_RULE_LINK_ARCHIVE, LODE_FIELD_ARCHIVE_HEADER, at, archive->input.size);

	place.offset = at;
	return refuse(link, archive, place, why);
}

/* A symbol is lazy from the first archive on that has it, until somebody defines it. */
int lode_archive_offer_(struct lode_link *link, struct lode_link_archive *archive, const struct link_name *name, uint64_t at,
	struct lode_diag *why)
{
	struct lode_link_symbol *symbol;
	int status = lode_link_intern_(&symbol, link, name, KEY_SYMBOL, why);

	if (status != LODE_OK)
		return status;
	if (symbol->state_ != STATE_UNDEFINED || (symbol->flags_ & FLAG_INTERPOSED))
		return LODE_OK;
	symbol->state_ = STATE_LAZY;
	symbol->archive_ = archive;
	symbol->value = at;
	if (symbol->flags_ & FLAG_STRONG)
		lode_link_want_(link, symbol);
	return LODE_OK;
}

static uint64_t big_endian(const unsigned char *p, uint32_t width)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < width; i++)
		value = value << 8 | p[i];
	return value;
}

static int bad_index(struct lode_link *link, const struct lode_link_archive *archive, uint64_t value, struct lode_diag *why)
{
	return refuse(link, archive,
		lode_diag_of(LODE_RULE_LINK_ARCHIVE, LODE_FIELD_ARCHIVE_INDEX, value, archive->input.size), why);
}

/* Count, offsets of members' headers, names: words of 4 or 8 bytes, big-endian. */
static int read_index(struct lode_link *link, struct lode_link_archive *archive, const struct lode_extent *index, uint32_t width,
	struct lode_diag *why)
{
	const unsigned char *at = archive->input.bytes + index->offset;
	uint64_t count = index->size >= width ? big_endian(at, width) : 0, left = index->size >= width ? index->size - width : 0;
	const char *names, *end;
	int status = LODE_OK;

	if (count > left >> (width == 4 ? 2 : 3))
		return bad_index(link, archive, count, why);
	names = (const char *)at + width + count * width;
	end = (const char *)at + index->size;
	for (uint64_t i = 0; i < count && status == LODE_OK; i++) {
		struct link_name name = lode_link_name_(names, (size_t)(end - names));
		uint64_t member = big_endian(at + width + i * width, width);

		if (name.length >= (size_t)(end - names))
			return bad_index(link, archive, i, why);
		status = lode_archive_offer_(link, archive, &name, member, why);
		names += name.length + 1;
	}
	return status;
}

/* Index and long names come first. */
static int read_tables(struct lode_link *link, struct lode_link_archive *archive, struct lode_diag *why)
{
	struct lode_extent index = {0, 0};
	struct link_member member;
	uint32_t width = 0;
	uint64_t at = ARCHIVE_MAGIC;

	for (; at < archive->input.size; at = member.next) {
		if (!lode_member_read_(&member, archive, at))
			return lode_archive_damaged_(link, archive, at, why);
		if (!member.table)
			break;
		if (TEXT_IS(&member.name, "//")) {
			archive->names = (const char *)archive->input.bytes + member.offset;
			archive->names_size = member.size;
		} else if (width == 0 && (TEXT_IS(&member.name, "/") || TEXT_IS(&member.name, "/SYM64/"))) {
			width = member.name.size == 1 ? 4 : 8;
			index = (struct lode_extent){member.offset, member.size};
		}
	}
	return width != 0 ? read_index(link, archive, &index, width, why) : lode_archive_walk_(link, archive, why);
}

int lode_link_archive_(struct lode_link *link, const struct link_input *input, struct lode_diag *why)
{
	struct lode_link_archive *archive = lode_link_take_(link, sizeof *archive, why);

	if (!archive)
		return LODE_ERR_ROOM;
	archive->input = *input;
	archive->left = input->size;
	archive->thin = input->bytes[2] == 't';
	return read_tables(link, archive, why);
}

static int absent(struct lode_link *link, const struct lode_link_archive *archive, uint64_t at, struct lode_diag *why)
{
	struct lode_diag place = lode_diag_of(LODE_RULE_LINK_MEMBER, LODE_FIELD_ARCHIVE_HEADER, at, 0);

	place.offset = at;
	return refuse(link, archive, place, why);
}

int lode_archive_input_(struct link_input *input, struct lode_link *link, struct lode_link_archive *archive, uint64_t at,
	struct lode_diag *why)
{
	const struct lode_link_host *host = link->options_.host;
	struct lode_link_outside which;
	struct link_member member;
	const void *bytes;

	if (!lode_member_read_(&member, archive, at) || member.table)
		return lode_archive_damaged_(link, archive, at, why);
	if (!member.outside && member.size > archive->left)
		return lode_archive_damaged_(link, archive, at, why);
	archive->left -= member.outside ? 0 : member.size;
	link->blame.member = member.name;
	*input = (struct link_input){.file = archive->input.file, .member = member.name, .size = member.size};
	input->bytes = archive->input.bytes + member.offset;
	if (!member.outside)
		return LODE_OK;
	which = (struct lode_link_outside){.archive = input->file, .member = input->member};
	if (!host || !host->member || host->member(host->host, &bytes, &input->size, &which) != 0)
		return absent(link, archive, at, why);
	input->bytes = bytes;
	return LODE_OK;
}

int lode_archive_pull_(struct lode_link *link, struct lode_link_symbol *symbol, struct lode_diag *why)
{
	struct lode_link_archive *archive = symbol->archive_;
	uint64_t at = symbol->value;
	struct link_input input;
	int status = lode_archive_input_(&input, link, archive, at, why);

	if (status == LODE_OK)
		status = lode_link_object_(link, &input, why);
	if (status != LODE_OK || symbol->state_ != STATE_LAZY)
		return status;
	link->blame.symbol = (struct lode_link_text){.at = symbol->name, .size = symbol->length};
	return absent(link, archive, at, why);
}
