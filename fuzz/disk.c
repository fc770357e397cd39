/* SPDX-License-Identifier: MIT */
/* Bytes are what a guest does to a disk, as fuzz/virtio.h says, and requests that are well formed, whose status is known. The
 * file is an array here, and its host fails as the bytes say. */
#include "virtio.h"

#include <errno.h>
#include <unistd.h>

enum { SECTOR = 512, SECTORS = 40, FILE_SIZE = SECTORS * SECTOR, FD = 77 };
enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8 };

ssize_t fuzz_preadv2(int fd, const struct iovec *parts, int n, off_t offset, int flags);
ssize_t fuzz_pwritev2(int fd, const struct iovec *parts, int n, off_t offset, int flags);
int fuzz_fdatasync(int fd);

static struct driver d;
static struct fuzz_tape tape;
static unsigned char bytes[FILE_SIZE], model[FILE_SIZE];
static bool failing; /* the host may fail and do things by halves */
static uint32_t failed;

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Of what could be moved at once. 0: nothing, or an error. */
static size_t host_moves(size_t size)
{
	const uint32_t how = failing ? fuzz_take(&tape, 1) : 0;

	switch (how & 7) {
	case 1: errno = EINTR; return 0;
	case 2: errno = EIO; failed++; return 0;
	case 3: return 1 + (how >> 3) % size;
	default: return size;
	}
}

static ssize_t move(const struct iovec *parts, int n, off_t offset, bool in)
{
	size_t all = 0, left, at = (size_t)offset;

	fuzz_in_ram(&d, parts, n);
	for (int i = 0; i < n; i++)
		all += parts[i].iov_len;
	HOLDS(offset >= 0 && at <= FILE_SIZE && all <= FILE_SIZE - at);
	errno = 0;
	left = all = host_moves(all);
	if (!all)
		return errno ? -1 : 0;
	for (int i = 0; left; i++) {
		const size_t size = least(parts[i].iov_len, left);

		memcpy(in ? parts[i].iov_base : bytes + at, in ? (const void *)(bytes + at) : parts[i].iov_base, size);
		at += size;
		left -= size;
	}
	return (ssize_t)all;
}

ssize_t fuzz_preadv2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
	HOLDS(fd == FD && flags == 0);
	return move(parts, n, offset, true);
}

ssize_t fuzz_pwritev2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
	HOLDS(fd == FD && flags == 0 && !d.vm.disks->read_only);
	return move(parts, n, offset, false);
}

int fuzz_fdatasync(int fd)
{
	HOLDS(fd == FD);
	errno = EIO;
	if (failing && fuzz_take(&tape, 1) % 4 == 1) {
		failed++;
		return -1;
	}
	return 0;
}

struct request {
	uint32_t type;
	uint64_t sector;
	uint32_t size;
};

static struct request take_request(void)
{
	static const uint32_t types[] = {IN, OUT, FLUSH, GET_ID};
	static const uint64_t sectors[] = {0, SECTORS - 1, SECTORS, SECTORS + 1, UINT64_C(1) << 55, UINT64_MAX, UINT64_MAX / 512};
	const uint32_t how = fuzz_take(&tape, 1);
	struct request request;

	request.type = how & 0x80 ? fuzz_take(&tape, 1) : types[how & 3];
	request.sector = how & 0x40 ? sectors[fuzz_take(&tape, 1) % 7] : fuzz_take(&tape, 1) % SECTORS;
	request.size = how & 0x20 ? fuzz_take(&tape, 2) % 5000 : 512 * (fuzz_take(&tape, 1) % 12);
	return request;
}

static int status_wanted(const struct request *r, bool host_failed)
{
	const bool inside = r->sector < SECTORS ? r->size / SECTOR <= SECTORS - r->sector : r->sector == SECTORS && r->size == 0;

	if (r->type == IN || (r->type == OUT && !d.vm.disks->read_only))
		return r->size % SECTOR || !inside || host_failed;
	if (r->type == OUT)
		return 1;
	if (r->type == FLUSH)
		return host_failed;
	return r->type == GET_ID ? 0 : 2;
}

enum { HEADER = DRIVER_DATA, STATUS = DRIVER_DATA + 0x80, DATA = DRIVER_DATA + 0x2000 };

/* Data cut as the tape says; number of descriptors. */
static uint16_t cut(const struct request *r)
{
	uint16_t n = 1, way = r->type == OUT ? DESC_NEXT : DESC_NEXT | DESC_WRITE;
	uint32_t at = 0;

	while (at < r->size) {
		uint32_t size = n < 12 ? 1 + fuzz_take(&tape, 1) * 16 : r->size;

		size = (uint32_t)least(size, r->size - at);
		driver_desc(&d, n++, DATA + at, size, way);
		at += size;
	}
	return n;
}

/* Effects are those of a model, unless the host has failed in the middle. */
static void check_effects(const struct request *r, int status)
{
	if (r->type == OUT && status == 0)
		memcpy(model + r->sector * SECTOR, d.ram + DATA, r->size);
	if (r->type == IN && status == 0)
		HOLDS(memcmp(d.ram + DATA, bytes + r->sector * SECTOR, r->size) == 0);
	if (r->type == OUT && failed)
		memcpy(model, bytes, FILE_SIZE);
	HOLDS(memcmp(model, bytes, FILE_SIZE) == 0);
}

static void well_formed(void)
{
	uint32_t head = 1, written;
	struct request r;

	driver_go(&d);
	r = take_request();
	lode_vmm_put_(d.ram + HEADER, r.type, 4);
	lode_vmm_put_(d.ram + HEADER + 8, r.sector, 8);
	d.ram[STATUS] = 0xee;
	memset(d.ram + DATA, (int)fuzz_take(&tape, 1), r.size);
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	driver_desc(&d, cut(&r), STATUS, 1, DESC_WRITE);
	driver_announce(&d, 0);
	memcpy(model, bytes, FILE_SIZE);
	failed = 0;
	driver_kick(&d);
	HOLDS(driver_used(&d, &head, &written) && head == 0 && !driver_needs_reset(&d));
	HOLDS(d.ram[STATUS] == status_wanted(&r, failed != 0));
	check_effects(&r, d.ram[STATUS]);
}

static const unsigned char *fresh_file(void)
{
	static unsigned char fresh[FILE_SIZE];

	for (uint32_t i = 0; !fresh[1] && i < FILE_SIZE; i++)
		fresh[FILE_SIZE - 1 - i] = (unsigned char)((FILE_SIZE - 1 - i) * 7 + (FILE_SIZE - 1 - i) / SECTOR);
	return fresh;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vmm_file disk = {"disk", FD, FILE_SIZE, false};
	uint32_t how;

	tape = (struct fuzz_tape){data, data + size};
	how = fuzz_take(&tape, 1);
	driver_begin(&d);
	memcpy(bytes, fresh_file(), FILE_SIZE);
	disk.read_only = how & 1;
	failing = how & 2;
	d.size = 1u << (how >> 2 & 7);
	d.vm.disks = &disk;
	d.vm.ndisks = 1;
	HOLDS(lode_vmm_blk_(&d.vm) == 0);
	d.device = &d.vm.devices[0];
	if (!(how & 0x80))
		driver_go(&d);
	for (uint32_t i = 0; i < FUZZ_STEPS && tape.at < tape.end; i++) {
		if (d.size >= 16 && *tape.at % 16 == 15)
			well_formed();
		else
			fuzz_step(&d, &tape);
	}
	HOLDS(driver_zones_whole(&d));
	driver_end(&d);
	return 0;
}
