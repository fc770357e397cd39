/* SPDX-License-Identifier: MIT */
/* The ways in which a PC is reset: keyboard controller (60h, 64h), system control port (92h), reset control (CF9h) -> the end.
 * The controller answers its own commands, so that drivers find one; there is no keyboard and no mouse. */
#include "vmm.h"

#include <string.h>

enum {
	DATA = 0x60,
	COMMAND = 4, /* offset of 64h */
	FAST = 0x92, FAST_RESET = 1, FAST_A20 = 2,
	CONTROL = 0xcf9, CONTROL_RESET = 4,

	STATUS_FULL = 1, STATUS_TESTED = 4, STATUS_COMMAND = 8, STATUS_UNLOCKED = 16,
	OUTPUT_NO_RESET = 1, OUTPUT_A20 = 2,
	DISABLED = 0x30, /* command byte: keyboard and mouse are off */
};

struct controller {
	unsigned char command; /* that waits for its data; 0: none */
	unsigned char mode;    /* "command byte" */
	unsigned char output;
	unsigned char data;
	bool full, last_command;
};

static void answer(struct controller *c, unsigned char data)
{
	c->data = data;
	c->full = true;
}

static void reset(struct vmm *vm)
{
	lode_vmm_stop_(vm, LODE_VMM_RESET, 0);
}

static void controller_command(struct vmm *vm, struct controller *c, unsigned char value)
{
	c->command = 0;
	if (value >= 0xf0) {
		if (!(value & OUTPUT_NO_RESET))
			reset(vm);
		return;
	}
	switch (value) {
	case 0x20: answer(c, c->mode); break;
	case 0x60: case 0xd1: case 0xd2: case 0xd3: case 0xd4: c->command = value; break;
	case 0xaa: answer(c, 0x55); break;
	case 0xa9: case 0xab: answer(c, 0); break;
	case 0xd0: answer(c, c->output); break;
	default: break;
	}
}

static void controller_data(struct vmm *vm, struct controller *c, unsigned char value)
{
	unsigned char command = c->command;

	c->command = 0;
	if (command == 0x60)
		c->mode = value;
	else if (command == 0xd2)
		answer(c, value);
	else if (command == 0xd1) {
		c->output = value;
		if (!(value & OUTPUT_NO_RESET))
			reset(vm);
	}
}

static void controller_read(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	struct controller *c = device->state;

	memset(bytes, 0xff, size);
	if (offset == 0) {
		bytes[0] = c->data;
		c->full = false;
	} else if (offset == COMMAND) {
		bytes[0] = (unsigned char)(STATUS_UNLOCKED | STATUS_TESTED | (c->full ? STATUS_FULL : 0) |
			(c->last_command ? STATUS_COMMAND : 0));
	}
}

static void controller_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	struct controller *c = device->state;

	(void)size;
	if (offset == COMMAND)
		controller_command(device->vm, c, bytes[0]);
	else if (offset == 0)
		controller_data(device->vm, c, bytes[0]);
	c->last_command = offset == COMMAND;
}

static void fast_read(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	(void)offset;
	memset(bytes, 0xff, size);
	bytes[0] = *(unsigned char *)device->state;
}

/* The address line 20 cannot be turned off. */
static void fast_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	(void)offset;
	(void)size;
	*(unsigned char *)device->state = (unsigned char)((bytes[0] & ~FAST_RESET) | FAST_A20);
	if (bytes[0] & FAST_RESET)
		reset(device->vm);
}

static void control_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	(void)offset;
	(void)size;
	*(unsigned char *)device->state = bytes[0];
	if (bytes[0] & CONTROL_RESET)
		reset(device->vm);
}

static const struct vmm_device_type controller_type = {"i8042", controller_read, controller_write, NULL};
static const struct vmm_device_type fast_type = {"port92", fast_read, fast_write, NULL};
static const struct vmm_device_type control_type = {"reset-control", fast_read, control_write, NULL};

static struct vmm_device *add(struct vmm *vm, const struct vmm_device_type *type, struct lode_range ports)
{
	struct vmm_device *device = lode_vmm_device_add_(vm, type, sizeof(struct controller));

	if (device) {
		device->registers = ports;
		device->ports = true;
	}
	return device;
}

int lode_vmm_reset_(struct vmm *vm)
{
	struct vmm_device *controller = add(vm, &controller_type, (struct lode_range){DATA, COMMAND + 1});
	struct vmm_device *fast = add(vm, &fast_type, (struct lode_range){FAST, 1});

	if (!controller || !fast || !add(vm, &control_type, (struct lode_range){CONTROL, 1}))
		return -1;
	*(struct controller *)controller->state = (struct controller){.mode = DISABLED, .output = OUTPUT_NO_RESET | OUTPUT_A20};
	*(unsigned char *)fast->state = FAST_A20;
	return 0;
}
