/* SPDX-License-Identifier: MIT */
/* Members of archives: between the reader of headers and those who look for something in them. */
#ifndef LODE_LINK_MEMBER_H
#define LODE_LINK_MEMBER_H

#include "link.h"

enum { ARCHIVE_MAGIC = 8 };

struct link_member {
	struct lode_link_text name;
	uint64_t offset; /* of its bytes; of a thin archive's member there are none */
	uint64_t size;
	uint64_t next;   /* the next member's header */
	bool table;      /* index or long names, no object */
	bool outside;    /* a file of its own */
};

/* The member whose header stands at an offset. False if there is none. */
bool lode_member_read_(struct link_member *member, const struct lode_link_archive *archive, uint64_t at);
/* Symbols of an archive without an index: every member is looked at. */
int lode_archive_walk_(struct lode_link *link, struct lode_link_archive *archive, struct lode_diag *why);
/* A symbol that a member defines. */
int lode_archive_offer_(struct lode_link *link, struct lode_link_archive *archive, const struct link_name *name, uint64_t at,
	struct lode_diag *why);
int lode_archive_damaged_(struct lode_link *link, const struct lode_link_archive *archive, uint64_t at, struct lode_diag *why);
/* The object that a member is. */
int lode_archive_input_(struct link_input *input, struct lode_link *link, struct lode_link_archive *archive, uint64_t at,
	struct lode_diag *why);

#endif
