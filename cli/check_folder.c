/* SPDX-License-Identifier: MIT */
/* A folder -> what there is to check in it and below: ELF files, archives, kernels, by their first bytes. */
#include "check.h"
#include "input.h"
#include <errno.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

/* Of what is compressed only modules are looked into: unpacking every manual page would take longer than all the rest. */
static bool concerns(const unsigned char *head, size_t have, const char *name)
{
	if (have >= 4 && memcmp(head, "\177ELF", 4) == 0)
		return true;
	if (kind_of_bytes(&(struct lode_source){.bytes = head, .size = have}).id == KIND_ARCHIVE)
		return true;
	return is_bzimage(head, have) || is_zboot(head, have) || (strstr(name, ".ko.") && packed_name(head, have));
}

/* 1: to be looked at, 0: not, -1: it cannot be read, with errno. */
static int peek(const FTSENT *entry)
{
	unsigned char head[INPUT_HEAD];
	size_t have = input_head(head, sizeof head, entry->fts_accpath);

	return have == 0 && errno ? -1 : concerns(head, have, entry->fts_name);
}

static void visit(const FTSENT *entry, const struct check_visitor *visitor)
{
	int found = 0, errnum = entry->fts_errno;

	switch (entry->fts_info) {
	case FTS_F:
		found = peek(entry);
		errnum = errno;
		break;
	case FTS_DNR: case FTS_ERR: case FTS_NS:
		found = -1;
		break;
	}
	if (found > 0)
		visitor->file(visitor->host, entry->fts_path);
	else if (found < 0)
		visitor->unread(visitor->host, entry->fts_path, strerror(errnum));
}

bool check_is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void check_folder(const char *path, const struct check_visitor *visitor)
{
	char *paths[] = {(char *)path, NULL};
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR | FTS_XDEV, by_name);
	const FTSENT *entry;

	while (tree && (entry = fts_read(tree)))
		visit(entry, visitor);
	if (!tree || errno)
		visitor->unread(visitor->host, path, strerror(errno));
	if (tree)
		fts_close(tree);
}
