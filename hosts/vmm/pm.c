/* SPDX-License-Identifier: MIT */
/* ACPI fixed hardware at board->pm_base: event (+0), control (+4), timer (+8), SCI 9 -> power-off. Ref: ACPI 6.5, section 4.8.3. */
#include "vmm.h"

#include <string.h>

enum {
	STATUS = 0, ENABLE = 2, CONTROL = 4, TIMER = 8, SIZE = 12,
	SCI = 9,
	TIMER_BIT = 1, /* of status and enable */
	ENABLES = 0x0521, /* timer, global lock, power button, clock */
	SCI_EN = 1,
	SLP_EN = 0x2000,
	TIMER_HZ = 3579545,
	TIMER_HALF = 23, /* the status is set whenever this bit of the timer changes */
};

struct pm {
	uint64_t begun;    /* ns at which the timer was 0 */
	uint64_t overflow; /* timer >> TIMER_HALF when the status was last up to date */
	uint16_t status, enable, control;
	bool line;
};

/* In two steps: ns times Hz is more than 64 bits after an hour. */
static uint64_t ticks(const struct pm *pm)
{
	uint64_t ns = lode_vmm_now_() - pm->begun, second = 1000000000;

	return ns / second * TIMER_HZ + ns % second * TIMER_HZ / second;
}

static uint64_t ns_of(uint64_t count)
{
	return count / TIMER_HZ * 1000000000 + (count % TIMER_HZ * 1000000000 + TIMER_HZ - 1) / TIMER_HZ;
}

static void settle(struct vmm_device *device)
{
	struct pm *pm = device->state;
	uint64_t overflow = ticks(pm) >> TIMER_HALF, timer;
	bool line;

	if (overflow != pm->overflow)
		pm->status |= TIMER_BIT;
	pm->overflow = overflow;
	line = pm->status & pm->enable;
	if (line != pm->line)
		lode_vmm_irq_(device->vm, device->irq, line);
	pm->line = line;
	timer = pm->enable & TIMER_BIT ? pm->begun + ns_of((overflow + 1) << TIMER_HALF) : 0;
	if (timer != device->timer) {
		device->timer = timer;
		lode_vmm_wake_(device->vm);
	}
}

static void put(unsigned char *bytes, uint32_t value, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
}

static void pm_read(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	const struct pm *pm = device->state;
	unsigned char registers[SIZE] = {0};

	settle(device);
	put(registers + STATUS, pm->status, 2);
	put(registers + ENABLE, pm->enable, 2);
	put(registers + CONTROL, pm->control | SCI_EN, 2);
	put(registers + TIMER, (uint32_t)ticks(pm), 4);
	memcpy(bytes, registers + offset, size);
}

static uint16_t replaced(uint16_t old, uint32_t shift, unsigned char byte)
{
	return (uint16_t)((old & ~(0xffu << shift)) | (uint32_t)byte << shift);
}

static void write_byte(struct pm *pm, uint64_t offset, unsigned char byte)
{
	uint32_t shift = offset & 1 ? 8 : 0;

	switch (offset & ~UINT64_C(1)) {
	case STATUS: pm->status &= (uint16_t)~((uint32_t)byte << shift); break;
	case ENABLE: pm->enable = replaced(pm->enable, shift, byte) & ENABLES; break;
	case CONTROL: pm->control = replaced(pm->control, shift, byte); break;
	default: break;
	}
}

/* Only S5 is announced, so whatever the type: sleep means off. */
static void pm_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	struct pm *pm = device->state;

	settle(device);
	for (uint32_t i = 0; i < size; i++)
		write_byte(pm, offset + i, bytes[i]);
	if (pm->control & SLP_EN)
		lode_vmm_stop_(device->vm, LODE_VMM_POWER_OFF, 0);
	pm->control &= (uint16_t)~SLP_EN;
	settle(device);
}

static const struct vmm_device_type type = {"pm", pm_read, pm_write, settle};

int lode_vmm_pm_(struct vmm *vm)
{
	struct vmm_device *device = lode_vmm_device_add_(vm, &type, sizeof(struct pm));

	if (!device)
		return -1;
	device->registers = (struct lode_range){vm->engine->board->pm_base, SIZE};
	device->ports = true;
	device->irq = SCI;
	((struct pm *)device->state)->begun = lode_vmm_now_();
	return 0;
}
