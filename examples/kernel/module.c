/* SPDX-License-Identifier: MIT */
/* A kernel module: position-independent, with pointers that the loader has to relocate and a function of the kernel to be found. */

void kernel_print(const char *text);
long module_start(long argument);

static const char *const lines[] = {"module: my pointers are relocated\n", "module: my zeros are zero\n"};
static char zeros[9000];
long count = 1;

long module_start(long argument)
{
	kernel_print(lines[0]);
	for (unsigned int i = 0; i < sizeof zeros; i++)
		if (zeros[i]++ != 0)
			return -1;
	kernel_print(lines[1]);
	return argument + count++;
}
