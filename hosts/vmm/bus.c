/* SPDX-License-Identifier: MIT */
/* Accesses of the guest -> the device that has the registers; interrupts and the end, from devices to the engine. */
#include "vmm.h"

#include <string.h>
#include <time.h>

/* An access belongs to the device in which it begins, and has to end there: CF9h resets, but 32 bits at CF8h do not. */
static struct vmm_device *device_at(struct vmm *vm, bool ports, uint64_t addr, uint32_t size)
{
	for (uint32_t i = 0; i < vm->ndevices; i++) {
		struct vmm_device *device = &vm->devices[i];
		uint64_t offset = addr - device->registers.addr;

		if (device->ports == ports && offset < device->registers.size && size <= device->registers.size - offset)
			return device;
	}
	return NULL;
}

static bool size_ok(uint32_t size)
{
	return size == 1 || size == 2 || size == 4 || size == 8;
}

void lode_vmm_bus_read_(struct vmm *vm, bool ports, uint64_t addr, unsigned char *bytes, uint32_t size)
{
	struct vmm_device *device;

	memset(bytes, 0xff, size);
	if (!size_ok(size))
		return;
	pthread_mutex_lock(&vm->lock);
	device = device_at(vm, ports, addr, size);
	if (device)
		device->type->read(device, addr - device->registers.addr, bytes, size);
	pthread_mutex_unlock(&vm->lock);
}

void lode_vmm_bus_write_(struct vmm *vm, bool ports, uint64_t addr, const unsigned char *bytes, uint32_t size)
{
	struct vmm_device *device;

	if (!size_ok(size))
		return;
	pthread_mutex_lock(&vm->lock);
	device = device_at(vm, ports, addr, size);
	if (device)
		device->type->write(device, addr - device->registers.addr, bytes, size);
	pthread_mutex_unlock(&vm->lock);
}

void lode_vmm_irq_(struct vmm *vm, uint32_t irq, bool level)
{
	if (vm->engine->irq)
		vm->engine->irq(vm, irq, level);
}

/* Without the lock, because devices call this with the lock held and the loop without. */
void lode_vmm_stop_(struct vmm *vm, enum lode_vmm_end end, uint32_t status)
{
	if (__atomic_exchange_n(&vm->ending, true, __ATOMIC_ACQ_REL))
		return;
	vm->status = status;
	__atomic_store_n(&vm->end, end, __ATOMIC_RELEASE);
	lode_vmm_wake_(vm);
}

void lode_vmm_wake_(struct vmm *vm)
{
	if (vm->engine->wake)
		vm->engine->wake(vm);
}

uint64_t lode_vmm_now_(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
