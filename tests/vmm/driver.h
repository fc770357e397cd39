/* SPDX-License-Identifier: MIT */
/* A guest's side of a virtio device without a guest: RAM between redzones, registers, rings. For tests and fuzz targets. */
#ifndef LODE_TESTS_VMM_DRIVER_H
#define LODE_TESTS_VMM_DRIVER_H

#include "../../hosts/vmm/virtio.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum {
	DRIVER_LOW = 1 << 17,  /* bytes of RAM below the hole */
	DRIVER_HIGH = 1 << 16, /* from 4 GiB on */
	DRIVER_RAM = DRIVER_LOW + DRIVER_HIGH,
	DRIVER_ZONE = 1 << 14, /* before and behind RAM: nobody writes there, and what is read from there is recognised */
	DRIVER_FILL = 0xa5,
	DRIVER_MMIO = 0x40000000,
	DRIVER_GSI = 16,
};

/* Where a queue lies unless a test says something else. */
enum { DRIVER_DESC = 0x1000, DRIVER_AVAIL = 0x3000, DRIVER_USED = 0x4000, DRIVER_DATA = 0x10000 };

enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

struct driver {
	struct vmm vm;
	struct vmm_device *device; /* the one that is driven */
	unsigned char *mapped, *ram;
	uint32_t size;             /* of the queue */
	uint16_t made, seen;       /* requests so far: made available, found used */
	bool line[32];             /* interrupts */
	unsigned long edges;       /* how often one rose */
};

static const struct vmm_board driver_board = {.mmio = DRIVER_MMIO, .mmio_gsi = DRIVER_GSI};
static struct driver *driver_current;

static inline void driver_irq(struct vmm *vm, uint32_t irq, bool level)
{
	(void)vm;
	driver_current->edges += level && !driver_current->line[irq];
	driver_current->line[irq] = level;
}

static const struct vmm_engine driver_engine = {.name = "test", .board = &driver_board, .irq = driver_irq};

static inline void driver_begin(struct driver *d)
{
	const size_t all = DRIVER_RAM + 2 * DRIVER_ZONE;

	memset(d, 0, sizeof *d);
	driver_current = d;
	d->mapped = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (d->mapped == MAP_FAILED)
		abort();
	memset(d->mapped, DRIVER_FILL, DRIVER_ZONE);
	memset(d->mapped + all - DRIVER_ZONE, DRIVER_FILL, DRIVER_ZONE);
	d->ram = d->mapped + DRIVER_ZONE;
	d->vm.ram = (struct vmm_ram){.bytes = d->ram, .size = DRIVER_RAM, .low = DRIVER_LOW, .fd = -1};
	d->vm.engine = &driver_engine;
	pthread_mutex_init(&d->vm.lock, NULL);
	pthread_cond_init(&d->vm.idle, NULL);
	d->size = 16;
}

/* True if nothing beside RAM was written. */
static inline bool driver_zones_whole(const struct driver *d)
{
	unsigned char whole[DRIVER_ZONE];

	memset(whole, DRIVER_FILL, sizeof whole);
	return memcmp(d->mapped, whole, sizeof whole) == 0 && memcmp(d->ram + DRIVER_RAM, whole, sizeof whole) == 0;
}

static inline void driver_end(struct driver *d)
{
	lode_vmm_devices_free_(&d->vm);
	munmap(d->mapped, DRIVER_RAM + 2 * DRIVER_ZONE);
}

/*
 * Registers, as the bus gives them
 */

static inline uint32_t driver_read(struct driver *d, uint64_t offset)
{
	unsigned char bytes[8];

	lode_vmm_bus_read_(&d->vm, false, d->device->registers.addr + offset, bytes, 4);
	return (uint32_t)lode_vmm_get_(bytes, 4);
}

static inline void driver_write(struct driver *d, uint64_t offset, uint32_t value)
{
	unsigned char bytes[8];

	lode_vmm_put_(bytes, value, 4);
	lode_vmm_bus_write_(&d->vm, false, d->device->registers.addr + offset, bytes, 4);
}

static inline void driver_write_wide(struct driver *d, uint64_t offset, uint64_t value)
{
	driver_write(d, offset, (uint32_t)value);
	driver_write(d, offset + 4, (uint32_t)(value >> 32));
}

/* Features are accepted: all that there are, but for @without. */
static inline void driver_negotiate(struct driver *d, uint64_t without)
{
	driver_write(d, 0x70, 0);
	driver_write(d, 0x70, VIRTIO_ACKNOWLEDGE);
	driver_write(d, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (uint32_t word = 0; word < 2; word++) {
		driver_write(d, 0x14, word);
		driver_write(d, 0x24, word);
		driver_write(d, 0x20, driver_read(d, 0x10) & ~(uint32_t)(without >> 32 * word));
	}
	driver_write(d, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK);
}

static inline void driver_queue(struct driver *d)
{
	driver_write(d, 0x30, 0);
	driver_write(d, 0x38, d->size);
	driver_write_wide(d, 0x80, DRIVER_DESC);
	driver_write_wide(d, 0x90, DRIVER_AVAIL);
	driver_write_wide(d, 0xa0, DRIVER_USED);
	driver_write(d, 0x44, 1);
}

static inline void driver_go(struct driver *d)
{
	memset(d->ram + DRIVER_DESC, 0, DRIVER_DATA - DRIVER_DESC);
	d->made = d->seen = 0;
	driver_negotiate(d, 0);
	driver_queue(d);
	driver_write(d, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FEATURES_OK | VIRTIO_DRIVER_OK);
}

/*
 * Rings
 */

struct part {
	uint64_t addr;
	uint32_t size;
	uint16_t flags, next;
};

static inline void driver_put_desc(unsigned char *at, const struct part *part)
{
	lode_vmm_put_(at, part->addr, 8);
	lode_vmm_put_(at + 8, part->size, 4);
	lode_vmm_put_(at + 12, part->flags, 2);
	lode_vmm_put_(at + 14, part->next, 2);
}

static inline void driver_desc(struct driver *d, uint16_t index, uint64_t addr, uint32_t size, uint16_t flags)
{
	const struct part part = {addr, size, flags, (uint16_t)(index + 1)};

	driver_put_desc(d->ram + DRIVER_DESC + 16 * (size_t)index, &part);
}

/* The chain that begins with a descriptor is announced, but nobody told. */
static inline void driver_announce(struct driver *d, uint16_t head)
{
	lode_vmm_put_(d->ram + DRIVER_AVAIL + 4 + 2 * (size_t)(d->made % d->size), head, 2);
	d->made++;
	lode_vmm_put_(d->ram + DRIVER_AVAIL + 2, d->made, 2);
}

static inline void driver_kick(struct driver *d)
{
	driver_write(d, 0x50, 0);
}

/* The next used chain: its head, and how much was written. False: there is none. */
static inline bool driver_used(struct driver *d, uint32_t *head, uint32_t *written)
{
	const unsigned char *ring = d->ram + DRIVER_USED, *entry = ring + 4 + 8 * (size_t)(d->seen % d->size);

	if ((uint16_t)lode_vmm_get_(ring + 2, 2) == d->seen)
		return false;
	*head = (uint32_t)lode_vmm_get_(entry, 4);
	*written = (uint32_t)lode_vmm_get_(entry + 4, 4);
	d->seen++;
	return true;
}

static inline bool driver_needs_reset(struct driver *d)
{
	return driver_read(d, 0x70) & VIRTIO_NEEDS_RESET;
}

static inline const char *driver_broken(const struct driver *d)
{
	const struct virtio *virtio = d->device->state;

	return virtio->broken;
}

#endif
