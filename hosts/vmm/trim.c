/* SPDX-License-Identifier: MIT */
/* Pages of the program and its libraries that loading has touched -> not this process's any more. They stay in the page cache, and
 * those that the guest's run needs come back when it needs them. */
#include <link.h>
#include <sys/mman.h>

#include "vmm.h"

enum { PAGE = 4096 };

/* What cannot be written to has the file's bytes, and can be read again. */
static int drop(struct dl_phdr_info *object, size_t size, void *nothing)
{
	(void)size;
	(void)nothing;
	for (ElfW(Half) i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		uintptr_t from = object->dlpi_addr + segment->p_vaddr, inside = from & (PAGE - 1);

		if (segment->p_type == PT_LOAD && !(segment->p_flags & PF_W))
			// NOLINTNEXTLINE(performance-no-int-to-ptr)
			madvise((void *)(from - inside), segment->p_memsz + inside, MADV_DONTNEED);
	}
	return 0;
}

void lode_vmm_trim_(void)
{
	dl_iterate_phdr(drop, NULL);
}
