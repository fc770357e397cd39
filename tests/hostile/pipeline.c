/* SPDX-License-Identifier: MIT */
/* Bytes come in and go through open in all its ways, plan by all policies, place, and the walks over the tables. */
#include <stdlib.h>
#include <string.h>

#include "hostile.h"

struct hostile_count hostile_count;

/* The counts that the arrays need, as open reports them: room is refused at first. */
static int learn_counts(struct hostile_image *o, const struct lode_source *source, struct lode_open_options *options)
{
	options->segments = NULL;
	options->sections = NULL;
	options->max_segments = options->max_sections = 0;
	o->why = hostile_unfilled();
	o->status = lode_open(&o->image, source, options, &o->why);
	if (o->status != LODE_OK && o->status != LODE_ERR_ROOM) {
		hostile_refusal(o->status, &o->why, source->size);
		return o->status;
	}
	HOLDS(o->status == LODE_OK || o->why.rule == LODE_RULE_ROOM_SEGMENTS || o->why.rule == LODE_RULE_ROOM_SECTIONS);
	return LODE_OK;
}

int hostile_open(struct hostile_image *o, const struct lode_source *source, const struct hostile_wish *wish)
{
	struct lode_open_options options = {.flags = wish->flags, .class_ = wish->class_, .data = wish->data};
	bool sections = (wish->flags & LODE_OPEN_SECTIONS) != 0;

	memset(o, 0, sizeof *o);
	if (learn_counts(o, source, &options) != LODE_OK)
		return o->status;
	HOLDS(o->image.nsegments <= source->size / 32 && (!sections || o->image.nsections <= source->size / 40));
	if (source->size == LODE_SIZE_UNKNOWN && (o->image.nsegments | o->image.nsections) > 1 << 20)
		return o->status = LODE_ERR_ROOM;
	options.max_segments = o->image.nsegments;
	options.max_sections = sections ? o->image.nsections : 0;
	o->segments = options.segments = malloc(options.max_segments * sizeof *o->segments + 1);
	if (sections)
		o->sections = options.sections = malloc(options.max_sections * sizeof *o->sections + 1);
	o->why = hostile_unfilled();
	o->status = lode_open(&o->image, source, &options, &o->why);
	HOLDS(o->status != LODE_ERR_ROOM || source->bytes == NULL);
	if (o->status != LODE_OK)
		hostile_refusal(o->status, &o->why, source->size);
	else
		hostile_check_image(&o->image);
	return o->status;
}

void hostile_close(struct hostile_image *o)
{
	free(o->segments);
	free(o->sections);
	o->segments = NULL;
	o->sections = NULL;
}

static bool same_diag(const struct lode_diag *a, const struct lode_diag *b)
{
	return a->rule == b->rule && a->field == b->field && a->index == b->index && a->value == b->value && a->offset == b->offset;
}

/* Bytes in memory and bytes through a callback make the same image, or the same refusal. */
static void check_same(const struct hostile_image *a, const struct hostile_image *b)
{
	HOLDS(a->status == b->status);
	if (a->status != b->status)
		return;
	if (a->status != LODE_OK) {
		HOLDS(same_diag(&a->why, &b->why));
		return;
	}
	HOLDS(a->image.nsegments == b->image.nsegments && a->image.nload == b->image.nload);
	HOLDS(a->image.entry == b->image.entry && a->image.phoff == b->image.phoff && a->image.machine == b->image.machine);
	HOLDS(memcmp(a->segments, b->segments, a->image.nsegments * sizeof *a->segments) == 0);
	if (a->sections == NULL || b->sections == NULL)
		return;
	HOLDS(a->image.nsections == b->image.nsections && a->image.shstrndx == b->image.shstrndx);
	HOLDS(memcmp(a->sections, b->sections, a->image.nsections * sizeof *a->sections) == 0);
}

/* Through the callback: ascending and once. The second of the two calls in hostile_open reads the tables too. */
static void check_callback(const struct hostile_image *bytes_image, const unsigned char *bytes, size_t size, uint32_t flags)
{
	const struct hostile_wish wish = {.flags = flags};
	struct hostile_image other;
	struct hostile_source s;

	hostile_source_begin(&s, bytes, size);
	hostile_open(&other, &s.source, &wish);
	check_same(bytes_image, &other);
	HOLDS(s.total <= 2 * 128 + 64 + (uint64_t)other.image.nsegments * 56 + (uint64_t)other.image.nsections * 64);
	HOLDS(s.reads <= 8 + (uint64_t)other.image.nsegments + other.image.nsections);
	hostile_close(&other);
}

/* With LODE_OPEN_NATIVE e_ident's own words for class, order and version do not matter. */
static void check_native(const struct hostile_image *plain, const struct lode_source *source)
{
	const unsigned char *ident = source->bytes;
	struct hostile_wish wish = {.flags = LODE_OPEN_NATIVE, .class_ = LODE_CLASS64, .data = LODE_DATA2LSB};
	struct hostile_image native;

	if (source->size >= 6 && (ident[4] == 1 || ident[4] == 2) && (ident[5] == 1 || ident[5] == 2)) {
		wish.class_ = ident[4];
		wish.data = ident[5];
	}
	hostile_open(&native, source, &wish);
	if (plain->status == LODE_OK)
		check_same(plain, &native);
	else if (native.status == LODE_OK)
		hostile_plans(&native.image, source->bytes, source->size, hostile_count.files);
	hostile_close(&native);
}

static void check_header_only(const struct hostile_image *plain, const struct lode_source *source)
{
	struct lode_diag why = hostile_unfilled();
	struct lode_image image;
	int status = lode_open(&image, source, NULL, &why);

	if (status != LODE_OK)
		hostile_refusal(status, &why, source->size);
	HOLDS(plain->status != LODE_OK || status == LODE_OK);
	HOLDS(status != LODE_OK || (image.segments == NULL && image.sections == NULL));
	HOLDS(lode_open(&image, source, NULL, NULL) == status);
}

static void use(const struct hostile_image *o, const unsigned char *bytes, size_t size)
{
	if (o->status != LODE_OK)
		return;
	hostile_count.opened++;
	hostile_plans(&o->image, bytes, size, hostile_count.files);
	hostile_tables(&o->image);
}

void hostile_all(const unsigned char *bytes, size_t size)
{
	const struct lode_source source = {.bytes = bytes, .size = size};
	const struct hostile_wish wishes[2] = {{.flags = LODE_OPEN_SECTIONS}, {.flags = 0}};
	struct hostile_image full, plain;

	hostile_count.files++;
	hostile_open(&full, &source, &wishes[0]);
	hostile_open(&plain, &source, &wishes[1]);
	HOLDS(full.status != LODE_OK || plain.status == LODE_OK);
	check_callback(&full, bytes, size, LODE_OPEN_SECTIONS);
	check_callback(&plain, bytes, size, 0);
	check_header_only(&plain, &source);
	check_native(&plain, &source);
	use(full.status == LODE_OK ? &full : &plain, bytes, size);
	hostile_close(&full);
	hostile_close(&plain);
}
