/* SPDX-License-Identifier: MIT */
/* A kernel's file -> what it asks for by the Limine protocol. */
#include <lode/limine.h>

#include "scan.h"

enum { PAIR = 16, TAG_SIZE = 24, BINDING = 2 };

/* Third and fourth word of each request. */
static const uint64_t ids[LODE_LIMINE_REQUESTS][2] = {
#define LODE_LIMINE_REQUEST_(id, third, fourth) {UINT64_C(third), UINT64_C(fourth)},
	LODE_LIMINE_LIST(LODE_LIMINE_REQUEST_)
#undef LODE_LIMINE_REQUEST_
};

uint32_t lode_limine_request_of(uint64_t third, uint64_t fourth)
{
	uint32_t id = 0;

	while (id < LODE_LIMINE_REQUESTS && (ids[id][0] != third || ids[id][1] != fourth))
		id++;
	return id;
}

/* What one search needs and finds. */
struct search {
	const struct lode_image *image;
	struct lode_limine *limine;
	uint64_t from, to; /* addresses of requests that count */
	bool has_end;
};

static int look_for(struct search *s, uint64_t first, uint64_t second,
	int (*hit)(void *context, uint64_t vaddr, uint64_t offset, struct lode_diag *why), struct lode_diag *why)
{
	struct lode_scan_ scan = {.image = s->image, .step = 8, .hit = hit, .context = s};

	put_(scan.pattern, 8, first);
	put_(scan.pattern + 8, 8, second);
	return lode_scan_(&scan, why);
}

static int found_tag(void *context, uint64_t vaddr, uint64_t offset, struct lode_diag *why)
{
	struct search *s = context;
	struct lode_diag place = lode_place_at_(LODE_FIELD_LIMINE_TAG, vaddr, offset);
	unsigned char raw[TAG_SIZE];
	int status;

	if (!lode_segment_at(s->image, vaddr, sizeof raw))
		return 0;
	status = lode_start_read_loaded_(raw, s->image, (struct lode_range){vaddr, sizeof raw}, why);
	place.limit = s->limine->tag;
	if (status == LODE_OK && s->limine->tag != 0)
		return lode_refuse_(why, LODE_RULE_START_LIMINE_TWICE, place);
	s->limine->tag = vaddr;
	s->limine->revision = le64(raw + PAIR);
	place.value = s->limine->revision;
	place.limit = LODE_LIMINE_NEWEST;
	if (status == LODE_OK && s->limine->revision > LODE_LIMINE_NEWEST)
		return lode_refuse_(why, LODE_RULE_START_LIMINE_REVISION, place);
	return status;
}

/* The last one counts. */
static int found_start(void *context, uint64_t vaddr, uint64_t offset, struct lode_diag *why)
{
	(void)offset, (void)why;
	((struct search *)context)->from = vaddr;
	return 0;
}

/* The first one counts. */
static int found_end(void *context, uint64_t vaddr, uint64_t offset, struct lode_diag *why)
{
	struct search *s = context;

	(void)offset, (void)why;
	if (!s->has_end)
		s->to = vaddr;
	s->has_end = true;
	return 0;
}

static int read_request(struct search *s, uint32_t id, const unsigned char *raw, struct lode_diag place, struct lode_diag *why)
{
	struct lode_limine_found *found = &s->limine->requests[id];

	place.index = id;
	place.limit = found->addr;
	if (found->addr != 0)
		return lode_refuse_(why, LODE_RULE_START_LIMINE_TWICE, place);
	found->addr = place.value;
	found->offset = place.offset;
	found->revision = le64(raw + LODE_LIMINE_REVISION);
	for (uint32_t i = 0; i < 3; i++)
		found->words[i] = le64(raw + LODE_LIMINE_WORDS + 8 * i);
	return LODE_OK;
}

/* What is written later has to lie in the image: marks that its end cuts off are none. */
static int found_request(void *context, uint64_t vaddr, uint64_t offset, struct lode_diag *why)
{
	struct search *s = context;
	unsigned char raw[LODE_LIMINE_REQUEST];
	uint32_t id;
	int status;

	if (vaddr < s->from || vaddr >= s->to || !lode_segment_at(s->image, vaddr, LODE_LIMINE_WORDS))
		return 0;
	status = lode_start_read_loaded_(raw, s->image, (struct lode_range){vaddr, sizeof raw}, why);
	if (status != LODE_OK)
		return status;
	s->limine->count++;
	id = lode_limine_request_of(le64(raw + PAIR), le64(raw + PAIR + 8));
	if (id < LODE_LIMINE_REQUESTS)
		return read_request(s, id, raw, lode_place_at_(LODE_FIELD_LIMINE_REQUEST, vaddr, offset), why);
	s->limine->unknown++;
	return 0;
}

static int find_requests(struct search *s, struct lode_diag *why)
{
	int status = look_for(s, LODE_LIMINE_BASE0, LODE_LIMINE_BASE1, found_tag, why);

	if (status == LODE_OK && s->limine->revision >= BINDING)
		status = look_for(s, LODE_LIMINE_START0, LODE_LIMINE_START1, found_start, why);
	if (status == LODE_OK && s->limine->revision >= BINDING)
		status = look_for(s, LODE_LIMINE_END0, LODE_LIMINE_END1, found_end, why);
	if (status == LODE_OK)
		status = look_for(s, LODE_LIMINE_COMMON0, LODE_LIMINE_COMMON1, found_request, why);
	return status;
}

/* All of it in the upper 2 GiB, or position-independent and all below: then it is moved to the beginning of those. (What was
 * found lies in a segment, so there is one.) */
static int check_addresses(struct lode_limine *limine, const struct lode_image *image, struct lode_diag *why)
{
	const struct lode_segment *lowest, *segment;
	struct lode_diag place;

	lowest = &image->segments[image->segments[0].by_vaddr];
	segment = &image->segments[image->segments[image->nload - 1].by_vaddr];
	place = lode_nowhere_(LODE_FIELD_PHDR_VADDR, lowest->vaddr, LODE_LIMINE_UPPER);
	place.index = lode_segment_index(image, lowest);
	limine->base = align_down(lowest->vaddr, LODE_PAGE_);
	if (lowest->vaddr >= LODE_LIMINE_UPPER)
		return LODE_OK;
	if (image->type != LODE_ET_DYN || segment->vaddr >= LODE_LIMINE_UPPER)
		return lode_refuse_(why, LODE_RULE_START_LIMINE_ADDRESS, place);
	limine->base = LODE_LIMINE_UPPER;
	return LODE_OK;
}

int lode_limine_find(struct lode_limine *limine, const struct lode_image *image, struct lode_diag *why)
{
	struct search s = {.image = image, .limine = limine, .to = UINT64_MAX};
	int status = lode_start_x86_64_only_(image, why);

	*limine = (struct lode_limine){.revision = 0};
	if (status == LODE_OK)
		status = find_requests(&s, why);
	if (status != LODE_OK)
		return status;
	if (limine->tag == 0 && limine->count == limine->unknown)
		return lode_refuse_(why, LODE_RULE_START_LIMINE_NONE, lode_nowhere_(LODE_FIELD_LIMINE_TAG, 0, 0));
	return check_addresses(limine, image, why);
}
