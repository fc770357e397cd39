/* SPDX-License-Identifier: MIT */
/* /dev/kvm -> a machine of KVM's with its interrupt controllers, its timer and its processors. */
#include "hypervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum {
	API_VERSION = 12,
	/* four pages below the BIOS, which the kernel needs for real mode on some processors */
	IDENTITY_MAP = 0xfeffc000,
	TSS = 0xfeffd000,
};

static const struct {
	int number;
	const char *name;
} needs[] = {
	{KVM_CAP_USER_MEMORY, "memory of a process"},
	{KVM_CAP_IRQCHIP, "interrupt controllers"},
	{KVM_CAP_PIT2, "a timer"},
	{KVM_CAP_SET_TSS_ADDR, "a place for its task segment"},
	{KVM_CAP_SET_IDENTITY_MAP_ADDR, "a place for its page table"},
	{KVM_CAP_EXT_CPUID, "CPUID"},
	{KVM_CAP_MP_STATE, "states of processors"},
};

static int check_kernel(struct vmm *vm, int fd)
{
	int version = ioctl(fd, KVM_GET_API_VERSION, 0);

	if (version != API_VERSION)
		return lode_vmm_fail_(vm, version < 0 ? errno : 0, "/dev/kvm speaks version %d of its interface, not %d", version,
			API_VERSION);
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (ioctl(fd, KVM_CHECK_EXTENSION, needs[i].number) <= 0)
			return lode_vmm_fail_(vm, 0, "/dev/kvm has no %s (capability %d)", needs[i].name, needs[i].number);
	return 0;
}

static int open_kernel(struct vmm *vm)
{
	struct vmm_kvm *kvm = vmm_kvm_of(vm);

	kvm->fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (kvm->fd < 0 && errno == EACCES)
		return lode_vmm_fail_(vm, errno, "opening /dev/kvm: it belongs to the group kvm, be in it");
	if (kvm->fd < 0)
		return lode_vmm_fail_(vm, errno, "opening /dev/kvm");
	return check_kernel(vm, kvm->fd) || !lode_vmm_probe_(vm) ? -1 : 0;
}

static int make_machine(struct vmm *vm, struct vmm_kvm *kvm)
{
	uint64_t identity = IDENTITY_MAP;
	struct kvm_pit_config pit = {.flags = KVM_PIT_SPEAKER_DUMMY};

	kvm->vm_fd = ioctl(kvm->fd, KVM_CREATE_VM, 0);
	if (kvm->vm_fd < 0)
		return lode_vmm_fail_(vm, errno, "making a virtual machine");
	if (ioctl(kvm->vm_fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) || ioctl(kvm->vm_fd, KVM_SET_TSS_ADDR, TSS))
		return lode_vmm_fail_(vm, errno, "giving KVM its pages of the machine");
	if (ioctl(kvm->vm_fd, KVM_CREATE_IRQCHIP, 0))
		return lode_vmm_fail_(vm, errno, "making interrupt controllers");
	if (ioctl(kvm->vm_fd, KVM_CREATE_PIT2, &pit))
		return lode_vmm_fail_(vm, errno, "making a timer");
	return 0;
}

/* KVM on AMD (svm.c, shutdown_interception) resets a processor that has stopped by a triple fault. */
static uint64_t kept_registers(const struct vmm_kvm *kvm)
{
	const uint64_t both = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
	int known = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SYNC_REGS);

	return lode_vmm_cpuid_amd_(kvm) && known > 0 && ((uint64_t)known & both) == both ? both : 0;
}

static int make_cpu(struct vmm *vm, struct vmm_cpu *cpu)
{
	struct vmm_kvm *kvm = vmm_kvm_of(vm);
	int khz, error;

	cpu->fd = ioctl(kvm->vm_fd, KVM_CREATE_VCPU, cpu->number);
	if (cpu->fd < 0)
		return lode_vmm_fail_(vm, errno, "making processor %u", cpu->number);
	cpu->run = mmap(NULL, kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu->fd, 0);
	if (cpu->run == MAP_FAILED)
		return lode_vmm_fail_(vm, errno, "mapping processor %u", cpu->number);
	cpu->run->kvm_valid_regs = kept_registers(kvm);
	error = lode_vmm_kick_allow_(cpu->fd);
	if (error)
		return lode_vmm_fail_(vm, error, "choosing the signal for processor %u", cpu->number);
	khz = ioctl(cpu->fd, KVM_GET_TSC_KHZ, 0);
	kvm->tsc_khz = khz > 0 ? (uint32_t)khz : 0;
	return lode_vmm_cpuid_set_(vm, cpu);
}

static int make_cpus(struct vmm *vm, struct vmm_kvm *kvm)
{
	int size = ioctl(kvm->fd, KVM_GET_VCPU_MMAP_SIZE, 0), most = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_MAX_VCPUS);

	if (size < (int)sizeof(struct kvm_run))
		return lode_vmm_fail_(vm, errno, "asking KVM for the size of a processor");
	if (most > 0 && kvm->ncpus > (uint32_t)most)
		return lode_vmm_fail_(vm, 0, "KVM gives a machine %d processors, not %u", most, kvm->ncpus);
	kvm->run_size = (size_t)size;
	for (uint32_t i = 0; i < kvm->ncpus; i++)
		if (make_cpu(vm, &kvm->cpus[i]))
			return -1;
	return 0;
}

int lode_vmm_kvm_make_(struct vmm *vm, struct vmm_kvm *kvm)
{
	if (open_kernel(vm) || make_machine(vm, kvm) || lode_vmm_cpuid_read_(vm, kvm))
		return -1;
	return make_cpus(vm, kvm);
}
