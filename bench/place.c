/* SPDX-License-Identifier: MIT */
/* place KERNEL... -> lines of name, mapped, copied: microseconds to bring a kernel file into a guest's memory, everything from its
 * headers to the start state included: its pages mapped, and its bytes copied. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../hosts/vmm/vmm.h"
#include "times.h"

enum { ROUNDS = 31 };

static const struct vmm_board board = {
	.low_limit = UINT64_C(0xc0000000), .low_most = UINT64_C(0xc0000000), .framebuffer = UINT64_C(0xf8000000), .pm_base = 0x600,
};
static const struct vmm_engine here = {.name = "here", .board = &board}, elsewhere = {.name = "elsewhere", .board = &board,
	.elsewhere = true};

/* Microseconds of the load stage, or a negative number if it fails. */
static double load_once(const struct lode_vmm_request *request, const struct vmm_engine *engine)
{
	struct vmm *vm = calloc(1, sizeof *vm);
	double begun, took = -1;

	vm->request = request;
	vm->engine = engine;
	if (lode_vmm_files_open_(vm) == 0 && lode_vmm_ram_create_(vm, UINT64_C(512) << 20, engine->elsewhere) == 0 &&
		lode_vmm_machine_make_(vm) == 0) {
		begun = now();
		if (lode_vmm_decide_(vm) == 0 && lode_vmm_fill_(vm) == 0)
			took = now() - begun;
	}
	if (took < 0)
		fprintf(stderr, "%s: %s\n", request->kernel.path, vm->error.text);
	lode_vmm_unload_(vm);
	lode_vmm_ram_destroy_(vm);
	lode_vmm_files_close_(vm);
	free(vm);
	return took;
}

static double median(const struct lode_vmm_request *request, const struct vmm_engine *engine)
{
	double took[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		took[i] = load_once(request, engine);
		if (took[i] < 0)
			return -1;
	}
	return median_of(took, ROUNDS);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct lode_vmm_request request = {.kernel = {.path = argv[i]}};
		const char *slash = strrchr(argv[i], '/');
		double mapped = median(&request, &here), copied = median(&request, &elsewhere);

		if (mapped < 0 || copied < 0)
			return 1;
		printf("%s\t%.1f\t%.1f\n", slash ? slash + 1 : argv[i], mapped, copied);
	}
	return 0;
}
