/* SPDX-License-Identifier: MIT */
/* The guest at its end -> an ELF core: a note with the registers of each processor, its memory by physical addresses and, where the
 * first processor has page tables, by the virtual ones too. Memory lies in the file once; pages of zeros are holes. */
#include "hypervisor.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/procfs.h>
#include <unistd.h>

enum {
	PAGE = 4096,
	SEGMENTS_MOST = 4096, /* a guest's tables may hold as many ranges as they like */
	STEPS_MOST = 1 << 24, /* and lead in circles */
	NAME_SIZE = 8,        /* "CORE", padded */
	LARGE = 0x80, PRESENT = 1,
};
#define ADDRESS UINT64_C(0x000ffffffffff000)
#define CR0_PG UINT64_C(0x80000000)
#define CR4_LA57 UINT64_C(0x1000)
#define EFER_LMA UINT64_C(0x400)

struct core {
	struct vmm *vm;
	int fd;
	uint64_t memory; /* offset of the RAM in the file */
	uint32_t n;
	Elf64_Phdr segments[SEGMENTS_MOST];
};

/* Where a physical address lies in the file: RAM is in one piece there too. */
static bool find(const struct core *core, uint64_t *offset, uint64_t phys, uint64_t size)
{
	const unsigned char *at = lode_vmm_ram_at_(&core->vm->ram, phys, size);

	if (at)
		*offset = core->memory + (uint64_t)(at - core->vm->ram.bytes);
	return at;
}

static void add(struct core *core, uint64_t addr, uint64_t phys, uint64_t size)
{
	Elf64_Phdr *last = core->n ? &core->segments[core->n - 1] : NULL;
	uint64_t offset;

	if (!size || !find(core, &offset, phys, size))
		return;
	if (last && last->p_vaddr != last->p_paddr && last->p_vaddr + last->p_memsz == addr &&
		last->p_offset + last->p_memsz == offset) {
		last->p_memsz = last->p_filesz = last->p_memsz + size;
	} else if (core->n < SEGMENTS_MOST) {
		core->segments[core->n++] = (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R | PF_W | PF_X, .p_offset = offset,
			.p_vaddr = addr, .p_paddr = phys, .p_filesz = size, .p_memsz = size, .p_align = PAGE};
	}
}

/** A walk over page tables, without recursion: where it stands on each level. */
struct walk {
	const unsigned char *tables[6];
	uint32_t index[6];
	uint32_t level; /* 1: pages of 4 KiB */
	uint32_t top;
	uint32_t steps; /* so far */
};

static uint64_t entry_at(const struct walk *walk)
{
	uint64_t entry;

	memcpy(&entry, walk->tables[walk->level] + 8 * (size_t)walk->index[walk->level], 8);
	return entry;
}

static uint64_t address(const struct walk *walk)
{
	uint64_t addr = 0;
	uint32_t bits = 12 + 9 * walk->top;

	for (uint32_t level = walk->level; level <= walk->top; level++)
		addr |= (uint64_t)walk->index[level] << (12 + 9 * (level - 1));
	return addr >> (bits - 1) & 1 ? addr | UINT64_MAX << bits : addr;
}

/* The next entry, on a higher level where a table is at its end. False: all is done. */
static bool advance(struct walk *walk)
{
	while (++walk->index[walk->level] == 512)
		if (++walk->level > walk->top)
			return false;
	return true;
}

/* Identity mappings say nothing new. */
static void take_entry(struct core *core, struct walk *walk)
{
	uint64_t entry = entry_at(walk), size = UINT64_C(1) << (12 + 9 * (walk->level - 1)), phys = entry & ADDRESS & ~(size - 1);
	bool leaf = walk->level == 1 || (walk->level <= 3 && (entry & LARGE));

	if (leaf && (entry & PRESENT) && address(walk) != phys)
		add(core, address(walk), phys, size);
	if (leaf || !(entry & PRESENT))
		return;
	walk->tables[walk->level - 1] = lode_vmm_ram_at_(&core->vm->ram, entry & ADDRESS, PAGE);
	if (walk->tables[walk->level - 1])
		walk->index[--walk->level] = UINT32_MAX; /* advance makes 0 of it */
}

/* From an entry of the top table to its end, or to the middle. */
static void walk_half(struct core *core, const struct kvm_sregs *sregs, uint32_t first)
{
	struct walk walk = {.top = sregs->cr4 & CR4_LA57 ? 5 : 4};
	uint32_t last = first + 256;

	if (!(sregs->cr0 & CR0_PG) || !(sregs->efer & EFER_LMA))
		return;
	walk.level = walk.top;
	walk.tables[walk.top] = lode_vmm_ram_at_(&core->vm->ram, sregs->cr3 & ADDRESS, PAGE);
	walk.index[walk.top] = first;
	if (!walk.tables[walk.top])
		return;
	do
		take_entry(core, &walk);
	while (core->n < SEGMENTS_MOST && walk.steps++ < STEPS_MOST && advance(&walk) && walk.index[walk.top] < last);
}

/* The upper half first: a kernel's own addresses matter most. */
static void add_virtual(struct core *core, const struct kvm_sregs *sregs)
{
	walk_half(core, sregs, 256);
	walk_half(core, sregs, 0);
}

/* In the order of Linux's struct user_regs_struct. */
static void put_registers(struct elf_prstatus *status, const struct kvm_regs *r, const struct kvm_sregs *s)
{
	const uint64_t words[] = {r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx, r->r11, r->r10, r->r9, r->r8, r->rax, r->rcx,
		r->rdx, r->rsi, r->rdi, r->rax, r->rip, s->cs.selector, r->rflags, r->rsp, s->ss.selector, s->fs.base, s->gs.base,
		s->ds.selector, s->es.selector, s->fs.selector, s->gs.selector};

	memcpy(&status->pr_reg, words, sizeof words);
}

static uint64_t note_size(void)
{
	return sizeof(Elf64_Nhdr) + NAME_SIZE + (sizeof(struct elf_prstatus) + 3) / 4 * 4;
}

static bool put(const struct core *core, const void *bytes, uint64_t size, uint64_t offset)
{
	return pwrite(core->fd, bytes, size, (off_t)offset) == (ssize_t)size;
}

static bool put_note(const struct core *core, const struct vmm_cpu *cpu, uint64_t offset)
{
	struct {
		Elf64_Nhdr head;
		char name[NAME_SIZE];
		struct elf_prstatus status;
	} note = {.head = {5, sizeof note.status, NT_PRSTATUS}, .name = "CORE"};
	struct kvm_regs regs;
	struct kvm_sregs sregs;

	if (ioctl(cpu->fd, KVM_GET_REGS, &regs) || ioctl(cpu->fd, KVM_GET_SREGS, &sregs))
		return false;
	note.status.pr_pid = (pid_t)cpu->number + 1;
	put_registers(&note.status, &regs, &sregs);
	return put(core, &note.head, sizeof note.head, offset) && put(core, note.name, NAME_SIZE, offset + sizeof note.head) &&
		put(core, &note.status, sizeof note.status, offset + sizeof note.head + NAME_SIZE);
}

static bool is_zero(const unsigned char *bytes, uint64_t size)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0;
}

/* The last page always, so that the file has its size. */
static bool put_memory(const struct core *core)
{
	const struct vmm_ram *ram = &core->vm->ram;

	for (uint64_t at = 0; at < ram->size; at += PAGE)
		if ((at + PAGE == ram->size || !is_zero(ram->bytes + at, PAGE)) &&
			!put(core, ram->bytes + at, PAGE, core->memory + at))
			return false;
	return true;
}

static bool put_headers(const struct core *core, uint64_t notes)
{
	Elf64_Ehdr head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT, .e_phoff = sizeof head, .e_ehsize = sizeof head,
		.e_phentsize = sizeof(Elf64_Phdr), .e_phnum = (uint16_t)(core->n + 1)};
	Elf64_Phdr note = {.p_type = PT_NOTE, .p_offset = notes, .p_filesz = vmm_kvm_of(core->vm)->ncpus * note_size(),
		.p_align = 4};

	return put(core, &head, sizeof head, 0) && put(core, &note, sizeof note, sizeof head) &&
		put(core, core->segments, core->n * sizeof *core->segments, sizeof head + sizeof note);
}

static bool write_core(struct core *core)
{
	const struct vmm *vm = core->vm;
	struct vmm_kvm *kvm = vmm_kvm_of(vm);
	uint64_t notes = sizeof(Elf64_Ehdr) + (SEGMENTS_MOST + 1) * sizeof(Elf64_Phdr);
	struct kvm_sregs sregs;

	core->memory = (notes + kvm->ncpus * note_size() + PAGE - 1) / PAGE * PAGE;
	add(core, 0, 0, vm->ram.low);
	add(core, VMM_4G, VMM_4G, vm->ram.size - vm->ram.low);
	if (ioctl(kvm->cpus[0].fd, KVM_GET_SREGS, &sregs) == 0)
		add_virtual(core, &sregs);
	for (uint32_t i = 0; i < kvm->ncpus; i++)
		if (!put_note(core, &kvm->cpus[i], notes + i * note_size()))
			return false;
	return put_headers(core, notes) && put_memory(core);
}

int lode_vmm_core_open_(struct vmm *vm, struct vmm_kvm *kvm)
{
	const char *path = vm->request->core;

	if (!path)
		return 0;
	kvm->core_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0600);
	return kvm->core_fd < 0 ? lode_vmm_fail_(vm, errno, "creating %s", path) : 0;
}

int lode_vmm_core_write_(struct vmm *vm)
{
	struct vmm_kvm *kvm = vmm_kvm_of(vm);
	struct core *core;
	bool good;

	if (kvm->core_fd < 0)
		return 0;
	core = calloc(1, sizeof *core);
	if (!core)
		return lode_vmm_fail_(vm, ENOMEM, "making room for a core");
	core->vm = vm;
	core->fd = kvm->core_fd;
	good = write_core(core);
	free(core);
	return good ? 0 : lode_vmm_fail_(vm, errno, "writing the core %s", vm->request->core);
}
