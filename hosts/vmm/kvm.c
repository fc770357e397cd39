/* SPDX-License-Identifier: MIT */
/* The engine that is KVM: a machine of its, memory, a thread for each processor; run to its end. */
#include "hypervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000) /* ns */
#define PATIENCE (2 * SECOND)
#define BEGINNING (SECOND / 10) /* threads have put on their filters, and the guest runs */

enum {
	SCREEN_MOST = 256 << 20,
	LAST_GSI = 23, /* of the kernel's IOAPIC */
	SLOT_LOW = 0, SLOT_HIGH = 1, SLOT_SCREEN = 2,
};

static const struct vmm_board board = {
	.low_most = 0xc0000000,
	.low_limit = 0xc0000000,
	.mmio = 0xd0000000,
	.mmio_gsi = 10,
	.framebuffer = 0xe0000000,
	.pm_base = 0x600,
	.timer_gsi = 2,
};

static int make_thread(struct vmm *vm, struct vmm_cpu *cpu)
{
	int error = pthread_create(&cpu->thread, NULL, lode_vmm_cpu_main_, cpu);

	if (error)
		return lode_vmm_fail_(vm, error, "making a thread for processor %u", cpu->number);
	cpu->has_thread = true;
	vmm_kvm_of(vm)->nthreads++;
	return 0;
}

/* They wait at the gate. */
static int make_threads(struct vmm *vm, struct vmm_kvm *kvm)
{
	int error;

	for (uint32_t i = 0; i < kvm->ncpus; i++)
		if (make_thread(vm, &kvm->cpus[i]))
			return -1;
	error = pthread_create(&kvm->loop, NULL, lode_vmm_loop_main_, vm);
	if (error)
		return lode_vmm_fail_(vm, error, "making a thread for input");
	kvm->has_loop = true;
	return 0;
}

static int make_screen(struct vmm *vm, struct vmm_kvm *kvm)
{
	const struct lode_framebuffer *screen = vm->machine.framebuffer;

	if (!screen)
		return 0;
	kvm->screen_size = ((uint64_t)screen->pitch * screen->height + 0xfff) & ~UINT64_C(0xfff);
	if (kvm->screen_size > SCREEN_MOST)
		return lode_vmm_fail_(vm, 0, "a framebuffer of %u x %u is too large", screen->width, screen->height);
	kvm->screen = mmap(NULL, kvm->screen_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (kvm->screen != MAP_FAILED)
		return 0;
	kvm->screen = NULL;
	return lode_vmm_fail_(vm, errno, "making a framebuffer");
}

static int check_interrupts(struct vmm *vm)
{
	for (uint32_t i = 0; i < vm->ndevices; i++)
		if (vm->devices[i].irq > LAST_GSI)
			return lode_vmm_fail_(vm, 0, "more disks than there are interrupts for");
	return 0;
}

static struct vmm_kvm *new_state(uint32_t ncpus)
{
	struct vmm_kvm *kvm = calloc(1, sizeof *kvm + ncpus * sizeof *kvm->cpus);
	pthread_condattr_t steady;

	if (!kvm)
		return NULL;
	pthread_condattr_init(&steady);
	pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
	pthread_mutex_init(&kvm->gate, NULL);
	pthread_cond_init(&kvm->moved, &steady);
	kvm->fd = kvm->vm_fd = kvm->wake_fd = kvm->signal_fd = kvm->kick_fd = kvm->core_fd = -1;
	kvm->pid = getpid();
	kvm->ncpus = ncpus;
	kvm->closed = true;
	for (uint32_t i = 0; i < ncpus; i++) {
		kvm->cpus[i].fd = -1;
		kvm->cpus[i].run = MAP_FAILED;
	}
	return kvm;
}

static int open_all(struct vmm *vm, struct vmm_kvm *kvm)
{
	for (uint32_t i = 0; i < kvm->ncpus; i++) {
		kvm->cpus[i].vm = vm;
		kvm->cpus[i].number = i;
	}
	if (lode_vmm_loop_open_(vm, kvm) || lode_vmm_kvm_make_(vm, kvm))
		return -1;
	return lode_vmm_devices_make_(vm) || check_interrupts(vm) || lode_vmm_core_open_(vm, kvm) ||
		lode_vmm_gdb_open_(vm, kvm) ? -1 : 0;
}

/* Threads that the sandbox does not let end: what they hold stays until the process ends. */
static void join_threads(struct vmm_kvm *kvm)
{
	for (uint32_t i = 0; i < kvm->ncpus; i++)
		if (kvm->cpus[i].has_thread)
			pthread_join(kvm->cpus[i].thread, NULL);
	if (kvm->has_loop)
		pthread_join(kvm->loop, NULL);
}

/* While the guest runs; the gate's lock is held when this is called. */
static void make_picture(struct vmm *vm, struct vmm_kvm *kvm)
{
	kvm->picture = false;
	pthread_mutex_unlock(&kvm->gate);
	lode_vmm_picture_(vm, kvm->screen);
	pthread_mutex_lock(&kvm->gate);
}

static struct timespec later(uint64_t ns)
{
	uint64_t then = lode_vmm_now_() + ns;

	return (struct timespec){.tv_sec = (time_t)(then / SECOND), .tv_nsec = (long)(then % SECOND)};
}

/* Once the guest is at its end, a thread that is stuck (in a write to a terminal that is stopped) is left behind. */
static void wait_for_threads(struct vmm *vm, struct vmm_kvm *kvm)
{
	struct timespec until = later(BEGINNING);
	bool begun = false;

	pthread_mutex_lock(&kvm->gate);
	while (!kvm->loop_over) {
		if (kvm->picture) {
			make_picture(vm, kvm);
		} else if (begun) {
			pthread_cond_wait(&kvm->moved, &kvm->gate);
		} else if (pthread_cond_timedwait(&kvm->moved, &kvm->gate, &until) == ETIMEDOUT) {
			lode_vmm_trim_();
			begun = true;
		}
	}
	until = later(PATIENCE);
	while (kvm->nthreads && pthread_cond_timedwait(&kvm->moved, &kvm->gate, &until) == 0)
		;
	pthread_mutex_unlock(&kvm->gate);
}

static void close_cpu(struct vmm_cpu *cpu, size_t run_size)
{
	if (cpu->run != MAP_FAILED)
		munmap(cpu->run, run_size);
	if (cpu->fd >= 0)
		close(cpu->fd);
}

static void kvm_close(struct vmm *vm)
{
	struct vmm_kvm *kvm = vmm_kvm_of(vm);

	if (!kvm)
		return;
	if (vm->confined && (kvm->nthreads || kvm->has_loop))
		return;
	__atomic_store_n(&kvm->over, true, __ATOMIC_RELEASE);
	lode_vmm_resume_(kvm);
	lode_vmm_kick_(kvm);
	join_threads(kvm);
	lode_vmm_devices_free_(vm);
	for (uint32_t i = 0; i < kvm->ncpus; i++)
		close_cpu(&kvm->cpus[i], kvm->run_size);
	if (kvm->vm_fd >= 0)
		close(kvm->vm_fd);
	if (kvm->fd >= 0)
		close(kvm->fd);
	if (kvm->screen)
		munmap(kvm->screen, kvm->screen_size);
	lode_vmm_gdb_close_(kvm);
	if (kvm->core_fd >= 0)
		close(kvm->core_fd);
	lode_vmm_loop_close_(kvm);
	free(kvm->cpuid);
	free(kvm);
	vm->engine_state = NULL;
}

static int kvm_open(struct vmm *vm)
{
	struct vmm_kvm *kvm = new_state(vm->request->cpus ? vm->request->cpus : 1);

	if (!kvm)
		return lode_vmm_fail_(vm, ENOMEM, "making room for a machine");
	vm->engine_state = kvm;
	if (open_all(vm, kvm) == 0)
		return 0;
	kvm_close(vm);
	return -1;
}

static int add_memory(struct vmm *vm, uint32_t slot, uint64_t addr, struct lode_range host)
{
	struct kvm_userspace_memory_region region = {.slot = slot, .guest_phys_addr = addr, .memory_size = host.size,
		.userspace_addr = host.addr};

	if (host.size && ioctl(vmm_kvm_of(vm)->vm_fd, KVM_SET_USER_MEMORY_REGION, &region))
		return lode_vmm_fail_(vm, errno, "giving the guest its memory at %llx", (unsigned long long)addr);
	return 0;
}

static int add_all_memory(struct vmm *vm)
{
	const struct vmm_kvm *kvm = vmm_kvm_of(vm);
	const struct vmm_ram *ram = &vm->ram;
	uint64_t bytes = (uintptr_t)ram->bytes;

	if (add_memory(vm, SLOT_LOW, 0, (struct lode_range){bytes, ram->low}) ||
		add_memory(vm, SLOT_HIGH, VMM_4G, (struct lode_range){bytes + ram->low, ram->size - ram->low}))
		return -1;
	return add_memory(vm, SLOT_SCREEN, board.framebuffer, (struct lode_range){(uintptr_t)kvm->screen, kvm->screen_size});
}

static int kvm_run(struct vmm *vm)
{
	struct vmm_kvm *kvm = vmm_kvm_of(vm);

	if (lode_vmm_cut_tell_(vm) || make_screen(vm, kvm) || add_all_memory(vm) || lode_vmm_registers_set_(vm))
		return -1;
	if (make_threads(vm, kvm))
		return -1;
	lode_vmm_console_raw_(vm);
	if (!kvm->gdb)
		lode_vmm_resume_(kvm);
	wait_for_threads(vm, kvm);
	lode_vmm_console_close_(vm);
	lode_vmm_picture_(vm, kvm->screen);
	if (lode_vmm_cut_tell_(vm))
		return -1;
	lode_vmm_kvm_state_(vm);
	return lode_vmm_core_write_(vm) || vm->end == LODE_VMM_ERROR ? -1 : 0;
}

static void kvm_irq(struct vmm *vm, uint32_t irq, bool level)
{
	struct kvm_irq_level line = {.irq = irq, .level = level};

	ioctl(vmm_kvm_of(vm)->vm_fd, KVM_IRQ_LINE, &line);
}

static void kvm_wake(struct vmm *vm)
{
	uint64_t one = 1;

	if (lode_vmm_write_(vmm_kvm_of(vm)->wake_fd, &one, sizeof one) < 0)
		return; /* it is full: the loop wakes anyhow */
}

const struct vmm_engine lode_vmm_kvm_ = {
	.name = "KVM",
	.board = &board,
	.open = kvm_open,
	.guard = lode_vmm_cut_watch_,
	.run = kvm_run,
	.close = kvm_close,
	.irq = kvm_irq,
	.wake = kvm_wake,
};
