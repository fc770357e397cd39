/* SPDX-License-Identifier: MIT */
/* A kernel file, started in a virtual machine: what is asked for, and how it ended. Linux on x86-64. */
#ifndef LODE_VMM_H
#define LODE_VMM_H

#include <lode/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What runs the guest's instructions. */
enum lode_vmm_engine {
	LODE_VMM_ANY,  /* KVM if it is there and runs guests, else QEMU */
	LODE_VMM_KVM,  /* the hypervisor of this library */
	LODE_VMM_QEMU, /* QEMU's translator, under this library's loader */
};

enum {
	LODE_VMM_READ_ONLY = 1, /* of a disk */
};

/** A file that the guest gets: opened before anything of it is read. */
struct lode_vmm_file {
	const char *path;
	const char *cmdline; /* of a module; NULL: "" */
	uint32_t flags;      /* LODE_VMM_* */
};

/** Bytes that were unpacked: @bytes is the callback's, and stays until the guest runs. */
struct lode_vmm_unpacked {
	const unsigned char *bytes; /* NULL: the file is what it is, nothing was packed */
	uint64_t size;
};

/**
 * struct lode_vmm_request - what is to be booted, and on what. Zero-initialise, then set what is needed.
 * @protocol: LODE_PROTOCOL_NONE: the one that the file speaks best
 * @initrds, @modules: module 0 of the protocols that have modules is the first initrd, or else the first module
 * @memory: bytes, whole MiB. 0: 256 MiB
 * @unpack: called in the sandbox with the kernel file's bytes; unpacks them if they are packed as a whole or, if @direct, if they
 *          are a bzImage with a packed kernel in it. 0, or an error that was said through @say. NULL: files are taken as they are
 * @loaded: called when everything is in its place and nothing runs yet, in the process that has read the files (it may be another one)
 * @picture: writes the pixels to @fd, which is the empty file @screenshot, in the sandbox. 0 if it could. QEMU writes its own, a PNG
 * @say: a line for the user, without its end. NULL: silence
 * @sha256: the digest that the kernel file must have, NULL: any. The file is then copied instead of mapped
 */
struct lode_vmm_request {
	struct lode_vmm_file kernel;
	const struct lode_vmm_file *initrds, *modules, *disks;
	uint32_t ninitrds, nmodules, ndisks;
	const char *cmdline; /* NULL: "" */
	enum lode_vmm_engine engine;
	enum lode_protocol protocol;
	bool direct;
	uint64_t memory;
	uint32_t cpus;           /* 0: 1 */
	uint32_t time_limit;     /* seconds, 0: none */
	uint32_t width, height;  /* of a framebuffer in memory, 0: none */
	const unsigned char *sha256;
	const char *gdb;         /* "PORT" or "unix:PATH", NULL: no debugger */
	const char *screenshot;  /* file for a picture of the framebuffer, made at the end and at SIGUSR1. NULL: none */
	const char *core;        /* file for a core of the guest when it ends, NULL: none */
	bool dry_run;            /* stop before the first instruction */
	int (*unpack)(void *host, struct lode_vmm_unpacked *unpacked, const struct lode_source *file, bool direct);
	void (*loaded)(void *host, const struct lode_machine *machine, const struct lode_start *start);
	int (*picture)(void *host, int fd, const struct lode_framebuffer *screen, const unsigned char *pixels);
	void (*say)(void *host, const char *line);
	void *host;
};

/** How the guest ended. */
enum lode_vmm_end {
	LODE_VMM_NONE,       /* it did not run: dry run, or refused */
	LODE_VMM_POWER_OFF,  /* ACPI S5 */
	LODE_VMM_EXIT,       /* isa-debug-exit: the guest chose its status */
	LODE_VMM_RESET,      /* keyboard controller, port CF9h, ACPI */
	LODE_VMM_PANIC,      /* pvpanic */
	LODE_VMM_TRIPLE_FAULT,
	LODE_VMM_HALT,       /* every processor halted with interrupts off */
	LODE_VMM_TIME,       /* the time limit */
	LODE_VMM_ESCAPE,     /* the user's escape key, or a signal */
	LODE_VMM_ERROR,      /* the engine failed */
};

struct lode_vmm_result {
	enum lode_vmm_end end;
	uint32_t status;           /* with LODE_VMM_EXIT: what the guest wrote */
	enum lode_vmm_engine engine;
	enum lode_protocol protocol;
};

/**
 * struct lode_vmm_error - why nothing was booted
 * @error: an errno, or 0
 * @file: the file that it is about, NULL: none
 * @text: what was tried or what is wrong, and what helps; "" if @diag says it all
 * @diag: the library's diagnosis; rule LODE_RULE_NONE: none
 */
struct lode_vmm_error {
	int error;
	const char *file;
	char text[256];
	struct lode_diag diag;
};

/**
 * lode_vmm_boot - boot a kernel file and stay until the guest's end
 * @request: borrowed
 * Everything is opened first; then the process gives up what it could do beyond that, for good, and reads the files: call it in a
 * process of its own. 0 with *result, or -1 with *why.
 */
int lode_vmm_boot(struct lode_vmm_result *result, const struct lode_vmm_request *request, struct lode_vmm_error *why);

/** "power-off", "triple fault"... */
const char *lode_vmm_end_name(enum lode_vmm_end end);

#ifdef __cplusplus
}
#endif

#endif
