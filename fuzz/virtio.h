/* SPDX-License-Identifier: MIT */
/* Bytes are what a guest does to a virtio device: registers in any order and width, rings and tables of any content, notifications.
 * Used by the targets of the devices, which say what the device reads and writes. */
#ifndef LODE_FUZZ_VIRTIO_H
#define LODE_FUZZ_VIRTIO_H

#include "../tests/vmm/driver.h"
#include "fuzz.h"

enum { FUZZ_STEPS = 64 };

static inline void fuzz_in_ram(const struct driver *d, const struct iovec *parts, int n)
{
	HOLDS(n > 0 && n <= VIRTIO_PARTS);
	for (int i = 0; i < n; i++) {
		const uint64_t at = (uint64_t)((unsigned char *)parts[i].iov_base - d->ram);

		HOLDS(parts[i].iov_len > 0 && parts[i].iov_len <= DRIVER_RAM && at <= DRIVER_RAM - parts[i].iov_len);
		/* nothing goes from below the hole over to what is behind it */
		HOLDS(at >= DRIVER_LOW || at + parts[i].iov_len <= DRIVER_LOW);
	}
}

/* Addresses near the edges that matter, or anything. */
static inline uint64_t fuzz_address(struct fuzz_tape *tape)
{
	static const uint64_t bases[] = {
		DRIVER_DATA, 0, DRIVER_LOW, VMM_4G, VMM_4G + DRIVER_HIGH, DRIVER_MMIO, DRIVER_DESC, DRIVER_USED};
	const uint32_t how = fuzz_take(tape, 1);
	const uint64_t base = bases[how % 8];

	switch (how >> 3 & 3) {
	case 0: return base + fuzz_take(tape, 1);
	case 1: return base - fuzz_take(tape, 2);
	case 2: return base + fuzz_take(tape, 2);
	default: return (uint64_t)fuzz_take(tape, 4) << 32 | fuzz_take(tape, 4);
	}
}

static inline uint32_t fuzz_size(struct fuzz_tape *tape)
{
	const uint32_t how = fuzz_take(tape, 1);

	switch (how & 3) {
	case 0: return how >> 2;
	case 1: return 512u * (how >> 2);
	case 2: return 16u * (how >> 2);
	default: return fuzz_take(tape, 4);
	}
}

static inline void fuzz_desc(struct driver *d, struct fuzz_tape *tape)
{
	const uint32_t where = fuzz_take(tape, 1);
	const uint64_t base = where & 0x80 ? DRIVER_DATA + 0x1000 : DRIVER_DESC;
	struct part part = {.addr = fuzz_address(tape)};

	part.size = fuzz_size(tape);
	part.flags = (uint16_t)(fuzz_take(tape, 1) & 0xf);
	part.next = (uint16_t)fuzz_take(tape, 1);
	driver_put_desc(d->ram + base + 16 * (size_t)(where & 0x7f), &part);
}

/* How many the driver finds used, at most as many as a queue holds; then it takes the count for its own. */
static inline void fuzz_kick(struct driver *d)
{
	const struct virtio *virtio = d->device->state;
	const struct virtio_queue *queue = virtio->queues;
	const uint16_t taken = queue->taken, given = queue->given;
	const uint32_t status = virtio->status & (VIRTIO_DRIVER_OK | VIRTIO_NEEDS_RESET | VIRTIO_FAILED);
	const bool live = status == VIRTIO_DRIVER_OK && queue->ready;

	driver_kick(d);
	HOLDS((uint16_t)(queue->given - given) <= (uint16_t)(queue->taken - taken));
	HOLDS((uint16_t)(queue->taken - taken) <= (live ? queue->size : 0));
	if (d->device->timer)
		d->device->type->ready(d->device);
	HOLDS((virtio->status & VIRTIO_NEEDS_RESET) || (uint16_t)(queue->given - given) == (uint16_t)(queue->taken - taken));
}

static inline void fuzz_access(struct driver *d, struct fuzz_tape *tape)
{
	static const uint32_t sizes[] = {1, 2, 4, 8};
	const uint32_t how = fuzz_take(tape, 1);
	const uint64_t addr = d->device->registers.addr + (how & 0x10 ? fuzz_take(tape, 2) & 0xfff : fuzz_take(tape, 1));
	unsigned char bytes[8];

	lode_vmm_put_(bytes, fuzz_take(tape, how & 4 ? 4 : 1), 8);
	if (how & 8)
		lode_vmm_bus_read_(&d->vm, false, addr, bytes, sizes[how & 3]);
	else
		lode_vmm_bus_write_(&d->vm, false, addr, bytes, sizes[how & 3]);
}

static inline void fuzz_spoil(struct driver *d, struct fuzz_tape *tape)
{
	const uint32_t where = fuzz_take(tape, 2) % (DRIVER_DATA - DRIVER_DESC);

	d->ram[DRIVER_DESC + where] = (unsigned char)fuzz_take(tape, 1);
}

static inline void fuzz_step(struct driver *d, struct fuzz_tape *tape)
{
	const uint32_t what = fuzz_take(tape, 1);

	switch (what % 8) {
	case 0: driver_go(d); break;
	case 1:
	case 2: fuzz_desc(d, tape); break;
	case 3: fuzz_access(d, tape); break;
	case 4: driver_announce(d, (uint16_t)(what >> 3 == 31 ? fuzz_take(tape, 2) : what >> 3)); break;
	case 5: lode_vmm_put_(d->ram + DRIVER_DATA + 16 * (size_t)(what >> 3), fuzz_take(tape, 4), 8); break;
	case 6: fuzz_spoil(d, tape); break;
	default: fuzz_kick(d); break;
	}
}

#endif
