/* SPDX-License-Identifier: MIT */
/* Loadable segments in order of address, and the way from an address back to its segment and file bytes. */
#include "core.h"

static uint32_t *slot(const struct lode_image *image, enum lode_domain domain, uint32_t k)
{
	return domain == LODE_PHYSICAL ? &image->segments[k].by_paddr : &image->segments[k].by_vaddr;
}

/* Order by address, then by place in the table, so that equal addresses keep their order. */
static bool before(const struct lode_image *image, enum lode_domain domain, uint32_t a, uint32_t b)
{
	uint64_t addr_a = segment_addr(&image->segments[a], domain);
	uint64_t addr_b = segment_addr(&image->segments[b], domain);

	if (addr_a != addr_b)
		return addr_a < addr_b;
	return a < b;
}

static void swap(uint32_t *a, uint32_t *b)
{
	uint32_t old = *a;

	*a = *b;
	*b = old;
}

static void sift_down(const struct lode_image *image, enum lode_domain domain, uint32_t root, uint32_t n)
{
	for (;;) {
		uint64_t child = 2 * (uint64_t)root + 1;
		uint32_t larger = (uint32_t)child;

		if (child >= n)
			return;
		if (child + 1 < n && before(image, domain, *slot(image, domain, larger), *slot(image, domain, larger + 1)))
			larger++;
		if (!before(image, domain, *slot(image, domain, root), *slot(image, domain, larger)))
			return;
		swap(slot(image, domain, root), slot(image, domain, larger));
		root = larger;
	}
}

static bool sorted(const struct lode_image *image, enum lode_domain domain)
{
	for (uint32_t k = 1; k < image->nload; k++)
		if (before(image, domain, *slot(image, domain, k), *slot(image, domain, k - 1)))
			return false;
	return true;
}

/* Heap sort: no recursion, no memory, n log n whatever the file says. */
static void sort(const struct lode_image *image, enum lode_domain domain)
{
	if (sorted(image, domain))
		return;
	for (uint32_t root = image->nload / 2; root-- > 0;)
		sift_down(image, domain, root, image->nload);
	for (uint32_t n = image->nload - 1; n > 0; n--) {
		swap(slot(image, domain, 0), slot(image, domain, n));
		sift_down(image, domain, 0, n);
	}
}

static const struct lode_segment *nth(const struct lode_image *image, uint32_t k)
{
	return &image->segments[image->segments[k].by_vaddr];
}

static uint64_t last_byte(const struct lode_segment *segment)
{
	return segment->vaddr + (segment->memsz - 1);
}

/* How many segments, n itself being the last, the n-th one's reach is of: the lowest bit of n, which counts from 1. */
static uint32_t reach_width(uint32_t n)
{
	return n & (0 - n);
}

/* A tree of maxima (Fenwick's): each number is made of those of the segments before, in one pass. */
static void find_reaches(const struct lode_image *image)
{
	for (uint32_t k = 0; k < image->nload; k++)
		image->segments[k].reach = last_byte(nth(image, k));
	for (uint32_t n = 1; n <= image->nload; n++) {
		uint64_t above = (uint64_t)n + reach_width(n);

		if (above <= image->nload)
			image->segments[above - 1].reach =
				max_u64(image->segments[above - 1].reach, image->segments[n - 1].reach);
	}
}

void lode_segments_sort_(struct lode_image *image)
{
	image->nload = 0;
	for (uint32_t i = 0; i < image->nsegments; i++) {
		if (image->segments[i].type != LODE_PT_LOAD || image->segments[i].memsz == 0)
			continue;
		image->segments[image->nload].by_vaddr = i;
		image->segments[image->nload].by_paddr = i;
		image->nload++;
	}
	sort(image, LODE_VIRTUAL);
	sort(image, LODE_PHYSICAL);
	find_reaches(image);
}

const struct lode_segment *lode_segment_find(const struct lode_image *image, uint32_t type)
{
	if (!image->segments)
		return NULL;
	for (uint32_t i = 0; i < image->nsegments; i++)
		if (image->segments[i].type == type)
			return &image->segments[i];
	return NULL;
}

uint32_t lode_segment_index(const struct lode_image *image, const struct lode_segment *segment)
{
	return (uint32_t)(segment - image->segments);
}

/* How many segments begin at or below vaddr. */
static uint32_t count_below(const struct lode_image *image, uint64_t vaddr)
{
	uint32_t low = 0, high = image->nload;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (nth(image, middle)->vaddr <= vaddr)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* From the last segment that begins early enough back to one that ends late enough. Those of a reach that is too short are passed
 * over at once; inside one that is not there is one to be found, so no more than log n steps lead to the next shorter reach. */
const struct lode_segment *lode_segment_at(const struct lode_image *image, uint64_t vaddr, uint64_t size)
{
	uint64_t last;

	if (!add_ok(&last, vaddr, max_u64(size, 1) - 1))
		return NULL;
	for (uint32_t n = count_below(image, vaddr); n > 0;) {
		if (image->segments[n - 1].reach < last)
			n -= reach_width(n);
		else if (last_byte(nth(image, n - 1)) < last)
			n--;
		else
			return nth(image, n - 1);
	}
	return NULL;
}

bool lode_vaddr_to_offset(uint64_t *offset, const struct lode_image *image, uint64_t vaddr, uint64_t size)
{
	const struct lode_segment *segment = lode_segment_at(image, vaddr, size);

	if (!segment || !within(vaddr - segment->vaddr, size, segment->filesz))
		return false;
	*offset = segment->offset + (vaddr - segment->vaddr);
	return true;
}
