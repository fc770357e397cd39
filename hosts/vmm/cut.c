/* SPDX-License-Identifier: MIT */
/* The kernel's file becomes shorter while its pages are the guest's memory -> the guest's end, and one line instead of a signal.
 *
 * KVM finds no page (EFAULT, vcpu.c); a thread of ours that looks at the guest's memory gets SIGBUS. One that runs the guest cannot
 * go on from there in its sandbox, and leaves; the first thread, which looks when all is over, finds zeros. */
#include "hypervisor.h"
#include "sandbox.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };

/* A handler gets no argument of its own. The sandbox takes the process over, so there is one machine in it. */
static struct vmm *watched;

static struct vmm_cpu *find_cpu(struct vmm_kvm *kvm)
{
	for (uint32_t i = 0; i < kvm->ncpus; i++)
		if (kvm->cpus[i].has_thread && pthread_equal(kvm->cpus[i].thread, pthread_self()))
			return &kvm->cpus[i];
	return NULL;
}

/* What the thread holds stays so: nobody waits for that longer than for any thread that is stuck. */
static _Noreturn void leave(struct vmm *vm, struct vmm_cpu *cpu)
{
	lode_vmm_stop_(vm, LODE_VMM_ERROR, 0);
	if (cpu)
		lode_vmm_cpu_leave_(cpu);
	else
		lode_vmm_loop_leave_(vm);
	lode_vmm_rest_();
}

static bool put_zeros(const struct vmm *vm, uintptr_t addr)
{
	unsigned char *page = vm->ram.bytes + ((addr - (uintptr_t)vm->ram.bytes) & ~(uintptr_t)(PAGE - 1));

	return mmap(page, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == page;
}

/* The access is made again, and then the signal does what it does by itself. */
static void fail(int signal)
{
	sigaction(signal, &(struct sigaction){.sa_handler = SIG_DFL}, NULL);
}

static void take_fault(int signal, siginfo_t *info, void *context)
{
	struct vmm *vm = watched;
	struct vmm_kvm *kvm = vmm_kvm_of(vm);
	uintptr_t addr = (uintptr_t)info->si_addr;
	struct vmm_cpu *cpu = find_cpu(kvm);

	(void)context;
	if (addr - (uintptr_t)vm->ram.bytes >= vm->ram.size) {
		fail(signal);
		return;
	}
	__atomic_store_n(&kvm->cut, true, __ATOMIC_RELEASE);
	if (cpu || (kvm->has_loop && pthread_equal(kvm->loop, pthread_self())))
		leave(vm, cpu);
	if (!put_zeros(vm, addr))
		fail(signal);
}

int lode_vmm_cut_watch_(struct vmm *vm)
{
	const struct sigaction action = {.sa_sigaction = take_fault, .sa_flags = SA_SIGINFO};

	watched = vm;
	return sigaction(SIGBUS, &action, NULL) == 0 ? 0 : lode_vmm_fail_(vm, errno, "watching the kernel's file");
}

/* Where the bytes that are the guest's end in the file; 0: there are none. The last page may pass the end of the file. */
static uint64_t shared_end(const struct vmm *vm)
{
	uint64_t end = 0;

	for (uint32_t i = 0; i < vm->kernel.plan.nruns; i++) {
		const struct lode_run *run = &vm->kernel.plan.runs[i];

		if (run->kind == LODE_RUN_SHARE && run->offset + run->size > end)
			end = run->offset + run->size;
	}
	return end < vm->kernel_file.size ? end : vm->kernel_file.size;
}

/* A file that has its length again was written anew: then it counts that somebody missed a page. */
static bool is_cut(const struct vmm *vm)
{
	off_t size = lseek(vm->kernel_file.fd, 0, SEEK_END); /* libc's fstat is another call, which the sandbox does not have */

	return __atomic_load_n(&vmm_kvm_of(vm)->cut, __ATOMIC_ACQUIRE) ||
		(size >= 0 && (uint64_t)size < shared_end(vm));
}

/* What a guest does that has lost a part of its kernel is not its own doing. */
int lode_vmm_cut_tell_(struct vmm *vm)
{
	static const char *const text = "it became shorter while its pages were the guest's memory";

	if (!is_cut(vm))
		return 0;
	if (vm->end == LODE_VMM_NONE || vm->end == LODE_VMM_ERROR)
		return lode_vmm_fail_file_(vm, 0, vm->kernel_file.path, text);
	if (vm->end == LODE_VMM_TRIPLE_FAULT || vm->end == LODE_VMM_HALT || vm->end == LODE_VMM_TIME)
		lode_vmm_say_(vm, "%s: %s", vm->kernel_file.path, text);
	return 0;
}
