/* SPDX-License-Identifier: MIT */
/* A mutated file goes through every entry point of the core. */
#include "hostile.h"
#include "try.h"

bool hostile_wants(const char *name)
{
	(void)name;
	return true;
}

void hostile_try(const unsigned char *bytes, size_t size)
{
	hostile_all(bytes, size);
}

unsigned long hostile_good(void)
{
	return hostile_count.placed;
}

void hostile_report(void)
{
	unsigned seen = 0;

	for (int i = 0; i < LODE_RULE_COUNT_; i++)
		seen += hostile_count.rule[i] > 0;
	printf("%lu files, %lu opened, %lu plans, %lu placed, %lu relocated, %lu refusals by %u rules\n", hostile_count.files,
		hostile_count.opened, hostile_count.planned, hostile_count.placed, hostile_count.relocated, hostile_count.refused,
		seen);
}
