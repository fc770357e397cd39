/* SPDX-License-Identifier: MIT */
/* Parts of the start state -> the guest's RAM: the kernel's own pages or its bytes, modules, what was made here, page tables. */
#include <string.h>
#include <sys/mman.h>

#include "vmm.h"

enum { PAGE = 4096 };

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

int lode_vmm_fill_(struct vmm *vm)
{
	return write_parts(vm) != 0 ? -1 : lode_vmm_tables_make_(vm);
}
