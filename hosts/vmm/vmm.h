/* SPDX-License-Identifier: MIT */
/* What the host's files share: one virtual machine from the opening of its files to its end.
 *
 *   open (descriptors only) -> confine -> load (kernel, machine, start state -> RAM) -> engine -> end
 *
 * Functions that other files call end in _. What can fail reports it in one of three ways, by what it is about:
 *   a step of the machine     0, or -1 with vm->error filled in
 *   a file, a system call     0 or an errno: these know no vm, and who called them says what was tried
 *   a question, an address    bool, NULL or a count
 * lode_vmm_read_ and lode_vmm_write_ are as read(2) and write(2); what the library calls back (spaces, sources) is as it wants
 * it. */
#ifndef LODE_HOSTS_VMM_H
#define LODE_HOSTS_VMM_H

#include <lode/lode.h>
#include <lode/vmm.h>
#include <pthread.h>
#include <sys/types.h>
#include <termios.h>

/*
 * Guest-physical memory (ram.c)
 */

#define VMM_4G (UINT64_C(1) << 32)

struct vmm;
struct vmm_board;

/** RAM: the first @low bytes begin at 0, the rest at 4 GiB. In the host all lies in one piece. */
struct vmm_ram {
	unsigned char *bytes;
	uint64_t size;
	uint64_t low;
	int fd; /* a memfd that holds it, for an engine in another process; -1: anonymous */
};

/** How much of a board's RAM begins at 0. */
uint64_t lode_vmm_ram_low_(const struct vmm_board *board, uint64_t size);
/** RAM of the engine's board; @shared: another process will map it. */
int lode_vmm_ram_create_(struct vmm *vm, uint64_t size, bool shared);
void lode_vmm_ram_destroy_(struct vmm *vm);
/** [addr, addr + size) of the guest as the host's bytes, or NULL if any of it is no RAM or it spans the hole. size > 0. */
void *lode_vmm_ram_at_(const struct vmm_ram *ram, uint64_t addr, uint64_t size);

/*
 * Devices: a file each. Adding one touches nothing but the list of them (devices.c).
 */

struct vmm_device;

/**
 * A device model. Accesses come from any vCPU's thread, one at a time for the whole machine (vm->lock is held); offset and size lie
 * within the registers, size is 1, 2, 4 or 8.
 */
struct vmm_device_type {
	const char *name;
	void (*read)(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size);
	void (*write)(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size);
	/** device->fd has something to read, or device->timer has run out. By the loop, with vm->lock held. NULL: neither. */
	void (*ready)(struct vmm_device *device);
};

struct vmm_device {
	const struct vmm_device_type *type;
	struct vmm *vm;
	struct lode_range registers; /* ports, or guest-physical addresses */
	bool ports;
	uint32_t irq;    /* global interrupt; 0: none */
	int fd;          /* watched by the loop; -1: none */
	int own_fd;      /* closed with the device; -1: none */
	uint64_t timer;  /* CLOCK_MONOTONIC in ns at which ready is called; 0: none */
	void *state;     /* the model's own; allocated when the device is made, before the sandbox */
};

enum { VMM_DEVICES_MOST = 40 };

/** Makes every device of an engine that has no hardware of its own; from its open, before the sandbox (devices.c). */
int lode_vmm_devices_make_(struct vmm *vm);
void lode_vmm_devices_free_(struct vmm *vm);
/**
 * A new device with @size bytes of state, all zero; its fds are -1. Who adds it sets what else it has. NULL: vm->error says why.
 * Each file of a device has one function like this, which is in the list of devices.c: int lode_vmm_NAME_(struct vmm *vm).
 */
struct vmm_device *lode_vmm_device_add_(struct vmm *vm, const struct vmm_device_type *type, size_t size);

/** An access of the guest, to ports or to addresses, on its way to a device. Takes vm->lock. What nobody answers reads as ones. */
void lode_vmm_bus_read_(struct vmm *vm, bool ports, uint64_t addr, unsigned char *bytes, uint32_t size);
void lode_vmm_bus_write_(struct vmm *vm, bool ports, uint64_t addr, const unsigned char *bytes, uint32_t size);

/** Level of an interrupt line. vm->lock is held. */
void lode_vmm_irq_(struct vmm *vm, uint32_t irq, bool level);
/** The guest is at its end; the first one counts. From any thread, with or without vm->lock. */
void lode_vmm_stop_(struct vmm *vm, enum lode_vmm_end end, uint32_t status);
/** The loop has to look again, because a device's fd or timer was set from a processor's thread. */
void lode_vmm_wake_(struct vmm *vm);
/** CLOCK_MONOTONIC in ns, as vmm_device.timer counts. */
uint64_t lode_vmm_now_(void);

int lode_vmm_serial_(struct vmm *vm);
int lode_vmm_debugcon_(struct vmm *vm);
int lode_vmm_rtc_(struct vmm *vm);
int lode_vmm_pm_(struct vmm *vm);
int lode_vmm_reset_(struct vmm *vm);
int lode_vmm_debug_exit_(struct vmm *vm);
int lode_vmm_pvpanic_(struct vmm *vm);
/** Virtio devices behind virtio-mmio, version 2; guests find them by ACPI (LNRO0005). Interrupts are levels, active high. */
int lode_vmm_blk_(struct vmm *vm); /* one for each of vm->disks */
int lode_vmm_rng_(struct vmm *vm);

/** Read and write where a descriptor stands, as read(2) and write(2): with the system calls that disks need anyway (sandbox.c). */
ssize_t lode_vmm_read_(int fd, void *bytes, size_t size);
ssize_t lode_vmm_write_(int fd, const void *bytes, size_t size);

/*
 * The user's terminal (console.c): what goes to the guest and comes from it
 */

struct vmm_console {
	struct termios before;
	bool terminal; /* stdin is one */
	bool to_error; /* the guest's output goes to standard error */
	bool terminal_out;
	bool raw;
	bool escape;   /* the escape key was the last one */
	bool ended;    /* nothing more will come */
};

void lode_vmm_console_open_(struct vmm *vm);
/** Descriptor that the guest's output goes to. */
int lode_vmm_console_fd_(const struct vmm *vm);
/** Keys go to the guest from now on, but for Ctrl-A x (the end) and Ctrl-A Ctrl-A (one Ctrl-A). */
void lode_vmm_console_raw_(struct vmm *vm);
void lode_vmm_console_close_(struct vmm *vm);
/** At most @size bytes that have come for the guest, without waiting more than a read does. 0: none. */
uint32_t lode_vmm_console_read_(struct vmm *vm, unsigned char *bytes, uint32_t size);
void lode_vmm_console_write_(struct vmm *vm, const unsigned char *bytes, uint32_t size);
/** As many bytes as standard output, which is ready, takes at once; all of them if there is nobody who reads. */
uint32_t lode_vmm_console_put_(const struct vmm *vm, const unsigned char *bytes, uint32_t size);

/** The picture of the framebuffer (picture.c), if one is wished. @pixels: NULL if there is no framebuffer. */
int lode_vmm_picture_open_(struct vmm *vm);
void lode_vmm_picture_begin_(const struct vmm *vm);
void lode_vmm_picture_(struct vmm *vm, const unsigned char *pixels);
/** Says so if there is none although there is a framebuffer: the engine's process was to make it. */
void lode_vmm_picture_check_(const struct vmm *vm);

/*
 * The machine (machine.c): one for both engines, but for what stands here
 */

enum {
	VMM_STAGE = 0x80000, /* up to VMM_EBDA: the engine's until the guest runs, if board->stage */
	VMM_EBDA = 0x9fc00,
	VMM_BIOS = 0xf0000,
	VMM_ACPI_SIZE = 0x10000,
	VMM_CPUS_MOST = 255,
	VMM_MODULES_MOST = 64,
};
/* Of boards with PCI: configuration space, and what the bridge passes on. */
#define VMM_PCI_CONFIG UINT64_C(0xb0000000)
#define VMM_PCI_CONFIG_SIZE UINT64_C(0x10000000)
#define VMM_PCI_FIRST UINT32_C(0xc0000000)
#define VMM_PCI_LAST UINT32_C(0xfebfffff)

/** Where an engine's hardware lies. */
struct vmm_board {
	uint64_t low_limit;     /* RAM of so many bytes or more has its first low_most bytes below the hole */
	uint64_t low_most;
	uint64_t mmio;          /* first address of virtio-mmio transports, a page each; 0: there is PCI instead */
	uint32_t mmio_gsi;      /* interrupt of the first of them */
	uint64_t framebuffer;   /* physical address */
	uint16_t pm_base;       /* ACPI PM1a event block; control +4, PM timer +8 */
	uint32_t timer_gsi;     /* where the PIT's interrupt arrives */
	bool pci;
	bool stage;             /* registers are set by code in the guest's memory */
};

/** Memory map, modules, processors -> vm->machine, and the ACPI tables in RAM. */
int lode_vmm_machine_make_(struct vmm *vm);
/** A framebuffer, if the request has one or the protocol is one whose kernels ask for it (@wanted). */
void lode_vmm_machine_screen_(struct vmm *vm, bool wanted);

/** What runs the guest. */
struct vmm_engine {
	const char *name;
	const struct vmm_board *board;
	/** Can it be had on this machine? Opens what it needs, before the sandbox. */
	int (*open)(struct vmm *vm);
	/** In the sandbox, before anything of a file is read. NULL: nothing is to be done. */
	int (*guard)(struct vmm *vm);
	/** The machine is known, its RAM is being filled by another process: what can be done meanwhile. NULL: nothing. */
	int (*begin)(struct vmm *vm);
	/** RAM and start state are ready: what else has to be done in the sandbox. NULL: nothing. */
	int (*prepare)(struct vmm *vm);
	/** Run the guest to its end, vm->end. */
	int (*run)(struct vmm *vm);
	void (*close)(struct vmm *vm);
	/** For engines that run devices of this folder: an interrupt line; and the loop is to look again. From any thread. */
	void (*irq)(struct vmm *vm, uint32_t irq, bool level);
	void (*wake)(struct vmm *vm);
	bool elsewhere; /* the guest runs in another process: RAM is shared memory, files are copied,
		loading is a process of its own */
};

extern const struct vmm_engine lode_vmm_kvm_, lode_vmm_qemu_;

/** An open file of the request (files.c). */
struct vmm_file {
	const char *path;
	int fd;
	uint64_t size;
	bool read_only;
};

/** What the guest gets as module @index: initrds come first. */
const struct lode_vmm_file *lode_vmm_module_(const struct lode_vmm_request *request, uint32_t index);
int lode_vmm_files_open_(struct vmm *vm);
/** Refuse outputs that would be written over an input, or over a file of another kind than theirs. */
int lode_vmm_files_check_(struct vmm *vm);
/** Say which initrds Linux will not take for any. */
void lode_vmm_initrds_tell_(const struct vmm *vm);
void lode_vmm_files_close_(struct vmm *vm);
/** 0 or an errno; a file that has become shorter is EIO. */
int lode_vmm_file_read_(void *bytes, const struct vmm_file *file, uint64_t offset, uint64_t size);
/** The same for bytes that go into the guest's RAM (@to). */
int lode_vmm_file_load_(const struct vmm *vm, unsigned char *to, const struct vmm_file *file, const struct lode_extent *part);

enum { VMM_WINDOW = 4096 };

/** A piece of a file that was read last: parsers ask for a few bytes at a time, and again. */
struct vmm_window {
	uint64_t offset;
	uint64_t size; /* 0: nothing was read yet */
	unsigned char bytes[VMM_WINDOW];
};

/** As lode_vmm_file_read_, by way of a window for small pieces. */
int lode_vmm_file_peek_(void *bytes, struct vmm_window *window, const struct vmm_file *file, const struct lode_extent *part);

/** The kernel, on its way from bytes to start state (load.c). */
struct vmm_kernel {
	struct vmm_window window;
	struct lode_source source; /* of the file, or of what was unpacked */
	bool shares;               /* source is the file itself, and its pages may be mapped */
	unsigned char *copy;       /* the file's bytes, whose digest was asked for; or NULL */
	enum lode_protocol protocol;
	struct lode_segment *segments;
	struct lode_section *sections;
	bool elf;
	struct lode_image image;
	struct lode_plan plan;
	struct lode_start start;
};

/** What is kept of the loaded kernel until the guest's end: how it began. */
struct vmm_begun {
	struct lode_registers registers;
	uint64_t bias;
	bool wide; /* the image is one of 64 bits */
};

struct vmm {
	const struct lode_vmm_request *request;
	const struct vmm_engine *engine;
	enum lode_vmm_engine engine_id;
	void *engine_state;
	char passed_over[768]; /* why engines before this one were not taken; "": there was none */
	uint64_t memory_size;
	struct vmm_ram ram;
	struct vmm_file kernel_file, *modules, *disks; /* modules: initrds first */
	uint32_t nmodules, ndisks;
	int *inherited; /* descriptors that the sandbox will close */
	uint32_t ninherited;
	bool confined;
	struct lode_machine machine; /* and what it points at: */
	struct lode_vmm_layout layout;
	struct lode_module places[VMM_MODULES_MOST];
	uint32_t apic_ids[VMM_CPUS_MOST];
	unsigned char random[256]; /* getrandom gives so many at once */
	unsigned char rsdp[36];
	struct vmm_kernel kernel;
	struct vmm_device devices[VMM_DEVICES_MOST];
	uint32_t ndevices;
	struct vmm_console console;
	int picture_fd;       /* of request->screenshot; -1: none */
	pthread_mutex_t lock; /* of the devices, and of end */
	pthread_cond_t idle;  /* a device has served its requests */
	bool ending;          /* the first end was taken */
	enum lode_vmm_end end;
	uint32_t status;      /* with LODE_VMM_EXIT: as the guest gave it */
	struct lode_vmm_error error;
	struct vmm_begun begun;
	struct lode_vmm_state state;
	char tail[LODE_VMM_TAIL]; /* a ring of what the guest printed last */
	uint64_t printed;         /* bytes in all */
};

/** The load stage (loader.c): the process is confined, then come its two steps. */
int lode_vmm_load_(struct vmm *vm);
/** The kernel's headers -> vm->kernel.start and all of the machine (load.c); then -> RAM, page tables (fill.c). */
int lode_vmm_decide_(struct vmm *vm);
int lode_vmm_fill_(struct vmm *vm);
void lode_vmm_unload_(struct vmm *vm);
/** The kernel's headers once more, in a process that has not loaded it. */
int lode_vmm_reopen_(struct vmm *vm);
/** Nothing more is loaded: pages of the program and of its libraries that were needed for it are given back (trim.c). */
void lode_vmm_trim_(void);
/** Mappings of the start state -> page tables in the guest's RAM (tables.c). */
int lode_vmm_tables_make_(struct vmm *vm);

/*
 * Why the guest failed. An engine fills in the registers of vm->state when the guest is at its end; the rest follows from them.
 */

/** vm->kernel -> vm->begun, when it is loaded (explain.c). */
void lode_vmm_begun_(struct vmm *vm);
/** vm->state's registers -> the rest of it. What the guest has made is looked at in the sandbox. */
void lode_vmm_explain_(struct vmm *vm);
/** The state as a host may have it, whatever the process did that made it. */
void lode_vmm_result_(struct lode_vmm_result *result, const struct vmm *vm);
/** What the guest prints, for vm->tail. */
void lode_vmm_tail_add_(struct vmm *vm, const unsigned char *bytes, uint32_t size);

/** What went wrong, for vm->error; all return -1 (error.c). */
int lode_vmm_fail_(struct vmm *vm, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
int lode_vmm_fail_file_(struct vmm *vm, int error, const char *file, const char *text);
int lode_vmm_fail_diag_(struct vmm *vm, const struct lode_diag *why);
/** The guest begins now: which engine it got, if that is not the first choice. */
void lode_vmm_started_(struct vmm *vm);
/** It begins when a debugger says so: how to be one. */
void lode_vmm_waiting_(const struct vmm *vm);
/** A line for the user. */
void lode_vmm_say_(const struct vmm *vm, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
