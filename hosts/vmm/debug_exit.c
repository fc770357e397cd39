/* SPDX-License-Identifier: MIT */
/* A number at port F4h -> the end, with that number as the guest's status (QEMU's isa-debug-exit where test kernels expect it). */
#include "vmm.h"

#include <string.h>

enum { PORT = 0xf4, SIZE = 4 };

static void exit_read(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	(void)device;
	(void)offset;
	memset(bytes, 0, size);
}

static void exit_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	uint32_t value = 0;

	(void)offset;
	for (uint32_t i = 0; i < size && i < SIZE; i++)
		value |= (uint32_t)bytes[i] << 8 * i;
	lode_vmm_stop_(device->vm, LODE_VMM_EXIT, value);
}

static const struct vmm_device_type type = {"debug-exit", exit_read, exit_write, NULL};

int lode_vmm_debug_exit_(struct vmm *vm)
{
	struct vmm_device *device = lode_vmm_device_add_(vm, &type, 0);

	if (!device)
		return -1;
	device->registers = (struct lode_range){PORT, SIZE};
	device->ports = true;
	return 0;
}
