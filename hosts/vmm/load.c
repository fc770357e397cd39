/* SPDX-License-Identifier: MIT */
/* The kernel's bytes and the machine -> start state, all in the guest's RAM. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <lode/boot.h>

#include "sha256.h"
#include "vmm.h"

#define VERIFIED_MOST (UINT64_C(1) << 30)
enum { PAGE = 4096, BYTES_MOST = 1 << 20 };

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

/*
 * Parts -> RAM
 */

/* Where planned bytes lie in RAM, or NULL. */
static unsigned char *planned(struct vmm *vm, uint64_t addr, uint64_t size)
{
	uint64_t phys;

	return lode_start_image(&phys, &vm->kernel.start, addr, size) ? lode_vmm_ram_at_(&vm->ram, phys, size) : NULL;
}

/* RAM is zeros where nobody wrote yet. */
static int space_own(void *host, const struct lode_run *run)
{
	return planned(host, run->addr, run->size) ? 0 : -1;
}

static int space_write(void *host, uint64_t addr, const void *bytes, size_t size)
{
	unsigned char *to = planned(host, addr, size);

	if (!to)
		return -1;
	memcpy(to, bytes, size);
	return 0;
}

static int space_read(void *host, uint64_t addr, void *bytes, size_t size)
{
	const unsigned char *from = planned(host, addr, size);

	if (!from)
		return -1;
	memcpy(bytes, from, size);
	return 0;
}

/* Called for files only: what was unpacked is in memory. */
static int space_fill(void *host, const struct lode_fill *fill, const struct lode_source *source, struct lode_diag *why)
{
	struct vmm *vm = host;
	unsigned char *to = planned(vm, fill->addr, fill->size);
	const struct lode_extent part = {fill->offset, fill->size};

	(void)source;
	if (to && lode_vmm_file_load_(vm, to, &vm->kernel_file, &part) == 0)
		return 0;
	*why = lode_diag_of(LODE_RULE_SOURCE_READ, LODE_FIELD_FILE, fill->size, 0);
	why->offset = fill->offset;
	return -1;
}

/* The file's own pages, privately: the guest's stores stay its own. */
static int space_share(void *host, const struct lode_run *run)
{
	struct vmm *vm = host;
	unsigned char *to = planned(vm, run->addr, run->size);

	if (!to || ((uintptr_t)to & (PAGE - 1)))
		return -1;
	return mmap(to, run->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, vm->kernel_file.fd,
		(off_t)run->offset) == to ? 0 : -1;
}

/* What a failure leaves in RAM goes with the RAM. */
static void space_abort(void *host)
{
	(void)host;
}

static int place_image(struct vmm *vm)
{
	struct lode_space space = {
		.host = vm, .share = space_share, .own = space_own, .write = space_write, .fill = space_fill, .read = space_read,
		.abort = space_abort,
	};
	struct lode_diag why;

	if (lode_place_relocated(&space, &vm->kernel.image, &vm->kernel.plan, NULL, &why) != LODE_OK)
		return lode_vmm_fail_diag_(vm, &why);
	return 0;
}

static int copy_kernel(struct vmm *vm, void *to, const struct lode_part *part)
{
	const struct lode_extent bytes = {part->offset, part->size};
	struct lode_diag why;

	if (vm->kernel.source.read && lode_vmm_file_load_(vm, to, &vm->kernel_file, &bytes) == 0)
		return 0;
	if (lode_source_read(to, &vm->kernel.source, part->offset, part->size, &why) != LODE_OK)
		return lode_vmm_fail_diag_(vm, &why);
	return 0;
}

static int copy_module(struct vmm *vm, void *to, const struct lode_part *part)
{
	const struct vmm_file *file = &vm->modules[part->index];
	const struct lode_extent bytes = {part->offset, part->size};
	int error = lode_vmm_file_load_(vm, to, file, &bytes);

	return error ? lode_vmm_fail_file_(vm, error, file->path, "reading it") : 0;
}

static void put_word(unsigned char *to, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		to[i] = (unsigned char)(value >> 8 * i);
}

static int write_part(struct vmm *vm, const struct lode_part *part)
{
	unsigned char *to = lode_vmm_ram_at_(&vm->ram, part->addr, part->size);

	if (!to)
		return lode_vmm_fail_(vm, 0, "%s at 0x%llx lies outside of the guest's memory", lode_field_structure(part->what),
			(unsigned long long)part->addr);
	switch (part->content) {
	case LODE_CONTENT_BYTES: memcpy(to, vm->kernel.start.bytes + part->offset, part->size); break;
	case LODE_CONTENT_FILE: return copy_kernel(vm, to, part);
	case LODE_CONTENT_MODULE: return copy_module(vm, to, part);
	case LODE_CONTENT_WORD: put_word(to, part->offset); break;
	default: break; /* RAM is zeros; the image is placed as a whole */
	}
	return 0;
}

static int write_parts(struct vmm *vm)
{
	const struct lode_start *start = &vm->kernel.start;
	bool placed = false;

	for (uint32_t i = 0; i < start->nparts; i++) {
		const struct lode_part *part = &start->parts[i];

		if (part->content == LODE_CONTENT_IMAGE && !placed) {
			if (place_image(vm) != 0)
				return -1;
			placed = true;
		}
		if (part->size > 0 && part->content != LODE_CONTENT_IMAGE && write_part(vm, part) != 0)
			return -1;
	}
	return 0;
}

int lode_vmm_decide_(struct vmm *vm)
{
	return take_bytes(vm) != 0 || open_image(vm) != 0 || decide(vm) != 0 ? -1 : 0;
}

int lode_vmm_reopen_(struct vmm *vm)
{
	return take_bytes(vm) != 0 || open_image(vm) != 0 ? -1 : 0;
}

int lode_vmm_fill_(struct vmm *vm)
{
	return write_parts(vm) != 0 ? -1 : lode_vmm_tables_make_(vm);
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
