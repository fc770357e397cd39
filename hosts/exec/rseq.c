/* SPDX-License-Identifier: MIT */
/* A thread pointer -> the rseq area that this thread's libc has registered: the kernel would write to it after it is unmapped. */
#include "state.h"

/* glibc 2.35 and later say where theirs is; in other programs both stay NULL. */
extern const int64_t __rseq_offset __attribute__((weak));
extern const uint32_t __rseq_size __attribute__((weak));

enum { GLIBC_SIGNATURE = 0x53053053, AREA_ALIGN = 32, SCAN = 4096 };

static int64_t ask(uint64_t area, uint32_t length, uint32_t signature)
{
	return call4(NR_rseq, area, length, 0, signature);
}

/* A registration at an address that user space cannot have fails in another way if there is one already. Nothing is changed. */
static bool registered(void)
{
	return ask((uint64_t)-AREA_ALIGN, AREA_ALIGN, 0) == -EINVAL;
}

/* Asking for the registration that is already there gives EBUSY; any other address or length EINVAL. */
static bool is_it(struct lode_exec_rseq *rseq, uint64_t area, uint32_t length, uint32_t signature)
{
	if (length == 0 || ask(area, length, signature) != -EBUSY)
		return false;
	*rseq = (struct lode_exec_rseq){area, length, signature};
	return true;
}

/* 32: the original length, which glibc 2.35 to 2.40 use whatever size they announce; then what the symbol and the kernel say. */
static bool try_area(struct lode_exec_rseq *rseq, uint64_t area, uint32_t announced, uint32_t signature)
{
	uint32_t rounded = (announced + AREA_ALIGN - 1) & ~(uint32_t)(AREA_ALIGN - 1);

	return is_it(rseq, area, AREA_ALIGN, signature) || is_it(rseq, area, announced, signature) ||
		is_it(rseq, area, rounded, signature);
}

static bool scan(struct lode_exec_rseq *rseq, uint64_t tp)
{
	uint64_t middle = tp & ~(uint64_t)(AREA_ALIGN - 1);

	for (uint64_t distance = 0; distance < SCAN; distance += AREA_ALIGN)
		if (is_it(rseq, middle + distance, AREA_ALIGN, GLIBC_SIGNATURE) ||
			is_it(rseq, middle - distance, AREA_ALIGN, GLIBC_SIGNATURE))
			return true;
	return false;
}

bool lode_exec_rseq_find_(struct lode_exec_rseq *rseq)
{
	struct lode_exec_rseq hint = *rseq;
	uint64_t tp = 0;

	*rseq = (struct lode_exec_rseq){0};
	if (!registered())
		return true;
	if (is_it(rseq, hint.area, hint.length, hint.signature))
		return true;
	call3(NR_arch_prctl, ARCH_GET_FS, address(&tp), 0);
	if (&__rseq_offset && try_area(rseq, tp + (uint64_t)__rseq_offset, &__rseq_size ? __rseq_size : 0, GLIBC_SIGNATURE))
		return true;
	return scan(rseq, tp);
}
