/* SPDX-License-Identifier: MIT */
/* Bytes at port E9h -> the terminal. A read gives E9h: how guests find it. */
#include "vmm.h"

#include <string.h>

enum { PORT = 0xe9 };

static void debugcon_read(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	(void)device;
	(void)offset;
	memset(bytes, 0xff, size);
	bytes[0] = PORT;
}

static void debugcon_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	(void)offset;
	lode_vmm_console_write_(device->vm, bytes, size);
}

static const struct vmm_device_type type = {"debugcon", debugcon_read, debugcon_write, NULL};

int lode_vmm_debugcon_(struct vmm *vm)
{
	struct vmm_device *device = lode_vmm_device_add_(vm, &type, 0);

	if (!device)
		return -1;
	device->registers = (struct lode_range){PORT, 1};
	device->ports = true;
	return 0;
}
