/* SPDX-License-Identifier: MIT */
/* A plan comes in, and its pages, bytes and permissions go into a space: all of them, or none. */
#include "place.h"

enum { PIECE = 1024 };

/* Largest size that one call of write takes, so that size_t may have 32 bits. */
#define CHUNK (UINT64_C(1) << 30)

static int failed(enum lode_field field, uint64_t addr, uint32_t index, struct lode_diag *why)
{
	struct lode_diag place = lode_nowhere_(field, addr, 0);

	place.index = index;
	return lode_refuse_(why, LODE_RULE_SPACE_REFUSED, place);
}

int lode_space_cannot_(enum lode_field field, uint64_t value, struct lode_diag *why)
{
	return lode_refuse_(why, LODE_RULE_SPACE_CANNOT, lode_nowhere_(field, value, 0));
}

int lode_place_check_(const struct lode_space *space, const struct lode_plan *plan, struct lode_diag *why)
{
	enum lode_field missing = !space->own ? LODE_FIELD_SPACE_OWN
		: !space->write ? LODE_FIELD_SPACE_WRITE
		: !space->abort ? LODE_FIELD_SPACE_ABORT
		: LODE_FIELD_NONE;

	if (missing != LODE_FIELD_NONE)
		return lode_space_cannot_(missing, 0, why);
	for (uint32_t i = 0; i < plan->nruns; i++)
		if (plan->runs[i].kind == LODE_RUN_SHARE && !space->share)
			return lode_space_cannot_(LODE_FIELD_SPACE_SHARE, plan->runs[i].addr, why);
	return LODE_OK;
}

static int place_run(struct lode_space *space, const struct lode_run *run, uint32_t index, struct lode_diag *why)
{
	switch (run->kind) {
	case LODE_RUN_SHARE:
		return space->share(space->host, run) == 0 ? LODE_OK : failed(LODE_FIELD_SPACE_SHARE, run->addr, index, why);
	case LODE_RUN_ZERO:
		if (space->zero)
			return space->zero(space->host, run) == 0 ? LODE_OK : failed(LODE_FIELD_SPACE_ZERO, run->addr, index, why);
		break;
	default: break;
	}
	return space->own(space->host, run) == 0 ? LODE_OK : failed(LODE_FIELD_SPACE_OWN, run->addr, index, why);
}

/* From memory straight to the space; zeros, and what a callback reads, through a small buffer. */
static int write_piece(struct lode_space *space, const struct lode_source *source, const struct lode_fill *fill, uint32_t index,
	struct lode_diag *why)
{
	unsigned char buffer[PIECE];
	const unsigned char *bytes = buffer;

	if (fill->offset == LODE_FILL_ZEROS) {
		memset(buffer, 0, (size_t)fill->size);
	} else if (source->bytes) {
		bytes = (const unsigned char *)source->bytes + fill->offset;
	} else {
		int status = lode_source_read(buffer, source, fill->offset, (size_t)fill->size, why);

		if (status != LODE_OK)
			return status;
	}
	if (space->write(space->host, fill->addr, bytes, (size_t)fill->size) != 0)
		return failed(LODE_FIELD_SPACE_WRITE, fill->addr, index, why);
	return LODE_OK;
}

static int write_bytes(struct lode_space *space, const struct lode_source *source, struct lode_fill fill, uint32_t index,
	struct lode_diag *why)
{
	bool zeros = fill.offset == LODE_FILL_ZEROS;
	uint64_t largest = source->bytes && !zeros ? CHUNK : PIECE;

	while (fill.size > 0) {
		struct lode_fill piece = {.addr = fill.addr, .offset = fill.offset, .size = min_u64(fill.size, largest)};
		int status = write_piece(space, source, &piece, index, why);

		if (status != LODE_OK)
			return status;
		fill.addr += piece.size;
		fill.offset += zeros ? 0 : piece.size;
		fill.size -= piece.size;
	}
	return LODE_OK;
}

/* It is the source or the destination that fails. */
static int fill_straight(struct lode_space *space, const struct lode_source *source, const struct lode_fill *fill, uint32_t index,
	struct lode_diag *why)
{
	struct lode_diag cause = {.rule = LODE_RULE_NONE};

	if (space->fill(space->host, fill, source, &cause) == 0)
		return LODE_OK;
	if (cause.rule == LODE_RULE_NONE)
		return failed(LODE_FIELD_SPACE_FILL, fill->addr, index, why);
	return lode_refuse_(why, cause.rule, cause);
}

/* The plan proved that a fill lies in the file; a source that shrank since is found out here. */
static int place_fill(struct lode_space *space, const struct lode_source *source, const struct lode_fill *fill, uint32_t index,
	struct lode_diag *why)
{
	int status;

	if (fill->offset == LODE_FILL_ZEROS)
		return write_bytes(space, source, *fill, index, why);
	status = lode_source_holds_(source, fill->offset, fill->size, why);
	if (status != LODE_OK)
		return status;
	if (source->bytes || !space->fill)
		return write_bytes(space, source, *fill, index, why);
	return fill_straight(space, source, fill, index, why);
}

/* Final permissions; shared pages have had theirs from the beginning. */
static int protect(struct lode_space *space, const struct lode_plan *plan, struct lode_diag *why)
{
	if (!space->protect)
		return LODE_OK;
	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];

		if (run->kind != LODE_RUN_SHARE && space->protect(space->host, run->addr, run->size, run->prot) != 0)
			return failed(LODE_FIELD_SPACE_PROTECT, run->addr, i, why);
	}
	/* An image that relocates itself still has to write there. */
	if (plan->relro.size == 0 || plan->relocate != LODE_RELOCATE_LOADER)
		return LODE_OK;
	if (space->protect(space->host, plan->relro.addr, plan->relro.size, LODE_PF_R) != 0)
		return failed(LODE_FIELD_SPACE_PROTECT, plan->relro.addr, LODE_NO_INDEX, why);
	return LODE_OK;
}

int lode_place_begin_(struct lode_space *space, const struct lode_plan *plan, struct lode_diag *why)
{
	if (space->begin && space->begin(space->host, &plan->span) != 0)
		return failed(LODE_FIELD_SPACE_BEGIN, plan->span.addr, LODE_NO_INDEX, why);
	return LODE_OK;
}

int lode_place_lists_(struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan,
	struct lode_diag *why)
{
	int status = LODE_OK;

	for (uint32_t i = 0; status == LODE_OK && i < plan->nruns; i++)
		status = place_run(space, &plan->runs[i], i, why);
	for (uint32_t i = 0; status == LODE_OK && i < plan->nfills; i++)
		status = place_fill(space, image->source, &plan->fills[i], i, why);
	return status;
}

int lode_place_end_(struct lode_space *space, const struct lode_plan *plan, int status, struct lode_diag *why)
{
	if (status == LODE_OK)
		status = protect(space, plan, why);
	if (status != LODE_OK)
		space->abort(space->host);
	else if (space->commit)
		space->commit(space->host);
	return status;
}

int lode_place(struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan, struct lode_diag *why)
{
	int status = lode_place_check_(space, plan, why);

	if (status == LODE_OK && plan->relocate == LODE_RELOCATE_LOADER)
		return lode_refuse_(why, LODE_RULE_PLACE_RELOCATE,
			lode_nowhere_(LODE_FIELD_POLICY_RELOCATE, LODE_RELOCATE_LOADER, 0));
	if (status == LODE_OK)
		status = lode_place_begin_(space, plan, why);
	if (status != LODE_OK)
		return status;
	status = lode_place_lists_(space, image, plan, why);
	return lode_place_end_(space, plan, status, why);
}
