/* SPDX-License-Identifier: MIT */
/* Virtio devices: what a model gives the transport (virtio.c), and what rings give a model (virtio_queue.c).
 *
 * Everything that lies in guest RAM may be a lie, and may change while it is looked at. Each number is therefore copied once,
 * checked as a copy, and the guest's memory not asked again.
 *
 * Ref: Virtual I/O Device (VIRTIO) 1.2: 2.1 status, 2.2 features, 2.7 split virtqueues, 4.2 MMIO, 5.2 block, 5.4 entropy. */
#ifndef LODE_HOSTS_VMM_VIRTIO_H
#define LODE_HOSTS_VMM_VIRTIO_H

#include "vmm.h"
#include <sys/uio.h>

enum {
	VIRTIO_QUEUES_MOST = 2,
	VIRTIO_QUEUE_SIZE = 256, /* the largest; a power of two */
	VIRTIO_PARTS = 256,      /* descriptors of one request, indirect ones among them */
	VIRTIO_CONFIG = 64,      /* bytes of a device's configuration */
};

#define VIRTIO_F_INDIRECT (UINT64_C(1) << 28)
#define VIRTIO_F_VERSION_1 (UINT64_C(1) << 32)

enum {
	VIRTIO_ACKNOWLEDGE = 1,
	VIRTIO_DRIVER = 2,
	VIRTIO_DRIVER_OK = 4,
	VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 64,
	VIRTIO_FAILED = 128,
};

enum {
	VIRTIO_IRQ_USED = 1,   /* of a queue */
	VIRTIO_IRQ_CONFIG = 2, /* configuration or status changed */
};

/** A request, taken off a ring: ranges of guest RAM where the host has them. First those that the device reads. */
struct virtio_chain {
	uint16_t head;
	uint32_t nout, nin;
	uint64_t out_size, in_size; /* each below 4 GiB */
	struct iovec parts[VIRTIO_PARTS];
};

struct virtio_queue {
	uint64_t desc_addr, driver_addr, device_addr; /* as the driver says */
	uint32_t size;                                /* likewise; a power of two once the queue is ready */
	bool ready;
	uint16_t taken, given; /* indices of the available and of the used ring, free running */
	const unsigned char *desc, *avail;
	unsigned char *used;
};

struct virtio;

struct virtio_type {
	const char *name;
	uint32_t id;
	uint32_t nqueues;
	/** The driver says that there is something in a queue that is ready. */
	void (*notify)(struct virtio *virtio, struct virtio_queue *queue);
};

/** Head of a model's own state. vm->lock guards all of it. */
struct virtio {
	const struct virtio_type *type;
	struct vmm_device *device;
	uint64_t features, driver_features;
	uint32_t status, interrupts;
	uint32_t features_word, driver_word, queue_index; /* selectors */
	struct virtio_queue queues[VIRTIO_QUEUES_MOST];
	unsigned char config[VIRTIO_CONFIG];
	uint32_t config_size;
	const char *broken; /* what the driver did last that no driver may do; NULL: nothing */
	struct virtio_chain chain; /* the request at hand */
	bool busy;          /* a thread serves requests, perhaps without the lock: chain and queues are its own */
	bool again;         /* told meanwhile that there is more */
	bool cancelled;     /* a reset waits for it */
};

/** A new device at the next transport; its state has @size bytes and begins with struct virtio. NULL: vm->error says why. */
void *lode_vmm_virtio_add_(struct vmm *vm, const struct virtio_type *type, size_t size);
/**
 * Bytes are moved without vm->lock, so that a slow disk holds up nobody else: meanwhile others read registers, notify, acknowledge,
 * and who wants to change the device waits for its requests. False: what is left of the request is not wanted any more.
 */
void lode_vmm_virtio_release_(struct virtio *virtio);
bool lode_vmm_virtio_regain_(struct virtio *virtio);
/** The device is notified again once the loop has had a turn. */
void lode_vmm_virtio_later_(struct virtio *virtio);
/** The driver has lied: the device does nothing more until it is reset. */
void lode_vmm_virtio_broken_(struct virtio *virtio, const char *why);
void lode_vmm_virtio_interrupt_(struct virtio *virtio, uint32_t cause);

/** Areas of a queue that is about to be ready: in RAM, aligned, of a size that is allowed. NULL, or what is wrong. */
const char *lode_vmm_queue_open_(struct virtio_queue *queue, const struct vmm_ram *ram);
/**
 * Serve what is in the queue now, one request after the other. @serve says how many bytes it wrote, counted from the first one
 * that may be written; it returns NULL, or what is wrong with the request. What the driver adds meanwhile comes with a
 * notification of its own, so that this ends; and after many bytes the rest is left for later.
 */
void lode_vmm_queue_serve_(struct virtio *virtio, struct virtio_queue *queue,
	const char *(*serve)(uint32_t *written, struct virtio *virtio, struct virtio_chain *chain));
/** The first @size bytes of those that the device reads, taken off the chain. False if there are fewer. */
bool lode_vmm_chain_take_(struct virtio_chain *chain, void *bytes, size_t size);
/** The last byte of those that the device writes, taken off the chain. NULL: there is none. */
unsigned char *lode_vmm_chain_last_(struct virtio_chain *chain);

static inline void lode_vmm_put_(unsigned char *bytes, uint64_t value, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(i < 8 ? value >> 8 * i : 0);
}

static inline uint64_t lode_vmm_get_(const unsigned char *bytes, uint32_t size)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < size; i++)
		value |= (uint64_t)bytes[i] << 8 * i;
	return value;
}

#endif
