/* SPDX-License-Identifier: MIT */
/* /dev/kvm -> whether it runs guests. Some that are there only emulate a few instructions, or none of long mode. */
#include "hypervisor.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef sigev_notify_thread_id /* glibc has no name for it */
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum {
	ROOT = 0x1000, TABLE3 = 0x2000, TABLE2 = 0x3000, IDT = 0x4000, GDT = 0x5000, SCRATCH = 0x6000,
	STACK = 0x8000, CODE = 0x8000,
	SIZE = 0x10000,
	CODE_SELECTOR = 8, DATA_SELECTOR = 16, TASK_SELECTOR = 24,
	INVALID_OPCODE = 6,
	PORT = 0xf4,
	ANSWER = 0x03030703,
	TRY_MS = 50, TRIES = 60, /* it is slow where KVM is itself in an emulator */
};

extern const unsigned char lode_vmm_probe_code_[], lode_vmm_probe_fault_[], lode_vmm_probe_end_[];

struct probe {
	int vm_fd, cpu_fd;
	unsigned char *memory;
	struct kvm_run *run;
	size_t run_size;
	timer_t timer;
	bool has_timer;
	const char *failed; /* what was refused, NULL: nothing */
};

static void put(unsigned char *at, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		at[i] = (unsigned char)(value >> 8 * i);
}

static void fill_memory(unsigned char *memory)
{
	uint64_t fault = CODE + (uint64_t)(lode_vmm_probe_fault_ - lode_vmm_probe_code_);

	put(memory + ROOT, TABLE3 | 3);
	put(memory + TABLE3, TABLE2 | 3);
	put(memory + TABLE2, 0x83);
	put(memory + GDT + CODE_SELECTOR, UINT64_C(0x00af9b000000ffff));
	put(memory + GDT + DATA_SELECTOR, UINT64_C(0x00cf93000000ffff));
	put(memory + IDT + 16 * INVALID_OPCODE, (fault & 0xffff) | CODE_SELECTOR << 16 | UINT64_C(0x8e00) << 32);
	memcpy(memory + CODE, lode_vmm_probe_code_, (size_t)(lode_vmm_probe_end_ - lode_vmm_probe_code_));
}

static struct kvm_segment flat(uint16_t selector, uint8_t type, bool code)
{
	return (struct kvm_segment){.limit = 0xffffffff, .selector = selector, .type = type, .present = 1, .db = !code, .s = 1,
		.l = code, .g = 1};
}

static int set_registers(int fd)
{
	struct kvm_regs regs = {.rip = CODE, .rsp = STACK, .rdi = SCRATCH, .rflags = 2};
	struct kvm_sregs s;

	if (ioctl(fd, KVM_GET_SREGS, &s))
		return -1;
	s.cs = flat(CODE_SELECTOR, 11, true);
	s.ds = s.es = s.fs = s.gs = s.ss = flat(DATA_SELECTOR, 3, false);
	s.tr = (struct kvm_segment){.limit = 0x67, .selector = TASK_SELECTOR, .type = 11, .present = 1};
	s.ldt = (struct kvm_segment){.type = 2, .unusable = 1};
	s.gdt = (struct kvm_dtable){.base = GDT, .limit = 0x1f};
	s.idt = (struct kvm_dtable){.base = IDT, .limit = 0xff};
	s.cr0 = 0x80000013; /* PG, ET, MP, PE */
	s.cr4 = 0x620;      /* OSXMMEXCPT, OSFXSR, PAE */
	s.cr3 = ROOT;
	s.efer = 0x500;
	return ioctl(fd, KVM_SET_SREGS, &s) || ioctl(fd, KVM_SET_REGS, &regs) ? -1 : 0;
}

/* CPUID decides what registers may hold: without it there is no long mode. */
static int set_cpuid(int kvm_fd, int cpu_fd)
{
	enum { ENTRIES = 256 };
	union {
		struct kvm_cpuid2 list;
		unsigned char bytes[sizeof(struct kvm_cpuid2) + ENTRIES * sizeof(struct kvm_cpuid_entry2)];
	} cpuid = {.list = {.nent = ENTRIES}};

	return ioctl(kvm_fd, KVM_GET_SUPPORTED_CPUID, &cpuid.list) || ioctl(cpu_fd, KVM_SET_CPUID2, &cpuid.list) ? -1 : 0;
}

static const char *make_machine(struct probe *probe, int kvm_fd)
{
	struct kvm_userspace_memory_region region = {.memory_size = SIZE};
	int size = ioctl(kvm_fd, KVM_GET_VCPU_MMAP_SIZE, 0);

	probe->memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (probe->memory == MAP_FAILED || size < (int)sizeof *probe->run)
		return "making room";
	fill_memory(probe->memory);
	region.userspace_addr = (uintptr_t)probe->memory;
	probe->vm_fd = ioctl(kvm_fd, KVM_CREATE_VM, 0);
	if (probe->vm_fd < 0)
		return "KVM_CREATE_VM";
	if (ioctl(probe->vm_fd, KVM_SET_TSS_ADDR, 0xfffbd000) || ioctl(probe->vm_fd, KVM_SET_USER_MEMORY_REGION, &region))
		return "KVM_SET_USER_MEMORY_REGION";
	probe->cpu_fd = ioctl(probe->vm_fd, KVM_CREATE_VCPU, 0);
	if (probe->cpu_fd < 0)
		return "KVM_CREATE_VCPU";
	probe->run_size = (size_t)size;
	probe->run = mmap(NULL, probe->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, probe->cpu_fd, 0);
	if (probe->run == MAP_FAILED)
		return "mapping a processor";
	if (lode_vmm_kick_allow_(probe->cpu_fd))
		return "KVM_SET_SIGNAL_MASK";
	if (set_cpuid(kvm_fd, probe->cpu_fd))
		return "KVM_SET_CPUID2";
	return set_registers(probe->cpu_fd) ? "KVM_SET_SREGS" : NULL;
}

/* A guest that hangs is interrupted, as often as it may try. */
static const char *start_timer(struct probe *probe)
{
	struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = VMM_KICK};
	struct itimerspec every = {.it_interval.tv_nsec = TRY_MS * 1000000, .it_value.tv_nsec = TRY_MS * 1000000};

	event.sigev_notify_thread_id = gettid();
	probe->has_timer = timer_create(CLOCK_MONOTONIC, &event, &probe->timer) == 0;
	return probe->has_timer && timer_settime(probe->timer, 0, &every, NULL) == 0 ? NULL : "making a timer";
}

static const char *run(const struct probe *probe, const struct vmm_kvm *kvm)
{
	int status = -1;

	for (int i = 0; i < TRIES && status; i++) {
		status = ioctl(probe->cpu_fd, KVM_RUN, 0);
		if (status && errno != EINTR && errno != EAGAIN)
			return "KVM_RUN";
		lode_vmm_kick_take_(kvm);
	}
	return status ? "the guest does not come to an end" : NULL;
}

/* Words for what the guest did instead of ending well; NULL: nothing. */
static const char *judge(const struct probe *probe)
{
	const struct kvm_run *state = probe->run;
	uint32_t answer;

	if (state->exit_reason == KVM_EXIT_INTERNAL_ERROR)
		return "this machine's KVM emulates processors in software, and not all that a 64-bit kernel needs";
	if (state->exit_reason == KVM_EXIT_SHUTDOWN)
		return "the guest got a triple fault";
	if (state->exit_reason == KVM_EXIT_FAIL_ENTRY)
		return "the processor refuses the guest's state";
	if (state->exit_reason != KVM_EXIT_IO || state->io.port != PORT || state->io.size != 4)
		return "the guest stopped somewhere else";
	memcpy(&answer, (const unsigned char *)state + state->io.data_offset, sizeof answer);
	return answer == ANSWER ? NULL : "the guest's instructions had other results";
}

static void take_down(struct probe *probe)
{
	if (probe->has_timer)
		timer_delete(probe->timer);
	if (probe->run && probe->run != MAP_FAILED)
		munmap(probe->run, probe->run_size);
	if (probe->cpu_fd >= 0)
		close(probe->cpu_fd);
	if (probe->vm_fd >= 0)
		close(probe->vm_fd);
	if (probe->memory != MAP_FAILED)
		munmap(probe->memory, SIZE);
}

bool lode_vmm_probe_(struct vmm *vm)
{
	const struct vmm_kvm *kvm = vmm_kvm_of(vm);
	struct probe probe = {.vm_fd = -1, .cpu_fd = -1, .memory = MAP_FAILED};
	const char *wrong = NULL;
	int error = 0;

	probe.failed = make_machine(&probe, kvm->fd);
	if (!probe.failed)
		probe.failed = start_timer(&probe);
	if (!probe.failed)
		probe.failed = run(&probe, kvm);
	if (probe.failed)
		error = errno;
	else
		wrong = judge(&probe);
	take_down(&probe);
	lode_vmm_kick_take_(kvm);
	if (probe.failed || wrong)
		lode_vmm_fail_(vm, error == EINTR ? 0 : error, "/dev/kvm does not run guests: %s", wrong ? wrong : probe.failed);
	return !probe.failed && !wrong;
}
