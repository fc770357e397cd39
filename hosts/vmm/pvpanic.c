/* SPDX-License-Identifier: MIT */
/* Events at port 505h -> the end. Ref: QEMU docs/specs/pvpanic. */
#include "vmm.h"

#include <string.h>

enum {
	PORT = 0x505,
	PANICKED = 1,
	CRASH_LOADED = 2, /* a crash kernel goes on: not the end */
	SHUTDOWN = 4,
};

static void pvpanic_read(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	(void)device;
	(void)offset;
	memset(bytes, 0xff, size);
	bytes[0] = PANICKED | CRASH_LOADED | SHUTDOWN;
}

static void pvpanic_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	(void)offset;
	(void)size;
	if (bytes[0] & PANICKED)
		lode_vmm_stop_(device->vm, LODE_VMM_PANIC, 0);
	else if (bytes[0] & SHUTDOWN)
		lode_vmm_stop_(device->vm, LODE_VMM_POWER_OFF, 0);
}

static const struct vmm_device_type type = {"pvpanic", pvpanic_read, pvpanic_write, NULL};

int lode_vmm_pvpanic_(struct vmm *vm)
{
	struct vmm_device *device = lode_vmm_device_add_(vm, &type, 0);

	if (!device)
		return -1;
	device->registers = (struct lode_range){PORT, 1};
	device->ports = true;
	return 0;
}
