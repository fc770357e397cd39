/* SPDX-License-Identifier: MIT */
/* Folders of inputs come in, each is given to the target; the same program as the fuzz target without the fuzzer. */
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "fuzz.h"

static bool run_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct stat st;
	uint8_t *bytes;
	bool ok;

	if (file == NULL || fstat(fileno(file), &st) != 0 || !S_ISREG(st.st_mode)) {
		if (file != NULL)
			fclose(file);
		return false;
	}
	/* of exactly this size, so that a sanitizer sees the first byte too far */
	bytes = malloc((size_t)st.st_size + (st.st_size == 0));
	ok = fread(bytes, 1, (size_t)st.st_size, file) == (size_t)st.st_size;
	fclose(file);
	if (ok)
		LLVMFuzzerTestOneInput(bytes, (size_t)st.st_size);
	free(bytes);
	return ok;
}

int main(int argc, char **argv)
{
	unsigned long done = 0;

	for (int i = 1; i < argc; i++) {
		DIR *folder = opendir(argv[i]);
		struct dirent *entry;
		char path[4096];

		while (folder != NULL && (entry = readdir(folder)) != NULL) {
			snprintf(path, sizeof path, "%s/%s", argv[i], entry->d_name);
			done += run_file(path);
		}
		if (folder != NULL)
			closedir(folder);
	}
	if (done == 0)
		printf("FAIL replay: there is no input\n");
	printf("%lu passed, %d failed\n", done, done == 0);
	return done == 0;
}
