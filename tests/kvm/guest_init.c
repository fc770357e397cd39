/* SPDX-License-Identifier: MIT */
/* Process 1 of a Linux guest: says what machine it finds, then does what do=WORD on the kernel's command line says. */
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static char text[4096];

static const char *read_file(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;

	text[got > 0 ? got : 0] = 0;
	if (fd >= 0)
		close(fd);
	return text;
}

static void load_modules(void)
{
	char path[64];

	for (int i = 0; i < 9; i++) {
		int fd;

		snprintf(path, sizeof path, "/m/%d.ko", i);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return;
		if (syscall(SYS_finit_module, fd, "", 0))
			perror(path);
		close(fd);
	}
}

static void put_port(unsigned short port, unsigned char value)
{
	if (ioperm(port, 1, 1))
		iopl(3);
	outb(value, port);
}

/* The first line of the disk, and one that is written to it. */
static void use_disk(void)
{
	static char sector[512] __attribute__((aligned(512)));
	int fd = open("/dev/vda", O_RDWR | O_CLOEXEC);

	if (fd < 0 || read(fd, sector, sizeof sector) != (ssize_t)sizeof sector) {
		printf("no disk\n");
		return;
	}
	printf("disk says %.32s\n", sector);
	strcpy(sector, "written by the guest");
	if (pwrite(fd, sector, sizeof sector, 512) != (ssize_t)sizeof sector || fsync(fd))
		printf("the disk cannot be written\n");
	close(fd);
}

static void echo(void)
{
	char line[128];

	printf("type:\n");
	while (fgets(line, sizeof line, stdin) && line[0] != 'q')
		printf("read %s", line);
}

/*
 * Code that another processor writes to
 */

/** `mov $number, %eax; ret`, and who has written and who has executed which number. */
struct code {
	unsigned char bytes[64];
	volatile uint32_t written, executed, lost;
};

static void move_to(size_t processor)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(processor, &set);
	sched_setaffinity(0, sizeof set, &set);
}

/* Instructions that a processor fetches behind cpuid are those that are written. Ref: Intel SDM volume 3A, 9.1.3. */
static uint32_t execute(const struct code *code)
{
	uint32_t a = 0, b, c, d;

	__asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d) : : "memory");
	return ((uint32_t (*)(void))(uintptr_t)code->bytes)();
}

static _Noreturn void execute_all(struct code *code)
{
	move_to(0);
	for (;;) {
		uint32_t number = code->written;

		if (execute(code) < number)
			code->lost++;
		code->executed = number;
		__builtin_ia32_pause();
	}
}

static void store_code(void)
{
	enum { CHANGES = 3000 };
	struct code *code = mmap(NULL, sizeof *code, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (code == MAP_FAILED)
		return;
	memcpy(code->bytes, "\xb8\0\0\0\0\xc3", 6);
	if (fork() == 0)
		execute_all(code);
	move_to(1);
	for (uint32_t number = 1; number <= CHANGES; number++) {
		*(volatile uint32_t *)(void *)(code->bytes + 1) = number;
		__sync_synchronize();
		code->written = number;
		while (code->executed != number)
			__builtin_ia32_pause();
	}
	printf("code was changed %d times, %u lost\n", CHANGES, code->lost);
}

static void act(const char *what)
{
	if (strncmp(what, "echo", 4) == 0)
		echo();
	else if (strncmp(what, "exit", 4) == 0)
		put_port(0xf4, 21);
	else if (strncmp(what, "debug", 5) == 0)
		for (const char *c = "written to port E9h\n"; *c; c++)
			put_port(0xe9, (unsigned char)*c);
	else if (strncmp(what, "store", 5) == 0)
		store_code();
	else if (strncmp(what, "wait", 4) == 0)
		pause();
	else if (strncmp(what, "panic", 5) == 0)
		put_port(0x505, 1);
	else if (strncmp(what, "halt", 4) == 0)
		reboot((int)RB_HALT_SYSTEM);
	else if (strncmp(what, "reboot", 6) == 0)
		reboot(RB_AUTOBOOT);
	else if (strncmp(what, "crash", 5) == 0)
		_exit(1);
	reboot(RB_POWER_OFF);
}

int main(void)
{
	const char *what;

	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	load_modules();
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	printf("HELLO from init\n%ld processors, %ld MiB\n", sysconf(_SC_NPROCESSORS_ONLN), sysconf(_SC_PHYS_PAGES) / 256);
	printf("command line %s", read_file("/proc/cmdline"));
	printf("clock %s", read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource"));
	use_disk();
	what = strstr(read_file("/proc/cmdline"), "do=");
	act(what ? what + 3 : "");
	pause();
	return 0;
}
