/* SPDX-License-Identifier: MIT */
/* A plan comes in, and its pages, bytes, relocations and permissions go into a space: all of them, or none. */
#include "place.h"
#include "relocate.h"

/* Every relocation, before the first effect. */
static int check_relocations(const struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan,
	const struct lode_relocation *relocation, struct lode_diag *why)
{
	struct lode_relocation_count count;
	int status = lode_relocations_check(&count, image, plan, relocation, why);

	if (status == LODE_OK && count.in_place > 0 && !space->read)
		return lode_space_cannot_(LODE_FIELD_SPACE_READ, 0, why);
	return status;
}

int lode_place_relocated(struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan,
	const struct lode_relocation *relocation, struct lode_diag *why)
{
	bool relocate = plan->relocate == LODE_RELOCATE_LOADER;
	int status = lode_place_check_(space, plan, why);

	if (status == LODE_OK && relocate)
		status = check_relocations(space, image, plan, relocation, why);
	if (status == LODE_OK)
		status = lode_place_begin_(space, plan, why);
	if (status != LODE_OK)
		return status;
	status = lode_place_lists_(space, image, plan, why);
	if (status == LODE_OK && relocate)
		status = lode_relocate_(space, image, plan, relocation, why);
	return lode_place_end_(space, plan, status, why);
}
