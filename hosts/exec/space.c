/* SPDX-License-Identifier: MIT */
/* This process as a space: runs become mappings of the file or anonymous ones, at their addresses or at a distance from them. */
#include "state.h"

static int64_t map_run(struct exec_object *object, const struct lode_run *run, uint32_t prot, int64_t fd, uint64_t offset)
{
	uint32_t flags = MAP_PRIVATE | MAP_FIXED_NOREPLACE | (fd < 0 ? MAP_ANONYMOUS : 0u);
	uint64_t addr = run->addr + object->delta;
	int64_t result = linux_map(addr, run->size, prot, flags, fd, offset);

	if (!failed(result) && (uint64_t)result != addr) { /* a kernel that does not know MAP_FIXED_NOREPLACE */
		linux_unmap((uint64_t)result, run->size);
		result = -EEXIST;
	}
	if (failed(result))
		object->error = (int)-result;
	else
		object->placed++;
	return failed(result);
}

/* The bits of PROT_READ, WRITE and EXEC are those of LODE_PF_X, W and R in the other order. */
static uint32_t prot_of(uint32_t flags)
{
	return (flags & LODE_PF_R ? PROT_READ : 0u) | (flags & LODE_PF_W ? PROT_WRITE : 0u) | (flags & LODE_PF_X ? PROT_EXEC : 0u);
}

static int space_share(void *host, const struct lode_run *run)
{
	struct exec_object *object = host;

	return (int)map_run(object, run, prot_of(run->prot), object->file.fd, run->offset);
}

static int space_own(void *host, const struct lode_run *run)
{
	return (int)map_run(host, run, PROT_READ | PROT_WRITE, -1, 0);
}

/* Into memory by way of a pipe: what it does not hold at once is written in pieces. */
static int64_t write_through_pipe(uint64_t addr, const void *bytes, size_t size)
{
	enum { PIECE = 4096 };
	int32_t ends[2];
	int64_t result = call3(NR_pipe2, address(ends), O_CLOEXEC, 0);

	if (failed(result))
		return result;
	for (size_t at = 0; at < size && !failed(result); at += (size_t)result) {
		size_t piece = size - at < PIECE ? size - at : PIECE;

		result = call3(NR_write, (uint64_t)ends[1], address(bytes) + at, piece);
		if (result > 0)
			result = linux_read(ends[0], pointer(addr + at), (uint64_t)result);
		result = result ? result : -EIO;
	}
	linux_close(ends[0]);
	linux_close(ends[1]);
	return failed(result) ? result : (int64_t)size;
}

/* Into pages of a file by the kernel, which answers where a store would raise SIGBUS: the file may have become shorter. */
static int64_t write_to_file_pages(uint64_t addr, const void *bytes, size_t size)
{
	struct kernel_iovec from = {address(bytes), size}, to = {addr, size};
	uint64_t self = (uint64_t)call3(NR_getpid, 0, 0, 0);
	int64_t result = call6(NR_process_vm_writev, self, address(&from), 1, address(&to), 1, 0);

	if (result == -ENOSYS || result == -EPERM) /* a filter forbids it */
		result = write_through_pipe(addr, bytes, size);
	return result == (int64_t)size ? 0 : failed(result) ? result : -EFAULT;
}

static int space_write(void *host, uint64_t addr, const void *bytes, size_t size)
{
	struct exec_object *object = host;
	int64_t result = 0;

	if (object->file.bytes)
		memcpy(pointer(addr + object->delta), bytes, size);
	else
		result = write_to_file_pages(addr + object->delta, bytes, size);
	object->error = (int)-result;
	return failed(result);
}

static int space_fill(void *host, const struct lode_fill *fill, const struct lode_source *source, struct lode_diag *why)
{
	struct exec_object *object = host;

	if (lode_exec_read_(&object->file, pointer(fill->addr + object->delta), fill->offset, (size_t)fill->size) == 0)
		return 0;
	object->error = EIO;
	*why = lode_diag_of(LODE_RULE_SOURCE_READ, LODE_FIELD_FILE, source->size, 0);
	why->offset = fill->offset;
	return -1;
}

static int space_protect(void *host, uint64_t addr, uint64_t size, uint32_t flags)
{
	struct exec_object *object = host;
	uint32_t prot = prot_of(flags);
	int64_t result = prot == (PROT_READ | PROT_WRITE) ? 0 : call3(NR_mprotect, addr + object->delta, size, prot);

	object->error = (int)-result;
	return failed(result);
}

void lode_exec_unmap_(struct exec_object *object)
{
	for (uint32_t i = 0; i < object->placed; i++)
		linux_unmap(object->plan.runs[i].addr + object->delta, object->plan.runs[i].size);
	object->placed = 0;
}

static void space_abort(void *host)
{
	lode_exec_unmap_(host);
}

struct lode_space lode_exec_space_(struct exec_object *object)
{
	return (struct lode_space){.host = object, .share = space_share, .own = space_own, .write = space_write, .fill = space_fill,
		.protect = space_protect, .abort = space_abort};
}
