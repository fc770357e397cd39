/* SPDX-License-Identifier: MIT */
/* More members. */
struct item { const char *name; int value; };
__attribute__((section("items"), used)) static struct item c = {"c", 3};
__attribute__((section("numbers"), used)) static const int n[3] = {10, 20, 30};
