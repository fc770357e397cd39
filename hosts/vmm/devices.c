/* SPDX-License-Identifier: MIT */
/* The list of device models -> the devices of a machine. */
#include "vmm.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static int (*const makers[])(struct vmm *vm) = {
	lode_vmm_serial_,
	lode_vmm_debugcon_,
	lode_vmm_rtc_,
	lode_vmm_pm_,
	lode_vmm_reset_,
	lode_vmm_debug_exit_,
	lode_vmm_pvpanic_,
	lode_vmm_blk_,
	lode_vmm_rng_,
};

int lode_vmm_devices_make_(struct vmm *vm)
{
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		if (makers[i](vm))
			return -1;
	return 0;
}

static void free_device(struct vmm_device *device)
{
	if (device->own_fd >= 0)
		close(device->own_fd);
	free(device->state);
}

void lode_vmm_devices_free_(struct vmm *vm)
{
	for (uint32_t i = 0; i < vm->ndevices; i++)
		free_device(&vm->devices[i]);
	vm->ndevices = 0;
}

struct vmm_device *lode_vmm_device_add_(struct vmm *vm, const struct vmm_device_type *type, size_t size)
{
	struct vmm_device *device = &vm->devices[vm->ndevices];

	if (vm->ndevices == VMM_DEVICES_MOST) {
		lode_vmm_fail_(vm, 0, "more than %d devices", VMM_DEVICES_MOST);
		return NULL;
	}
	*device = (struct vmm_device){.type = type, .vm = vm, .fd = -1, .own_fd = -1, .state = calloc(1, size ? size : 1)};
	if (!device->state) {
		lode_vmm_fail_(vm, ENOMEM, "no memory for the device %s", type->name);
		return NULL;
	}
	vm->ndevices++;
	return device;
}
