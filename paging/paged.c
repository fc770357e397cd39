/* SPDX-License-Identifier: MIT */
/* Runs, bytes and permissions of a plan -> pages: frames of the file where that is safe, frames of their own elsewhere. */
#include "paging.h"

enum { PAGE = 4096 };

/* Neighbouring pages of one kind that wait to be mapped together. */
struct batch {
	struct lode_paged *paged;
	struct lode_mapping mapping;
	uint64_t max_page;
};

static int failed(struct lode_paged *paged, enum lode_rule rule, enum lode_field field, uint64_t value)
{
	lode_refuse_(&paged->why, rule, lode_nowhere_(field, value, 0));
	return -1;
}

static void give_back(const struct lode_paged *paged, uint64_t frame, uint64_t size)
{
	paged->paging->free(paged->paging->host, frame, size);
}

/* What cannot be mapped is nobody's: frames of its own go back. */
static int batch_end(struct batch *batch)
{
	const struct lode_mapping *m = &batch->mapping;
	int status = m->size > 0 ? lode_paging_map(batch->paged->paging, m, batch->max_page, &batch->paged->why) : LODE_OK;

	if (status != LODE_OK && m->attr & LODE_PAGE_OWNED)
		for (uint64_t at = 0; at < m->size; at += batch->max_page)
			give_back(batch->paged, m->frame + at, batch->max_page);
	batch->mapping.size = 0;
	return status;
}

/* (Pages come in the order of their addresses, without a gap.) */
static bool continues(const struct batch *batch, const struct lode_mapping *next, uint64_t max_page)
{
	const struct lode_mapping *m = &batch->mapping;

	return m->frame + m->size == next->frame && m->attr == next->attr && batch->max_page == max_page;
}

static int batch_add(struct batch *batch, const struct lode_mapping *next, uint64_t max_page)
{
	if (batch->mapping.size > 0 && continues(batch, next, max_page)) {
		batch->mapping.size += next->size;
		return 0;
	}
	if (batch_end(batch) != LODE_OK) {
		if (next->attr & LODE_PAGE_OWNED)
			give_back(batch->paged, next->frame, next->size);
		return -1;
	}
	batch->mapping = *next;
	batch->max_page = max_page;
	return 0;
}

/* Bytes of a frame, all of them zeros. */
static bool zero(const struct lode_paged *paged, uint64_t frame, uint64_t size)
{
	for (uint64_t at = 0; at < size; at += PAGE) {
		void *bytes = paged->paging->pointer(paged->paging->host, frame + at);

		if (!bytes)
			return false;
		memset(bytes, 0, PAGE);
	}
	return true;
}

/* A frame of zeros; the size says how large, and becomes smaller if there is none so large. */
static int own_frame(uint64_t *frame, struct lode_paged *paged, uint64_t *size)
{
	const struct lode_paging *paging = paged->paging;

	while (paging->alloc(paging->host, frame, *size) != 0) {
		if (*size == PAGE)
			return failed(paged, LODE_RULE_PAGE_FRAMES, LODE_FIELD_PAGING_ALLOC, 0);
		*size >>= 9;
	}
	if ((*frame & (*size - 1)) == 0 && within(*frame, *size, UINT64_C(1) << paging->phys_bits) && zero(paged, *frame, *size))
		return 0;
	give_back(paged, *frame, *size);
	return failed(paged, LODE_RULE_PAGE_FRAMES, LODE_FIELD_PAGING_ALLOC, *frame);
}

static uint64_t largest_page(const struct lode_paged *paged)
{
	return level_size(lode_page_level_(paged->paging, paged->max_page != 0 ? paged->max_page : PAGE));
}

static int paged_begin(void *host, const struct lode_range *span)
{
	struct lode_paged *paged = host;
	int status = lode_check_range_(paged->paging, span, &paged->why);

	if (status == LODE_OK)
		status = lode_check_attr_(paged->paging, paged->attr, &paged->why);
	if (status == LODE_OK)
		status = lode_entries_check_(paged->paging, span, LODE_EXPECT_FREE_, &paged->why);
	if (status == LODE_OK)
		paged->span = *span;
	return status;
}

static int paged_own(void *host, const struct lode_run *run)
{
	struct lode_paged *paged = host;
	struct batch batch = {.paged = paged};
	struct lode_mapping next = {.addr = run->addr, .attr = paged->attr | run->prot | LODE_PAGE_OWNED};
	uint64_t left = run->size, most = largest_page(paged), wanted;

	for (; left > 0; next.addr += next.size, left -= next.size) {
		next.size = most;
		while (next.size > left || (next.addr & (next.size - 1)) != 0)
			next.size >>= 9;
		wanted = next.size;
		if (own_frame(&next.frame, paged, &next.size) != 0 || batch_add(&batch, &next, next.size) != 0) {
			batch_end(&batch);
			return -1;
		}
		if (next.size < wanted) /* do not ask again for what there is not */
			most = next.size;
	}
	return batch_end(&batch);
}

/* An earlier run maps this page of the file with other permissions. */
static bool shown_otherwise(const struct lode_plan *plan, const struct lode_run *run, uint64_t offset)
{
	for (uint32_t i = 0; i < plan->nruns && plan->runs[i].addr < run->addr; i++) {
		const struct lode_run *other = &plan->runs[i];

		/* what is writable was copied and is in nobody's way */
		if (other->offset != LODE_NO_OFFSET && !(other->prot & LODE_PF_W) && other->prot != run->prot &&
			offset - other->offset < other->size)
			return true;
	}
	return false;
}

/* A frame of its own with the bytes of another one. */
static int copy(struct lode_mapping *page, struct lode_paged *paged)
{
	const struct lode_paging *paging = paged->paging;
	const void *from = paging->pointer(paging->host, page->frame);
	uint64_t frame, size = PAGE;

	if (!from)
		return failed(paged, LODE_RULE_PAGE_TABLE, LODE_FIELD_PAGING_POINTER, page->frame);
	if (own_frame(&frame, paged, &size) != 0)
		return -1;
	memcpy(paging->pointer(paging->host, frame), from, PAGE);
	page->frame = frame;
	page->attr |= LODE_PAGE_OWNED;
	return 0;
}

static int share_page(struct batch *batch, const struct lode_run *run, uint64_t at)
{
	struct lode_paged *paged = batch->paged;
	struct lode_mapping page = {.addr = run->addr + at, .size = PAGE, .attr = paged->attr | run->prot};
	bool own = run->prot & LODE_PF_W || shown_otherwise(paged->plan, run, run->offset + at);

	if (paged->file_frame(paged->host, &page.frame, run->offset + at) != 0)
		return failed(paged, LODE_RULE_PAGE_FRAMES, LODE_FIELD_SPACE_SHARE, run->offset + at);
	if (own && copy(&page, paged) != 0)
		return -1;
	return batch_add(batch, &page, own ? PAGE : largest_page(paged));
}

static int paged_share(void *host, const struct lode_run *run)
{
	struct batch batch = {.paged = host};

	for (uint64_t at = 0; at < run->size; at += PAGE) {
		if (share_page(&batch, run, at) != 0) {
			batch_end(&batch);
			return -1;
		}
	}
	return batch_end(&batch);
}

/* The page at an address in this span, and the bytes from there to its end. */
static unsigned char *bytes_at(struct lode_mapping *page, const struct lode_paged *paged, uint64_t addr)
{
	const struct lode_paging *paging = paged->paging;
	unsigned char *bytes;

	if (!within(addr - paged->span.addr, 1, paged->span.size) || !lode_paging_query(page, paging, addr))
		return NULL;
	page->frame += (addr & ~(uint64_t)(PAGE - 1)) - page->addr;
	page->addr = addr & ~(uint64_t)(PAGE - 1);
	page->size = PAGE;
	bytes = paging->pointer(paging->host, page->frame);
	return bytes ? bytes + (addr - page->addr) : NULL;
}

/* A page of the file gives way to a copy before it is written to. */
static unsigned char *writable_at(struct lode_paged *paged, uint64_t addr)
{
	struct lode_mapping page;
	unsigned char *bytes = bytes_at(&page, paged, addr);
	const struct lode_range here = {addr & ~(uint64_t)(PAGE - 1), PAGE};

	if (!bytes || page.attr & LODE_PAGE_OWNED)
		return bytes;
	if (copy(&page, paged) != 0)
		return NULL;
	if (lode_paging_unmap(paged->paging, &here, &paged->why) != LODE_OK ||
		lode_paging_map(paged->paging, &page, PAGE, &paged->why) != LODE_OK) {
		give_back(paged, page.frame, PAGE);
		return NULL;
	}
	return bytes_at(&page, paged, addr);
}

static size_t to_page_end(uint64_t addr, uint64_t size)
{
	return (size_t)min_u64(size, PAGE - (addr & (PAGE - 1)));
}

static int paged_write(void *host, uint64_t addr, const void *bytes, size_t size)
{
	const unsigned char *from = bytes;

	while (size > 0) {
		size_t piece = to_page_end(addr, size);
		unsigned char *to = writable_at(host, addr);

		if (!to)
			return -1;
		memcpy(to, from, piece);
		addr += piece;
		from += piece;
		size -= piece;
	}
	return 0;
}

static int source_failed(const struct lode_source *source, uint64_t offset, struct lode_diag *why)
{
	struct lode_diag diag = lode_nowhere_(LODE_FIELD_FILE, source->size, 0);

	diag.offset = offset;
	lode_refuse_(why, LODE_RULE_SOURCE_READ, diag);
	return -1;
}

/* The plan has proved that the bytes lie in the file. */
static int paged_fill(void *host, const struct lode_fill *fill, const struct lode_source *source, struct lode_diag *why)
{
	uint64_t done = 0;

	while (done < fill->size) {
		size_t piece = to_page_end(fill->addr + done, fill->size - done);
		unsigned char *to = writable_at(host, fill->addr + done);

		if (!to)
			return -1;
		if (source->read(source->host, to, fill->offset + done, piece) != 0)
			return source_failed(source, fill->offset + done, why);
		done += piece;
	}
	return 0;
}

static int paged_read(void *host, uint64_t addr, void *bytes, size_t size)
{
	unsigned char *to = bytes;

	while (size > 0) {
		size_t piece = to_page_end(addr, size);
		struct lode_mapping page;
		const unsigned char *from = bytes_at(&page, host, addr);

		if (!from)
			return -1;
		memcpy(to, from, piece);
		addr += piece;
		to += piece;
		size -= piece;
	}
	return 0;
}

static int paged_protect(void *host, uint64_t addr, uint64_t size, uint32_t prot)
{
	struct lode_paged *paged = host;
	const struct lode_range range = {addr, size};

	return lode_paging_protect(paged->paging, &range, paged->attr | prot, &paged->why);
}

/* The span was free and its ends lie in no page: taking away what is there needs no frame. */
static void paged_abort(void *host)
{
	struct lode_paged *paged = host;

	lode_paging_unmap(paged->paging, &paged->span, NULL);
	paged->span = (struct lode_range){0, 0};
}

struct lode_space lode_paged_space(struct lode_paged *paged)
{
	return (struct lode_space){
		.host = paged,
		.begin = paged_begin,
		.share = paged->file_frame ? paged_share : NULL,
		.own = paged_own,
		.write = paged_write,
		.fill = paged_fill,
		.read = paged_read,
		.protect = paged_protect,
		.abort = paged_abort,
	};
}
