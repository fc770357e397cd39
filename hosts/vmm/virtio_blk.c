/* SPDX-License-Identifier: MIT */
/* Requests of a virtio block device -> reads and writes of a file, straight from and into guest RAM. A flush is fdatasync.
 *
 * The lock of the machine is not held while bytes move, and no call moves more than STEP of them: a guest that is at its end, or
 * that resets the device, does not wait for gigabytes. */
#include "virtio.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
	BLK_DEVICE = 2,
	SECTOR = 512,
	STEP = 1 << 20,
	ID_SIZE = 20,
	HEADER_SIZE = 16,

	REQUEST_IN = 0,
	REQUEST_OUT = 1,
	REQUEST_FLUSH = 4,
	REQUEST_GET_ID = 8,

	STATUS_OK = 0,
	STATUS_IOERR = 1,
	STATUS_UNSUPP = 2,

	CONFIG_CAPACITY = 0,
	CONFIG_SEG_MAX = 12,
	CONFIG_CYLINDERS = 16,
	CONFIG_HEADS = 18,
	CONFIG_SECTORS = 19,
	CONFIG_BLOCK_SIZE = 20,
	CONFIG_SIZE = 24,
};

#define BLK_F_SEG_MAX (UINT64_C(1) << 2)
#define BLK_F_GEOMETRY (UINT64_C(1) << 4)
#define BLK_F_RO (UINT64_C(1) << 5)
#define BLK_F_BLK_SIZE (UINT64_C(1) << 6)
#define BLK_F_FLUSH (UINT64_C(1) << 9)

struct blk {
	struct virtio virtio; /* first: the transport knows no more */
	int fd;
	uint64_t sectors;
	bool read_only;
	char id[ID_SIZE];
};

/** A request as the driver made it, copied before it is judged. */
struct request {
	uint32_t type;
	uint64_t sector;
};

/* What is left of ranges after some of it has been moved. */
static void skip(struct iovec **parts, uint32_t *n, size_t done)
{
	while (*n && done >= (*parts)->iov_len) {
		done -= (*parts)->iov_len;
		++*parts;
		--*n;
	}
	if (*n) {
		(*parts)->iov_base = (unsigned char *)(*parts)->iov_base + done;
		(*parts)->iov_len -= done;
	}
}

typedef ssize_t transfer(int fd, const struct iovec *parts, int n, off_t offset, int flags);

/* As much as may be at once, from the first ranges. */
static ssize_t move_step(int fd, transfer *move, struct iovec *parts, uint32_t n, uint64_t offset)
{
	size_t room = STEP, whole;
	uint32_t last = 0;
	ssize_t done;

	while (last + 1 < n && parts[last].iov_len < room)
		room -= parts[last++].iov_len;
	whole = parts[last].iov_len;
	parts[last].iov_len = whole < room ? whole : room;
	done = move(fd, parts, (int)last + 1, (off_t)offset, 0);
	parts[last].iov_len = whole;
	return done < 0 ? -errno : done;
}

/* All of it, or an error: a file that ends early has shrunk. */
static uint8_t move_all(struct blk *blk, transfer *move, struct iovec *parts, uint32_t n, uint64_t offset)
{
	while (n) {
		ssize_t done;

		lode_vmm_virtio_release_(&blk->virtio);
		done = move_step(blk->fd, move, parts, n, offset);
		if (!lode_vmm_virtio_regain_(&blk->virtio))
			return STATUS_IOERR;
		if (done == -EINTR)
			continue;
		if (done <= 0)
			return STATUS_IOERR;
		offset += (uint64_t)done;
		skip(&parts, &n, (size_t)done);
	}
	return STATUS_OK;
}

static bool on_disk(const struct blk *blk, uint64_t sector, uint64_t size)
{
	return size % SECTOR == 0 && sector <= blk->sectors && size / SECTOR <= blk->sectors - sector;
}

static uint8_t serve_in(struct blk *blk, const struct request *request, struct virtio_chain *chain)
{
	if (!on_disk(blk, request->sector, chain->in_size))
		return STATUS_IOERR;
	return move_all(blk, preadv2, chain->parts + chain->nout, chain->nin, request->sector * SECTOR);
}

static uint8_t serve_out(struct blk *blk, const struct request *request, struct virtio_chain *chain)
{
	struct iovec *parts = chain->parts;
	uint32_t n = chain->nout;

	if (blk->read_only || !on_disk(blk, request->sector, chain->out_size))
		return STATUS_IOERR;
	skip(&parts, &n, 0); /* what the header has left empty */
	return move_all(blk, pwritev2, parts, n, request->sector * SECTOR);
}

static uint8_t serve_flush(struct blk *blk)
{
	int status;

	if (blk->read_only)
		return STATUS_OK;
	lode_vmm_virtio_release_(&blk->virtio);
	status = fdatasync(blk->fd);
	return lode_vmm_virtio_regain_(&blk->virtio) && status == 0 ? STATUS_OK : STATUS_IOERR;
}

static uint8_t serve_id(const struct blk *blk, const struct virtio_chain *chain)
{
	const struct iovec *part = chain->parts + chain->nout;
	size_t at = 0;

	for (uint32_t i = 0; i < chain->nin && at < ID_SIZE; i++) {
		const size_t n = part[i].iov_len < ID_SIZE - at ? part[i].iov_len : ID_SIZE - at;

		memcpy(part[i].iov_base, blk->id + at, n);
		at += n;
	}
	return STATUS_OK;
}

static uint8_t serve_one(struct blk *blk, const struct request *request, struct virtio_chain *chain)
{
	switch (request->type) {
	case REQUEST_IN: return serve_in(blk, request, chain);
	case REQUEST_OUT: return serve_out(blk, request, chain);
	case REQUEST_FLUSH: return serve_flush(blk);
	case REQUEST_GET_ID: return serve_id(blk, chain);
	default: return STATUS_UNSUPP;
	}
}

/* Bytes that were surely written, from the first on: all up to the status, or none if something is missing before it. */
static uint32_t written_by(const struct request *request, uint8_t status, uint64_t size)
{
	if (request->type == REQUEST_GET_ID)
		return size > ID_SIZE ? ID_SIZE : (uint32_t)size + 1;
	return size && (request->type != REQUEST_IN || status != STATUS_OK) ? 0 : (uint32_t)size + 1;
}

static const char *serve(uint32_t *written, struct virtio *virtio, struct virtio_chain *chain)
{
	struct blk *blk = (struct blk *)virtio;
	unsigned char header[HEADER_SIZE], *status = lode_vmm_chain_last_(chain), result;
	const uint64_t size = chain->in_size;
	struct request request;

	if (!status || !lode_vmm_chain_take_(chain, header, sizeof header))
		return "a block request has no header or no status";
	request.type = (uint32_t)lode_vmm_get_(header, 4);
	request.sector = lode_vmm_get_(header + 8, 8);
	result = serve_one(blk, &request, chain);
	*status = result;
	*written = written_by(&request, result, size);
	return NULL;
}

static void notify(struct virtio *virtio, struct virtio_queue *queue)
{
	lode_vmm_queue_serve_(virtio, queue, serve);
}

static const struct virtio_type blk_type = {.name = "a disk", .id = BLK_DEVICE, .nqueues = 1, .notify = notify};

/* For those who still ask: as BIOSes translate, capped by what the fields hold. */
static void set_geometry(unsigned char *config, uint64_t sectors)
{
	enum { HEADS = 16, SECTORS = 63 };
	const uint64_t cylinders = sectors / (HEADS * SECTORS);

	lode_vmm_put_(config + CONFIG_CYLINDERS, cylinders < UINT16_MAX ? cylinders : UINT16_MAX, 2);
	config[CONFIG_HEADS] = HEADS;
	config[CONFIG_SECTORS] = SECTORS;
}

static int add_disk(struct vmm *vm, uint32_t number)
{
	const struct vmm_file *disk = &vm->disks[number];
	struct blk *blk = lode_vmm_virtio_add_(vm, &blk_type, sizeof *blk);

	if (!blk)
		return -1;
	blk->fd = disk->fd;
	blk->sectors = disk->size / SECTOR;
	blk->read_only = disk->read_only;
	blk->virtio.features |= BLK_F_SEG_MAX | BLK_F_GEOMETRY | BLK_F_BLK_SIZE | BLK_F_FLUSH | (disk->read_only ? BLK_F_RO : 0);
	blk->virtio.config_size = CONFIG_SIZE;
	lode_vmm_put_(blk->virtio.config + CONFIG_CAPACITY, blk->sectors, 8);
	lode_vmm_put_(blk->virtio.config + CONFIG_SEG_MAX, VIRTIO_PARTS - 2, 4); /* beside header and status */
	lode_vmm_put_(blk->virtio.config + CONFIG_BLOCK_SIZE, SECTOR, 4);
	set_geometry(blk->virtio.config, blk->sectors);
	snprintf(blk->id, sizeof blk->id, "lode-%u", number);
	return 0;
}

int lode_vmm_blk_(struct vmm *vm)
{
	for (uint32_t i = 0; i < vm->ndisks; i++)
		if (add_disk(vm, i))
			return -1;
	return 0;
}
