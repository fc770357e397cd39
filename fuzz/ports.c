/* SPDX-License-Identifier: MIT */
/* Bytes are accesses to the devices of a PC and to a virtio device, of any width, at any port or address, and turns of the loop.
 * The terminal is a tape. Reads are as long as they are asked for; there is one end, and one that devices may ask for. */
#include "virtio.h"

void fuzz_console_write(struct vmm *vm, const unsigned char *bytes, uint32_t size);
uint32_t fuzz_console_read(struct vmm *vm, unsigned char *bytes, uint32_t size);

static struct driver d;
static struct fuzz_tape tape;
static unsigned long written;

void fuzz_console_write(struct vmm *vm, const unsigned char *bytes, uint32_t size)
{
	HOLDS(vm == &d.vm && size > 0 && size <= 8);
	written += bytes[size - 1] ? 1 : 2;
}

uint32_t fuzz_console_read(struct vmm *vm, unsigned char *bytes, uint32_t size)
{
	uint32_t n = fuzz_take(&tape, 1) % (size + 1);

	HOLDS(size > 0 && size <= 4096);
	if (!n)
		vm->console.ended = true;
	memset(bytes, (int)fuzz_take(&tape, 1), n);
	return n;
}

static void access_one(void)
{
	static const uint32_t sizes[] = {1, 2, 4, 8};
	const uint32_t how = fuzz_take(&tape, 1), size = sizes[how & 3];
	const struct vmm_device *device = &d.vm.devices[fuzz_take(&tape, 1) % d.vm.ndevices];
	const uint64_t offset = how & 8 ? fuzz_take(&tape, 2) - 8u : fuzz_take(&tape, 1) % device->registers.size;
	const uint64_t addr = device->registers.addr + offset;
	const bool ports = device->ports != !(how & 0xe0); /* sometimes in the other space */
	unsigned char bytes[10];

	memset(bytes, DRIVER_FILL, sizeof bytes);
	if (how & 4) {
		lode_vmm_bus_read_(&d.vm, ports, addr, bytes + 1, size);
	} else {
		lode_vmm_put_(bytes + 1, fuzz_take(&tape, 4), size);
		lode_vmm_bus_write_(&d.vm, ports, addr, bytes + 1, size);
	}
	HOLDS(bytes[0] == DRIVER_FILL && bytes[1 + size] == DRIVER_FILL);
}

/* As the loop does it. */
static void turn(void)
{
	for (uint32_t i = 0; i < d.vm.ndevices; i++) {
		struct vmm_device *device = &d.vm.devices[i];

		HOLDS((!device->timer && device->fd < 0) || device->type->ready);
		if (device->timer || device->fd >= 0)
			device->type->ready(device);
	}
}

static void check_end(enum lode_vmm_end *end)
{
	HOLDS(*end == LODE_VMM_NONE || *end == d.vm.end);
	HOLDS(d.vm.end == LODE_VMM_NONE || d.vm.end == LODE_VMM_POWER_OFF || d.vm.end == LODE_VMM_EXIT ||
		d.vm.end == LODE_VMM_RESET || d.vm.end == LODE_VMM_PANIC);
	*end = d.vm.end;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum lode_vmm_end end = LODE_VMM_NONE;

	tape = (struct fuzz_tape){data, data + size};
	driver_begin(&d);
	HOLDS(lode_vmm_devices_make_(&d.vm) == 0);
	for (uint32_t i = 0; i < 4 * FUZZ_STEPS && tape.at < tape.end; i++) {
		if (fuzz_take(&tape, 1) % 8 == 0)
			turn();
		else
			access_one();
		check_end(&end);
	}
	HOLDS(driver_zones_whole(&d));
	driver_end(&d);
	return 0;
}
