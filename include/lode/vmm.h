/* SPDX-License-Identifier: MIT */
/* A kernel file, started in a virtual machine: what is asked for, and how it ended. Linux on x86-64. */
#ifndef LODE_VMM_H
#define LODE_VMM_H

#include <lode/machine.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What runs the guest's instructions. */
enum lode_vmm_engine {
	LODE_VMM_ANY,  /* KVM if it is there and runs guests, else QEMU */
	LODE_VMM_KVM,  /* the hypervisor of this library */
	LODE_VMM_QEMU, /* QEMU's translator, under this library's loader */
};

enum {
	LODE_VMM_READ_ONLY = 1, /* of a disk */
};

/** RAM of a request that names no size. */
#define LODE_VMM_MEMORY (UINT64_C(256) << 20)

/** A file that the guest gets: opened before anything of it is read. */
struct lode_vmm_file {
	const char *path;
	const char *cmdline; /* of a module; NULL: "" */
	uint32_t flags;      /* LODE_VMM_* */
};

/** Bytes that were unpacked: @bytes is the callback's, and stays until the guest runs. */
struct lode_vmm_unpacked {
	const unsigned char *bytes; /* NULL: the file is what it is, nothing was packed */
	uint64_t size;
	char why[384];              /* with -1: what is wrong, for struct lode_vmm_error's text */
};

/**
 * struct lode_vmm_request - what is to be booted, and on what. Zero-initialise, then set what is needed.
 * @protocol: LODE_PROTOCOL_NONE: the one that the file speaks best
 * @initrds, @modules: module 0 of the protocols that have modules is the first initrd, or else the first module
 * @memory: bytes, whole MiB. 0: 256 MiB
 * @unpack: called in the sandbox with the kernel file's bytes; unpacks them if they are packed as a whole or, if @direct, if they
 *          are a bzImage with a packed kernel in it. 0, or -1 with unpacked->why. NULL: files are taken as they are
 * @loaded: called when everything is in its place and nothing runs yet, in the process that has read the files (it may be another
 *          one)
 * @picture: writes the pixels to @fd, which is the empty file @screenshot, in the sandbox. 0 if it could. QEMU writes a PNG of its
 *           own
 * @say: a line for the user, without its end. NULL: silence
 * @sha256: the digest that the kernel file must have, NULL: any. The file is then copied instead of mapped
 */
struct lode_vmm_request {
	struct lode_vmm_file kernel;
	const struct lode_vmm_file *initrds, *modules, *disks;
	uint32_t ninitrds, nmodules, ndisks;
	const char *cmdline; /* NULL: "" */
	enum lode_vmm_engine engine;
	enum lode_protocol protocol;
	bool direct;
	uint64_t memory;
	uint32_t cpus;           /* 0: 1 */
	uint32_t time_limit;     /* seconds, 0: none */
	uint32_t width, height;  /* of a framebuffer in memory, 0: none */
	const unsigned char *sha256;
	const char *gdb;         /* "PORT" or "unix:PATH", NULL: no debugger */
	const char *screenshot;  /* file for a picture of the framebuffer, made at the end and at SIGUSR1. NULL: none */
	const char *core;        /* file for a core of the guest when it ends, NULL: none */
	bool dry_run;            /* stop before the first instruction */
	bool console_to_error;   /* what the guest prints goes to descriptor 2: 1 is the caller's alone */
	int (*unpack)(void *host, struct lode_vmm_unpacked *unpacked, const struct lode_source *file, bool direct);
	void (*loaded)(void *host, const struct lode_machine *machine, const struct lode_start *start);
	int (*picture)(void *host, int fd, const struct lode_framebuffer *screen, const unsigned char *pixels);
	void (*say)(void *host, const char *line);
	void *host;
};

/** How the guest ended. */
enum lode_vmm_end {
	LODE_VMM_NONE,       /* it did not run: dry run, or refused */
	LODE_VMM_POWER_OFF,  /* ACPI S5 */
	LODE_VMM_EXIT,       /* isa-debug-exit: the guest chose its status */
	LODE_VMM_RESET,      /* keyboard controller, port CF9h, ACPI */
	LODE_VMM_PANIC,      /* pvpanic */
	LODE_VMM_TRIPLE_FAULT,
	LODE_VMM_HALT,       /* every processor halted with interrupts off */
	LODE_VMM_TIME,       /* the time limit */
	LODE_VMM_ESCAPE,     /* the user's escape key, or a signal */
	LODE_VMM_ERROR,      /* the engine failed */
};

/**
 * LODE_VMM_REASONS - what a guest most likely failed of, judged from its registers and its memory. The first that holds counts.
 * X(name, word, text): @text may hold one '@', where struct lode_vmm_state's @about is to stand
 */
#define LODE_VMM_REASONS(X) \
	X(UNKNOWN, "unknown", "") \
	X(LOST, "registers-lost", "lost: KVM resets an AMD processor that stops so; --engine=qemu can show them") \
	X(CR3_OUTSIDE, "tables-outside", "the page tables lie at @, where there is no memory") \
	X(NULL_JUMP, "null-jump", "it jumped to @: a function pointer or a return address that is 0") \
	X(TABLES_WITHOUT_CODE, "tables-without-code", "new page tables, which do not map the code that runs, at @") \
	X(FETCH_UNMAPPED, "fetch-unmapped", "it jumped to @, which is not mapped") \
	X(FETCH_NO_EXECUTE, "fetch-no-execute", "it jumped to @, on a page that is not executable") \
	X(FETCH_OUTSIDE, "fetch-outside", "it runs at @, where there is no memory") \
	X(FETCH_ZEROS, "fetch-zeros", "it runs through zeros at @: there is no code") \
	X(CODE_64, "code-64", "64-bit code runs in 32-bit mode: the protocol enters the kernel so") \
	X(CODE_32, "code-32", "32-bit code runs in 64-bit mode, which does not have this instruction") \
	X(SSE_OFF, "sse-off", "an SSE instruction while CR4.OSFXSR is clear or CR0.EM is set") \
	X(AVX_OFF, "avx-off", "an AVX instruction while CR4.OSXSAVE is clear") \
	X(UD2, "ud2", "ud2: compilers place it where a program must not come") \
	X(INTERRUPT, "interrupt", "a software interrupt, number @, that has no handler") \
	X(MSR, "msr", "model-specific register @: there is none, or it does not take that value") \
	X(STACK, "stack", "the stack pointer is @, where nothing can be written") \
	X(READ_ONLY, "read-only", "it wrote to @, on a page that is read-only") \
	X(ACCESS_NULL, "null-access", "it accessed @, which is not mapped: a null pointer") \
	X(ACCESS_UNMAPPED_RAM, "access-unmapped", "it accessed @: there is memory, but nothing is mapped") \
	X(ACCESS_UNMAPPED, "access-outside", "it accessed @, which is not mapped") \
	X(NO_ADDRESS, "no-address", "it accessed @, which is no address: its upper bits are not all alike") \
	X(CONTROL, "control-register", "a control register does not take that value") \
	X(SEGMENT, "segment", "a segment or a return that the descriptor tables do not allow") \
	X(TABLE_UNMAPPED, "handlers-unmapped", "an exception, and the interrupt table at @ is not mapped") \
	X(NO_HANDLERS, "no-handlers", "an exception") \
	X(AT_ENTRY, "at-entry", "nothing was executed: it stands at its entry, @") \
	X(LOOP, "loop", "it waits in a loop that never ends, at @") \
	X(HALTED, "halted", "it halted, and no interrupt comes")

#define LODE_VMM_REASON_(name, word, text) LODE_VMM_REASON_##name,
enum lode_vmm_reason { LODE_VMM_REASONS(LODE_VMM_REASON_) LODE_VMM_REASONS_ };
#undef LODE_VMM_REASON_

/** How wide instructions and addresses of a processor are. */
enum lode_vmm_mode { LODE_VMM_MODE_16, LODE_VMM_MODE_32, LODE_VMM_MODE_64 };

/**
 * struct lode_vmm_state - what a processor was when the guest ended, and why that probably was so
 * @known: false: the engine could not tell, or nothing failed; all else is 0
 * @processor: the one that failed, else the first
 * @lost: the engine has not kept them; they are as they were @before ns earlier, when the processor last came out of the guest.
 *        @before 0: it never did, and they are 0
 * @handlers: there is an interrupt table for exceptions
 * @code: the first @ncode bytes at rip, by the guest's page tables
 * @symbol: the image's symbol that rip belongs to, @symbol_offset bytes behind it. "": none
 */
struct lode_vmm_state {
	bool known;
	bool lost;
	uint64_t before;
	uint32_t processor;
	enum lode_vmm_mode mode;
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8_r15[8], rip, rflags;
	uint64_t cr0, cr2, cr3, cr4, efer;
	uint64_t cs_base;
	uint16_t cs;
	bool handlers;
	struct lode_table gdtr, idtr;
	unsigned char code[16];
	uint32_t ncode;
	char symbol[128];
	uint64_t symbol_offset;
	enum lode_vmm_reason reason;
	uint64_t about;
};

enum { LODE_VMM_TAIL = 2048 };

struct lode_vmm_result {
	enum lode_vmm_end end;
	uint32_t status;           /* with LODE_VMM_EXIT: what the guest wrote */
	enum lode_vmm_engine engine;
	enum lode_protocol protocol;
	struct lode_vmm_state state;
	char tail[LODE_VMM_TAIL];  /* what the guest printed last */
	uint32_t ntail;
};

/**
 * struct lode_vmm_error - why nothing was booted
 * @error: an errno, or 0
 * @file: the file that it is about, NULL: none
 * @text: what was tried or what is wrong, and what helps; "" if @diag says it all
 * @diag: the library's diagnosis; rule LODE_RULE_NONE: none
 */
struct lode_vmm_error {
	int error;
	const char *file;
	char text[640];
	struct lode_diag diag;
};

/**
 * lode_vmm_boot - boot a kernel file and stay until the guest's end
 * @result: filled in whatever comes of it: how far it came. Its end is LODE_VMM_NONE if no guest ran, LODE_VMM_ERROR if one ran and
 *          the engine failed
 * @request: borrowed, with all that it names
 * @why: filled in with -1
 * Everything is opened first; then the process gives up what it could do beyond that, for good, and reads the files.
 * Preconditions: a process of its own (on KVM it is confined afterwards), with one thread and descriptors 0 to 2 open.
 * 0 when a guest has ended, or a dry run has been told; -1 if nothing was booted or the engine failed.
 * Errors: those of lode_protocol_find, lode_boot_read, lode_open, lode_plan, lode_boot_start and lode_place_relocated, as
 * why->diag; of the operating system as why->error; else the text alone.
 * Ref: docs/boot.md; those of lode_boot_read.
 */
int lode_vmm_boot(struct lode_vmm_result *result, const struct lode_vmm_request *request, struct lode_vmm_error *why);

/** Where a described machine's memory map, its reserved range and its framebuffer stand. */
struct lode_vmm_layout {
	struct lode_memory_entry memory[8];
	struct lode_range reserved[1];
	struct lode_framebuffer screen;
};

/**
 * lode_vmm_describe - the machine that a guest gets from an engine, without one: its memory map, what of it the engine keeps until
 *                     the guest runs, the place of the ACPI tables, and the framebuffer of a request that names no size
 * @machine: filled in with one processor, no modules and no command line; points into @layout
 * @engine: LODE_VMM_KVM or LODE_VMM_QEMU; it need not be there
 * @memory: bytes of RAM, 2 MiB or more
 */
void lode_vmm_describe(struct lode_machine *machine, struct lode_vmm_layout *layout, enum lode_vmm_engine engine, uint64_t memory);

/** "power-off", "triple fault"...; "" for a number that is none of them. */
const char *lode_vmm_end_name(enum lode_vmm_end end);
/** "null-jump"...; the words of LODE_VMM_REASONS. */
const char *lode_vmm_reason_name(enum lode_vmm_reason reason);
/**
 * lode_vmm_reason_text - the same as a sentence, with the address that it is about. "": nothing is known
 * @buf: @size bytes, 1 at least; what does not fit is cut, and it always ends with NUL
 */
void lode_vmm_reason_text(char *buf, size_t size, const struct lode_vmm_state *state);

#ifdef __cplusplus
}
#endif

#endif
