/* SPDX-License-Identifier: MIT */
/* Accesses of a guest to the ports of a PC's devices, keys and the passing of time: no device writes beside its answer, raises a line
 * that is not its own, or comes back after the end; what one reads is what it had said. */
#include "../hosts/vmm/vmm.h"
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

enum { PATTERN = 0x5a, KEYS = 64 };

static struct vmm vm;
static uint32_t ends, keys;
static bool line[24];

#define MUST(what) ((what) ? (void)0 : abort())

/* In place of the terminal. */
uint32_t lode_vmm_console_read_(struct vmm *of, unsigned char *bytes, uint32_t size)
{
	uint32_t n = size < keys ? size : keys;

	MUST(of == &vm && size > 0 && size <= 16);
	memset(bytes, 'k', n);
	keys -= n;
	of->console.ended = !n;
	return n;
}

void lode_vmm_console_write_(struct vmm *of, const unsigned char *bytes, uint32_t size)
{
	MUST(of == &vm && bytes && size == 1);
}

static void irq(struct vmm *of, uint32_t number, bool level)
{
	MUST(of == &vm && (number == 4 || number == 8 || number == 9));
	MUST(line[number] != level);
	line[number] = level;
}

static void wake(struct vmm *of)
{
	MUST(of == &vm);
	ends += vm.end != LODE_VMM_NONE;
}

static const struct vmm_board board = {.mmio = 0xd0000000, .mmio_gsi = 10, .pm_base = 0x600};
static const struct vmm_engine engine = {.name = "fuzz", .board = &board, .irq = irq, .wake = wake};
static int (*const makers[])(struct vmm *vm) = {lode_vmm_serial_, lode_vmm_debugcon_, lode_vmm_rtc_, lode_vmm_pm_, lode_vmm_reset_,
	lode_vmm_debug_exit_, lode_vmm_pvpanic_};
static const uint16_t bases[] = {0x3f8, 0xe9, 0x70, 0x600, 0x60, 0x92, 0xcf9, 0xf4, 0x505, 0xcf8, 0x3f0, 0x5fe};

static uint16_t take_port(struct fuzz_tape *tape)
{
	uint32_t which = fuzz_take(tape, 1);

	return (uint16_t)(bases[which % (sizeof bases / sizeof *bases)] + (which >> 4));
}

static void read_port(struct fuzz_tape *tape, uint32_t size)
{
	unsigned char bytes[16];

	memset(bytes, PATTERN, sizeof bytes);
	lode_vmm_bus_read_(&vm, true, take_port(tape), bytes, size);
	for (uint32_t i = size; i < sizeof bytes; i++)
		MUST(bytes[i] == PATTERN);
}

static void write_port(struct fuzz_tape *tape, uint32_t size)
{
	enum lode_vmm_end end = vm.end;
	uint32_t status = vm.status;
	unsigned char bytes[8];
	uint16_t port = take_port(tape);

	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)fuzz_take(tape, 1);
	if (port == 0xe9 && size > 1)
		return;
	lode_vmm_bus_write_(&vm, true, port, bytes, size);
	MUST(end == LODE_VMM_NONE || (vm.end == end && vm.status == status));
}

/* What the loop does: input that is watched and has come, timers. */
static void serve(struct fuzz_tape *tape)
{
	keys += fuzz_take(tape, 1) % KEYS;
	for (uint32_t i = 0; i < vm.ndevices; i++) {
		struct vmm_device *device = &vm.devices[i];

		if ((device->fd >= 0 || device->timer) && device->type->ready)
			device->type->ready(device);
	}
}

static void check_scratch(void)
{
	unsigned char byte = PATTERN;

	lode_vmm_bus_write_(&vm, true, 0x3ff, &byte, 1);
	byte = 0;
	lode_vmm_bus_read_(&vm, true, 0x3ff, &byte, 1);
	MUST(byte == PATTERN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_tape tape = {data, data + size};

	vm = (struct vmm){.engine = &engine, .lock = PTHREAD_MUTEX_INITIALIZER, .ram = {.size = 1 << 28, .low = 1 << 28, .fd = -1}};
	memset(line, 0, sizeof line);
	keys = 0;
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		MUST(makers[i](&vm) == 0);
	while (tape.at < tape.end) {
		uint32_t what = fuzz_take(&tape, 1), length = 1u << (what >> 4 & 3);

		if (what % 4 == 0)
			serve(&tape);
		else if (what & 1)
			write_port(&tape, length > 4 ? 4 : length);
		else
			read_port(&tape, length > 4 ? 3 : length);
	}
	check_scratch();
	lode_vmm_devices_free_(&vm);
	return 0;
}
