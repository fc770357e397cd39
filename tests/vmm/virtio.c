/* SPDX-License-Identifier: MIT */
/* Registers of the virtio transport: who it says it is, what it lets a driver do, and in which order. */
#include "driver.h"
#include <check.h>

static struct driver d;

static void begin(void)
{
	driver_begin(&d);
	CHECK_EQ(lode_vmm_rng_(&d.vm), 0);
	d.device = &d.vm.devices[0];
}

static void end(void)
{
	CHECK(driver_zones_whole(&d));
	driver_end(&d);
}

static void test_identity(void)
{
	begin();
	CHECK_EQ(driver_read(&d, 0x00), 0x74726976);
	CHECK_EQ(driver_read(&d, 0x04), 2);
	CHECK_EQ(driver_read(&d, 0x08), 4);
	CHECK_EQ(driver_read(&d, 0x34), VIRTIO_QUEUE_SIZE);
	CHECK_EQ(driver_read(&d, 0xfc), 0);
	CHECK_EQ(driver_read(&d, 0xb0), UINT32_MAX);
	CHECK_EQ(driver_read(&d, 0xbc), UINT32_MAX);
	driver_write(&d, 0x30, 1);
	CHECK_EQ(driver_read(&d, 0x34), 0); /* there is no queue 1 */
	driver_write(&d, 0x30, UINT32_MAX);
	CHECK_EQ(driver_read(&d, 0x34), 0);
	for (uint32_t word = 0; word < 4; word++) {
		driver_write(&d, 0x14, word);
		CHECK_EQ(driver_read(&d, 0x10), word == 0 ? VIRTIO_F_INDIRECT : word == 1);
	}
	end();
}

/* Each transport has a page and an interrupt of its own. */
static void test_places(void)
{
	begin();
	CHECK_EQ(lode_vmm_rng_(&d.vm), 0);
	CHECK_EQ(d.vm.devices[0].registers.addr, DRIVER_MMIO);
	CHECK_EQ(d.vm.devices[1].registers.addr, DRIVER_MMIO + 0x1000);
	CHECK_EQ(d.vm.devices[0].irq, DRIVER_GSI);
	CHECK_EQ(d.vm.devices[1].irq, DRIVER_GSI + 1);
	end();
}

/* Control registers are 32 bits wide; anything else does nothing and reads as 0. */
static void test_widths(void)
{
	static const uint32_t sizes[] = {1, 2, 8};
	unsigned char bytes[8];

	begin();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		lode_vmm_bus_read_(&d.vm, false, DRIVER_MMIO, bytes, sizes[i]);
		CHECK_EQ(lode_vmm_get_(bytes, sizes[i]), 0);
		lode_vmm_put_(bytes, VIRTIO_ACKNOWLEDGE, 8);
		lode_vmm_bus_write_(&d.vm, false, DRIVER_MMIO + 0x70, bytes, sizes[i]);
		CHECK_EQ(driver_read(&d, 0x70), 0);
	}
	CHECK_EQ(driver_read(&d, 1), 0);
	driver_write(&d, 0x6e, VIRTIO_ACKNOWLEDGE << 16);
	CHECK_EQ(driver_read(&d, 0x70), 0);
	CHECK_EQ(driver_read(&d, 0x200), 0);
	CHECK_EQ(driver_read(&d, 0xffc), 0);
	end();
}

static void test_steps(void)
{
	begin();
	driver_write(&d, 0x70, VIRTIO_DRIVER_OK);
	CHECK_EQ(driver_read(&d, 0x70), 0);
	driver_write(&d, 0x70, VIRTIO_DRIVER);
	CHECK_EQ(driver_read(&d, 0x70), 0);
	driver_write(&d, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_DRIVER_OK);
	CHECK_EQ(driver_read(&d, 0x70), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	driver_write(&d, 0x70, VIRTIO_ACKNOWLEDGE); /* nothing is taken back but by a reset */
	CHECK_EQ(driver_read(&d, 0x70), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	driver_write(&d, 0x70, VIRTIO_FEATURES_OK); /* without VERSION_1 */
	CHECK_EQ(driver_read(&d, 0x70), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	driver_write(&d, 0x70, VIRTIO_NEEDS_RESET);
	CHECK_EQ(driver_read(&d, 0x70), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	driver_write(&d, 0x70, VIRTIO_FAILED);
	CHECK_EQ(driver_read(&d, 0x70), VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER | VIRTIO_FAILED);
	driver_write(&d, 0x70, 0);
	CHECK_EQ(driver_read(&d, 0x70), 0);
	end();
}

static bool accepts(uint64_t features)
{
	driver_write(&d, 0x70, 0);
	driver_write(&d, 0x70, VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER);
	for (uint32_t word = 0; word < 2; word++) {
		driver_write(&d, 0x24, word);
		driver_write(&d, 0x20, (uint32_t)(features >> 32 * word));
	}
	driver_write(&d, 0x70, VIRTIO_FEATURES_OK);
	return driver_read(&d, 0x70) & VIRTIO_FEATURES_OK;
}

static void test_features(void)
{
	begin();
	CHECK(accepts(VIRTIO_F_VERSION_1));
	CHECK(accepts(VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT));
	CHECK(!accepts(0));
	CHECK(!accepts(VIRTIO_F_INDIRECT));
	for (uint32_t bit = 0; bit < 64; bit++)
		CHECK_EQ(accepts(VIRTIO_F_VERSION_1 | UINT64_C(1) << bit), bit == 32 || bit == 28);
	/* what was agreed on stays */
	CHECK(accepts(VIRTIO_F_VERSION_1));
	driver_write(&d, 0x24, 1);
	driver_write(&d, 0x20, 0);
	CHECK_EQ(((struct virtio *)d.device->state)->driver_features, VIRTIO_F_VERSION_1);
	CHECK(accepts(VIRTIO_F_VERSION_1));
	driver_write(&d, 0x24, 2); /* words beyond 1 hold nothing */
	driver_write(&d, 0x20, UINT32_MAX);
	CHECK_EQ(((struct virtio *)d.device->state)->driver_features, VIRTIO_F_VERSION_1);
	end();
}

struct place {
	const char *name;
	uint32_t size;
	uint64_t desc, avail, used;
	bool good;
};

static const struct place places[] = {
	{"usual", 16, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED, true},
	{"size 1", 1, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED, true},
	{"largest", 256, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED, true},
	{"size 0", 0, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED, false},
	{"size 3", 3, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED, false},
	{"size 255", 255, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED, false},
	{"size 512", 512, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED, false},
	{"size 2^31", UINT32_C(1) << 31, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED, false},
	{"size 2^16", UINT32_C(1) << 16, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED, false},
	{"descriptors askew", 16, DRIVER_DESC + 8, DRIVER_AVAIL, DRIVER_USED, false},
	{"available ring askew", 16, DRIVER_DESC, DRIVER_AVAIL + 1, DRIVER_USED, false},
	{"used ring askew", 16, DRIVER_DESC, DRIVER_AVAIL, DRIVER_USED + 2, false},
	{"last descriptors of low RAM", 16, DRIVER_LOW - 256, DRIVER_AVAIL, DRIVER_USED, true},
	{"descriptors into the hole", 16, DRIVER_LOW - 240, DRIVER_AVAIL, DRIVER_USED, false},
	{"available ring into the hole", 16, DRIVER_DESC, DRIVER_LOW - 34, DRIVER_USED, false},
	{"used ring into the hole", 16, DRIVER_DESC, DRIVER_AVAIL, DRIVER_LOW - 128, false},
	{"in high RAM", 16, VMM_4G, VMM_4G + 0x1000, VMM_4G + DRIVER_HIGH - 132, true},
	{"behind high RAM", 16, VMM_4G, VMM_4G + 0x1000, VMM_4G + DRIVER_HIGH - 128, false},
	{"before high RAM", 16, VMM_4G - 16, DRIVER_AVAIL, DRIVER_USED, false},
	{"at the end of all addresses", 16, UINT64_C(0) - 16, DRIVER_AVAIL, DRIVER_USED, false},
	{"in its own registers", 16, DRIVER_MMIO, DRIVER_AVAIL, DRIVER_USED, false},
	{"all in one place", 16, DRIVER_DESC, DRIVER_DESC, DRIVER_DESC, true}, /* odd, but the driver's own affair */
};

static void test_places_of_queues(void)
{
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		const struct place *place = &places[i];

		check_case("queue: %s", place->name);
		begin();
		driver_negotiate(&d, 0);
		driver_write(&d, 0x30, 0);
		driver_write(&d, 0x38, place->size);
		driver_write_wide(&d, 0x80, place->desc);
		driver_write_wide(&d, 0x90, place->avail);
		driver_write_wide(&d, 0xa0, place->used);
		driver_write(&d, 0x44, 1);
		CHECK_EQ(driver_read(&d, 0x44), place->good);
		CHECK_EQ(driver_needs_reset(&d), !place->good);
		CHECK_EQ(driver_broken(&d) != NULL, !place->good);
		driver_write(&d, 0x70, 0);
		CHECK_EQ(driver_read(&d, 0x70), 0);
		CHECK_EQ(driver_read(&d, 0x44), 0);
		end();
	}
}

/* Nothing of a queue that is ready can be changed, and nothing at all before features are agreed on. */
static void test_ready(void)
{
	const struct virtio_queue *queue;

	begin();
	queue = ((struct virtio *)d.device->state)->queues;
	driver_queue(&d);
	CHECK_EQ(driver_read(&d, 0x44), 0);
	CHECK_EQ(queue->desc_addr, 0);
	driver_negotiate(&d, 0);
	driver_queue(&d);
	CHECK_EQ(driver_read(&d, 0x44), 1);
	driver_write(&d, 0x38, 3);
	driver_write_wide(&d, 0x80, UINT64_MAX);
	driver_write(&d, 0x44, 1);
	CHECK_EQ(queue->size, 16);
	CHECK_EQ(queue->desc_addr, DRIVER_DESC);
	driver_write(&d, 0x44, 0);
	CHECK_EQ(driver_read(&d, 0x44), 0);
	driver_write(&d, 0x3c, 3); /* there is no such register */
	CHECK_EQ(queue->size, 16);
	driver_write(&d, 0x38, 8);
	CHECK_EQ(queue->size, 8);
	end();
}

static void ask_for_bytes(void)
{
	driver_desc(&d, 0, DRIVER_DATA, 64, DESC_WRITE);
	driver_announce(&d, 0);
	driver_kick(&d);
}

/* A device does nothing before DRIVER_OK, without a queue, or when the driver has given up. */
static void test_not_yet(void)
{
	uint32_t head, written;

	begin();
	driver_negotiate(&d, 0);
	driver_queue(&d);
	ask_for_bytes();
	CHECK(!driver_used(&d, &head, &written));
	CHECK(!d.line[DRIVER_GSI]);
	driver_write(&d, 0x70, VIRTIO_DRIVER_OK);
	driver_write(&d, 0x50, 1);
	driver_write(&d, 0x50, UINT32_MAX);
	CHECK(!driver_used(&d, &head, &written));
	driver_kick(&d);
	CHECK(driver_used(&d, &head, &written));
	CHECK_EQ(written, 64);
	driver_write(&d, 0x44, 0);
	ask_for_bytes();
	CHECK(!driver_used(&d, &head, &written));
	driver_go(&d);
	driver_write(&d, 0x70, VIRTIO_FAILED);
	ask_for_bytes();
	CHECK(!driver_used(&d, &head, &written));
	end();
}

static void test_interrupts(void)
{
	begin();
	driver_go(&d);
	ask_for_bytes();
	CHECK(d.line[DRIVER_GSI]);
	CHECK_EQ(driver_read(&d, 0x60), VIRTIO_IRQ_USED);
	driver_write(&d, 0x64, VIRTIO_IRQ_CONFIG); /* not the one that is pending */
	CHECK(d.line[DRIVER_GSI]);
	driver_write(&d, 0x64, VIRTIO_IRQ_USED);
	CHECK(!d.line[DRIVER_GSI]);
	CHECK_EQ(driver_read(&d, 0x60), 0);
	driver_kick(&d); /* for nothing */
	CHECK(!d.line[DRIVER_GSI]);
	d.ram[DRIVER_AVAIL] = 1; /* no interrupts */
	ask_for_bytes();
	CHECK(!d.line[DRIVER_GSI]);
	d.ram[DRIVER_AVAIL] = 0;
	ask_for_bytes();
	CHECK(d.line[DRIVER_GSI]);
	driver_write(&d, 0x70, 0);
	CHECK(!d.line[DRIVER_GSI]);
	end();
}

/* Indices run freely: more requests than they have values. */
static void test_around(void)
{
	uint32_t head = 9, written;
	bool all = true;

	begin();
	driver_go(&d);
	for (uint32_t i = 0; i < 70000; i++) {
		ask_for_bytes();
		all = all && driver_used(&d, &head, &written) && head == 0 && written == 64;
	}
	CHECK(all);
	CHECK(!driver_needs_reset(&d));
	end();
}

static void test_random_bytes(void)
{
	unsigned char zero[64] = {0};
	uint32_t head, written;

	begin();
	driver_go(&d);
	ask_for_bytes();
	CHECK(driver_used(&d, &head, &written));
	CHECK(memcmp(d.ram + DRIVER_DATA, zero, sizeof zero) != 0);
	CHECK(memcmp(d.ram + DRIVER_DATA + 64, zero, sizeof zero) == 0);
	/* never more than a page, whatever there is room for */
	driver_desc(&d, 0, DRIVER_DATA, 0x800, DESC_WRITE | DESC_NEXT);
	driver_desc(&d, 1, DRIVER_DATA + 0x1000, 0x8000, DESC_WRITE);
	driver_announce(&d, 0);
	driver_kick(&d);
	CHECK(driver_used(&d, &head, &written));
	CHECK_EQ(written, 4096);
	CHECK_EQ(memcmp(d.ram + DRIVER_DATA + 0x1800, zero, sizeof zero), 0);
	/* nothing to write on */
	driver_desc(&d, 0, DRIVER_DATA, 64, 0);
	driver_announce(&d, 0);
	driver_kick(&d);
	CHECK(!driver_used(&d, &head, &written));
	CHECK(driver_needs_reset(&d));
	CHECK_EQ(driver_read(&d, 0x60), VIRTIO_IRQ_USED | VIRTIO_IRQ_CONFIG);
	end();
}

int main(void)
{
	CASE(test_identity);
	CASE(test_places);
	CASE(test_widths);
	CASE(test_steps);
	CASE(test_features);
	test_places_of_queues();
	CASE(test_ready);
	CASE(test_not_yet);
	CASE(test_interrupts);
	CASE(test_around);
	CASE(test_random_bytes);
	return check_done();
}
