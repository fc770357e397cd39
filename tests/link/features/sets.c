/* SPDX-License-Identifier: MIT */
/* Sections whose names are identifiers lie together between __start_ and __stop_. */
#include <stdio.h>
struct item { const char *name; int value; };
__attribute__((section("items"), used)) static struct item a = {"a", 1};
__attribute__((section("items"), used)) static struct item b = {"b", 2};
extern struct item __start_items[], __stop_items[];
extern const int __start_numbers[] __attribute__((weak)), __stop_numbers[] __attribute__((weak));
extern const int __start_nothing[] __attribute__((weak));
int main(void)
{
	int sum = 0;

	for (struct item *i = __start_items; i < __stop_items; i++)
		printf("%s %d\n", i->name, i->value);
	for (const int *n = __start_numbers; n < __stop_numbers; n++)
		sum += *n;
	printf("%d %d\n", sum, __start_nothing == NULL);
	return 0;
}
