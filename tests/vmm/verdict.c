/* SPDX-License-Identifier: MIT */
/* Registers and memory of guests that failed -> pages, instructions, reasons; QEMU's text -> registers; what a host is handed. */
#include <qemu.h>
#include <explain.h>

#include <check.h>
#include <stdlib.h>

#define MIB (UINT64_C(1) << 20)
#define RAM (16 * MIB)
#define NX (UINT64_C(1) << 63)
#define PG UINT64_C(0x80000001)
#define WP UINT64_C(0x10000)
enum { TABLES = 0x10000, CODE = 0x400000, OUTSIDE = 0x7f000000 };

static struct lode_vmm_request request;
static struct vmm_engine engine;
static struct vmm *vm;

static void begin(void)
{
	vm = calloc(1, sizeof *vm);
	engine = (struct vmm_engine){.name = "test", .board = lode_vmm_kvm_.board};
	vm->request = &request;
	vm->engine = &engine;
	CHECK_EQ(lode_vmm_ram_create_(vm, RAM, false), 0);
}

static void end(void)
{
	lode_vmm_ram_destroy_(vm);
	free(vm);
}

static void put(uint64_t addr, uint64_t value, uint32_t size)
{
	memcpy(vm->ram.bytes + addr, &value, size);
}

/*
 * Pages
 */

/* Tables, a page each from TABLES on: the first entry of each but the last leads to the next. */
static void chain(uint32_t levels, uint64_t rights)
{
	for (uint32_t i = 0; i + 1 < levels; i++)
		put(TABLES + 0x1000 * (uint64_t)i, (TABLES + 0x1000 * (uint64_t)(i + 1)) | rights, 8);
}

static void wide(uint32_t levels, uint64_t rights)
{
	vm->state = (struct lode_vmm_state){.known = true, .mode = LODE_VMM_MODE_64, .cr0 = PG | WP, .cr3 = TABLES | 0x18,
		.cr4 = levels == 5 ? 0x1020 : 0x20, .efer = 0xd00};
	chain(levels, rights);
}

static void test_wide(void)
{
	struct vmm_page page;

	for (uint32_t levels = 4; levels <= 5; levels++) {
		uint64_t last = TABLES + 0x1000 * (uint64_t)(levels - 1);

		begin();
		wide(levels, 7);
		put(last + 8, 0x5000 | 3, 8);
		put(last + 16, 0x6000 | NX | 1, 8);
		page = lode_vmm_walk_(vm, 0x1234);
		CHECK_EQ(page.found, VMM_PAGE_THERE);
		CHECK_EQ(page.phys, 0x5234);
		CHECK(page.write && page.execute && !page.user);
		page = lode_vmm_walk_(vm, 0x2000);
		CHECK(page.found == VMM_PAGE_THERE && !page.write && !page.execute);
		CHECK_EQ(lode_vmm_walk_(vm, 0x3000).found, VMM_PAGE_ABSENT);
		CHECK_EQ(lode_vmm_walk_(vm, UINT64_C(1) << (levels == 5 ? 56 : 47)).found, VMM_PAGE_ABSENT);
		vm->state.cr0 = PG; /* without WP the kernel writes where it likes; without NXE all is executable */
		vm->state.efer = 0x500;
		page = lode_vmm_walk_(vm, 0x2000);
		CHECK(page.write && page.execute);
		end();
	}
}

static void test_large(void)
{
	begin();
	wide(4, 7);
	put(TABLES + 0x1008, 0x40000000 | 0x83, 8);   /* 1 GiB */
	put(TABLES + 0x2008, 0x200000 | 0x1083, 8); /* 2 MiB, with PAT's bit */
	CHECK_EQ(lode_vmm_walk_(vm, 0x40000000 + 0x123456).phys, 0x40123456);
	CHECK_EQ(lode_vmm_walk_(vm, 0x212345).phys, 0x212345);
	end();
}

static void test_narrow(void)
{
	begin();
	vm->state = (struct lode_vmm_state){.mode = LODE_VMM_MODE_32, .cr0 = PG | WP, .cr3 = TABLES, .cr4 = 0x10};
	put(TABLES, (TABLES + 0x1000) | 7, 4);
	put(TABLES + 4, 0x00c00000 | 0x81, 4);
	put(TABLES + 0x1004, 0x3000 | 3, 4);
	CHECK_EQ(lode_vmm_walk_(vm, 0x1678).phys, 0x3678);
	CHECK_EQ(lode_vmm_walk_(vm, 0x456789).phys, 0xc56789);
	CHECK(!lode_vmm_walk_(vm, 0x456789).write);
	vm->state.cr4 = 0; /* without PSE that bit means nothing */
	CHECK_EQ(lode_vmm_walk_(vm, 0x401000).found, VMM_PAGE_ABSENT);
	vm->state.cr0 = 1;
	CHECK_EQ(lode_vmm_walk_(vm, UINT64_C(0x100002345)).phys, 0x2345);
	end();
}

static void test_pae(void)
{
	begin();
	vm->state = (struct lode_vmm_state){.mode = LODE_VMM_MODE_32, .cr0 = PG | WP, .cr3 = TABLES + 0x20, .cr4 = 0x20,
		.efer = 0x800};
	put(TABLES + 0x20 + 8, (TABLES + 0x1000) | 1, 8); /* its entries have no rights */
	put(TABLES + 0x1000, 0x600000 | NX | 0x83, 8);
	CHECK_EQ(lode_vmm_walk_(vm, 0x40012345).phys, 0x612345);
	CHECK(lode_vmm_walk_(vm, 0x40012345).write && !lode_vmm_walk_(vm, 0x40012345).execute);
	CHECK_EQ(lode_vmm_walk_(vm, 0x1000).found, VMM_PAGE_ABSENT);
	end();
}

/* A guest's tables lead anywhere, and in circles. */
static void test_hostile_tables(void)
{
	begin();
	wide(4, 7);
	put(TABLES, TABLES | 7, 8);
	CHECK_EQ(lode_vmm_walk_(vm, 0).phys, TABLES);
	put(TABLES + 8, OUTSIDE | 7, 8);
	CHECK_EQ(lode_vmm_walk_(vm, UINT64_C(1) << 39).found, VMM_PAGE_NO_TABLE);
	CHECK_EQ(lode_vmm_walk_(vm, UINT64_C(1) << 39).phys, OUTSIDE);
	put(TABLES + 16, UINT64_C(0x000ffffffffff000) | 7, 8);
	CHECK_EQ(lode_vmm_walk_(vm, UINT64_C(2) << 39).found, VMM_PAGE_NO_TABLE);
	vm->state.cr3 = UINT64_MAX;
	CHECK_EQ(lode_vmm_walk_(vm, 0).found, VMM_PAGE_NO_TABLE);
	end();
}

/*
 * Instructions
 */

static const struct {
	enum lode_vmm_mode mode;
	enum vmm_code code;
	const char *bytes;
	uint32_t n;
} codes[] = {
#define BYTES(text) text, sizeof text - 1
	{LODE_VMM_MODE_64, VMM_CODE_SSE, BYTES("\x0f\x28\xc8")},             /* movaps */
	{LODE_VMM_MODE_64, VMM_CODE_SSE, BYTES("\x66\x45\x0f\x6f\x00")},     /* movdqa */
	{LODE_VMM_MODE_64, VMM_CODE_SSE, BYTES("\xf3\x0f\x6f\x07")},         /* movdqu */
	{LODE_VMM_MODE_64, VMM_CODE_SSE, BYTES("\xf2\x48\x0f\x2a\xc0")},     /* cvtsi2sd */
	{LODE_VMM_MODE_64, VMM_CODE_OTHER, BYTES("\x0f\x6f\x07")},           /* movq: MMX */
	{LODE_VMM_MODE_64, VMM_CODE_OTHER, BYTES("\x0f\xb6\x07")},           /* movzx */
	{LODE_VMM_MODE_64, VMM_CODE_AVX, BYTES("\xc5\xf8\x77")},             /* vzeroupper */
	{LODE_VMM_MODE_64, VMM_CODE_AVX, BYTES("\x62\xf1\x7c\x48\x10\x07")}, /* vmovups zmm */
	{LODE_VMM_MODE_32, VMM_CODE_OTHER, BYTES("\xc5\x06")},               /* lds */
	{LODE_VMM_MODE_32, VMM_CODE_AVX, BYTES("\xc5\xf8\x77")},
	{LODE_VMM_MODE_64, VMM_CODE_UD2, BYTES("\x0f\x0b")},
	{LODE_VMM_MODE_64, VMM_CODE_INT, BYTES("\xcd\x80")},
	{LODE_VMM_MODE_64, VMM_CODE_MSR, BYTES("\x0f\x32")},
	{LODE_VMM_MODE_64, VMM_CODE_CONTROL, BYTES("\x0f\x22\xd8")},
	{LODE_VMM_MODE_64, VMM_CODE_SEGMENT, BYTES("\x8e\xd8")},
	{LODE_VMM_MODE_64, VMM_CODE_SEGMENT, BYTES("\x48\xcb")},             /* lretq */
	{LODE_VMM_MODE_64, VMM_CODE_SEGMENT, BYTES("\x48\xcf")},             /* iretq */
	{LODE_VMM_MODE_64, VMM_CODE_SEGMENT, BYTES("\x0f\x00\xd8")},         /* ltr */
	{LODE_VMM_MODE_64, VMM_CODE_OTHER, BYTES("\x0f\x00\xc8")},           /* str */
	{LODE_VMM_MODE_32, VMM_CODE_SEGMENT, BYTES("\xea\x00\x00\x10\x00\x08\x00")},
	{LODE_VMM_MODE_64, VMM_CODE_NARROW, BYTES("\xea\x00\x00\x10\x00\x08\x00")},
	{LODE_VMM_MODE_64, VMM_CODE_NARROW, BYTES("\x60")},
	{LODE_VMM_MODE_32, VMM_CODE_STACK, BYTES("\x60")},
	{LODE_VMM_MODE_64, VMM_CODE_STACK, BYTES("\x41\x57")},               /* push %r15 */
	{LODE_VMM_MODE_64, VMM_CODE_STACK, BYTES("\xe8\x00\x00\x00\x00")},
	{LODE_VMM_MODE_64, VMM_CODE_STACK, BYTES("\xff\xd0")},               /* call *%rax */
	{LODE_VMM_MODE_64, VMM_CODE_OTHER, BYTES("\xff\xe0")},               /* jmp *%rax */
	{LODE_VMM_MODE_64, VMM_CODE_LOOP, BYTES("\xeb\xfe")},
	{LODE_VMM_MODE_64, VMM_CODE_LOOP, BYTES("\xf3\x90\xeb\xfc")},
	{LODE_VMM_MODE_64, VMM_CODE_HALT, BYTES("\xf4")},
	{LODE_VMM_MODE_64, VMM_CODE_OTHER, BYTES("\x66\x66\x66\x66")},       /* prefixes and nothing else */
	{LODE_VMM_MODE_64, VMM_CODE_OTHER, BYTES("\x0f")},
	{LODE_VMM_MODE_64, VMM_CODE_OTHER, BYTES("")},
};

static void test_codes(void)
{
	uint64_t value;

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
		check_case("instruction %zu", i);
		CHECK_EQ(lode_vmm_code_(&value, (const unsigned char *)codes[i].bytes, codes[i].n, codes[i].mode), codes[i].code);
	}
}

static const struct {
	const char *bytes;
	uint32_t n;
	bool known;
	uint64_t addr;
} operands[] = {
	{BYTES("\x48\x8b\x07"), true, 0x7000},                                 /* mov (%rdi), %rax */
	{BYTES("\x48\x8b\x47\xf8"), true, 0x6ff8},                             /* mov -8(%rdi), %rax */
	{BYTES("\x41\x8b\x84\x24\x00\x01\x00\x00"), true, 0xc100},             /* mov 0x100(%r12), %eax */
	{BYTES("\x4a\x8b\x44\xe7\x08"), true, 0x7000 + 8 * 0xc000 + 8},        /* mov 8(%rdi,%r12,8), %rax */
	{BYTES("\x8b\x04\x25\x78\x56\x34\x12"), true, 0x12345678},             /* mov 0x12345678, %eax */
	{BYTES("\x0f\xb6\x06"), true, 0x6000},                                 /* movzx (%rsi), %eax */
	{BYTES("\xc6\x05\x00\x00\x00\x00\x01"), false, 0},                     /* by rip */
	{BYTES("\x48\x89\xf8"), false, 0},                                     /* between registers */
	{BYTES("\x65\x48\x8b\x07"), false, 0},                                 /* gs has a base */
	{BYTES("\x48\x8b\x87\x00"), false, 0},                                 /* cut off */
	{BYTES("\x0f\x0b"), false, 0},
};

static void test_operands(void)
{
	for (size_t i = 0; i < sizeof operands / sizeof *operands; i++) {
		struct lode_vmm_state s = {.mode = LODE_VMM_MODE_64, .rdi = 0x7000, .rsi = 0x6000, .ncode = operands[i].n};
		uint64_t addr = 0;

		check_case("operand %zu", i);
		s.r8_r15[4] = 0xc000;
		memcpy(s.code, operands[i].bytes, operands[i].n);
		CHECK_EQ(lode_vmm_code_operand_(&addr, &s), operands[i].known);
		if (operands[i].known)
			CHECK_EQ(addr, operands[i].addr);
	}
}

/*
 * Reasons that guests of the tests do not show on every engine
 */

/* A kernel of 64 bits at CODE, everything mapped to itself, whose code is @bytes. */
static void run(const char *bytes, size_t n, enum lode_vmm_end how)
{
	wide(4, 7);
	for (uint64_t i = 0; i < 4; i++)
		put(TABLES + 0x1000 + 8 * i, i << 30 | 0x87, 8);
	memcpy(vm->ram.bytes + CODE, bytes, n);
	vm->begun.registers = (struct lode_registers){.rip = CODE, .cr0 = PG, .cr3 = vm->state.cr3, .cr4 = 0x20, .efer = 0x500};
	vm->begun.wide = true;
	vm->state.rip = CODE;
	vm->state.rsp = 0x8000;
	vm->end = how;
}

static void judge(enum lode_vmm_reason reason, uint64_t about)
{
	lode_vmm_explain_(vm);
	CHECK_EQ(vm->state.reason, reason);
	CHECK_EQ(vm->state.about, about);
	vm->state.reason = LODE_VMM_REASON_UNKNOWN;
	vm->state.about = 0;
}

static void test_where(void)
{
	begin();
	run("\x90\x90", 2, LODE_VMM_TRIPLE_FAULT);
	judge(LODE_VMM_REASON_NO_HANDLERS, 0);
	CHECK_EQ(vm->state.ncode, 16);
	vm->state.rip = OUTSIDE;
	judge(LODE_VMM_REASON_FETCH_OUTSIDE, OUTSIDE);
	CHECK_EQ(vm->state.ncode, 0);
	vm->end = LODE_VMM_ERROR;
	judge(LODE_VMM_REASON_FETCH_OUTSIDE, OUTSIDE);
	vm->state.rip = CODE;
	judge(LODE_VMM_REASON_AT_ENTRY, CODE);
	vm->end = LODE_VMM_TIME;
	judge(LODE_VMM_REASON_AT_ENTRY, CODE);
	vm->state = (struct lode_vmm_state){.known = true, .lost = true, .rip = CODE};
	vm->end = LODE_VMM_TRIPLE_FAULT;
	judge(LODE_VMM_REASON_LOST, 0);
	end();
}

/* With an interrupt table an exception fails of its stack. */
static void test_handlers(void)
{
	begin();
	run("\x90\x90", 2, LODE_VMM_TRIPLE_FAULT);
	vm->begun.registers.rip = 0;
	vm->state.idtr = (struct lode_table){0x9000, 0xfff};
	judge(LODE_VMM_REASON_UNKNOWN, 0);
	CHECK(vm->state.handlers);
	vm->state.rsp = OUTSIDE;
	judge(LODE_VMM_REASON_STACK, OUTSIDE);
	vm->state.idtr.base = UINT64_C(1) << 45;
	judge(LODE_VMM_REASON_TABLE_UNMAPPED, UINT64_C(1) << 45);
	vm->state.cr2 = (UINT64_C(1) << 45) + 0x80; /* of looking for the handler */
	judge(LODE_VMM_REASON_TABLE_UNMAPPED, UINT64_C(1) << 45);
	vm->state.idtr.base = 0;
	vm->state.cr2 = UINT64_C(0xffff900000000000);
	judge(LODE_VMM_REASON_ACCESS_UNMAPPED, UINT64_C(0xffff900000000000));
	end();
}

/* Ends that are none of a failure are not explained. */
static void test_good_end(void)
{
	begin();
	run("\x0f\x0b", 2, LODE_VMM_POWER_OFF);
	lode_vmm_explain_(vm);
	CHECK(!vm->state.known);
	end();
}

/*
 * Text, and the result
 */

static const char told[] = "{\"return\": \"\\r\\nCPU#0\\r\\nRAX=0000000000000012 RBX=0000123456789000 RCX=1 RDX=2\\r\\n"
	"RSI=3 RDI=4 RBP=5 RSP=ffff800000114ff8\\r\\nR8 =0000000000000008 R9 =9 R10=a R11=b\\r\\nR12=c R13=d R14=e R15=f\\r\\n"
	"RIP=ffffffff8000000e RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\\r\\n"
	"ES =0030 0000000000000000 ffffffff 00cf9300 DPL=0 DS   [-WA]\\r\\n"
	"CS =0028 0000000000000000 ffffffff 00af9b00 DPL=0 CS64 [-RA]\\r\\n"
	"LDT=0000 0000000000000000 0000ffff 00008200 DPL=0 LDT\\r\\nTR =0000 0000000000000000 0000ffff 00008b00\\r\\n"
	"GDT=     ffff80000012d000 00000037\\r\\nIDT=     0000000000009000 00000fff\\r\\n"
	"CR0=80010011 CR2=0000000000000080 CR3=0000000000115000 CR4=00000620\\r\\nCCS=00000028 CCD=0\\r\\n"
	"EFER=0000000000000d00\\r\\n";
static const char told_narrow[] = "EAX=2badb002 EBX=00010000 ECX=0 EDX=0\\r\\n"
	"ESI=0 EDI=0 EBP=0 ESP=00007000\\r\\nEIP=00100010 EFL=00000046\\r\\n"
	"CS =0008 00000000 ffffffff 00cf9a00 DPL=0 CS32\\r\\nCR0=00000011 CR2=0 CR3=0 CR4=0\\r\\nEFER=0000000000000000\\r\\n";

static void test_text(void)
{
	struct lode_vmm_state s;

	CHECK(lode_vmm_qemu_registers_(&s, told));
	CHECK(s.known && s.mode == LODE_VMM_MODE_64);
	CHECK_EQ(s.rax, 0x12);
	CHECK_EQ(s.rbx, 0x123456789000);
	CHECK_EQ(s.rsp, UINT64_C(0xffff800000114ff8));
	CHECK_EQ(s.rip, UINT64_C(0xffffffff8000000e));
	CHECK_EQ(s.rflags, 0x46);
	for (uint64_t i = 0; i < 8; i++)
		CHECK_EQ(s.r8_r15[i], 8 + i);
	CHECK_EQ(s.cs, 0x28);
	CHECK_EQ(s.cr0, 0x80010011);
	CHECK_EQ(s.cr2, 0x80);
	CHECK_EQ(s.cr3, 0x115000);
	CHECK_EQ(s.efer, 0xd00);
	CHECK(s.gdtr.base == UINT64_C(0xffff80000012d000) && s.gdtr.limit == 0x37);
	CHECK(s.idtr.base == 0x9000 && s.idtr.limit == 0xfff);
	CHECK(lode_vmm_qemu_registers_(&s, told_narrow));
	CHECK(s.mode == LODE_VMM_MODE_32 && s.rip == 0x100010 && s.rax == 0x2badb002 && s.rsp == 0x7000);
	CHECK(!lode_vmm_qemu_registers_(&s, "{\"return\": {}}"));
	CHECK(!lode_vmm_qemu_registers_(&s, "RIP="));
}

/* Memory that another process has written to is not believed. */
static void test_result(void)
{
	struct lode_vmm_result result;
	unsigned char byte;

	begin();
	memset(&vm->state, 0xff, sizeof vm->state);
	vm->state.known = vm->state.handlers = true;
	for (uint32_t i = 0; i < LODE_VMM_TAIL + 10; i++) {
		byte = (unsigned char)('a' + i % 26);
		lode_vmm_tail_add_(vm, &byte, 1);
	}
	lode_vmm_result_(&result, vm);
	CHECK_EQ(result.state.ncode, 0);
	CHECK_EQ(result.state.reason, LODE_VMM_REASON_UNKNOWN);
	CHECK(strlen(result.state.symbol) < sizeof result.state.symbol);
	CHECK_EQ(result.ntail, LODE_VMM_TAIL);
	CHECK_EQ(result.tail[0], 'a' + 10);
	CHECK_EQ(result.tail[LODE_VMM_TAIL - 1], 'a' + (LODE_VMM_TAIL + 9) % 26);
	end();
}

/* Every reason stands in the page that explains them. */
static void test_page(const char *path)
{
	static char page[1 << 16];
	FILE *file = fopen(path, "r");
	char word[64], text[200];

	if (!CHECK(file))
		return;
	page[fread(page, 1, sizeof page - 1, file)] = '\0';
	fclose(file);
	for (enum lode_vmm_reason i = LODE_VMM_REASON_LOST; i < LODE_VMM_REASONS_; i++) {
		struct lode_vmm_state s = {.reason = i, .about = 0xabcdef};

		check_case("reason %s", lode_vmm_reason_name(i));
		snprintf(word, sizeof word, "| `%s` |", lode_vmm_reason_name(i));
		CHECK(strstr(page, word));
		lode_vmm_reason_text(text, sizeof text, &s);
		CHECK(text[0] && !strchr(text, '@'));
	}
}

int main(int argc, char **argv)
{
	CASE(test_wide);
	CASE(test_large);
	CASE(test_narrow);
	CASE(test_pae);
	CASE(test_hostile_tables);
	CASE(test_where);
	CASE(test_handlers);
	CASE(test_good_end);
	CASE(test_text);
	CASE(test_result);
	test_codes();
	test_operands();
	check_case("docs/boot.md");
	test_page(argc > 1 ? argv[1] : "docs/boot.md");
	return check_done();
}
