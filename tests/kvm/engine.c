/* SPDX-License-Identifier: MIT */
/* Small guests on the KVM engine -> their registers, what they saw, and how each of them ends. Needs a KVM that runs guests. */
#include "stand.h"

#include <signal.h>

GUEST(registers64);
GUEST(cpuid);
GUEST(ports);
GUEST(mmio);
GUEST(memory);
GUEST(triple);
GUEST(halt);
GUEST(spin);
GUEST(poke);
GUEST(nowhere);
GUEST(echo);
GUEST(interrupts);
GUEST(others);
GUEST(sipi);
GUEST(real);
GUEST(flat);

static void test_registers(void)
{
	struct lode_registers *r;
	uint64_t *words;

	if (!MAKE(registers64))
		return;
	r = long_mode();
	words = &r->rax;
	for (uint64_t i = 0; i < 16; i++) /* rax to r15: rip has to stay, and the stack */
		words[i] = i == 7 ? STACK : 0x1111111111111111 * (i + 1);
	r->rflags = 0x402 | 1;
	r->pat = 0x0000010500070406;
	r->ldtr = (struct lode_selector){0, 0};
	r->gs = (struct lode_selector){0, 0};
	r->idtr = (struct lode_table){0xffffffff81234000, 0x123};
	ends_with(1);
	for (uint64_t i = 0; i < 16; i++)
		CHECK_EQ(seen(8 * i, 8), words[i]);
	CHECK_EQ(seen(128, 8), 0x403);
	CHECK_EQ(seen(136, 8), 0x80000011);
	CHECK_EQ(seen(144, 8), TABLES);
	CHECK_EQ(seen(152, 8), 0x620);
	CHECK_EQ(seen(160, 4), 0x500);
	CHECK_EQ(seen(168, 8), 0x0000010500070406);
	CHECK_EQ(seen(176, 8), 0x0018001800180010);
	CHECK_EQ(seen(184, 8), 0x0000002000180000);
	CHECK_EQ(seen(192, 2), 0x2f);
	CHECK_EQ(seen(194, 8), GDT);
	CHECK_EQ(seen(208, 2), 0x123);
	CHECK_EQ(seen(210, 8), 0xffffffff81234000);
	CHECK_EQ(seen(224, 2), 0x37f);
	CHECK_EQ(seen(228, 4), 0x1f80);
	CHECK_EQ(seen(232, 4), 0x806);
	destroy();
}

static void test_real_mode(void)
{
	struct lode_registers *r;
	struct lode_selector data = {0, 0x000093000000ffff};

	if (!MAKE(real))
		return;
	r = &vm->kernel.start.registers;
	*r = (struct lode_registers){.rsp = 0xfff0, .rflags = 2, .cr0 = 0x10, .cs = {0x1000, 0x00009b010000ffff}, .ds = data,
		.es = data, .fs = data, .gs = data, .ss = {0x3000, 0x000093030000ffff}, .idtr = {0, 0x3ff}};
	ends_with(11);
	CHECK_EQ(seen(0, 8), 0x0010fff030001000);
	CHECK_STR(printed, "\xfe");
	destroy();
}

static void test_protected_mode(void)
{
	struct lode_registers *r;

	if (!make(guest_flat, guest_flat_end, 3 * 1024 * MIB))
		return;
	r = long_mode();
	r->cr0 = 0x11;
	r->cr3 = r->cr4 = r->efer = 0;
	r->cs.descriptor = CODE32;
	r->rax = 0x2badb002;
	r->rbx = 0xdeadbee0;
	ends_with(12);
	CHECK_EQ(seen(0, 8), 0xdeadbee02badb002);
	CHECK_EQ(seen(8, 4), 0x11);
	CHECK_EQ(seen(12, 4), 0x200010);
	CHECK_EQ(*ram(0xbff00000), 0x34);
	destroy();
}

static void test_ports(void)
{
	if (!MAKE(ports))
		return;
	memcpy(ram(GIVEN), "hello", 5);
	ends_with(3);
	CHECK_EQ(seen(0, 1), 0xff);
	CHECK_EQ(seen(2, 2), 0xffff);
	CHECK_EQ(seen(4, 4), 0xffffffff);
	CHECK_EQ(seen(8, 1), 0xe9);
	CHECK_EQ(seen(12, 4), 0xffffffff);
	CHECK_EQ(seen(16, 4), 0xe9e9e9e9);
	CHECK_STR(printed, "hello");
	destroy();
}

struct log {
	uint32_t n;
	struct { uint64_t offset, value; uint32_t size; } writes[8];
};

static void log_read(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	(void)device;
	for (uint32_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(offset + i);
}

static void log_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	struct log *log = device->state;

	if (log->n == 8)
		return;
	log->writes[log->n].offset = offset;
	log->writes[log->n].size = size;
	memcpy(&log->writes[log->n++].value, bytes, size);
}

static const struct vmm_device_type log_type = {"log", log_read, log_write, NULL};

static void test_mmio(void)
{
	static const uint64_t want[][3] = {{4, 0x12, 1}, {8, 0x3456, 2}, {12, 0x789abcde, 4}, {16, 0x1122334455667788, 8}};
	struct vmm_device *device;
	const struct log *log;

	if (!MAKE(mmio))
		return;
	device = lode_vmm_device_add_(vm, &log_type, sizeof *log);
	device->registers = (struct lode_range){0xd4000000, 0x1000};
	log = device->state;
	ends_with(4);
	CHECK_EQ(seen(0, 4), 0x03020100);
	CHECK_EQ(seen(8, 8), 0x1716151413121110);
	CHECK_EQ(seen(16, 8), UINT64_MAX);
	CHECK_EQ(seen(24, 4), 0xff);
	CHECK_EQ(log->n, 4);
	for (uint32_t i = 0; i < 4 && i < log->n; i++)
		CHECK(log->writes[i].offset == want[i][0] && log->writes[i].value == want[i][1] &&
			log->writes[i].size == want[i][2]);
	destroy();
}

static void test_memory(void)
{
	if (!make(guest_memory, guest_memory_end, 4 * 1024 * MIB))
		return;
	ends_with(5);
	CHECK_EQ(*ram(0xbfffffff), 0x5a);
	CHECK_EQ(*ram(VMM_4G), 0x77);
	CHECK_EQ(*ram(VMM_4G + 0x3fffffff), 0x78);
	CHECK_EQ(seen(0, 8), UINT64_MAX);
	destroy();
}

static uint32_t cpuid_of(uint32_t leaf, uint32_t subleaf, uint32_t reg)
{
	static const uint32_t list[][2] = {{1, 0}, {0xb, 0}, {0xb, 1}, {0x40000000, 0}, {0x40000001, 0}, {0x40000010, 0},
		{0x80000001, 0}, {0x80000008, 0}, {6, 0}, {UINT32_MAX, 0}};

	if (leaf == UINT32_MAX)
		memcpy(ram(GIVEN), list, sizeof list);
	for (uint32_t i = 0; i < sizeof list / sizeof *list; i++)
		if (list[i][0] == leaf && list[i][1] == subleaf)
			return (uint32_t)seen(16 * i + 4 * reg, 4);
	return 0;
}

static void test_cpuid(void)
{
	enum { EAX, EBX, ECX, EDX };

	request.cpus = 2;
	if (!MAKE(cpuid))
		return;
	cpuid_of(UINT32_MAX, 0, 0);
	ends_with(2);
	CHECK_EQ(cpuid_of(1, 0, EBX) >> 16, 2);
	CHECK(cpuid_of(1, 0, ECX) >> 31);
	CHECK(!(cpuid_of(1, 0, ECX) >> 5 & 1));
	CHECK(cpuid_of(1, 0, EDX) >> 28 & 1);
	CHECK_EQ(cpuid_of(0xb, 0, ECX), 0x100);
	CHECK_EQ(cpuid_of(0xb, 1, EBX), 2);
	CHECK_EQ(cpuid_of(0xb, 1, EAX), 1);
	CHECK_EQ(cpuid_of(0x40000000, 0, EBX), 0x4b4d564b);
	CHECK_EQ(cpuid_of(0x40000000, 0, EAX), 0x40000010);
	CHECK(cpuid_of(0x40000001, 0, EAX) & 8); /* kvm-clock */
	CHECK_EQ(cpuid_of(0x40000010, 0, EAX), vmm_kvm_of(vm)->tsc_khz);
	CHECK(!(cpuid_of(0x80000001, 0, ECX) & 4));
	CHECK_EQ(cpuid_of(0x80000008, 0, ECX), 0x1001);
	CHECK_EQ(cpuid_of(6, 0, EAX), 4);
	destroy();
	request.cpus = 0;
}

static void test_interrupts(void)
{
	if (!MAKE(interrupts))
		return;
	ends_with(8);
	CHECK(seen(0x20, 1) >= 3);
	CHECK_EQ(seen(0x40, 1), 2);
	destroy();
}

static void test_started_by_protocol(void)
{
	request.cpus = 4;
	if (!MAKE(others))
		return;
	vm->kernel.start.others = (struct lode_others){.count = 3, .rip = CODE, .rdi = 1, .rdi_step = 1, .rsp = 0x8000,
		.rsp_step = 0x100};
	give(0, 4, 4);
	ends_with(9);
	for (uint64_t i = 0; i < 4; i++)
		CHECK_EQ(seen(16 + 8 * i, 8), i ? 0x8000 + 0x100 * (i - 1) : STACK);
	destroy();
	request.cpus = 0;
}

static void test_started_by_sipi(void)
{
	request.cpus = 3;
	if (!MAKE(sipi))
		return;
	give(0, 2, 4);
	ends_with(10);
	CHECK_EQ(seen(0, 4), 2);
	destroy();
	request.cpus = 0;
}

static void pokes(uint16_t port, uint16_t value, bool wide, enum lode_vmm_end end)
{
	check_case("%x to port %x", value, port);
	if (!MAKE(poke))
		return;
	give(0, value, 2);
	give(2, port, 2);
	give(4, wide, 1);
	CHECK_EQ(run(), end);
	destroy();
}

static void test_ends_by_port(void)
{
	pokes(0x64, 0xfe, false, LODE_VMM_RESET);
	pokes(0xcf9, 6, false, LODE_VMM_RESET);
	pokes(0x92, 3, false, LODE_VMM_RESET);
	pokes(0x604, 0x3400, true, LODE_VMM_POWER_OFF);
	pokes(0x505, 1, false, LODE_VMM_PANIC);
	pokes(0x505, 4, false, LODE_VMM_POWER_OFF);
	pokes(0xf4, 0x1234, true, LODE_VMM_EXIT);
	pokes(0x505, 2, false, LODE_VMM_EXIT); /* a crash kernel goes on */
}

static void test_triple_fault(void)
{
	if (!MAKE(triple))
		return;
	CHECK_EQ(run(), LODE_VMM_TRIPLE_FAULT);
	destroy();
}

static void test_halted_for_ever(void)
{
	for (request.cpus = 1; request.cpus <= 3; request.cpus += 2) {
		if (!MAKE(halt))
			return;
		CHECK_EQ(run(), LODE_VMM_HALT);
		destroy();
	}
	request.cpus = 0;
}

static void test_others_halt_for_ever(void)
{
	request.cpus = 2;
	if (!MAKE(halt))
		return;
	vm->kernel.start.others = (struct lode_others){.count = 1, .rip = CODE, .rsp = 0x8000};
	CHECK_EQ(run(), LODE_VMM_HALT);
	destroy();
	request.cpus = 0;
}

static void test_time_limit(void)
{
	request.time_limit = 1;
	request.cpus = 2;
	if (!MAKE(spin))
		return;
	vm->kernel.start.others = (struct lode_others){.count = 1, .rip = CODE, .rsp = 0x8000};
	CHECK_EQ(run(), LODE_VMM_TIME);
	destroy();
	request.time_limit = request.cpus = 0;
}

static void *send_signal(void *argument)
{
	usleep(200000);
	kill(getpid(), SIGTERM);
	return argument;
}

static void test_signal(void)
{
	pthread_t sender;

	if (!MAKE(spin))
		return;
	pthread_create(&sender, NULL, send_signal, NULL);
	CHECK_EQ(run(), LODE_VMM_ESCAPE);
	pthread_join(sender, NULL);
	destroy();
}

static void test_code_outside_memory(void)
{
	if (!MAKE(nowhere))
		return;
	CHECK_EQ(run(), LODE_VMM_ERROR);
	CHECK(strstr(vm->error.text, "emulate") != NULL);
	destroy();
}

static void test_serial_input(void)
{
	int both[2], in = dup(STDIN_FILENO);
	char want[41] = "";

	if (!CHECK_EQ(pipe2(both, O_CLOEXEC), 0))
		return;
	for (int i = 0; i < 40; i++)
		want[i] = (char)('B' + i % 10);
	for (int i = 0; i < 40; i++)
		CHECK_EQ(write(both[1], &(char){(char)(want[i] - 1)}, 1), 1);
	CHECK_EQ(write(both[1], "q", 1), 1);
	close(both[1]);
	dup2(both[0], STDIN_FILENO);
	close(both[0]);
	if (MAKE(echo)) {
		ends_with(7);
		CHECK_STR(printed, want);
		destroy();
	}
	dup2(in, STDIN_FILENO);
	close(in);
}

static uint32_t count_descriptors(void)
{
	uint32_t n = 0;

	for (int fd = 0; fd < 1024; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void test_opened_and_closed(void)
{
	uint32_t before = count_descriptors();

	request.cpus = 4;
	for (int i = 0; i < 8; i++)
		if (MAKE(spin))
			destroy();
	request.cpus = 0;
	CHECK_EQ(count_descriptors(), before);
}

int main(int argc, char **argv)
{
	struct vmm probe = {.request = &request, .engine = &lode_vmm_kvm_, .lock = PTHREAD_MUTEX_INITIALIZER};
	bool runs;

	if (lode_vmm_kvm_.open(&probe) == 0)
		lode_vmm_kvm_.close(&probe);
	runs = !probe.error.text[0];
	if (argc > 1 && !strcmp(argv[1], "--probe")) {
		printf("%s\n", runs ? "KVM runs guests here" : probe.error.text);
		return !runs;
	}
	if (!runs) {
		SKIP(probe.error.text);
		return check_done();
	}
	CASE(test_registers);
	CASE(test_real_mode);
	CASE(test_protected_mode);
	CASE(test_ports);
	CASE(test_mmio);
	CASE(test_memory);
	CASE(test_cpuid);
	CASE(test_interrupts);
	CASE(test_started_by_protocol);
	CASE(test_started_by_sipi);
	test_ends_by_port();
	CASE(test_triple_fault);
	CASE(test_halted_for_ever);
	CASE(test_others_halt_for_ever);
	CASE(test_time_limit);
	CASE(test_signal);
	CASE(test_code_outside_memory);
	CASE(test_serial_input);
	CASE(test_opened_and_closed);
	return check_done();
}
