/* SPDX-License-Identifier: MIT */
/* The debugger's protocol, spoken by a small client, on guests of KVM: registers, memory, breakpoints, steps, threads. */
#include "stand.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

GUEST(debugged);
GUEST(debugged_int3);
extern const unsigned char guest_debugged_called[];

enum { RIP = 16, PACKET = 8192, HANDLER = 0x11000 };

static const char *const path = "/tmp/lode-gdb-test";
static int fd = -1;
static char answer[PACKET];

static uint64_t called(void)
{
	return CODE + (uint64_t)(guest_debugged_called - guest_debugged);
}

static void send_packet(const char *text)
{
	unsigned char sum = 0;
	char packet[PACKET];
	int n;

	for (const char *c = text; *c; c++)
		sum = (unsigned char)(sum + (unsigned char)*c);
	n = snprintf(packet, sizeof packet, "$%s#%02x", text, sum);
	CHECK_EQ(write(fd, packet, (size_t)n), n);
}

static char next_byte(void)
{
	char c = 0;

	return recv(fd, &c, 1, 0) == 1 ? c : 0;
}

/* The next packet, with its sum checked and acknowledged. */
static const char *receive(void)
{
	unsigned char sum = 0;
	char c, tail[3] = "";
	size_t n = 0;

	while ((c = next_byte()) && c != '$')
		;
	while ((c = next_byte()) && c != '#' && n < sizeof answer - 1) {
		answer[n++] = c;
		sum = (unsigned char)(sum + (unsigned char)c);
	}
	answer[n] = 0;
	tail[0] = next_byte();
	tail[1] = next_byte();
	CHECK_EQ(strtoul(tail, NULL, 16), sum);
	CHECK_EQ(write(fd, "+", 1), 1);
	return answer;
}

static const char *ask(const char *text)
{
	send_packet(text);
	return receive();
}

static uint64_t number_of(const char *hex, uint32_t bytes)
{
	uint64_t value = 0;
	char digits[3] = "";

	for (uint32_t i = 0; i < bytes && hex[0] && hex[1]; i++, hex += 2) {
		memcpy(digits, hex, 2);
		value |= strtoull(digits, NULL, 16) << 8 * i;
	}
	return value;
}

static uint64_t reg(uint32_t number)
{
	char text[16];

	snprintf(text, sizeof text, "p%x", number);
	return number_of(ask(text), 8);
}

static void *connect_later(void *argument)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};

	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	while (connect(fd, (struct sockaddr *)&addr, sizeof addr))
		usleep(1000);
	return argument;
}

static void *run_guest(void *argument)
{
	vm->engine->run(vm);
	return argument;
}

static pthread_t runner;

static bool start(uint32_t cpus)
{
	pthread_t connecting;
	struct lode_registers *r;

	unlink(path);
	request.gdb = "unix:/tmp/lode-gdb-test";
	request.cpus = cpus;
	pthread_create(&connecting, NULL, connect_later, NULL);
	if (!make(guest_debugged, guest_debugged_end, 16 * MIB))
		return false;
	pthread_join(connecting, NULL);
	memcpy(ram(HANDLER), guest_debugged_int3, (size_t)(guest_debugged_int3_end - guest_debugged_int3));
	r = &vm->kernel.start.registers;
	r->idtr = (struct lode_table){GIVEN, 0xff};
	give(3 * 16, (HANDLER & 0xffff) | 16 << 16 | UINT64_C(0x8e00) << 32 | (uint64_t)(HANDLER >> 16) << 48, 8);
	if (cpus > 1)
		vm->kernel.start.others = (struct lode_others){.count = cpus - 1, .rip = CODE, .rsp = 0x8000, .rsp_step = 0x100};
	pthread_create(&runner, NULL, run_guest, NULL);
	return true;
}

static void finish(enum lode_vmm_end end)
{
	pthread_join(runner, NULL);
	CHECK_EQ(vm->end, end);
	close(fd);
	destroy();
	request.cpus = 0;
	request.gdb = NULL;
}

static void test_looks(void)
{
	char text[64], code[33] = "";

	if (!start(1))
		return;
	CHECK(strstr(ask("qSupported:swbreak+"), "qXfer:features:read+") != NULL);
	CHECK_STR(ask("?"), "T05thread:1;");
	CHECK_EQ(number_of(ask("g") + 16 * RIP, 8), CODE);
	CHECK_EQ(strlen(answer), 2 * 592);
	CHECK_EQ(reg(RIP), CODE);
	CHECK_EQ(reg(7), STACK);
	CHECK_EQ(reg(18), 16);
	CHECK_EQ(reg(61), TABLES); /* cr3 */
	snprintf(text, sizeof text, "m%x,10", CODE);
	for (int i = 0; i < 16; i++)
		snprintf(code + 2 * i, 3, "%02x", guest_debugged[i]);
	CHECK_STR(ask(text), code);
	CHECK_STR(ask("m7fffffffffff0000,4"), "E14");
	CHECK_STR(ask("M7100,4:01020304"), "OK");
	CHECK_EQ(number_of(ask("m7100,4"), 4), 0x04030201);
	CHECK_STR(ask("P3=8877665544332211"), "OK");
	CHECK_EQ(reg(3), 0x1122334455667788);
	CHECK(strstr(ask("qXfer:features:read:target.xml:0,400"), "org.gnu.gdb.i386.core") != NULL);
	CHECK_STR(ask("qfThreadInfo"), "m1");
	CHECK_STR(ask("nonsense"), "");
	CHECK_STR(ask("p999"), "E01");
	CHECK_STR(ask("k"), "X0f");
	finish(LODE_VMM_ESCAPE);
}

/* Breakpoints are armed as the debugger asks: four in the debug registers, the others as INT3. */
static void test_points(void)
{
	const struct kvm_guest_debug *armed;
	char text[64];

	if (!start(1))
		return;
	for (uint32_t i = 0; i < 5; i++) {
		snprintf(text, sizeof text, i == 1 ? "Z2,6000,8" : "Z0,%x,1", CODE + 0x100 + i);
		CHECK_STR(ask(text), "OK");
	}
	CHECK_STR(ask("Z2,6001,8"), "E01");
	CHECK_STR(ask("Z1,6000,1"), "E01"); /* no register is left */
	CHECK_EQ(*ram(CODE + 0x104), 0xcc);
	CHECK_STR(ask("vCont;s:1"), "T05thread:1;");
	armed = &vmm_kvm_of(vm)->cpus[0].armed;
	CHECK_EQ(armed->arch.debugreg[0], CODE + 0x100);
	CHECK_EQ(armed->arch.debugreg[1], 0x6000);
	CHECK_EQ(armed->arch.debugreg[3], CODE + 0x103);
	CHECK_EQ(armed->arch.debugreg[7], 0x009000aa);
	CHECK_EQ(armed->control & ~(uint32_t)KVM_GUESTDBG_BLOCKIRQ, KVM_GUESTDBG_ENABLE | KVM_GUESTDBG_SINGLESTEP |
		KVM_GUESTDBG_USE_SW_BP | KVM_GUESTDBG_USE_HW_BP);
	CHECK_STR(ask("z0,10104,1"), "OK");
	CHECK_EQ(*ram(CODE + 0x104), 0);
	CHECK_STR(ask("z0,10104,1"), "E01");
	CHECK_STR(ask("z2,6000,8"), "OK");
	CHECK_STR(ask("Z1,6000,1"), "OK");
	*ram(SEEN + 16) = 1;
	CHECK_STR(ask("D"), "OK");
	finish(LODE_VMM_EXIT);
}

static void test_steps(void)
{
	uint64_t count;

	if (!start(1))
		return;
	CHECK_STR(ask("s"), "T05thread:1;");
	CHECK_EQ(reg(RIP), CODE + 2);
	CHECK_STR(ask("vCont;s:1;c"), "T05thread:1;");
	CHECK_EQ(reg(RIP), CODE + 5);
	CHECK_EQ(reg(0), 1);
	for (int i = 0; reg(RIP) != called() && i < 8; i++)
		ask("s");
	CHECK_EQ(reg(RIP), called());
	CHECK_EQ(seen(0, 8), 1);
	send_packet("c");
	usleep(300000);
	CHECK_EQ(write(fd, "\3", 1), 1);
	CHECK_STR(receive(), "T02thread:1;");
	count = seen(0, 8);
	CHECK(count > 1);
	CHECK(seen(24, 1) > 0); /* the guest's own INT3 */
	usleep(50000);
	CHECK_EQ(seen(0, 8), count); /* it stands still */
	CHECK_STR(ask("M6010,1:01"), "OK");
	CHECK_STR(ask("c"), "W0d");
	finish(LODE_VMM_EXIT);
}

/* QEMU's translator neither intercepts INT3 nor loads debug registers for a guest of its guest. */
static bool stops_at(uint64_t addr, const char *how)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};

	send_packet("c");
	CHECK_EQ(next_byte(), '+');
	if (poll(&polled, 1, 3000) == 1) {
		CHECK_STR(receive(), how);
		return CHECK_EQ(reg(RIP), addr);
	}
	CHECK_EQ(write(fd, "\3", 1), 1);
	CHECK_STR(receive(), "T02thread:1;");
	return false;
}

static void test_breakpoints(void)
{
	char text[64];

	if (!start(1))
		return;
	snprintf(text, sizeof text, "Z0,%llx,1", (unsigned long long)called());
	CHECK_STR(ask(text), "OK");
	if (stops_at(called(), "T05swbreak:;thread:1;")) {
		text[0] = 'z';
		CHECK_STR(ask(text), "OK");
		CHECK_STR(ask("Z2,6000,8"), "OK");
		CHECK_STR(ask("c"), "T05watch:6000;thread:1;");
		CHECK_EQ(seen(0, 8), 2);
	} else
		SKIP("KVM does not deliver breakpoints here");
	send_packet("k");
	finish(LODE_VMM_ESCAPE);
}

static void test_processors(void)
{
	uint64_t before;

	if (!start(2))
		return;
	CHECK_STR(ask("qfThreadInfo"), "m1,2");
	CHECK_STR(ask("qsThreadInfo"), "l");
	CHECK_STR(ask("T2"), "OK");
	CHECK_STR(ask("T3"), "E01");
	CHECK_STR(ask("Hg2"), "OK");
	CHECK_EQ(reg(RIP), CODE);
	CHECK_EQ(reg(7), 0x8000);
	before = seen(0, 8);
	CHECK_STR(ask("vCont;s:2"), "T05thread:2;");
	CHECK_EQ(reg(RIP), CODE + 2);
	CHECK_STR(ask("Hg1"), "OK");
	CHECK_EQ(reg(RIP), CODE); /* the other one did not go on */
	CHECK_EQ(seen(0, 8), before);
	CHECK_STR(ask("vCont;s:1;c"), "T05thread:1;");
	CHECK_EQ(reg(RIP), CODE + 2);
	CHECK_STR(ask("D"), "OK");
	usleep(100000);
	before = seen(8, 8);
	usleep(100000);
	CHECK(seen(8, 8) > before);
	*ram(SEEN + 16) = 1;
	finish(LODE_VMM_EXIT);
}

static void test_triple_fault(void)
{
	if (!start(1))
		return;
	memset(ram(CODE), 0xff, 2); /* no instruction, and the table has no entry for it */
	CHECK_STR(ask("c"), "X0b");
	finish(LODE_VMM_TRIPLE_FAULT);
}

static void test_connection_lost(void)
{
	if (!start(1))
		return;
	CHECK_STR(ask("Z1,6100,1"), "OK");
	*ram(SEEN + 16) = 1;
	close(fd);
	finish(LODE_VMM_EXIT);
}

int main(void)
{
	struct vmm probe = {.request = &request, .engine = &lode_vmm_kvm_, .lock = PTHREAD_MUTEX_INITIALIZER};

	if (lode_vmm_kvm_.open(&probe)) {
		SKIP(probe.error.text);
		return check_done();
	}
	lode_vmm_kvm_.close(&probe);
	alarm(60); /* a stub that does not answer ends the test, not the machine that others are tested in */
	CASE(test_looks);
	CASE(test_points);
	CASE(test_steps);
	CASE(test_breakpoints);
	CASE(test_processors);
	CASE(test_triple_fault);
	CASE(test_connection_lost);
	return check_done();
}
