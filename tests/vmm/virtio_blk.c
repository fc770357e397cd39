/* SPDX-License-Identifier: MIT */
/* A disk: good requests in every shape, every status, and drivers that lie: loops, sizes, addresses, indices, memory that changes
 * while it is read. Nothing outside RAM and disk is touched; the device asks to be reset, and works when it has been. */
#include "driver.h"
#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

enum { SECTORS = 64, SECTOR = 512, OK = 0, IOERR = 1, UNSUPP = 2, IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8 };
/* What a request is made of in RAM. */
enum { HEADER = DRIVER_DATA, STATUS = DRIVER_DATA + 0x100, TABLE = DRIVER_DATA + 0x1000, DATA = DRIVER_DATA + 0x4000 };

static struct driver d;
static struct vmm_file disk;

static unsigned char pattern(uint64_t offset)
{
	return (unsigned char)(offset / SECTOR * 7 + offset % SECTOR + 1);
}

static void begin(bool read_only)
{
	unsigned char bytes[SECTOR];

	driver_begin(&d);
	disk = (struct vmm_file){"disk", memfd_create("disk", MFD_CLOEXEC), SECTORS * SECTOR, read_only};
	for (uint64_t i = 0; i < SECTORS; i++) {
		for (uint32_t k = 0; k < SECTOR; k++)
			bytes[k] = pattern(i * SECTOR + k);
		CHECK_EQ(pwrite(disk.fd, bytes, SECTOR, (off_t)(i * SECTOR)), SECTOR);
	}
	d.vm.disks = &disk;
	d.vm.ndisks = 1;
	CHECK_EQ(lode_vmm_blk_(&d.vm), 0);
	d.device = &d.vm.devices[0];
	driver_go(&d);
}

static void end(void)
{
	CHECK(driver_zones_whole(&d));
	CHECK_EQ(lseek(disk.fd, 0, SEEK_END), SECTORS * SECTOR);
	close(disk.fd);
	driver_end(&d);
}

static void header(uint32_t type, uint64_t sector)
{
	lode_vmm_put_(d.ram + HEADER, type, 4);
	lode_vmm_put_(d.ram + HEADER + 4, 0, 4);
	lode_vmm_put_(d.ram + HEADER + 8, sector, 8);
	d.ram[STATUS] = 0xee;
}

/* Announced and told; the status, or -1: it did not come back. */
static int run(uint16_t first, uint32_t *written)
{
	uint32_t head = 0x1234, unused;

	driver_announce(&d, first);
	driver_kick(&d);
	if (!driver_used(&d, &head, written ? written : &unused))
		return -1;
	CHECK_EQ(head, first);
	return d.ram[STATUS];
}

/* Header, data if any, status. */
static int request(uint32_t type, uint64_t sector, uint32_t size, uint32_t *written)
{
	const uint16_t way = type == OUT ? 0 : DESC_WRITE;

	header(type, sector);
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	driver_desc(&d, 1, DATA, size, (uint16_t)(DESC_NEXT | way));
	driver_desc(&d, 2, STATUS, 1, DESC_WRITE);
	if (!size)
		driver_desc(&d, 1, STATUS, 1, DESC_WRITE);
	return run(0, written);
}

static bool data_is(uint64_t addr, uint64_t offset, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		if (d.ram[addr + i] != pattern(offset + i))
			return false;
	return true;
}

static bool disk_is(uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	unsigned char there[4096];

	return size <= sizeof there && pread(disk.fd, there, size, (off_t)offset) == (ssize_t)size &&
		memcmp(there, bytes, size) == 0;
}

static void test_config(void)
{
	unsigned char byte;

	begin(false);
	CHECK_EQ(driver_read(&d, 0x08), 2);
	CHECK_EQ(driver_read(&d, 0x100), SECTORS);
	CHECK_EQ(driver_read(&d, 0x104), 0);
	CHECK_EQ(driver_read(&d, 0x10c), 254);
	CHECK_EQ(driver_read(&d, 0x114), 512);
	CHECK_EQ(driver_read(&d, 0x118), 0);
	lode_vmm_bus_read_(&d.vm, false, DRIVER_MMIO + 0x112, &byte, 1);
	CHECK_EQ(byte, 16);
	driver_write(&d, 0x100, 7);
	CHECK_EQ(driver_read(&d, 0x100), SECTORS);
	driver_write(&d, 0x14, 0);
	CHECK_EQ(driver_read(&d, 0x10), VIRTIO_F_INDIRECT | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 9);
	end();
	begin(true);
	driver_write(&d, 0x14, 0);
	CHECK_EQ(driver_read(&d, 0x10), VIRTIO_F_INDIRECT | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 9);
	end();
}

static void test_in(void)
{
	uint32_t written = 0;

	begin(true);
	CHECK_EQ(request(IN, 3, 2 * SECTOR, &written), OK);
	CHECK_EQ(written, 2 * SECTOR + 1);
	CHECK(data_is(DATA, 3 * SECTOR, 2 * SECTOR));
	CHECK_EQ(request(IN, SECTORS - 1, SECTOR, &written), OK);
	CHECK(data_is(DATA, (SECTORS - 1) * SECTOR, SECTOR));
	CHECK_EQ(request(IN, 0, SECTORS * SECTOR, &written), OK);
	CHECK(data_is(DATA, 0, SECTORS * SECTOR));
	CHECK_EQ(request(IN, SECTORS, 0, &written), OK); /* nothing, at the very end */
	CHECK_EQ(written, 1);
	end();
}

static void test_out(void)
{
	uint32_t written = 0;

	begin(false);
	memset(d.ram + DATA, 0x5a, 2 * SECTOR);
	CHECK_EQ(request(OUT, 5, 2 * SECTOR, &written), OK);
	CHECK_EQ(written, 1);
	CHECK(disk_is(5 * SECTOR, d.ram + DATA, 2 * SECTOR));
	CHECK_EQ(request(IN, 4, SECTOR, NULL), OK);
	CHECK(data_is(DATA, 4 * SECTOR, SECTOR));
	CHECK_EQ(request(IN, 7, SECTOR, NULL), OK);
	CHECK(data_is(DATA, 7 * SECTOR, SECTOR));
	end();
}

/* Where a request is cut into descriptors means nothing. */
static void test_framing(void)
{
	uint32_t written = 0;
	uint16_t n = 0;

	begin(false);
	header(IN, 9);
	for (uint32_t i = 0; i < 4; i++)
		driver_desc(&d, n++, HEADER + 4 * i, 4, DESC_NEXT);
	driver_desc(&d, n++, HEADER, 0, DESC_NEXT);
	driver_desc(&d, n++, DATA, 1, DESC_NEXT | DESC_WRITE);
	driver_desc(&d, n++, DATA + 1, 510, DESC_NEXT | DESC_WRITE);
	driver_desc(&d, n++, DATA, 0, DESC_NEXT | DESC_WRITE);
	driver_desc(&d, n++, DATA + 511, SECTOR + 2, DESC_WRITE); /* and the status with it */
	driver_announce(&d, 0);
	driver_kick(&d);
	CHECK(driver_used(&d, &(uint32_t){0}, &written));
	CHECK_EQ(written, 2 * SECTOR + 1);
	CHECK(data_is(DATA, 9 * SECTOR, 2 * SECTOR));
	CHECK_EQ(d.ram[DATA + 2 * SECTOR], OK);
	/* header and data of a write in one descriptor */
	header(OUT, 2);
	memset(d.ram + HEADER + 16, 0x33, SECTOR);
	driver_desc(&d, 0, HEADER, 16 + SECTOR, DESC_NEXT);
	driver_desc(&d, 1, DATA, 1, DESC_WRITE);
	driver_announce(&d, 0);
	driver_kick(&d);
	CHECK_EQ(d.ram[DATA], OK);
	CHECK(disk_is(2 * SECTOR, d.ram + HEADER + 16, SECTOR));
	end();
}

static void test_high_ram(void)
{
	begin(false);
	header(IN, 1);
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	driver_desc(&d, 1, VMM_4G + DRIVER_HIGH - SECTOR, SECTOR, DESC_NEXT | DESC_WRITE);
	driver_desc(&d, 2, DRIVER_LOW - SECTOR, SECTOR, DESC_NEXT | DESC_WRITE);
	driver_desc(&d, 3, STATUS, 1, DESC_WRITE);
	CHECK_EQ(run(0, NULL), OK);
	CHECK(data_is(DRIVER_RAM - SECTOR, SECTOR, SECTOR));
	CHECK(data_is(DRIVER_LOW - SECTOR, 2 * SECTOR, SECTOR));
	end();
}

static void test_id(void)
{
	static const uint32_t sizes[] = {20, 4, 1, 40};
	uint32_t written = 0;

	begin(true);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		memset(d.ram + DATA, 0x77, 64);
		CHECK_EQ(request(GET_ID, 0, sizes[i], &written), OK);
		CHECK_EQ(memcmp(d.ram + DATA, "lode-0", sizes[i] < 7 ? sizes[i] : 7), 0);
		CHECK_EQ(d.ram[DATA + (sizes[i] < 20 ? sizes[i] : 20)], 0x77);
		CHECK_EQ(written, sizes[i] > 20 ? 20 : sizes[i] + 1);
	}
	end();
}

/* Refused with a status; the device goes on. */
static void test_statuses(void)
{
	static const struct {
		uint32_t type;
		uint64_t sector;
		uint32_t size;
		int status;
	} rows[] = {
		{IN, SECTORS, SECTOR, IOERR}, {IN, SECTORS - 1, 2 * SECTOR, IOERR}, {IN, 0, 511, IOERR}, {IN, 0, 513, IOERR},
		{IN, UINT64_MAX, SECTOR, IOERR}, {IN, UINT64_MAX / SECTOR, SECTOR, IOERR}, {IN, UINT64_C(1) << 55, SECTOR, IOERR},
		{IN, (UINT64_C(1) << 55) - 1, 2 * SECTOR, IOERR}, {IN, SECTORS + 1, 0, IOERR}, {OUT, SECTORS, SECTOR, IOERR},
		{OUT, UINT64_MAX, SECTOR, IOERR}, {OUT, 0, 100, IOERR}, {2, 0, 0, UNSUPP}, {11, 0, 16, UNSUPP}, {13, 0, 16, UNSUPP},
		{UINT32_MAX, 0, SECTOR, UNSUPP}, {FLUSH, 0, 0, OK}, {FLUSH, UINT64_MAX, 0, OK}, {IN, 0, SECTOR, OK},
	};
	uint32_t written = 0;

	begin(false);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		CHECK_EQ(request(rows[i].type, rows[i].sector, rows[i].size, &written), rows[i].status);
		CHECK(rows[i].type != IN || rows[i].status == OK || written == (rows[i].size == 0));
	}
	CHECK(data_is(DATA, 0, SECTOR));
	CHECK(!driver_needs_reset(&d));
	end();
	begin(true);
	CHECK_EQ(request(OUT, 0, SECTOR, NULL), IOERR);
	CHECK_EQ(request(FLUSH, 0, 0, NULL), OK);
	CHECK_EQ(request(IN, 0, SECTOR, NULL), OK);
	CHECK(data_is(DATA, 0, SECTOR));
	end();
}

/* The host's own failures: a file that has shrunk, a file that cannot be written or flushed. */
static void test_host_errors(void)
{
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int kept;

	begin(false);
	CHECK_EQ(ftruncate(disk.fd, 10 * SECTOR + 100), 0);
	CHECK_EQ(request(IN, 9, SECTOR, NULL), OK);
	CHECK_EQ(request(IN, 9, 2 * SECTOR, NULL), IOERR);
	CHECK_EQ(request(IN, 20, SECTOR, NULL), IOERR);
	CHECK_EQ(ftruncate(disk.fd, SECTORS * SECTOR), 0);
	CHECK_EQ(request(IN, 20, SECTOR, NULL), OK);
	kept = dup(disk.fd);
	CHECK_EQ(dup2(null, disk.fd), disk.fd);
	CHECK_EQ(request(OUT, 0, SECTOR, NULL), IOERR);
	CHECK_EQ(request(FLUSH, 0, 0, NULL), IOERR);
	dup2(kept, disk.fd);
	close(kept);
	CHECK_EQ(request(FLUSH, 0, 0, NULL), OK);
	end();
	close(null);
}

static void indirect(uint16_t index, uint64_t table, uint32_t size, uint16_t flags)
{
	driver_desc(&d, index, table, size, (uint16_t)(DESC_INDIRECT | flags));
}

static void table_entry(uint64_t table, uint16_t index, const struct part *part)
{
	driver_put_desc(d.ram + table + 16 * (size_t)index, part);
}

/* A read of a sector by a table; @table needs no alignment. */
static void make_table(uint64_t table)
{
	header(IN, 6);
	table_entry(table, 0, &(struct part){HEADER, 16, DESC_NEXT, 2});
	table_entry(table, 2, &(struct part){DATA, SECTOR, DESC_NEXT | DESC_WRITE, 1});
	table_entry(table, 1, &(struct part){STATUS, 1, DESC_WRITE, 0});
}

static void test_indirect(void)
{
	begin(false);
	make_table(TABLE);
	indirect(0, TABLE, 48, 0);
	CHECK_EQ(run(0, NULL), OK);
	CHECK(data_is(DATA, 6 * SECTOR, SECTOR));
	make_table(TABLE + 5);
	indirect(0, TABLE + 5, 48, DESC_WRITE); /* which means nothing here */
	CHECK_EQ(run(0, NULL), OK);
	/* some of it in the ring, the rest in the table */
	make_table(TABLE);
	table_entry(TABLE, 0, &(struct part){DATA, SECTOR, DESC_NEXT | DESC_WRITE, 1});
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	indirect(1, TABLE, 32, 0);
	CHECK_EQ(run(0, NULL), OK);
	/* as many parts as a request may have, which is more than the ring has */
	header(IN, 0);
	table_entry(TABLE, 0, &(struct part){HEADER, 16, DESC_NEXT, 1});
	for (uint16_t i = 1; i < 255; i++)
		table_entry(TABLE, i,
			&(struct part){DATA + 64 * (uint64_t)i, i == 254 ? 64 * 3 : 64, DESC_NEXT | DESC_WRITE, (uint16_t)(i + 1)});
	table_entry(TABLE, 255, &(struct part){STATUS, 1, DESC_WRITE, 0});
	indirect(0, TABLE, 16 * 256, 0);
	CHECK_EQ(run(0, NULL), OK);
	CHECK(data_is(DATA + 64, 0, 256 * 64));
	end();
}

/*
 * What happens while bytes move. virtio_blk.c is compiled for this test with another preadv2
 */

enum { LARGE = 6 << 20, PIECE = 1 << 15, PIECES = LARGE / PIECE, STEP_MOST = 1 << 20 };

static struct {
	uint32_t steps, locked;
	size_t most, all;
	void (*meanwhile)(void); /* in the first step */
	pthread_t other;
} moves;

ssize_t watched_preadv2(int fd, const struct iovec *parts, int n, off_t offset, int flags);

ssize_t watched_preadv2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
	size_t size = 0;

	(void)flags;
	for (int i = 0; i < n; i++)
		size += parts[i].iov_len;
	moves.most = size > moves.most ? size : moves.most;
	moves.all += size;
	if (pthread_mutex_trylock(&d.vm.lock) == 0)
		pthread_mutex_unlock(&d.vm.lock);
	else
		moves.locked++;
	if (moves.steps++ == 0 && moves.meanwhile)
		moves.meanwhile();
	return preadv(fd, parts, n, offset);
}

/* One request for all of a large disk, into the same pieces of RAM again and again. Its status. */
static int read_large(void (*meanwhile)(void))
{
	memset(&moves, 0, sizeof moves);
	moves.meanwhile = meanwhile;
	driver_begin(&d);
	disk = (struct vmm_file){"disk", memfd_create("disk", MFD_CLOEXEC), LARGE, true};
	CHECK_EQ(ftruncate(disk.fd, LARGE), 0);
	d.vm.disks = &disk;
	d.vm.ndisks = 1;
	CHECK_EQ(lode_vmm_blk_(&d.vm), 0);
	d.device = &d.vm.devices[0];
	driver_go(&d);
	header(IN, 0);
	table_entry(TABLE, 0, &(struct part){HEADER, 16, DESC_NEXT, 1});
	for (uint16_t i = 1; i <= PIECES; i++)
		table_entry(TABLE, i, &(struct part){DATA, PIECE, DESC_NEXT | DESC_WRITE, (uint16_t)(i + 1)});
	table_entry(TABLE, PIECES + 1, &(struct part){STATUS, 1, DESC_WRITE, 0});
	indirect(0, TABLE, 16 * (PIECES + 2), 0);
	driver_announce(&d, 0);
	driver_kick(&d);
	return d.ram[STATUS];
}

static void large_end(void)
{
	CHECK(driver_zones_whole(&d));
	CHECK_EQ(moves.locked, 0);
	CHECK(moves.most <= STEP_MOST);
	close(disk.fd);
	driver_end(&d);
}

static void look_and_kick(void)
{
	CHECK_EQ(driver_read(&d, 0x70) & VIRTIO_DRIVER_OK, VIRTIO_DRIVER_OK);
	driver_write(&d, 0x64, 0);
	driver_announce(&d, 0);
	driver_kick(&d);
}

static void test_large(void)
{
	CHECK_EQ(read_large(NULL), OK);
	CHECK_EQ(moves.all, LARGE);
	CHECK_EQ(moves.steps, LARGE / STEP_MOST);
	CHECK_EQ(d.device->timer, 0);
	large_end();
	/* what is announced meanwhile is left to the loop */
	CHECK_EQ(read_large(look_and_kick), OK);
	CHECK_EQ(moves.all, LARGE);
	CHECK(d.device->timer != 0);
	d.device->type->ready(d.device);
	CHECK_EQ(moves.all, 2 * LARGE);
	large_end();
}

static void *reset_it(void *argument)
{
	driver_write(&d, 0x70, 0);
	return argument;
}

static void reset_meanwhile(void)
{
	bool waits = false;

	pthread_create(&moves.other, NULL, reset_it, NULL);
	while (!waits) {
		pthread_mutex_lock(&d.vm.lock);
		waits = ((struct virtio *)d.device->state)->cancelled;
		pthread_mutex_unlock(&d.vm.lock);
		sched_yield();
	}
	CHECK(driver_read(&d, 0x70) != 0); /* not before the request is at its end */
}

static void end_meanwhile(void)
{
	d.vm.end = LODE_VMM_ESCAPE;
}

static void test_large_cancelled(void)
{
	CHECK_EQ(read_large(reset_meanwhile), IOERR);
	pthread_join(moves.other, NULL);
	CHECK_EQ(moves.steps, 1);
	CHECK_EQ(driver_read(&d, 0x70), 0);
	CHECK_EQ(d.device->timer, 0);
	large_end();
	CHECK_EQ(read_large(end_meanwhile), IOERR);
	CHECK_EQ(moves.steps, 1);
	large_end();
}

/*
 * What no driver may do
 */

static void self_loop(void)
{
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	lode_vmm_put_(d.ram + DRIVER_DESC + 14, 0, 2);
}
static void long_loop(void)
{
	for (uint16_t i = 0; i < 16; i++)
		driver_desc(&d, i, HEADER, 16, DESC_NEXT);
	lode_vmm_put_(d.ram + DRIVER_DESC + 15 * 16 + 14, 0, 2);
}
static void empty_loop(void)
{
	driver_desc(&d, 0, 0, 0, DESC_NEXT);
	lode_vmm_put_(d.ram + DRIVER_DESC + 14, 0, 2);
}
static void next_outside(void)
{
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	lode_vmm_put_(d.ram + DRIVER_DESC + 14, 16, 2);
}
static void next_far(void)
{
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	lode_vmm_put_(d.ram + DRIVER_DESC + 14, 0xffff, 2);
}
static void data_at(uint64_t addr, uint32_t size)
{
	header(IN, 0);
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	driver_desc(&d, 1, addr, size, DESC_NEXT | DESC_WRITE);
	driver_desc(&d, 2, STATUS, 1, DESC_WRITE);
}
static void data_in_hole(void) { data_at(DRIVER_LOW, SECTOR); }
static void data_into_hole(void) { data_at(DRIVER_LOW - 1, SECTOR); }
static void data_over_hole(void) { data_at(DRIVER_LOW - SECTOR, UINT32_MAX); }
static void data_behind(void) { data_at(VMM_4G + DRIVER_HIGH - SECTOR, SECTOR + 1); }
static void data_below_4g(void) { data_at(VMM_4G - 1, 2); }
static void data_wraps(void) { data_at(UINT64_MAX, UINT32_MAX); }
static void data_wraps_to_0(void) { data_at(UINT64_C(0) - SECTOR, 2 * SECTOR); }
static void data_huge(void) { data_at(0, UINT32_MAX); }
static void data_in_registers(void) { data_at(DRIVER_MMIO, 4); }
static void status_outside(void)
{
	header(IN, 0);
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	driver_desc(&d, 1, DRIVER_LOW, 1, DESC_WRITE);
}
static void header_outside(void)
{
	driver_desc(&d, 0, DRIVER_LOW - 8, 16, DESC_NEXT);
	driver_desc(&d, 1, STATUS, 1, DESC_WRITE);
}
static void header_short(void)
{
	header(IN, 0);
	driver_desc(&d, 0, HEADER, 15, DESC_NEXT);
	driver_desc(&d, 1, STATUS, 1, DESC_WRITE);
}
static void no_status(void)
{
	header(FLUSH, 0);
	driver_desc(&d, 0, HEADER, 16, 0);
}
static void empty_status(void)
{
	header(FLUSH, 0);
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	driver_desc(&d, 1, STATUS, 0, DESC_WRITE);
}
static void nothing_at_all(void) { driver_desc(&d, 0, 0, 0, 0); }
static void wrong_order(void)
{
	header(OUT, 0);
	driver_desc(&d, 0, STATUS, 1, DESC_WRITE | DESC_NEXT);
	driver_desc(&d, 1, HEADER, 16, 0);
}
static void table_outside(void) { indirect(0, DRIVER_LOW - 16, 48, 0); }
static void table_wraps(void) { indirect(0, UINT64_MAX - 15, 4096, 0); }
static void table_odd(void)
{
	make_table(TABLE);
	indirect(0, TABLE, 47, 0);
}
static void table_empty(void) { indirect(0, TABLE, 0, 0); }
static void table_too_large(void) { indirect(0, TABLE, 257 * 16, 0); }
static void table_largest(void) { indirect(0, 0, UINT32_MAX & ~UINT32_C(15), 0); }
static void table_and_more(void)
{
	make_table(TABLE);
	indirect(0, TABLE, 48, DESC_NEXT);
	driver_desc(&d, 1, STATUS, 1, DESC_WRITE);
}
static void table_in_table(void)
{
	table_entry(TABLE, 0, &(struct part){TABLE, 48, DESC_INDIRECT, 0});
	indirect(0, TABLE, 48, 0);
}
static void table_loop(void)
{
	make_table(TABLE);
	table_entry(TABLE, 2, &(struct part){DATA, SECTOR, DESC_NEXT | DESC_WRITE, 2});
	indirect(0, TABLE, 48, 0);
}
static void table_next_outside(void)
{
	make_table(TABLE);
	table_entry(TABLE, 2, &(struct part){DATA, SECTOR, DESC_NEXT | DESC_WRITE, 3});
	indirect(0, TABLE, 48, 0);
}
static void too_many_parts(void)
{
	header(IN, 0);
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	for (uint16_t i = 0; i < 256; i++)
		table_entry(TABLE, i, &(struct part){DATA, 2, DESC_NEXT | DESC_WRITE, (uint16_t)(i + 1)});
	table_entry(TABLE, 255, &(struct part){STATUS, 1, DESC_WRITE, 0});
	indirect(1, TABLE, 256 * 16, 0);
}
static void index_jumps(void)
{
	data_at(DATA, SECTOR);
	d.made = (uint16_t)(d.made + 16);
}
static void index_goes_back(void)
{
	data_at(DATA, SECTOR);
	d.made = (uint16_t)(d.made - 2);
}

static const struct {
	const char *name;
	void (*make)(void);
	uint16_t head;
} lies[] = {
	{"self loop", self_loop, 0}, {"loop through the ring", long_loop, 0}, {"loop of nothing", empty_loop, 0},
	{"next outside", next_outside, 0}, {"next far outside", next_far, 0}, {"head outside", self_loop, 16},
	{"head far outside", self_loop, 0xffff}, {"data in the hole", data_in_hole, 0}, {"data into the hole", data_into_hole, 0},
	{"data over the hole", data_over_hole, 0}, {"data behind RAM", data_behind, 0}, {"data from below 4 GiB", data_below_4g, 0},
	{"data that wraps", data_wraps, 0}, {"data that wraps to 0", data_wraps_to_0, 0}, {"data of 4 GiB", data_huge, 0},
	{"data in registers", data_in_registers, 0}, {"status outside", status_outside, 0}, {"header outside", header_outside, 0},
	{"short header", header_short, 0}, {"no status", no_status, 0}, {"empty status", empty_status, 0},
	{"nothing at all", nothing_at_all, 0}, {"wrong order", wrong_order, 0}, {"table outside", table_outside, 0},
	{"table that wraps", table_wraps, 0}, {"table of an odd size", table_odd, 0}, {"empty table", table_empty, 0},
	{"table too large", table_too_large, 0}, {"largest table", table_largest, 0},
	{"something behind a table", table_and_more, 0},
	{"table in a table", table_in_table, 0}, {"loop in a table", table_loop, 0},
	{"next outside a table", table_next_outside, 0},
	{"too many parts", too_many_parts, 0}, {"index that jumps", index_jumps, 0}, {"index that goes back", index_goes_back, 0},
};

/* The device stops, says so, does nothing more, and works again after a reset. */
static void test_lies(void)
{
	uint32_t head, written;

	for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
		check_case("lie: %s", lies[i].name);
		begin(false);
		memset(d.ram + DATA, 0x5a, 0x8000);
		lies[i].make();
		driver_announce(&d, lies[i].head);
		driver_kick(&d);
		CHECK(!driver_used(&d, &head, &written));
		CHECK(driver_needs_reset(&d));
		CHECK(driver_broken(&d) != NULL);
		CHECK_EQ(driver_read(&d, 0x60), VIRTIO_IRQ_CONFIG);
		CHECK(d.line[DRIVER_GSI]);
		CHECK(d.ram[DATA] == 0x5a && d.ram[DATA + SECTOR - 1] == 0x5a);
		driver_write(&d, 0x64, VIRTIO_IRQ_CONFIG);
		CHECK(!d.line[DRIVER_GSI]);
		d.made = d.seen = 0;
		CHECK_EQ(request(IN, 0, SECTOR, NULL), -1);
		CHECK_EQ(d.ram[DATA], 0x5a);
		driver_go(&d);
		CHECK_EQ(request(IN, 0, SECTOR, NULL), OK);
		CHECK(data_is(DATA, 0, SECTOR));
		end();
	}
}

/* Tables are refused to those who did not ask for them. */
static void test_no_tables(void)
{
	begin(false);
	driver_negotiate(&d, VIRTIO_F_INDIRECT);
	driver_queue(&d);
	driver_write(&d, 0x70, VIRTIO_DRIVER_OK);
	make_table(TABLE);
	indirect(0, TABLE, 48, 0);
	CHECK_EQ(run(0, NULL), -1);
	CHECK(driver_needs_reset(&d));
	end();
}

/* Many parts over the same memory: a request of more than 4 GiB, without as much memory. */
static void test_over_4g(void)
{
	const uint64_t size = UINT64_C(32) << 20;
	unsigned char *kept;

	begin(false);
	kept = d.vm.ram.bytes;
	d.vm.ram.bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	d.vm.ram.size = d.vm.ram.low = size;
	d.ram = d.vm.ram.bytes;
	driver_go(&d);
	header(IN, 0);
	driver_desc(&d, 0, HEADER, 16, DESC_NEXT);
	for (uint16_t i = 0; i < 200; i++)
		table_entry(TABLE, i, &(struct part){0, (uint32_t)size, DESC_NEXT | DESC_WRITE, (uint16_t)(i + 1)});
	table_entry(TABLE, 200, &(struct part){STATUS, 1, DESC_WRITE, 0});
	indirect(1, TABLE, 201 * 16, 0);
	CHECK_EQ(run(0, NULL), -1);
	CHECK(driver_needs_reset(&d));
	munmap(d.ram, size);
	d.vm.ram = (struct vmm_ram){.bytes = kept, .size = DRIVER_RAM, .low = DRIVER_LOW, .fd = -1};
	d.ram = kept;
	end();
}

/* All that were announced are served by one notification, also those behind one another in the ring's last places. */
static void test_many(void)
{
	uint32_t head, written, n = 0;

	begin(false);
	for (int round = 0; round < 3; round++) {
		header(IN, 1);
		for (uint16_t i = 0; i < 4; i++) {
			driver_desc(&d, (uint16_t)(4 * i), HEADER, 16, DESC_NEXT);
			driver_desc(&d, (uint16_t)(4 * i + 1), DATA + SECTOR * (uint64_t)i, SECTOR, DESC_NEXT | DESC_WRITE);
			driver_desc(&d, (uint16_t)(4 * i + 2), STATUS + i, 1, DESC_WRITE);
			driver_announce(&d, (uint16_t)(4 * i));
			driver_announce(&d, (uint16_t)(4 * i)); /* twice is as good as once */
		}
		driver_kick(&d);
		for (n = 0; driver_used(&d, &head, &written); n++)
			CHECK_EQ(head, n / 2 * 4);
		CHECK_EQ(n, 8);
		CHECK(data_is(DATA + 3 * SECTOR, SECTOR, SECTOR));
	}
	end();
}

/* Who asks for very much at once lets others have their turn in between. */
static void test_later(void)
{
	uint32_t head, written, n = 0, turns = 0;

	begin(false);
	header(IN, 0);
	table_entry(TABLE, 0, &(struct part){HEADER, 16, DESC_NEXT, 1});
	for (uint16_t i = 1; i < 201; i++)
		table_entry(TABLE, i, &(struct part){0, DRIVER_LOW, DESC_NEXT | DESC_WRITE, (uint16_t)(i + 1)});
	table_entry(TABLE, 201, &(struct part){STATUS, 1, DESC_WRITE, 0});
	indirect(0, TABLE, 202 * 16, 0);
	for (int i = 0; i < 8; i++)
		driver_announce(&d, 0);
	driver_kick(&d);
	for (; d.device->timer && turns < 9; turns++) {
		for (; driver_used(&d, &head, &written); n++)
			CHECK_EQ(d.ram[STATUS], IOERR);
		CHECK(n > 0 && n < 8);
		d.device->type->ready(d.device);
	}
	CHECK_EQ(turns, 2);
	while (driver_used(&d, &head, &written))
		n++;
	CHECK_EQ(n, 8);
	end();
}

/*
 * Memory that changes while it is read: whoever asks for RAM in this program (it is built with another name for that function)
 * gives the driver an occasion to strike.
 */

#undef lode_vmm_ram_at_
void *lode_vmm_ram_at_(const struct vmm_ram *ram, uint64_t addr, uint64_t size);

static void (*strike)(uint64_t addr);

void *struck_ram_at(const struct vmm_ram *ram, uint64_t addr, uint64_t size)
{
	if (strike)
		strike(addr);
	return lode_vmm_ram_at_(ram, addr, size);
}

/* Every descriptor, table and ring is made bad once the first buffer is looked up. */
static void spoil_all(uint64_t addr)
{
	(void)addr;
	memset(d.ram + TABLE, 0xff, 0x1000);
	lode_vmm_put_(d.ram + DRIVER_DESC, UINT64_MAX - 100, 8);
}

/* The header's descriptor is read; now it, and only it, points elsewhere. */
static void move_header(uint64_t addr)
{
	if (addr == HEADER)
		lode_vmm_put_(d.ram + DRIVER_DESC, UINT64_MAX - 100, 8);
}

static void grow_data(uint64_t addr)
{
	if (addr == DATA)
		lode_vmm_put_(d.ram + DRIVER_DESC + 16 + 8, UINT32_MAX, 4);
}

static void jump_index(uint64_t addr)
{
	(void)addr;
	lode_vmm_put_(d.ram + DRIVER_AVAIL + 2, 0x7fff, 2);
}

static void test_struck(void)
{
	static void (*const strikes[])(uint64_t addr) = {move_header, grow_data, jump_index};

	begin(false);
	for (size_t i = 0; i < sizeof strikes / sizeof *strikes; i++) {
		strike = strikes[i];
		CHECK_EQ(request(IN, 2, SECTOR, NULL), OK);
		strike = NULL;
		CHECK(data_is(DATA, 2 * SECTOR, SECTOR));
		CHECK_EQ(d.ram[DATA + SECTOR], 0);
	}
	/* those of a table are read one after the other: what is not read yet is what it says when it is */
	make_table(TABLE);
	indirect(0, TABLE, 48, 0);
	strike = spoil_all;
	CHECK_EQ(run(0, NULL), -1);
	strike = NULL;
	CHECK(driver_needs_reset(&d));
	end();
}

/* A second processor that never rests. */
static void *spoil_for_ever(void *stop)
{
	static const uint64_t addrs[] = {DATA, UINT64_MAX - 10, DRIVER_LOW - 1, VMM_4G - 1, VMM_4G + DRIVER_HIGH - 1};
	static const uint32_t sizes[] = {SECTOR, UINT32_MAX, SECTOR, 2, DRIVER_RAM};
	unsigned char *desc = d.ram + DRIVER_DESC;

	for (uint32_t i = 0; !__atomic_load_n((bool *)stop, __ATOMIC_RELAXED); i++) {
		const struct part part = {addrs[i % 5], sizes[i / 3 % 5], (uint16_t)(i % 7), (uint16_t)(i % 19)};

		driver_put_desc(desc + 16 * (size_t)(i % 3), &part);
		lode_vmm_put_(d.ram + HEADER, i % 3, 4);
		lode_vmm_put_(d.ram + HEADER + 8, i % 2 ? UINT64_MAX : i % SECTORS, 8);
	}
	return NULL;
}

/* On one processor it gets its turn where it hurts. */
static void yield(uint64_t addr)
{
	static uint32_t asked;

	(void)addr;
	if (++asked % 64 == 0)
		sched_yield();
}

static void test_race(void)
{
	const time_t late = time(NULL) + 60;
	bool stop = false;
	pthread_t other;
	int served = 0, broken = 0;

	begin(false);
	CHECK_EQ(pthread_create(&other, NULL, spoil_for_ever, &stop), 0);
	strike = yield;
	for (int i = 0; (i < 4000 || !served || !broken) && time(NULL) < late; i++) {
		if (driver_needs_reset(&d)) {
			driver_go(&d);
			broken++;
		}
		served += request(i % 2 ? IN : OUT, 0, SECTOR, NULL) >= 0;
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	strike = NULL;
	pthread_join(other, NULL);
	CHECK(served > 0 && broken > 0);
	end();
}

int main(void)
{
	CASE(test_config);
	CASE(test_in);
	CASE(test_out);
	CASE(test_framing);
	CASE(test_high_ram);
	CASE(test_id);
	CASE(test_statuses);
	CASE(test_host_errors);
	CASE(test_indirect);
	CASE(test_large);
	CASE(test_large_cancelled);
	CASE(test_many);
	test_lies();
	CASE(test_no_tables);
	CASE(test_over_4g);
	CASE(test_later);
	CASE(test_struck);
	CASE(test_race);
	return check_done();
}
