/* SPDX-License-Identifier: MIT */
/* Requests of a virtio entropy device -> bytes of the host's random generator, through a descriptor that was opened before. */
#include "virtio.h"

#include <errno.h>
#include <fcntl.h>

enum {
	RNG_DEVICE = 4,
	MOST = 4096, /* a request; drivers ask again for more */
};

/* As many ranges as MOST bytes take, the last one cut. */
static uint32_t limit(struct iovec *parts, uint32_t n)
{
	size_t left = MOST;

	for (uint32_t i = 0; i < n; i++) {
		if (parts[i].iov_len >= left) {
			parts[i].iov_len = left;
			return i + 1;
		}
		left -= parts[i].iov_len;
	}
	return n;
}

static const char *serve(uint32_t *written, struct virtio *virtio, struct virtio_chain *chain)
{
	struct iovec *parts = chain->parts + chain->nout;
	const uint32_t n = limit(parts, chain->nin);
	ssize_t done;

	if (!n)
		return "a request for random bytes has no room for any";
	do
		done = preadv2(virtio->device->own_fd, parts, (int)n, -1, 0);
	while (done < 0 && errno == EINTR);
	if (done <= 0)
		return "the host has no random bytes";
	*written = (uint32_t)done;
	return NULL;
}

static void notify(struct virtio *virtio, struct virtio_queue *queue)
{
	lode_vmm_queue_serve_(virtio, queue, serve);
}

static const struct virtio_type rng_type = {.name = "a random generator", .id = RNG_DEVICE, .nqueues = 1, .notify = notify};

int lode_vmm_rng_(struct vmm *vm)
{
	struct virtio *virtio = lode_vmm_virtio_add_(vm, &rng_type, sizeof *virtio);

	if (!virtio)
		return -1;
	virtio->device->own_fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC | O_NOCTTY);
	return virtio->device->own_fd < 0 ? lode_vmm_fail_(vm, errno, "opening /dev/urandom") : 0;
}
