/* SPDX-License-Identifier: MIT */
/* What KVM can give -> what each processor says that it is: features, topology, frequencies, the hypervisor.
 * Ref: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; Linux Documentation/virt/kvm/x86/cpuid.rst. */
#include "hypervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
	ENTRIES = 256,
	ADDED = 8, /* at most: leaves that KVM does not give, but this file does */
	APIC_BUS_KHZ = 1000000, /* of the kernel's local APIC: 1 ns a tick */

	MONITOR = 1u << 3, VMX = 1u << 5, DEADLINE = 1u << 24, HYPERVISOR = 1u << 31, /* leaf 1, ECX */
	THREADS = 1u << 28, /* leaf 1, EDX */
	SVM = 1u << 2,      /* leaf 80000001, ECX */
	ARAT = 1u << 2,     /* leaf 6, EAX: the APIC's timer does not stop */
	AMD = 0x444d4163, HYGON = 0x656e6975, /* leaf 0, ECX: the end of the vendor's name, "cAMD" and "uine" */
};
#define KVM_LEAVES UINT32_C(0x40000000)
#define KVM_FREQUENCIES UINT32_C(0x40000010)

static uint32_t bits_for(uint32_t n)
{
	uint32_t bits = 0;

	while (UINT32_C(1) << bits < n)
		bits++;
	return bits;
}

int lode_vmm_cpuid_read_(struct vmm *vm, struct vmm_kvm *kvm)
{
	kvm->cpuid = calloc(1, sizeof *kvm->cpuid + (ENTRIES + ADDED) * sizeof *kvm->cpuid->entries);
	if (!kvm->cpuid)
		return lode_vmm_fail_(vm, ENOMEM, "making room for CPUID");
	kvm->cpuid->nent = ENTRIES;
	if (ioctl(kvm->fd, KVM_GET_SUPPORTED_CPUID, kvm->cpuid))
		return lode_vmm_fail_(vm, errno, "asking KVM what processors it gives");
	return 0;
}

static struct kvm_cpuid_entry2 *find(struct kvm_cpuid2 *list, uint32_t leaf, uint32_t subleaf)
{
	for (uint32_t i = 0; i < list->nent; i++)
		if (list->entries[i].function == leaf && list->entries[i].index == subleaf)
			return &list->entries[i];
	return NULL;
}

static struct kvm_cpuid_entry2 *find_or_add(struct kvm_cpuid2 *list, uint32_t leaf, uint32_t subleaf)
{
	struct kvm_cpuid_entry2 *entry = find(list, leaf, subleaf);

	if (!entry && list->nent < ENTRIES + ADDED) {
		entry = &list->entries[list->nent++];
		entry->function = leaf;
		entry->index = subleaf;
		entry->flags = subleaf ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
	}
	return entry;
}

static void set(struct kvm_cpuid_entry2 *entry, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	entry->eax = eax;
	entry->ebx = ebx;
	entry->ecx = ecx;
	entry->edx = edx;
}

/* Leaf 0Bh and 1Fh: threads of a core (one), then cores of the package (all). */
static void set_topology(struct kvm_cpuid_entry2 *entry, uint32_t ncpus, uint32_t id)
{
	enum { THREAD_LEVEL = 1, CORE_LEVEL = 2 };

	if (entry->index == 0)
		set(entry, 0, 1, THREAD_LEVEL << 8, id);
	else if (entry->index == 1)
		set(entry, bits_for(ncpus), ncpus, CORE_LEVEL << 8 | 1, id);
	else
		set(entry, 0, 0, entry->index, id);
}

/* Caches of level 3 are shared by all, the others are each core's own. */
static void set_cache(struct kvm_cpuid_entry2 *entry, uint32_t ncpus, bool intel)
{
	uint32_t level = entry->eax >> 5 & 7, sharing = level >= 3 ? (UINT32_C(1) << bits_for(ncpus)) - 1 : 0;

	if (!(entry->eax & 0x1f))
		return;
	entry->eax = (entry->eax & 0x3fff) | sharing << 14;
	if (intel)
		entry->eax |= ((UINT32_C(1) << bits_for(ncpus)) - 1) << 26;
}

static void set_features(struct kvm_cpuid_entry2 *entry, uint32_t ncpus, uint32_t id)
{
	uint32_t count = ncpus > 1 ? UINT32_C(1) << bits_for(ncpus) : 1;

	entry->ebx = (entry->ebx & 0xff00) | (count > 255 ? 255 : count) << 16 | id << 24;
	entry->ecx = (entry->ecx & ~(uint32_t)(MONITOR | VMX)) | DEADLINE | HYPERVISOR;
	entry->edx = ncpus > 1 ? entry->edx | THREADS : entry->edx & ~(uint32_t)THREADS;
}

static void adapt(struct kvm_cpuid_entry2 *entry, uint32_t ncpus, uint32_t id)
{
	switch (entry->function) {
	case 1: set_features(entry, ncpus, id); break;
	case 4: set_cache(entry, ncpus, true); break;
	case 5: case 10: set(entry, 0, 0, 0, 0); break; /* no MONITOR, no counters */
	case 6: set(entry, ARAT, 0, 0, 0); break;
	case 0xb: case 0x1f: set_topology(entry, ncpus, id); break;
	case 0x80000001: entry->ecx &= ~(uint32_t)SVM; break;
	case 0x80000008: entry->ecx = bits_for(ncpus) << 12 | (ncpus - 1); break;
	case 0x8000000a: case 0x80000022: set(entry, 0, 0, 0, 0); break;
	case 0x8000001d: set_cache(entry, ncpus, false); break;
	case 0x8000001e: set(entry, id, id & 0xff, 0, 0); break;
	default: break;
	}
}

static uint32_t last_leaf(struct kvm_cpuid2 *list)
{
	const struct kvm_cpuid_entry2 *first = find(list, 0, 0);

	return first ? first->eax : 0;
}

/* KVM may give the leaf of the topology without its levels. */
static void add_topology(struct kvm_cpuid2 *list)
{
	static const uint32_t leaves[] = {0xb, 0x1f};

	for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++) {
		struct kvm_cpuid_entry2 *entry = leaves[i] <= last_leaf(list) ? find_or_add(list, leaves[i], 0) : NULL;

		if (!entry)
			continue;
		entry->flags |= KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
		for (uint32_t level = 1; level <= 2; level++)
			find_or_add(list, leaves[i], level);
	}
}

/* The processor's own leaves if it can have them, and the one that hypervisors agreed on. */
static void add_frequencies(struct kvm_cpuid2 *list, uint32_t tsc_khz)
{
	struct kvm_cpuid_entry2 *hypervisor = find(list, KVM_LEAVES, 0), *entry;
	uint32_t last = last_leaf(list);

	if (!tsc_khz)
		return;
	if (last >= 0x15 && (entry = find_or_add(list, 0x15, 0)))
		set(entry, APIC_BUS_KHZ, tsc_khz, APIC_BUS_KHZ * 1000, 0); /* the crystal is what the APIC's timer counts */
	if (last >= 0x16 && (entry = find_or_add(list, 0x16, 0)))
		set(entry, tsc_khz / 1000, tsc_khz / 1000, 100, 0);
	if (hypervisor && (entry = find_or_add(list, KVM_FREQUENCIES, 0))) {
		hypervisor->eax = KVM_FREQUENCIES;
		set(entry, tsc_khz, APIC_BUS_KHZ, 0, 0);
	}
}

int lode_vmm_cpuid_set_(struct vmm *vm, struct vmm_cpu *cpu)
{
	struct vmm_kvm *kvm = vmm_kvm_of(vm);

	add_topology(kvm->cpuid);
	for (uint32_t i = 0; i < kvm->cpuid->nent; i++)
		adapt(&kvm->cpuid->entries[i], kvm->ncpus, cpu->number);
	add_frequencies(kvm->cpuid, kvm->tsc_khz);
	if (ioctl(cpu->fd, KVM_SET_CPUID2, kvm->cpuid))
		return lode_vmm_fail_(vm, errno, "telling KVM what processor %u is", cpu->number);
	return 0;
}

bool lode_vmm_cpuid_amd_(const struct vmm_kvm *kvm)
{
	const struct kvm_cpuid_entry2 *vendor = find(kvm->cpuid, 0, 0);

	return vendor && (vendor->ecx == AMD || vendor->ecx == HYGON);
}
