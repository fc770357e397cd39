/* SPDX-License-Identifier: MIT */
/* Sizes and guest-physical addresses -> the host's memory that stands for the guest's. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vmm.h"

uint64_t lode_vmm_ram_low_(const struct vmm_board *board, uint64_t size)
{
	return size >= board->low_limit ? board->low_most : size;
}

static int map_ram(struct vmm_ram *ram)
{
	int flags = ram->fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	void *bytes = mmap(NULL, ram->size, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, ram->fd, 0);

	if (bytes == MAP_FAILED)
		return -1;
	ram->bytes = bytes;
	return 0;
}

int lode_vmm_ram_create_(struct vmm *vm, uint64_t size, bool shared)
{
	struct vmm_ram *ram = &vm->ram;

	*ram = (struct vmm_ram){.size = size, .low = lode_vmm_ram_low_(vm->engine->board, size), .fd = -1};
	if (shared) {
		ram->fd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (ram->fd < 0 || ftruncate(ram->fd, (off_t)size) != 0)
			return lode_vmm_fail_(vm, errno, "making %llu MiB of memory for the guest",
				(unsigned long long)(size >> 20));
	}
	if (map_ram(ram) != 0)
		return lode_vmm_fail_(vm, errno, "mapping %llu MiB of memory for the guest", (unsigned long long)(size >> 20));
	return 0;
}

void lode_vmm_ram_destroy_(struct vmm *vm)
{
	if (vm->ram.bytes)
		munmap(vm->ram.bytes, vm->ram.size);
	if (vm->ram.fd >= 0)
		close(vm->ram.fd);
	vm->ram.bytes = NULL;
	vm->ram.fd = -1;
}

static bool inside(uint64_t addr, uint64_t size, uint64_t whole)
{
	return size <= whole && addr <= whole - size;
}

void *lode_vmm_ram_at_(const struct vmm_ram *ram, uint64_t addr, uint64_t size)
{
	if (inside(addr, size, ram->low))
		return ram->bytes + addr;
	if (addr >= VMM_4G && inside(addr - VMM_4G, size, ram->size - ram->low))
		return ram->bytes + ram->low + (addr - VMM_4G);
	return NULL;
}
