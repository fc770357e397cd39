/* SPDX-License-Identifier: MIT */
/* Between the dynamic table and its hash tables. */
#ifndef LODE_CORE_DYNAMIC_H
#define LODE_CORE_DYNAMIC_H

#include <lode/dynamic.h>

/* symbols.count from the hash tables if there are any; at most room symbols. */
int lode_hash_count_(struct lode_dynamic *dynamic, const struct lode_image *image, uint64_t room, struct lode_diag *why);

#endif
