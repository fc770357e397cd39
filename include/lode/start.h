/* SPDX-License-Identifier: MIT */
/* The start state of a process as data: the initial stack of the System V ABIs. (Kernels' start states: machine.h, protocol.h.) */
#ifndef LODE_START_H
#define LODE_START_H

#include <lode/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Auxiliary vector types. Ref: psABI x86-64 3.4.3, Linux include/uapi/linux/auxvec.h. */
enum {
	LODE_AT_NULL = 0,
	LODE_AT_IGNORE = 1,
	LODE_AT_EXECFD = 2,
	LODE_AT_PHDR = 3,
	LODE_AT_PHENT = 4,
	LODE_AT_PHNUM = 5,
	LODE_AT_PAGESZ = 6,
	LODE_AT_BASE = 7,
	LODE_AT_FLAGS = 8,
	LODE_AT_ENTRY = 9,
	LODE_AT_UID = 11,
	LODE_AT_EUID = 12,
	LODE_AT_GID = 13,
	LODE_AT_EGID = 14,
	LODE_AT_PLATFORM = 15,
	LODE_AT_HWCAP = 16,
	LODE_AT_CLKTCK = 17,
	LODE_AT_SECURE = 23,
	LODE_AT_BASE_PLATFORM = 24,
	LODE_AT_RANDOM = 25,
	LODE_AT_HWCAP2 = 26,
	LODE_AT_RSEQ_FEATURE_SIZE = 27,
	LODE_AT_RSEQ_ALIGN = 28,
	LODE_AT_HWCAP3 = 29,
	LODE_AT_HWCAP4 = 30,
	LODE_AT_EXECFN = 31,
	LODE_AT_SYSINFO_EHDR = 33,
	LODE_AT_MINSIGSTKSZ = 51,
};

/**
 * One auxv entry. Values of AT_PLATFORM, AT_BASE_PLATFORM, AT_RANDOM and AT_EXECFN are replaced by the address of what struct
 * lode_stack names, or by 0 where it names nothing.
 */
struct lode_auxv {
	uint64_t type;
	uint64_t value;
};

/** What the stack of a new process is to hold. Strings are C strings of the caller. */
struct lode_stack {
	const char *const *argv;
	const char *const *envp;
	uint32_t argc, envc;
	const char *execfn;         /* AT_EXECFN's string; needed */
	const char *platform;       /* AT_PLATFORM's string or NULL */
	const char *base_platform;  /* AT_BASE_PLATFORM's string or NULL */
	const unsigned char *random;/* AT_RANDOM's 16 bytes or NULL; programs of glibc do not start without */
	const struct lode_auxv *auxv; /* without AT_NULL, in the order wanted */
	uint32_t nauxv;
	uint32_t word;              /* 8 or 4 bytes */
	bool big;                   /* big-endian destination */
	uint64_t gap;               /* bytes between strings and the rest, for randomisation; sp is 16-aligned all the same */
	bool compact;               /* the image is built without the gap: what lies from arg_start on follows what lies below it */
};

/** Where things came to lie, as addresses of the destination. */
struct lode_stack_layout {
	uint64_t sp;       /* points at argc; a multiple of 16 */
	uint64_t top;      /* as given */
	uint64_t size;     /* top - sp: bytes of the image, those of the gap included */
	uint64_t arg_start, arg_end, env_start, env_end;
	uint64_t auxv;     /* first entry */
	uint64_t auxv_size;/* bytes, AT_NULL included */
};

/**
 * lode_stack_measure - how large the image will be and where everything will lie
 * @top: first address behind the stack; a multiple of 16
 * Errors: stack-too-large: would wrap, or does not fit the word. why->limit is the room, @top or for 4-byte words 2^32; why->value
 * the bytes needed below @top, or all that can be said of them: down to the part that did not fit; for a @top above 2^32 it is
 * @top.
 */
int lode_stack_measure(struct lode_stack_layout *layout, const struct lode_stack *stack, uint64_t top, struct lode_diag *why);
/**
 * lode_stack_build - write the image of layout->size bytes, destined for layout->sp
 * @buf: layout->size bytes; for a compact stack that many less the gap's: those for [sp, arg_start - gap), then those for
 *       [arg_start, top)
 * Precondition: @layout comes from lode_stack_measure of the same @stack.
 * Ref: psABI x86-64 3.4.1 "Initial Stack and Register State"; Linux create_elf_tables layout (docs/refs.md).
 */
void lode_stack_build(unsigned char *buf, const struct lode_stack_layout *layout, const struct lode_stack *stack);

#ifdef __cplusplus
}
#endif

#endif
