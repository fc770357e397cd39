/* SPDX-License-Identifier: MIT */
/* The steps of a placing, which lode_place and lode_place_relocated have in common. */
#ifndef LODE_CORE_PLACE_H
#define LODE_CORE_PLACE_H

#include "core.h"

/* A callback is missing: value is what needs it. */
int lode_space_cannot_(enum lode_field field, uint64_t value, struct lode_diag *why);
/* The space can do what the plan asks for; no effect. */
int lode_place_check_(const struct lode_space *space, const struct lode_plan *plan, struct lode_diag *why);
int lode_place_begin_(struct lode_space *space, const struct lode_plan *plan, struct lode_diag *why);
/* Pages and bytes. */
int lode_place_lists_(struct lode_space *space, const struct lode_image *image, const struct lode_plan *plan,
	struct lode_diag *why);
/* Permissions and commit; or abort, if status is already a failure or becomes one. The status of it all. */
int lode_place_end_(struct lode_space *space, const struct lode_plan *plan, int status, struct lode_diag *why);

#endif
