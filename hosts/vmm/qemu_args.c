/* SPDX-License-Identifier: MIT */
/* The machine -> QEMU's command line, and becoming QEMU. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "qemu.h"

enum { WORDS_MOST = 256 };

struct words {
	char *list[WORDS_MOST];
	int n;
	bool failed;
};

static void add(struct words *words, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct words *words, const char *format, ...)
{
	char *word;
	va_list list;

	va_start(list, format);
	if (words->n + 1 >= WORDS_MOST || vasprintf(&word, format, list) < 0)
		words->failed = true;
	else
		words->list[words->n++] = word;
	va_end(list);
}

/* Descriptors that QEMU is to have. */
static int inherit(int fd)
{
	fcntl(fd, F_SETFD, 0);
	return fd;
}

static void add_memory(struct words *words, const struct vmm *vm)
{
	unsigned long long mib = vm->ram.size >> 20;

	add(words, "-machine");
	add(words, "q35,memory-backend=ram,vmport=off,smbus=off,sata=off,usb=off");
	/* With a thread for each processor QEMU 7.2 loses a store to code that another processor is executing: it runs the old
	 * translation for ever. Linux writes to its code while it runs (static keys). */
	add(words, "-accel");
	add(words, "tcg,thread=single");
	add(words, "-object");
	add(words, "memory-backend-file,id=ram,mem-path=/proc/self/fd/%d,size=%lluM,share=on", inherit(vm->ram.fd), mib);
	add(words, "-m");
	add(words, "%lluM", mib);
	add(words, "-cpu");
	/* guests of Xen fault by the translator's SMAP where there is nothing to fault */
	add(words, "max,smap=off");
	add(words, "-smp");
	add(words, "%u", vm->machine.ncpus);
}

static void add_channel(struct words *words, const char *id, int fd)
{
	add(words, "-chardev");
	add(words, "socket,id=%s,fd=%d", id, inherit(fd));
}

static void add_platform(struct words *words, const struct vmm_qemu *qemu)
{
	add(words, "-bios");
	add(words, "/proc/self/fd/%d", inherit(qemu->rom));
	add(words, "-D");
	add(words, "/proc/self/fd/%d", inherit(qemu->log));
	add(words, "-d");
	add(words, "cpu_reset");
	add_channel(words, "com1", qemu->serial_far);
	add(words, "-serial");
	add(words, "chardev:com1");
	add_channel(words, "monitor", qemu->monitor_far);
	add(words, "-mon");
	add(words, "chardev=monitor,mode=control");
	add_channel(words, "debug", qemu->debug_far);
	add(words, "-device");
	add(words, "isa-debugcon,iobase=0xe9,chardev=debug");
	add(words, "-device");
	add(words, "isa-debug-exit,iobase=0xf4,iosize=4");
	add(words, "-device");
	add(words, "pvpanic");
}

/* QEMU's own stub; the guest begins, in the ROM, when the debugger says so. */
static void add_debugger(struct words *words, const char *where)
{
	static const char local[] = "unix:";

	if (!where)
		return;
	add(words, "-gdb");
	if (strncmp(where, local, strlen(local)) == 0)
		add(words, "%s,server=on,wait=off", where);
	else
		add(words, "tcp:127.0.0.1:%s", where);
}

static void add_devices(struct words *words, const struct vmm *vm)
{
	if (vm->machine.framebuffer) {
		add(words, "-device");
		add(words, "VGA,addr=01.0,vgamem_mb=64");
	}
	add(words, "-device");
	add(words, "virtio-rng-pci,disable-legacy=on");
	for (uint32_t i = 0; i < vm->ndisks; i++) {
		const struct vmm_file *disk = &vm->disks[i];

		add(words, "-blockdev");
		add(words,
			"driver=raw,node-name=disk%u,read-only=%s,file.driver=file,file.locking=off,"
			"file.filename=/proc/self/fd/%d", i,
			disk->read_only ? "on" : "off", inherit(disk->fd));
		add(words, "-device");
		add(words, "virtio-blk-pci,disable-legacy=on,drive=disk%u", i);
	}
}

/* A signal to the whole group is this process's to act on: QEMU would begin a line of its own about it. */
static void block_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

int lode_vmm_qemu_exec_(struct vmm *vm, const struct vmm_qemu *qemu)
{
	struct words words = {.n = 0};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	block_signals();
	add(&words, "%s", qemu->program);
	add(&words, "-nodefaults");
	add(&words, "-no-user-config");
	add(&words, "-display");
	add(&words, "none");
	add(&words, "-no-reboot");
	add(&words, "-S"); /* until the monitor is ready */
	add(&words, "-no-shutdown"); /* registers are still to be asked for, and the picture to be made */
	if (vm->picture_fd >= 0)
		inherit(vm->picture_fd);
	add(&words, "-sandbox");
	add(&words, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	add_memory(&words, vm);
	add_platform(&words, qemu);
	add_devices(&words, vm);
	add_debugger(&words, vm->request->gdb);
	words.list[words.n] = NULL;
	if (words.failed)
		return E2BIG;
	execv(qemu->program, words.list);
	return errno;
}
