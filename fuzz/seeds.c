/* SPDX-License-Identifier: MIT */
/* A folder comes in, the small good files of tests/hostile go there: what fuzzing of ELF files begins with. A second argument is
 * how many zero bytes stand in front of each, for targets that take decisions from there. */
#include <stdlib.h>

#include "fuzz.h"

static void save(struct hostile_seed *seed, const char *folder, unsigned long zeros)
{
	static unsigned number;
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s/seed-%u", folder, number++);
	file = seed->out.size > 0 ? fopen(path, "wb") : NULL;
	if (file != NULL) {
		for (unsigned long i = 0; i < zeros; i++)
			fputc(0, file);
		fwrite(seed->out.bytes, 1, seed->out.size, file);
		fclose(file);
	}
	mkelf_free(&seed->out);
}

int main(int argc, char **argv)
{
	unsigned long zeros = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	struct hostile_seed seed;
	bool made;

	if (argc < 2)
		return 2;
	for (uint32_t i = 0; hostile_seed(&seed, i); i++)
		save(&seed, argv[1], zeros);
	for (uint32_t i = 0; hostile_real_seed(&seed, i, &made); i++)
		save(&seed, argv[1], zeros);
	return 0;
}
