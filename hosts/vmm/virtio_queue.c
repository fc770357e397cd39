/* SPDX-License-Identifier: MIT */
/* A split ring in guest RAM -> requests as checked ranges of the host's memory, one at a time; and back into the used ring. */
#include "virtio.h"

#include <string.h>

enum {
	DESC_NEXT = 1,
	DESC_WRITE = 2,
	DESC_INDIRECT = 4,
	DESC_SIZE = 16,
	RING_HEAD = 4, /* flags and index, before the entries of either ring */
	USED_SIZE = 8,
	AVAIL_NO_INTERRUPT = 1,
	MOVED_MOST = 64 << 20, /* bytes, before others have a turn */
};

/* As the ring holds it, but in memory of our own. */
struct desc {
	uint64_t addr;
	uint32_t size;
	uint16_t flags, next;
};

/* Loads of guest memory that happen once, whatever the compiler thinks of it. Indirect tables may lie at any address. */
typedef volatile uint64_t __attribute__((aligned(1), may_alias)) guest_u64;
typedef volatile uint16_t __attribute__((aligned(1), may_alias)) guest_u16;
/* The index of a ring is aligned, and is passed from thread to thread. */
typedef uint16_t __attribute__((may_alias)) guest_index;

static uint16_t load16(const unsigned char *at)
{
	return *(const guest_u16 *)at;
}

static uint16_t load_index(const unsigned char *ring)
{
	return __atomic_load_n((const guest_index *)(ring + 2), __ATOMIC_ACQUIRE);
}

static struct desc load_desc(const unsigned char *at)
{
	const uint64_t addr = ((const guest_u64 *)at)[0], rest = ((const guest_u64 *)at)[1];

	return (struct desc){addr, (uint32_t)rest, (uint16_t)(rest >> 32), (uint16_t)(rest >> 48)};
}

const char *lode_vmm_queue_open_(struct virtio_queue *queue, const struct vmm_ram *ram)
{
	const uint32_t size = queue->size;

	if (!size || size > VIRTIO_QUEUE_SIZE || (size & (size - 1)))
		return "the size of a queue is no power of two, or too large";
	if (queue->desc_addr % DESC_SIZE || queue->driver_addr % 2 || queue->device_addr % 4)
		return "an area of a queue is not aligned";
	queue->desc = lode_vmm_ram_at_(ram, queue->desc_addr, (uint64_t)size * DESC_SIZE);
	queue->avail = lode_vmm_ram_at_(ram, queue->driver_addr, RING_HEAD + (uint64_t)size * 2);
	queue->used = lode_vmm_ram_at_(ram, queue->device_addr, RING_HEAD + (uint64_t)size * USED_SIZE);
	if (!queue->desc || !queue->avail || !queue->used)
		return "an area of a queue lies outside of RAM";
	queue->taken = queue->given = 0;
	return NULL;
}

/* NULL, or what is wrong. A part without bytes is allowed, and none. */
static const char *add_part(struct virtio_chain *chain, const struct vmm_ram *ram, const struct desc *desc)
{
	const bool in = desc->flags & DESC_WRITE;
	uint64_t *total = in ? &chain->in_size : &chain->out_size;
	void *at;

	if (!in && chain->nin)
		return "a buffer for the device to read stands behind one for it to write";
	if (!desc->size)
		return NULL;
	at = lode_vmm_ram_at_(ram, desc->addr, desc->size);
	if (!at)
		return "a buffer lies outside of RAM";
	if (chain->nout + chain->nin == VIRTIO_PARTS)
		return "a request has too many buffers";
	*total += desc->size;
	if (*total > UINT32_MAX)
		return "a request is larger than 4 GiB";
	chain->parts[chain->nout + chain->nin] = (struct iovec){at, desc->size};
	*(in ? &chain->nin : &chain->nout) += 1;
	return NULL;
}

/* Descriptors that name each other, the ring's own or those of an indirect table. */
struct table {
	const unsigned char *descs;
	uint32_t size;
	bool indirect;
};

/* A table of as many entries as a request may have parts; within it the same rules hold, but it leads to no other. */
static const char *open_indirect(struct table *table, const struct virtio *virtio, const struct desc *desc)
{
	if (!(virtio->driver_features & VIRTIO_F_INDIRECT) || table->indirect)
		return "an indirect table where none may be";
	if (desc->flags & DESC_NEXT)
		return "something follows an indirect table";
	if (!desc->size || desc->size % DESC_SIZE || desc->size / DESC_SIZE > VIRTIO_PARTS)
		return "an indirect table has a wrong size";
	table->descs = lode_vmm_ram_at_(&virtio->device->vm->ram, desc->addr, desc->size);
	table->size = desc->size / DESC_SIZE;
	table->indirect = true;
	return table->descs ? NULL : "an indirect table lies outside of RAM";
}

/* No more steps than a table has entries: chains that are longer come around again. */
static const char *walk(struct virtio *virtio, struct table *table, uint16_t index)
{
	struct virtio_chain *chain = &virtio->chain;
	const char *wrong;
	struct desc desc;

	for (uint32_t left = table->size; left > 0; left--) {
		if (index >= table->size)
			return "a descriptor's number is too large";
		desc = load_desc(table->descs + (size_t)index * DESC_SIZE);
		if (desc.flags & DESC_INDIRECT) {
			wrong = open_indirect(table, virtio, &desc);
			if (wrong)
				return wrong;
			index = 0;
			left = table->size + 1;
			continue;
		}
		wrong = add_part(chain, &virtio->device->vm->ram, &desc);
		if (wrong || !(desc.flags & DESC_NEXT))
			return wrong;
		index = desc.next;
	}
	return "a chain of descriptors is a loop";
}

static const char *take(struct virtio *virtio, struct virtio_queue *queue)
{
	struct virtio_chain *chain = &virtio->chain;
	struct table table = {queue->desc, queue->size, false};

	chain->head = load16(queue->avail + RING_HEAD + (size_t)(queue->taken & (queue->size - 1)) * 2);
	chain->nout = chain->nin = 0;
	chain->out_size = chain->in_size = 0;
	queue->taken++;
	return walk(virtio, &table, chain->head);
}

static void give(struct virtio_queue *queue, uint16_t head, uint32_t written)
{
	unsigned char *entry = queue->used + RING_HEAD + (size_t)(queue->given & (queue->size - 1)) * USED_SIZE;

	lode_vmm_put_(entry, head, 4);
	lode_vmm_put_(entry + 4, written, 4);
	queue->given++;
	__atomic_store_n((guest_index *)(queue->used + 2), queue->given, __ATOMIC_RELEASE);
}

/* The driver allows interrupts, then looks whether it has missed one; so the index must be seen before its wish is read. */
static void tell(struct virtio *virtio, const struct virtio_queue *queue)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!(load16(queue->avail) & AVAIL_NO_INTERRUPT))
		lode_vmm_virtio_interrupt_(virtio, VIRTIO_IRQ_USED);
}

/* True if there is more, for later. */
static bool serve_some(struct virtio *virtio, struct virtio_queue *queue,
	const char *(*serve)(uint32_t *written, struct virtio *virtio, struct virtio_chain *chain))
{
	const uint16_t end = load_index(queue->avail);
	const uint32_t n = (uint16_t)(end - queue->taken);
	const char *wrong = n > queue->size ? "more requests are announced than a queue holds" : NULL;
	uint64_t moved = 0;
	uint32_t i = 0, written;

	for (; i < n && !wrong && !virtio->cancelled && moved < MOVED_MOST; i++) {
		wrong = take(virtio, queue);
		moved += virtio->chain.out_size + virtio->chain.in_size;
		if (!wrong)
			wrong = serve(&written, virtio, &virtio->chain);
		if (!wrong)
			give(queue, virtio->chain.head, written);
	}
	if (wrong)
		lode_vmm_virtio_broken_(virtio, wrong);
	else if (n)
		tell(virtio, queue);
	return !wrong && i < n;
}

/* Whoever waits for this is woken; what was told meanwhile is looked after by the loop. */
static void finish(struct virtio *virtio, bool more)
{
	virtio->busy = false;
	if ((more || virtio->again) && !virtio->cancelled)
		lode_vmm_virtio_later_(virtio);
	virtio->again = virtio->cancelled = false;
	pthread_cond_broadcast(&virtio->device->vm->idle);
}

void lode_vmm_queue_serve_(struct virtio *virtio, struct virtio_queue *queue,
	const char *(*serve)(uint32_t *written, struct virtio *virtio, struct virtio_chain *chain))
{
	if (virtio->busy) {
		virtio->again = true;
		return;
	}
	virtio->busy = true;
	finish(virtio, serve_some(virtio, queue, serve));
}

bool lode_vmm_chain_take_(struct virtio_chain *chain, void *bytes, size_t size)
{
	unsigned char *to = bytes;

	if (chain->out_size < size)
		return false;
	chain->out_size -= size;
	for (uint32_t i = 0; size; i++) {
		struct iovec *part = &chain->parts[i];
		const size_t n = part->iov_len < size ? part->iov_len : size;

		memcpy(to, part->iov_base, n);
		part->iov_base = (unsigned char *)part->iov_base + n;
		part->iov_len -= n;
		to += n;
		size -= n;
	}
	__atomic_signal_fence(__ATOMIC_SEQ_CST); /* from here on it is the copy that is looked at */
	return true;
}

unsigned char *lode_vmm_chain_last_(struct virtio_chain *chain)
{
	struct iovec *part = &chain->parts[chain->nout + chain->nin - 1];

	if (!chain->nin)
		return NULL;
	chain->in_size--;
	if (--part->iov_len == 0)
		chain->nin--;
	return (unsigned char *)part->iov_base + part->iov_len;
}
