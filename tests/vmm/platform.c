/* SPDX-License-Identifier: MIT */
/* The devices of a PC through their registers, without a guest: what drivers and test kernels do, and what comes of it. */
#include "../../hosts/vmm/vmm.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* pm.c is compiled once more for this program, with this in place of lode_vmm_now_. */
uint64_t test_now(void);

static uint64_t now_ns = 1000000000;

uint64_t test_now(void)
{
	return now_ns;
}

static struct vmm vm;
static bool line[32];
static unsigned rises[32];
static unsigned wakes;
static int out_pipe[2], in_pipe[2], old_out, old_in;

static void take_irq(struct vmm *of, uint32_t irq, bool level)
{
	CHECK(of == &vm && irq < 32);
	rises[irq] += level && !line[irq];
	line[irq] = level;
}

static void take_wake(struct vmm *of)
{
	CHECK(of == &vm);
	wakes++;
}

static const struct vmm_board board = {.mmio = 0xd0000000, .mmio_gsi = 10, .pm_base = 0x600};
static const struct vmm_engine engine = {.name = "test", .board = &board, .irq = take_irq, .wake = take_wake};

static void begin(void)
{
	memset(&vm, 0, sizeof vm);
	memset(line, 0, sizeof line);
	memset(rises, 0, sizeof rises);
	wakes = 0;
	vm.engine = &engine;
	vm.ram = (struct vmm_ram){.size = UINT64_C(5) << 30, .low = UINT64_C(3) << 30, .fd = -1};
	pthread_mutex_init(&vm.lock, NULL);
	CHECK_EQ(lode_vmm_devices_make_(&vm), 0);
}

static void finish(void)
{
	lode_vmm_devices_free_(&vm);
}

static void out_wide(uint16_t port, uint32_t value, uint32_t size)
{
	unsigned char bytes[4];

	for (uint32_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
	lode_vmm_bus_write_(&vm, true, port, bytes, size);
}

static void out(uint16_t port, uint32_t value)
{
	out_wide(port, value, 1);
}

static uint32_t in_wide(uint16_t port, uint32_t size)
{
	unsigned char bytes[8] = {0};

	lode_vmm_bus_read_(&vm, true, port, bytes, size);
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t in(uint16_t port)
{
	return in_wide(port, 1);
}

static struct vmm_device *device(const char *name)
{
	for (uint32_t i = 0; i < vm.ndevices; i++)
		if (!strcmp(vm.devices[i].type->name, name))
			return &vm.devices[i];
	return NULL;
}

/* Standard input and output are pipes for a while. */
static void redirect(void)
{
	fflush(stdout);
	old_out = dup(STDOUT_FILENO);
	old_in = dup(STDIN_FILENO);
	if (pipe2(out_pipe, O_NONBLOCK) || pipe2(in_pipe, O_NONBLOCK))
		abort();
	dup2(out_pipe[1], STDOUT_FILENO);
	dup2(in_pipe[0], STDIN_FILENO);
}

static const char *restore(void)
{
	static char text[256];
	ssize_t got;

	dup2(old_out, STDOUT_FILENO);
	dup2(old_in, STDIN_FILENO);
	got = read(out_pipe[0], text, sizeof text - 1);
	text[got > 0 ? got : 0] = 0;
	for (int i = 0; i < 2; i++) {
		close(out_pipe[i]);
		if (in_pipe[i] >= 0)
			close(in_pipe[i]);
	}
	close(old_out);
	close(old_in);
	return text;
}

static void type_keys(const char *text)
{
	if (write(in_pipe[1], text, strlen(text)) < 0)
		abort();
}

static void serve_serial(void)
{
	struct vmm_device *serial = device("serial");

	if (serial->fd >= 0)
		serial->type->ready(serial);
}

enum { DATA = 0x3f8, IER, IIR, LCR, MCR, LSR, MSR, SCR, IRQ = 4 };

/* What Linux does to find out what it has. */
static void test_serial_probe(void)
{
	begin();
	out(IER, 0);
	CHECK_EQ(in(IER), 0);
	out(IER, 0xff);
	CHECK_EQ(in(IER), 0xf);
	out(IER, 0);
	out(MCR, 0x1a);
	CHECK_EQ(in(MSR) & 0xf0, 0x90);
	out(MCR, 0x15);
	CHECK_EQ(in(MSR) & 0xf0, 0x60);
	out(MCR, 3);
	CHECK_EQ(in(MSR) & 0xf0, 0xb0);
	out(IIR, 1);
	CHECK_EQ(in(IIR) >> 6, 3);
	out(IIR, 0);
	CHECK_EQ(in(IIR) >> 6, 0);
	out(LCR, 0x83);
	out(DATA, 1);
	out(IER, 2);
	CHECK_EQ(in(DATA), 1);
	CHECK_EQ(in(IER), 2);
	out(LCR, 3);
	CHECK_EQ(in(IER), 0);
	CHECK_EQ(in(LCR), 3);
	out(SCR, 0xa5);
	CHECK_EQ(in(SCR), 0xa5);
	CHECK_EQ(in(LSR), 0x60);
	CHECK_EQ(in_wide(LSR, 2), 0xffffu & (0xff00 | 0x60));
	finish();
}

static void test_serial_modem_changes(void)
{
	begin();
	in(MSR);
	out(MCR, 0x10); /* loopback: all lines fall */
	CHECK_EQ(in(MSR), 0x0b);
	out(MCR, 0x14);
	CHECK_EQ(in(MSR), 0x40); /* RI rising is no change */
	out(MCR, 0x10);
	CHECK_EQ(in(MSR), 0x04);
	out(IER, 8);
	CHECK(!line[IRQ]);
	out(MCR, 0x12);
	CHECK(line[IRQ]);
	CHECK_EQ(in(IIR), 0);
	in(MSR);
	CHECK(!line[IRQ]);
	finish();
}

static void test_serial_sends(void)
{
	begin();
	redirect();
	out(DATA, 'h');
	out(DATA, 'i');
	CHECK_STR(restore(), "hi");
	CHECK(!line[IRQ]);
	out(IER, 2);
	CHECK(line[IRQ]);
	CHECK_EQ(in(IIR), 2);
	CHECK(!line[IRQ]);
	CHECK_EQ(in(IIR), 1);
	out(IER, 0);
	out(IER, 2); /* asked for again, it comes again */
	CHECK(line[IRQ]);
	out(IER, 0);
	CHECK(!line[IRQ]);
	finish();
}

static void test_serial_receives(void)
{
	begin();
	redirect();
	type_keys("0123456789abcdefXYZ");
	serve_serial(); /* nobody listens yet */
	out(IIR, 0xc7);
	out(IER, 1);
	serve_serial();
	CHECK(line[IRQ]);
	CHECK_EQ(in(IIR), 0xc4); /* 14 and more are there */
	CHECK_EQ(device("serial")->fd, -1);
	CHECK_EQ(in(LSR), 0x61);
	for (const char *want = "0123456789abcdef"; *want; want++)
		CHECK_EQ(in(DATA), (unsigned char)*want);
	CHECK(!line[IRQ]);
	CHECK_EQ(in(LSR), 0x60);
	CHECK(wakes > 0);
	serve_serial();
	CHECK_EQ(in(IIR), 0xcc); /* fewer than that, and no more to come */
	CHECK_EQ(in(DATA), 'X');
	out(IIR, 3);
	CHECK_EQ(in(LSR), 0x60);
	CHECK(!line[IRQ]);
	close(in_pipe[1]);
	in_pipe[1] = -1;
	serve_serial();
	CHECK_EQ(device("serial")->fd, -1); /* the input's end is watched no more */
	CHECK_EQ(in(DATA), 0);
	restore();
	finish();
}

/* A guest that only ever asks the line status gets input too. */
static void test_serial_polled(void)
{
	begin();
	redirect();
	type_keys("k");
	for (int i = 0; i < 20; i++) {
		in(LSR);
		serve_serial();
	}
	CHECK_EQ(in(LSR) & 1, 1);
	CHECK_EQ(in(DATA), 'k');
	restore();
	finish();
}

static void test_serial_loopback(void)
{
	begin();
	redirect();
	out(IIR, 7);
	out(MCR, 0x10);
	for (int i = 0; i < 17; i++)
		out(DATA, (uint32_t)i);
	CHECK_STR(restore(), "");
	CHECK_EQ(in(LSR), 0x63); /* the last one ran over */
	CHECK_EQ(in(LSR), 0x61);
	for (uint32_t i = 0; i < 16; i++)
		CHECK_EQ(in(DATA), i);
	CHECK_EQ(in(LSR), 0x60);
	out(DATA, 1);
	out(DATA, 2);
	out(IIR, 0);
	CHECK_EQ(in(DATA), 1);
	CHECK_EQ(in(DATA), 2);
	out(DATA, 3);
	out(DATA, 4);
	CHECK_EQ(in(LSR) & 3, 3); /* without FIFOs there is room for one */
	finish();
}

static void ends(uint16_t port, uint32_t value, uint32_t size, enum lode_vmm_end end)
{
	check_case("%x to port %x", value, port);
	begin();
	out_wide(port, value, size);
	CHECK_EQ(vm.end, end);
	CHECK_EQ(vm.status, end == LODE_VMM_EXIT ? value : 0);
	CHECK(end == LODE_VMM_NONE || wakes > 0);
	out_wide(0xf4, 7, 1); /* too late */
	CHECK_EQ(vm.end, end == LODE_VMM_NONE ? LODE_VMM_EXIT : end);
	finish();
}

static void test_ends(void)
{
	static const struct { uint16_t port; uint32_t value, size; enum lode_vmm_end end; } list[] = {
		{0xf4, 0x10, 1, LODE_VMM_EXIT}, {0xf4, 0x12345678, 4, LODE_VMM_EXIT}, {0xf4, 0xabcd, 2, LODE_VMM_EXIT},
		{0x505, 1, 1, LODE_VMM_PANIC}, {0x505, 2, 1, LODE_VMM_NONE}, {0x505, 3, 1, LODE_VMM_PANIC},
		{0x505, 4, 1, LODE_VMM_POWER_OFF}, {0x505, 0x80, 1, LODE_VMM_NONE}, {0xcf9, 2, 1, LODE_VMM_NONE},
		{0xcf9, 6, 1, LODE_VMM_RESET}, {0xcf9, 0xe, 1, LODE_VMM_RESET}, {0xcf8, 0xffffffff, 4, LODE_VMM_NONE},
		{0x64, 0xfe, 1, LODE_VMM_RESET}, {0x64, 0xff, 1, LODE_VMM_NONE}, {0x64, 0xf0, 1, LODE_VMM_RESET},
		{0x92, 1, 1, LODE_VMM_RESET}, {0x92, 2, 1, LODE_VMM_NONE}, {0x604, 0x2000, 2, LODE_VMM_POWER_OFF},
		{0x604, 0x3400, 2, LODE_VMM_POWER_OFF}, {0x604, 0x1400, 2, LODE_VMM_NONE}, {0x605, 0x20, 1, LODE_VMM_POWER_OFF},
		{0x604, 0x20, 1, LODE_VMM_NONE}, {0x602, 0x20000000, 4, LODE_VMM_POWER_OFF}, {0x600, 0xffff, 2, LODE_VMM_NONE},
		{0x1234, 1, 1, LODE_VMM_NONE},
	};

	for (size_t i = 0; i < sizeof list / sizeof *list; i++)
		ends(list[i].port, list[i].value, list[i].size, list[i].end);
}

static void test_keyboard_controller(void)
{
	begin();
	CHECK_EQ(in(0x64), 0x14); /* input buffer empty: who waits for that to reset goes on */
	out(0x64, 0xaa);
	CHECK_EQ(in(0x64), 0x1d);
	CHECK_EQ(in(0x60), 0x55);
	CHECK_EQ(in(0x64) & 1, 0);
	out(0x64, 0x60);
	out(0x60, 0x47);
	out(0x64, 0x20);
	CHECK_EQ(in(0x60), 0x47);
	out(0x64, 0xd0);
	CHECK_EQ(in(0x60), 3);
	out(0x64, 0xd1);
	out(0x60, 3);
	CHECK_EQ(vm.end, LODE_VMM_NONE);
	out(0x60, 0xf4); /* to a keyboard that is not there */
	CHECK_EQ(in(0x64) & 1, 0);
	out(0x64, 0xd1);
	out(0x60, 0xfe);
	CHECK_EQ(vm.end, LODE_VMM_RESET);
	CHECK_EQ(in(0x92), 2);
	finish();
}

static void test_bus(void)
{
	begin();
	CHECK_EQ(in(0x80), 0xff);
	CHECK_EQ(in_wide(0x80, 4), 0xffffffff);
	CHECK_EQ(in_wide(0x3ff, 2), 0xffff); /* from the serial line's last register to nobody's */
	CHECK_EQ(in_wide(0x60a, 4), 0xffffffff);
	CHECK_EQ(in(0xe9), 0xe9);
	CHECK_EQ(in(0x505), 7);
	redirect();
	out(0xe9, 'D');
	CHECK_STR(restore(), "D");
	finish();
}

static void test_pm_timer(void)
{
	uint32_t before;

	begin();
	before = in_wide(0x608, 4);
	now_ns += 1000000000;
	CHECK_EQ(in_wide(0x608, 4) - before, 3579545);
	now_ns += UINT64_C(1000000) * 1000000000; /* days do not wrap inside */
	CHECK_EQ(in_wide(0x608, 4) - before, (uint32_t)(1000001 * UINT64_C(3579545)));
	CHECK_EQ(in_wide(0x604, 2), 1);
	finish();
}

static void test_pm_interrupt(void)
{
	struct vmm_device *pm;

	begin();
	pm = device("pm");
	CHECK_EQ(in_wide(0x600, 2), 0);
	CHECK_EQ(pm->timer, 0);
	out_wide(0x602, 0xffff, 2);
	CHECK_EQ(in_wide(0x602, 2), 0x521);
	CHECK(pm->timer > now_ns);
	CHECK(!line[9]);
	now_ns = pm->timer;
	pm->type->ready(pm);
	CHECK(line[9]);
	CHECK_EQ(in_wide(0x600, 2), 1);
	out_wide(0x600, 1, 2);
	CHECK(!line[9]);
	CHECK_EQ(in_wide(0x600, 2), 0);
	CHECK(pm->timer > now_ns + 2300000000 && pm->timer < now_ns + 2400000000);
	out_wide(0x602, 0, 2);
	CHECK_EQ(pm->timer, 0);
	finish();
}

static uint32_t cmos(uint32_t index)
{
	out(0x70, index);
	return in(0x71);
}

static void set_cmos(uint32_t index, uint32_t value)
{
	out(0x70, index);
	out(0x71, value);
}

static uint32_t bcd(int value)
{
	return (uint32_t)(value / 10 * 16 + value % 10);
}

static void compare_clock(bool binary)
{
	static const uint32_t indices[] = {0, 2, 4, 6, 7, 8, 9, 0x32};
	uint32_t got[8];
	time_t now;
	struct tm tm;

	do {
		now = time(NULL);
		for (int i = 0; i < 8; i++)
			got[i] = cmos(indices[i]);
	} while (time(NULL) != now);
	gmtime_r(&now, &tm);
	const int want[8] = {tm.tm_sec, tm.tm_min, tm.tm_hour, tm.tm_wday + 1, tm.tm_mday, tm.tm_mon + 1, tm.tm_year % 100,
		19 + tm.tm_year / 100};
	for (int i = 0; i < 8; i++)
		CHECK_EQ(got[i], binary ? (uint32_t)want[i] : bcd(want[i]));
}

static void test_clock(void)
{
	begin();
	CHECK_EQ(cmos(0xd), 0x80);
	CHECK_EQ(cmos(0xa) & 0x7f, 0x26);
	CHECK_EQ(cmos(0xb), 2);
	compare_clock(false);
	set_cmos(0xb, 6);
	compare_clock(true);
	set_cmos(0xb, 4); /* hours of a day in two halves */
	CHECK((cmos(4) & 0x7f) >= 1 && (cmos(4) & 0x7f) <= 12);
	CHECK_EQ(in(0x70), 0xff);
	set_cmos(0x40, 0x99);
	CHECK_EQ(cmos(0x40), 0x99);
	CHECK_EQ(cmos(0xc0), 0x99); /* bit 7 is the NMI's */
	finish();
}

static void test_clock_interrupts(void)
{
	struct vmm_device *rtc;

	begin();
	rtc = device("rtc");
	CHECK_EQ(rtc->timer, 0);
	set_cmos(0xb, 0x12);
	CHECK(rtc->timer != 0);
	usleep(1100000);
	rtc->type->ready(rtc);
	CHECK(line[8]);
	CHECK_EQ(cmos(0xc) & 0x90, 0x90);
	CHECK(!line[8]);
	set_cmos(1, 0xff);
	set_cmos(3, 0xff);
	set_cmos(5, 0xff);
	set_cmos(0xb, 0x22);
	usleep(1100000);
	rtc->type->ready(rtc);
	CHECK(line[8]);
	CHECK_EQ(cmos(0xc) & 0xa0, 0xa0);
	set_cmos(0xb, 2);
	CHECK_EQ(rtc->timer, 0);
	finish();
}

static void test_memory_sizes(void)
{
	begin();
	CHECK_EQ(cmos(0x15) | cmos(0x16) << 8, 640);
	CHECK_EQ(cmos(0x17) | cmos(0x18) << 8, 0xffff);
	CHECK_EQ(cmos(0x30) | cmos(0x31) << 8, 0xffff);
	CHECK_EQ(cmos(0x34) | cmos(0x35) << 8, (3072 - 16) * 16);
	CHECK_EQ(cmos(0x5b) | cmos(0x5c) << 8 | cmos(0x5d) << 16, 2048 * 16);
	vm.ram.size = vm.ram.low = 8 << 20;
	CHECK_EQ(cmos(0x17) | cmos(0x18) << 8, 7 * 1024);
	CHECK_EQ(cmos(0x34) | cmos(0x35) << 8, 0);
	CHECK_EQ(cmos(0x5b) | cmos(0x5c) << 8, 0);
	finish();
}

int main(void)
{
	CASE(test_serial_probe);
	CASE(test_serial_modem_changes);
	CASE(test_serial_sends);
	CASE(test_serial_receives);
	CASE(test_serial_polled);
	CASE(test_serial_loopback);
	test_ends();
	CASE(test_keyboard_controller);
	CASE(test_bus);
	CASE(test_pm_timer);
	CASE(test_pm_interrupt);
	CASE(test_clock);
	CASE(test_clock_interrupts);
	CASE(test_memory_sizes);
	return check_done();
}
