/* SPDX-License-Identifier: MIT */
/* The time of the host (UTC) and the size of memory -> clock and CMOS of a PC at ports 70h and 71h. Ref: MC146818A data sheet.
 *
 * The time cannot be set: it is the host's. Alarm and the interrupt once a second work; the periodic one does not (guests that find
 * no HPET emulate it, those that tick by it have the PIT). */
#include "vmm.h"

#include <string.h>
#include <time.h>

enum {
	PORT = 0x70,
	IRQ = 8,
	BYTES = 128,
	SECOND_NS = 1000000000,
	DAY_SECONDS = 86400,
	UPDATE_NS = 244000, /* for so long before a new second the clock says that it will change */

	SECONDS = 0, MINUTES = 2, HOURS = 4, /* behind each its alarm */
	WEEKDAY = 6, DAY = 7, MONTH = 8, YEAR = 9,
	A = 10, B = 11, C = 12, D = 13,
	BASE_LOW = 0x15, EXTENDED_LOW = 0x17, EXTENDED_LOW_2 = 0x30, CENTURY = 0x32, ABOVE_16M = 0x34, ABOVE_4G = 0x5b,

	A_UPDATING = 0x80,
	B_ALARM = 0x20, B_UPDATE = 0x10, B_BINARY = 4, B_24H = 2,
	C_PENDING = 0x80, C_ALARM = 0x20, C_UPDATE = 0x10,
	D_VALID = 0x80,
	ANY = 0xc0, /* in an alarm register: every value */
};

struct rtc {
	unsigned char index;
	unsigned char bytes[BYTES];
	time_t seen; /* the last second for which alarm and update were looked at */
	bool line;
};

static struct timespec wall_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now;
}

static unsigned char coded(const struct rtc *rtc, int value)
{
	return (unsigned char)(rtc->bytes[B] & B_BINARY ? value : value / 10 * 16 + value % 10);
}

static unsigned char coded_hour(const struct rtc *rtc, int hour)
{
	if (rtc->bytes[B] & B_24H)
		return coded(rtc, hour);
	return (unsigned char)(coded(rtc, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? 0x80 : 0));
}

struct date {
	int year, month, day;
};

static bool is_leap(int year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int month_days(const struct date *date)
{
	static const unsigned char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return days[date->month - 1] + (date->month == 2 && is_leap(date->year));
}

/* Not gmtime_r: that reads the zone's file the first time, and the sandbox has none. */
static struct date date_of(int64_t days)
{
	struct date date = {1970, 1, 1};

	for (; days >= 365 + is_leap(date.year); date.year++)
		days -= 365 + is_leap(date.year);
	for (; days >= month_days(&date); date.month++)
		days -= month_days(&date);
	date.day += (int)days;
	return date;
}

/* A register that shows the time; -1: it does not. */
static int time_register(const struct rtc *rtc, uint32_t index, time_t now)
{
	int64_t days = now / DAY_SECONDS;
	int second = (int)(now % DAY_SECONDS);

	switch (index) {
	case SECONDS: return coded(rtc, second % 60);
	case MINUTES: return coded(rtc, second / 60 % 60);
	case HOURS: return coded_hour(rtc, second / 3600);
	case WEEKDAY: return coded(rtc, (int)((days + 4) % 7) + 1); /* 1970 began on a Thursday */
	case DAY: return coded(rtc, date_of(days).day);
	case MONTH: return coded(rtc, date_of(days).month);
	case YEAR: return coded(rtc, date_of(days).year % 100);
	case CENTURY: return coded(rtc, date_of(days).year / 100);
	default: return -1;
	}
}

static bool alarm_matches(const struct rtc *rtc, time_t now)
{
	for (uint32_t index = SECONDS; index <= HOURS; index += 2) {
		unsigned char alarm = rtc->bytes[index + 1];

		if ((alarm & ANY) != ANY && alarm != time_register(rtc, index, now))
			return false;
	}
	return true;
}

/* A clock that was put forward is not caught up with second by second. */
static void pass_seconds(struct rtc *rtc, time_t now)
{
	if (now > rtc->seen)
		rtc->bytes[C] |= C_UPDATE;
	if (now > rtc->seen + 60 || now < rtc->seen)
		rtc->seen = now - 1;
	while (rtc->seen < now)
		if (alarm_matches(rtc, ++rtc->seen))
			rtc->bytes[C] |= C_ALARM;
}

static void settle(struct vmm_device *device)
{
	struct rtc *rtc = device->state;
	struct timespec now = wall_clock();
	bool wanted = rtc->bytes[B] & (B_ALARM | B_UPDATE), line;
	uint64_t timer = wanted ? lode_vmm_now_() + (uint64_t)(SECOND_NS - now.tv_nsec) : 0;

	pass_seconds(rtc, now.tv_sec);
	line = rtc->bytes[C] & rtc->bytes[B] & (B_ALARM | B_UPDATE);
	if (line != rtc->line)
		lode_vmm_irq_(device->vm, device->irq, line);
	rtc->line = line;
	if (!timer != !device->timer)
		lode_vmm_wake_(device->vm);
	device->timer = timer;
}

static unsigned char take_causes(struct vmm_device *device)
{
	struct rtc *rtc = device->state;
	unsigned char causes = rtc->bytes[C];

	if (causes & rtc->bytes[B])
		causes |= C_PENDING;
	rtc->bytes[C] = 0;
	settle(device);
	return causes;
}

static void put(unsigned char *bytes, uint64_t value, uint32_t size)
{
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(value >> 8 * i);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* As a BIOS leaves them: KiB below 1 MiB, KiB from 1 MiB on, 64 KiB from 16 MiB on, 64 KiB from 4 GiB on. */
static void put_memory(struct rtc *rtc, const struct vmm_ram *ram)
{
	uint64_t mib = UINT64_C(1) << 20, low = ram->low, extended = low > mib ? least((low - mib) >> 10, 0xffff) : 0;

	put(rtc->bytes + BASE_LOW, 640, 2);
	put(rtc->bytes + EXTENDED_LOW, extended, 2);
	put(rtc->bytes + EXTENDED_LOW_2, extended, 2);
	put(rtc->bytes + ABOVE_16M, low > 16 * mib ? least((low - 16 * mib) >> 16, 0xffff) : 0, 2);
	put(rtc->bytes + ABOVE_4G, (ram->size - low) >> 16, 3);
}

static unsigned char read_register(struct vmm_device *device)
{
	struct rtc *rtc = device->state;
	struct timespec now = wall_clock();
	int shown = time_register(rtc, rtc->index, now.tv_sec);

	settle(device);
	put_memory(rtc, &device->vm->ram);
	if (shown >= 0)
		return (unsigned char)shown;
	if (rtc->index == A)
		return (unsigned char)(rtc->bytes[A] | (now.tv_nsec >= SECOND_NS - UPDATE_NS ? A_UPDATING : 0));
	return rtc->index == C ? take_causes(device) : rtc->bytes[rtc->index];
}

static void rtc_read(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	memset(bytes, 0xff, size);
	if (offset == 1)
		bytes[0] = read_register(device);
}

static void write_register(struct vmm_device *device, unsigned char value)
{
	struct rtc *rtc = device->state;

	if (rtc->index == A)
		value &= 0x7f;
	if (rtc->index != C && rtc->index != D)
		rtc->bytes[rtc->index] = value;
	settle(device);
}

static void rtc_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	if (offset == 0)
		((struct rtc *)device->state)->index = bytes[0] & 0x7f; /* bit 7 masks the NMI */
	if (offset + size > 1)
		write_register(device, bytes[1 - offset]);
}

static const struct vmm_device_type type = {"rtc", rtc_read, rtc_write, settle};

int lode_vmm_rtc_(struct vmm *vm)
{
	struct vmm_device *device = lode_vmm_device_add_(vm, &type, sizeof(struct rtc));
	struct rtc *rtc;

	if (!device)
		return -1;
	device->registers = (struct lode_range){PORT, 2};
	device->ports = true;
	device->irq = IRQ;
	rtc = device->state;
	rtc->bytes[A] = 0x26;
	rtc->bytes[B] = B_24H;
	rtc->bytes[D] = D_VALID;
	rtc->seen = wall_clock().tv_sec;
	return 0;
}
