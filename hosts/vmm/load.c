/* SPDX-License-Identifier: MIT */
/* The kernel's bytes and the machine -> start state, as parts that are yet to be written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <lode/boot.h>

#include "sha256.h"
#include "vmm.h"

#define VERIFIED_MOST (UINT64_C(1) << 30)
enum { BYTES_MOST = 1 << 20 };

static int read_kernel(void *host, void *bytes, uint64_t offset, size_t size)
{
	struct vmm *vm = host;
	const struct lode_extent part = {offset, size};

	return lode_vmm_file_peek_(bytes, &vm->kernel.window, &vm->kernel_file, &part);
}

/* What is judged is what is used: the bytes are read once, and the file may change as it likes. */
static int verify(struct vmm *vm)
{
	struct vmm_kernel *kernel = &vm->kernel;
	unsigned char digest[SHA256_SIZE];
	int error;

	if (vm->kernel_file.size > VERIFIED_MOST)
		return lode_vmm_fail_file_(vm, 0, vm->kernel_file.path, "files of more than 1 GiB are not verified");
	kernel->copy = malloc(vm->kernel_file.size + 1);
	if (!kernel->copy)
		return lode_vmm_fail_file_(vm, ENOMEM, vm->kernel_file.path, "verifying it");
	error = lode_vmm_file_read_(kernel->copy, &vm->kernel_file, 0, vm->kernel_file.size);
	if (error)
		return lode_vmm_fail_file_(vm, error, vm->kernel_file.path, "reading it");
	lode_vmm_sha256_(digest, kernel->copy, vm->kernel_file.size);
	if (memcmp(digest, vm->request->sha256, sizeof digest) != 0)
		return lode_vmm_fail_file_(vm, 0, vm->kernel_file.path, "its SHA-256 is not the one that was asked for");
	kernel->source = (struct lode_source){.bytes = kernel->copy, .size = vm->kernel_file.size};
	kernel->shares = false;
	return 0;
}

static int take_bytes(struct vmm *vm)
{
	const struct lode_vmm_request *request = vm->request;
	struct vmm_kernel *kernel = &vm->kernel;
	struct lode_vmm_unpacked unpacked = {.bytes = NULL};

	kernel->source = (struct lode_source){.read = read_kernel, .host = vm, .size = vm->kernel_file.size};
	kernel->shares = !vm->engine->elsewhere;
	if (request->sha256 && verify(vm) != 0)
		return -1;
	if (!request->unpack)
		return 0;
	if (request->unpack(request->host, &unpacked, &kernel->source, request->direct) != 0)
		return lode_vmm_fail_file_(vm, 0, vm->kernel_file.path, unpacked.why[0] ? unpacked.why : "it cannot be unpacked");
	if (unpacked.bytes) {
		kernel->source = (struct lode_source){.bytes = unpacked.bytes, .size = unpacked.size};
		kernel->shares = false;
	}
	return 0;
}

/* The header says how many entries the tables have; they lie in the file, which bounds them. Without memory: LODE_ERR_ROOM. */
static int open_with(struct vmm_kernel *kernel, uint32_t flags, struct lode_diag *why)
{
	struct lode_open_options options = {.flags = flags};
	int status = lode_open(&kernel->image, &kernel->source, &options, why);

	if (status != LODE_ERR_ROOM)
		return status;
	free(kernel->segments);
	free(kernel->sections);
	options.max_segments = kernel->image.nsegments;
	options.max_sections = kernel->image.nsections;
	kernel->segments = options.segments = calloc((size_t)options.max_segments + 1, sizeof *options.segments);
	kernel->sections = options.sections = calloc((size_t)options.max_sections + 1, sizeof *options.sections);
	if (!options.segments || !options.sections)
		return LODE_ERR_ROOM;
	return lode_open(&kernel->image, &kernel->source, &options, why);
}

/* A section table that is no good is no loader's business. */
static int open_image(struct vmm *vm)
{
	struct vmm_kernel *kernel = &vm->kernel;
	struct lode_diag why;
	int status = open_with(kernel, LODE_OPEN_SECTIONS, &why);

	if (status != LODE_OK && status != LODE_ERR_ROOM)
		status = open_with(kernel, 0, &why);
	if (status == LODE_ERR_ROOM)
		return lode_vmm_fail_(vm, ENOMEM, "reading the kernel's headers");
	kernel->elf = status == LODE_OK;
	if (!kernel->elf && why.rule != LODE_RULE_HEADER_MAGIC && why.rule != LODE_RULE_HEADER_TRUNCATED)
		return lode_vmm_fail_diag_(vm, &why);
	return 0;
}

static int make_plan(struct vmm *vm, const struct lode_policy *policy, struct lode_diag *why)
{
	struct lode_plan *plan = &vm->kernel.plan;

	plan->max_runs = LODE_PLAN_RUNS(vm->kernel.image.nload);
	plan->max_fills = LODE_PLAN_FILLS(vm->kernel.image.nload);
	plan->runs = calloc(plan->max_runs, sizeof *plan->runs);
	plan->fills = calloc(plan->max_fills, sizeof *plan->fills);
	if (!plan->runs || !plan->fills)
		return lode_vmm_fail_(vm, ENOMEM, "planning the kernel");
	return lode_plan(plan, &vm->kernel.image, policy, why) == LODE_OK ? 0 : lode_vmm_fail_diag_(vm, why);
}

static int give_room(struct vmm *vm)
{
	struct lode_start *start = &vm->kernel.start;
	uint32_t nruns = vm->kernel.plan.nruns;

	start->max_parts = LODE_START_PARTS(nruns, &vm->machine, vm->kernel.elf ? vm->kernel.image.nsections : 0);
	start->max_mappings = LODE_START_MAPPINGS(nruns, &vm->machine);
	start->max_bytes = BYTES_MOST;
	start->parts = calloc(start->max_parts, sizeof *start->parts);
	start->mappings = calloc(start->max_mappings, sizeof *start->mappings);
	start->bytes = malloc(start->max_bytes);
	if (!start->parts || !start->mappings || !start->bytes)
		return lode_vmm_fail_(vm, ENOMEM, "making the start state");
	return 0;
}

static int choose_protocol(struct vmm *vm, struct lode_diag *why)
{
	struct vmm_kernel *kernel = &vm->kernel;

	if (vm->request->protocol == LODE_PROTOCOL_NONE) {
		if (lode_protocol_find(&kernel->protocol, kernel->elf ? &kernel->image : NULL, &kernel->source, why) != LODE_OK)
			return lode_vmm_fail_diag_(vm, why);
		return 0;
	}
	kernel->protocol = vm->request->protocol;
	if (!kernel->elf && kernel->protocol != LODE_PROTOCOL_LINUX && kernel->protocol != LODE_PROTOCOL_MULTIBOOT &&
		kernel->protocol != LODE_PROTOCOL_MULTIBOOT2)
		return lode_vmm_fail_file_(vm, 0, vm->kernel_file.path, "it is no ELF file, which this protocol wants");
	return 0;
}

/* Kernels of these protocols mostly have no other console. */
static bool draws(enum lode_protocol protocol)
{
	return protocol == LODE_PROTOCOL_LIMINE || protocol == LODE_PROTOCOL_RUST || protocol == LODE_PROTOCOL_MULTIBOOT ||
		protocol == LODE_PROTOCOL_MULTIBOOT2;
}

static int decide(struct vmm *vm)
{
	struct vmm_kernel *kernel = &vm->kernel;
	struct lode_boot boot = {.image = kernel->elf ? &kernel->image : NULL, .source = &kernel->source};
	struct lode_diag why;
	bool planned;

	if (choose_protocol(vm, &why) != 0)
		return -1;
	lode_vmm_machine_screen_(vm, draws(kernel->protocol));
	boot.protocol = kernel->protocol;
	if (lode_boot_read(&boot, &vm->machine, &why) != LODE_OK)
		return lode_vmm_fail_diag_(vm, &why);
	if (kernel->shares)
		boot.policy.flags |= LODE_PLAN_SHARE;
	planned = kernel->elf && kernel->protocol != LODE_PROTOCOL_LINUX;
	if ((planned && make_plan(vm, &boot.policy, &why) != 0) || give_room(vm) != 0)
		return -1;
	if (lode_boot_start(&kernel->start, &boot, planned ? &kernel->plan : NULL, &vm->machine, &why) == LODE_OK)
		return 0;
	return lode_vmm_fail_diag_(vm, &why);
}

int lode_vmm_decide_(struct vmm *vm)
{
	return take_bytes(vm) != 0 || open_image(vm) != 0 || decide(vm) != 0 ? -1 : 0;
}

int lode_vmm_reopen_(struct vmm *vm)
{
	return take_bytes(vm) != 0 || open_image(vm) != 0 ? -1 : 0;
}

void lode_vmm_unload_(struct vmm *vm)
{
	struct vmm_kernel *kernel = &vm->kernel;

	free(kernel->copy);
	free(kernel->segments);
	free(kernel->sections);
	free(kernel->plan.runs);
	free(kernel->plan.fills);
	free(kernel->start.parts);
	free(kernel->start.mappings);
	free(kernel->start.bytes);
	*kernel = (struct vmm_kernel){.protocol = kernel->protocol};
}
