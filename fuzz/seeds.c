/* SPDX-License-Identifier: MIT */
/* A folder comes in, the small good files of tests/hostile go there: what fuzzing of ELF files begins with. */
#include "fuzz.h"

int main(int argc, char **argv)
{
	struct hostile_seed seed;
	bool made;
	char path[4096];

	for (uint32_t i = 0; argc == 2 && (hostile_seed(&seed, i) || hostile_real_seed(&seed, i - 64, &made)); i++) {
		FILE *file;

		snprintf(path, sizeof path, "%s/seed-%u", argv[1], i);
		file = seed.out.size > 0 ? fopen(path, "wb") : NULL;
		if (file != NULL) {
			fwrite(seed.out.bytes, 1, seed.out.size, file);
			fclose(file);
		}
		mkelf_free(&seed.out);
	}
	return argc != 2;
}
