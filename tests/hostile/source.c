/* SPDX-License-Identifier: MIT */
/* A file in memory comes in, a read callback goes out that counts, fails at a chosen call, or gives other bytes from there on. */
#include <string.h>

#include "hostile.h"

static int give_other(const struct hostile_source *s, unsigned char *dst, uint64_t offset, size_t size)
{
	if (size > s->other_size || offset > s->other_size - size)
		return -1;
	memcpy(dst, s->other + offset, size);
	return 0;
}

static int give(void *host, void *dst, uint64_t offset, size_t size)
{
	struct hostile_source *s = host;
	bool changed;

	s->reads++;
	s->total += size;
	changed = s->flip_at != 0 && (s->reads == s->flip_at || (s->reads > s->flip_at && s->flip_on));
	if (s->reads == s->fail_at)
		return -1;
	if (changed && s->other != NULL)
		return give_other(s, dst, offset, size);
	if (size > s->size || offset > s->size - size)
		return -1;
	memcpy(dst, s->bytes + offset, size);
	if (changed && size > 0)
		((unsigned char *)dst)[(s->reads * 40503 + s->flip) % size] ^= s->flip;
	return 0;
}

void hostile_source_begin(struct hostile_source *s, const unsigned char *bytes, uint64_t size)
{
	*s = (struct hostile_source){.bytes = bytes, .size = size};
	s->source = (struct lode_source){.size = size, .read = give, .host = s};
}
