/* SPDX-License-Identifier: MIT */
/* What nobody defines, as linkers say it. */
#ifndef LODE_CLI_UNDEFINED_H
#define LODE_CLI_UNDEFINED_H

#include <lode/link.h>

enum { UNDEFINED_MOST = 10 };

/* A line for each of the first UNDEFINED_MOST of count symbols on stderr, and one that counts the others. */
void put_undefined(const struct lode_link_undefined *first, uint32_t count);

#endif
