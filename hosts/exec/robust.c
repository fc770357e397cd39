/* SPDX-License-Identifier: MIT */
/* The running thread's list of robust futexes -> whoever shares one with it learns that its owner is gone, as at execve. */
#include "state.h"

enum { FUTEX_WAKE = 1, FUTEX_WAKE_OP = 5, LIST_MOST = 2048, FUTEX_PI = 1 };
#define FUTEX_OP_OR UINT32_C(2)
#define FUTEX_WAITERS UINT32_C(0x80000000)
#define FUTEX_OWNER_DIED UINT32_C(0x40000000)
#define FUTEX_TID UINT32_C(0x3fffffff)

/* As the thread's libc keeps it. Ref: Linux include/uapi/linux/futex.h, struct robust_list_head. */
struct robust_head {
	uint64_t next;
	int64_t offset;  /* from an entry to its futex */
	uint64_t pending; /* being taken or given back just now */
};

/* By the kernel, which answers where a load would raise a signal: the list is the old program's and may be damaged. */
static bool peek(void *dst, uint64_t addr, uint64_t size)
{
	struct kernel_iovec to = {address(dst), size}, from = {addr, size};
	uint64_t self = (uint64_t)call3(NR_getpid, 0, 0, 0);

	return call6(NR_process_vm_readv, self, address(&to), 1, address(&from), 1, 0) == (int64_t)size;
}

/* By the kernel too, which changes nothing (or 0) in it while others may be at it; nobody waits for the word that is woken. */
static bool is_writable(uint64_t futex)
{
	uint32_t nobody = 0;

	return !failed(call6(NR_futex, address(&nobody), FUTEX_WAKE_OP, 1, 0, futex, FUTEX_OP_OR << 28));
}

static void wake_one(uint64_t futex)
{
	call3(NR_futex, futex, FUTEX_WAKE, 1);
}

/* A priority-inheriting futex is woken by the kernel, from a list of its own. */
static void give_up(const struct robust_head *head, uint64_t entry, bool pending)
{
	uint64_t futex = (entry & ~(uint64_t)FUTEX_PI) + (uint64_t)head->offset;
	uint32_t value, tid = (uint32_t)call3(NR_gettid, 0, 0, 0), *word = pointer(futex);
	bool pi = entry & FUTEX_PI;

	if (futex % sizeof value || !peek(&value, futex, sizeof value))
		return;
	if (pending && !pi && value == 0)
		wake_one(futex);
	if ((value & FUTEX_TID) != tid || !is_writable(futex))
		return;
	while ((value & FUTEX_TID) == tid)
		if (__atomic_compare_exchange_n(word, &value, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED, false, __ATOMIC_SEQ_CST,
			__ATOMIC_SEQ_CST)) {
			if (!pi && (value & FUTEX_WAITERS))
				wake_one(futex);
			break;
		}
}

/* An entry's first word leads to the next; the last leads back to the head. */
void lode_exec_release_robust_(void)
{
	struct robust_head head;
	uint64_t list = 0, size = 0, entry;

	if (failed(call3(NR_get_robust_list, 0, address(&list), address(&size))) || !list || !peek(&head, list, sizeof head))
		return;
	entry = head.next;
	for (int i = 0; i < LIST_MOST && (entry & ~(uint64_t)FUTEX_PI) != list; i++) {
		uint64_t next;

		if (!peek(&next, entry & ~(uint64_t)FUTEX_PI, sizeof next))
			break;
		if (entry != head.pending)
			give_up(&head, entry, false);
		entry = next;
	}
	if (head.pending)
		give_up(&head, head.pending, true);
}
