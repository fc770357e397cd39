/* SPDX-License-Identifier: MIT */
/* A machine of the KVM engine without a loader: memory with a guest of guests.S in it, registers, what it prints. */
#ifndef LODE_TESTS_KVM_STAND_H
#define LODE_TESTS_KVM_STAND_H

#include <hypervisor.h>

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define GUEST(name) extern const unsigned char guest_##name[], guest_##name##_end[]
#define MIB (UINT64_C(1) << 20)
#define CODE64 UINT64_C(0x00af9b000000ffff)
#define CODE32 UINT64_C(0x00cf9b000000ffff)
#define DATA32 UINT64_C(0x00cf93000000ffff)
#define TASK UINT64_C(0x0000890000000067)

enum { CODE = 0x10000, STACK = 0x5000, SEEN = 0x6000, GIVEN = 0x7000, TABLES = 0x20000, GDT = 0x4000 };

static struct lode_vmm_request request;
static struct vmm *vm;
static char printed[4096];

static inline unsigned char *ram(uint64_t addr)
{
	return lode_vmm_ram_at_(&vm->ram, addr, 1);
}

static inline uint64_t seen(uint64_t offset, uint32_t size)
{
	uint64_t value = 0;

	memcpy(&value, ram(SEEN + offset), size);
	return value;
}

static inline void give(uint64_t offset, uint64_t value, uint32_t size)
{
	memcpy(ram(GIVEN + offset), &value, size);
}

/* The first 8 GiB where they are. */
static inline void identity(void)
{
	uint64_t *root = (uint64_t *)ram(TABLES), *table = root + 512, *pages = root + 1024;

	root[0] = (TABLES + 0x1000) | 3;
	for (uint64_t i = 0; i < 8; i++)
		table[i] = (TABLES + 0x2000 + i * 0x1000) | 3;
	for (uint64_t i = 0; i < 8 * 512; i++)
		pages[i] = i << 21 | 0x83;
}

static inline struct lode_registers *long_mode(void)
{
	struct lode_registers *r = &vm->kernel.start.registers;
	struct lode_selector data = {24, DATA32};

	identity();
	memcpy(ram(GDT), (const uint64_t[]){0, 0, CODE64, DATA32, TASK, 0}, 48);
	*r = (struct lode_registers){.rip = CODE, .rsp = STACK, .rflags = 2, .cr0 = 0x80000011, .cr3 = TABLES, .cr4 = 0x620,
		.efer = 0x500, .cs = {16, CODE64}, .ds = data, .es = data, .fs = data, .gs = data, .ss = data, .tr = {32, TASK},
		.gdtr = {GDT, 0x2f}};
	return r;
}

/* A machine as the engine gets it; its memory has the guest's code. */
static inline bool make(const unsigned char *code, const unsigned char *end, uint64_t memory)
{
	vm = calloc(1, sizeof *vm);
	vm->request = &request;
	vm->engine = &lode_vmm_kvm_;
	pthread_mutex_init(&vm->lock, NULL);
	vm->ram = (struct vmm_ram){.size = memory, .low = memory < 0xc0000000 ? memory : 0xc0000000, .fd = -1};
	vm->ram.bytes = mmap(NULL, memory, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!CHECK(vm->ram.bytes != MAP_FAILED))
		return false;
	memcpy(ram(CODE), code, (size_t)(end - code));
	long_mode();
	if (CHECK_EQ(vm->engine->open(vm), 0))
		return true;
	printf("FAIL %s: %s: %s\n", check_state_.name, vm->error.text, strerror(vm->error.error));
	return false;
}

#define MAKE(name) make(guest_##name, guest_##name##_end, 16 * MIB)

static inline void destroy(void)
{
	vm->engine->close(vm);
	munmap(vm->ram.bytes, vm->ram.size);
	free(vm);
}

/* Runs the guest; what it prints goes to printed. */
static inline enum lode_vmm_end run(void)
{
	int both[2], out = dup(STDOUT_FILENO);
	ssize_t got;

	fflush(stdout);
	if (!CHECK_EQ(pipe2(both, O_CLOEXEC), 0))
		return LODE_VMM_ERROR;
	fcntl(both[0], F_SETFL, O_NONBLOCK);
	dup2(both[1], STDOUT_FILENO);
	vm->engine->run(vm);
	dup2(out, STDOUT_FILENO);
	got = read(both[0], printed, sizeof printed - 1);
	printed[got > 0 ? got : 0] = 0;
	close(both[0]);
	close(both[1]);
	close(out);
	if (vm->error.text[0] && vm->end != LODE_VMM_ERROR)
		printf("FAIL %s: %s\n", check_state_.name, vm->error.text);
	return vm->end;
}

static inline void ends_with(uint32_t status)
{
	CHECK_EQ(run(), LODE_VMM_EXIT);
	CHECK_EQ(vm->status, status);
	if (vm->end == LODE_VMM_ERROR)
		printf("FAIL %s: %s\n", check_state_.name, vm->error.text);
}

#endif
