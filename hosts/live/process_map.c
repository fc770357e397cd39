/* SPDX-License-Identifier: MIT */
/* A replacement that is linked comes in; memory of the process has its bytes: a range without permissions, then the permissions
 * that its parts keep. Bytes come last, through them: nothing is writable and executable, not even in turn. */
#define _GNU_SOURCE
#include "process.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

static struct process_call map_call(const struct lode_process_version *version)
{
	uint64_t size = version->record_.addr + version->record_.size - version->span_.addr;

	return (struct process_call){.number = SYS_mmap, .arguments = {version->span_.addr, size, PROT_NONE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, UINT64_MAX, 0}};
}

static struct process_call protect_call(const struct lode_range *range, int prot)
{
	uint64_t size = (range->size + (PROCESS_PAGE - 1)) & ~(uint64_t)(PROCESS_PAGE - 1);

	return (struct process_call){.number = SYS_mprotect, .arguments = {range->addr, size, (uint64_t)prot}};
}

static uint32_t memory_calls(struct process_call *calls, const struct lode_process_version *version)
{
	uint32_t count = 0;

	calls[count++] = map_call(version);
	for (unsigned i = 0; i < LODE_REGIONS; i++) {
		const struct lode_link_run *run = &version->link.runs[i];
		const struct lode_range range = {.addr = run->addr, .size = run->size};

		if (run->size > 0)
			calls[count++] = protect_call(&range, (run->prot & LODE_PF_R ? PROT_READ : 0) |
				(run->prot & LODE_PF_W ? PROT_WRITE : 0) | (run->prot & LODE_PF_X ? PROT_EXEC : 0));
	}
	calls[count++] = protect_call(&version->record_, PROT_READ);
	return count;
}

static struct process_call unmap_call(const struct lode_process_version *version)
{
	struct process_call call = map_call(version);

	call.number = SYS_munmap;
	return call;
}

static bool have_names(void)
{
	static const char name[] = PROCESS_NAME;
	void *page = mmap(NULL, PROCESS_PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	bool have = page != MAP_FAILED && prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, page, PROCESS_PAGE, name) == 0;

	if (page != MAP_FAILED)
		munmap(page, PROCESS_PAGE);
	return have;
}

/* What the record begins with becomes its mapping's name, if the kernel was built for that: people see it in maps. */
static int name_record(struct lode_process *process, const struct lode_process_version *version)
{
	struct process_call call = {.number = SYS_prctl, .arguments = {PR_SET_VMA, PR_SET_VMA_ANON_NAME, version->record_.addr,
		(version->record_.size + (PROCESS_PAGE - 1)) & ~(uint64_t)(PROCESS_PAGE - 1), version->record_.addr}};

	if (!have_names())
		return 0;
	if (lode_process_write_(process, version->record_.addr, version->bytes_, sizeof(struct process_record)) != 0)
		return lode_process_trouble_(process, LODE_PROCESS_REFUSED, errno);
	return lode_process_calls_(process, &call, 1);
}

/* Whatever fails behind the first call, the range is given back. */
static int finish(struct lode_process *process, const struct lode_process_version *version, const struct process_call *calls,
	uint32_t count)
{
	uint32_t i = 0;

	while (i < count && calls[i].result >= 0)
		i++;
	if (i == count)
		return name_record(process, version);
	return lode_process_trouble_(process, LODE_PROCESS_REFUSED, -calls[i].result);
}

/* *taken: somebody else has mapped something there meanwhile. */
static int map_with_one_stopped(struct lode_process *process, const struct lode_process_version *version, bool *taken)
{
	struct process_call calls[LODE_REGIONS + 2], unmap = unmap_call(version);
	uint32_t count = memory_calls(calls, version);
	int result = lode_process_calls_(process, calls, count);
	enum lode_process_trouble trouble;
	int64_t number;

	/* (Kernels before 4.17 take the address as a hint.) */
	if (result == 0 && calls[0].result >= 0 && (uint64_t)calls[0].result != version->span_.addr)
		calls[0].result = -EEXIST;
	*taken = calls[0].result == -EEXIST;
	if (result == 0 && finish(process, version, calls, count) == 0)
		return 0;
	if ((uint64_t)calls[0].result != version->span_.addr)
		return -1;
	trouble = process->trouble;
	number = process->number;
	lode_process_calls_(process, &unmap, 1);
	return lode_process_trouble_(process, trouble, number);
}

int lode_process_map_(struct lode_process *process, const struct lode_process_version *version, bool *taken)
{
	struct process_hurry hurry;
	int result;

	lode_process_hurry_(&hurry);
	result = lode_process_stop_one_(process);
	if (result == 0) {
		result = map_with_one_stopped(process, version, taken);
		process->times.one = lode_process_go_(process);
	}
	lode_process_calm_(&hurry);
	lode_process_say_(process, "mapped memory, one thread stopped, ns", process->times.one);
	return result;
}

void lode_process_unmap_(struct lode_process *process, const struct lode_process_version *version)
{
	struct process_call calls[2] = {unmap_call(version),
		{.number = SYS_munmap, .arguments = {version->frames_.addr, version->frames_.size}}};
	enum lode_process_trouble trouble = process->trouble;
	int64_t number = process->number;
	struct process_hurry hurry;

	lode_process_hurry_(&hurry);
	if (lode_process_stop_one_(process) == 0) {
		lode_process_calls_(process, calls, version->frames_.size > 0 ? 2 : 1);
		lode_process_go_(process);
	}
	lode_process_calm_(&hurry);
	process->trouble = trouble;
	process->number = number;
}

int lode_process_fill_(struct lode_process *process, const struct lode_process_version *version)
{
	for (unsigned i = 0; i < LODE_REGIONS; i++) {
		const struct lode_link_run *run = &version->link.runs[i];

		const unsigned char *bytes = version->view_ + (run->addr - version->span_.addr);

		if (run->filled > 0 && lode_process_write_(process, run->addr, bytes, run->filled) != 0)
			return lode_process_trouble_(process, LODE_PROCESS_REFUSED, errno);
	}
	if (lode_process_write_(process, version->record_.addr, version->bytes_, (size_t)version->record_.size) != 0)
		return lode_process_trouble_(process, LODE_PROCESS_REFUSED, errno);
	return 0;
}
