/* SPDX-License-Identifier: MIT */
/* What the host's files share: one virtual machine from the opening of its files to its end.
 *
 *   open (descriptors only) -> confine -> load (kernel, machine, start state -> RAM) -> engine -> end
 *
 * Functions that other files call end in _. Those that can fail return 0 or -1 with vm->error filled in. */
#ifndef LODE_HOSTS_VMM_H
#define LODE_HOSTS_VMM_H

#include <lode/lode.h>
#include <lode/vmm.h>
#include <pthread.h>

/*
 * Guest-physical memory (ram.c)
 */

#define VMM_4G (UINT64_C(1) << 32)

/** RAM: the first @low bytes begin at 0, the rest at 4 GiB. In the host all lies in one piece. */
struct vmm_ram {
	unsigned char *bytes;
	uint64_t size;
	uint64_t low;
	int fd; /* a memfd that holds it, for an engine in another process; -1: anonymous */
};

/** [addr, addr + size) of the guest as the host's bytes, or NULL if any of it is no RAM or it spans the hole. size > 0. */
void *lode_vmm_ram_at_(const struct vmm_ram *ram, uint64_t addr, uint64_t size);

/*
 * Devices: a file each. Adding one touches nothing but the list of them (devices.c).
 */

struct vmm;
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
	uint64_t timer;  /* CLOCK_MONOTONIC in ns at which ready is called; 0: none */
	void *state;     /* the model's own; allocated when the device is made, before the sandbox */
};

enum { VMM_DEVICES_MOST = 32 };

/** Level of an interrupt line. vm->lock is held. */
void lode_vmm_irq_(struct vmm *vm, uint32_t irq, bool level);
/** The guest is at its end; the first one counts. From any thread. */
void lode_vmm_stop_(struct vmm *vm, enum lode_vmm_end end, uint32_t status);

/*
 * The machine (machine.c): one for both engines, but for what stands here
 */

/** Where an engine's hardware lies. */
struct vmm_board {
	uint64_t low_most;      /* bytes of RAM below the hole once there is more than low_limit */
	uint64_t low_limit;
	uint64_t mmio;          /* first address of virtio-mmio transports; 0: there is PCI instead */
	uint64_t framebuffer;   /* physical address */
	uint16_t pm_base;       /* ACPI PM1a event block; control +4, PM timer +8 */
	bool pci;
};

/** What runs the guest. */
struct vmm_engine {
	const char *name;
	const struct vmm_board *board;
	/** Can it be had on this machine? Opens what it needs, before the sandbox. */
	int (*open)(struct vmm *vm);
	/** RAM and start state are ready: run the guest to its end, vm->end. */
	int (*run)(struct vmm *vm);
	void (*close)(struct vmm *vm);
};

extern const struct vmm_engine lode_vmm_kvm_, lode_vmm_qemu_;

/** An open file of the request. */
struct vmm_file {
	const char *path;
	int fd;
	uint64_t size;
	bool read_only;
};

/** The kernel, on its way from bytes to start state (load.c). */
struct vmm_kernel {
	struct lode_source source; /* of the file, or of what was unpacked */
	bool mapped;               /* source is the file itself: its pages may be mapped */
	bool elf;
	struct lode_image image;
	struct lode_plan plan;
	struct lode_start start;
};

struct vmm_error {
	int error;             /* errno, 0: none */
	const char *file;      /* NULL: none */
	char text[256];        /* what was tried, and what to do about it */
	struct lode_diag diag; /* rule LODE_RULE_NONE: none */
};

struct vmm {
	const struct lode_vmm_request *request;
	const struct vmm_engine *engine;
	void *engine_state;
	struct vmm_ram ram;
	struct vmm_file kernel_file, *modules, *disks; /* modules: initrds first */
	uint32_t nmodules, ndisks;
	struct lode_machine machine;
	struct vmm_kernel kernel;
	struct vmm_device devices[VMM_DEVICES_MOST];
	uint32_t ndevices;
	pthread_mutex_t lock; /* of the devices, and of end */
	enum lode_vmm_end end;
	uint32_t status;      /* with LODE_VMM_EXIT: as the guest gave it */
	struct vmm_error error;
};

#endif
