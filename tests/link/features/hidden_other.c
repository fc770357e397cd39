/* SPDX-License-Identifier: MIT */
/* The definitions. */
__attribute__((visibility("hidden"))) int h(void) { return 1; }
__attribute__((visibility("protected"))) int p(void) { return 2; }
__attribute__((visibility("internal"))) int i(void) { return 3; }
__attribute__((visibility("hidden"))) int hd = 4;
