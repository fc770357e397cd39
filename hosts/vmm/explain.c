/* SPDX-License-Identifier: MIT */
/* Registers that an engine found at the guest's end -> code, reason and symbol; then the result, as plain data. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "explain.h"
#include "sandbox.h"

void lode_vmm_begun_(struct vmm *vm)
{
	const struct vmm_kernel *kernel = &vm->kernel;

	vm->begun = (struct vmm_begun){.registers = kernel->start.registers, .bias = kernel->plan.bias,
		.wide = kernel->elf && kernel->image.class_ == LODE_CLASS64};
}

static void read_code(struct vmm *vm)
{
	struct lode_vmm_state *s = &vm->state;
	uint64_t rip = s->mode == LODE_VMM_MODE_64 ? s->rip : s->rip + s->cs_base;

	for (s->ncode = 0; s->ncode < sizeof s->code; s->ncode++) {
		struct vmm_page page = lode_vmm_walk_(vm, rip + s->ncode);
		const unsigned char *byte = page.found == VMM_PAGE_THERE ? lode_vmm_ram_at_(&vm->ram, page.phys, 1) : NULL;

		if (!byte)
			return;
		s->code[s->ncode] = *byte;
	}
}

static void explain(struct vmm *vm)
{
	read_code(vm);
	lode_vmm_judge_(vm);
	lode_vmm_symbol_find_(vm);
}

/* What was said of the kernel has been said when it was loaded. */
static void explain_confined(struct lode_vmm_state *shared, struct vmm *vm)
{
	if (lode_vmm_confine_(vm) != 0)
		return;
	lode_vmm_reopen_(vm);
	explain(vm);
	*shared = vm->state;
}

/* The guest's memory and the image are looked at by a process that can do nothing else, as when the kernel was loaded. */
static void explain_elsewhere(struct vmm *vm)
{
	struct lode_vmm_state *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;

	if (shared == MAP_FAILED)
		return;
	*shared = vm->state;
	child = fork();
	if (child == 0) {
		explain_confined(shared, vm);
		_exit(0);
	}
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	vm->state = *shared; /* lode_vmm_result_ looks whether it makes sense */
	munmap(shared, sizeof *shared);
}

static bool has_failed(enum lode_vmm_end end)
{
	return end == LODE_VMM_TRIPLE_FAULT || end == LODE_VMM_PANIC || end == LODE_VMM_HALT || end == LODE_VMM_TIME ||
		end == LODE_VMM_ERROR;
}

void lode_vmm_explain_(struct vmm *vm)
{
	if (!has_failed(vm->end))
		vm->state.known = false;
	if (!vm->state.known)
		return;
	if (vm->engine->elsewhere)
		explain_elsewhere(vm);
	else
		explain(vm);
}

static void copy_tail(struct lode_vmm_result *result, const struct vmm *vm)
{
	uint64_t first = vm->printed > LODE_VMM_TAIL ? vm->printed - LODE_VMM_TAIL : 0;

	result->ntail = (uint32_t)(vm->printed - first);
	for (uint32_t i = 0; i < result->ntail; i++)
		result->tail[i] = vm->tail[(first + i) % LODE_VMM_TAIL];
}

void lode_vmm_result_(struct lode_vmm_result *result, const struct vmm *vm)
{
	*result = (struct lode_vmm_result){.end = vm->end, .status = vm->status, .engine = vm->engine_id,
		.protocol = vm->kernel.protocol, .state = vm->state};
	result->state.symbol[sizeof result->state.symbol - 1] = '\0';
	if (result->state.ncode > sizeof result->state.code)
		result->state.ncode = 0;
	if (result->state.reason >= LODE_VMM_REASONS_)
		result->state.reason = LODE_VMM_REASON_UNKNOWN;
	if (result->state.mode > LODE_VMM_MODE_64)
		result->state.mode = LODE_VMM_MODE_64;
	copy_tail(result, vm);
}

void lode_vmm_tail_add_(struct vmm *vm, const unsigned char *bytes, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		vm->tail[vm->printed++ % LODE_VMM_TAIL] = (char)bytes[i];
}
