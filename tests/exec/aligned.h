/* SPDX-License-Identifier: MIT */
/* Prepended to probe.c: an object that wants more alignment than a page. */
char aligned_object[100] __attribute__((aligned(ALIGN))) = {1};
