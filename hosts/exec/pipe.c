/* SPDX-License-Identifier: MIT */
/* A pipe or socket, read to its end -> struct exec_file: an anonymous file, or memory. */
#include "state.h"

/* A pipe's bytes on their way: the block that was read last. */
enum { BLOCK = 8192 };
struct pipe {
	int64_t fd;
	int64_t size; /* bytes of the block, 0 at the end, or -errno */
	uint64_t total;
	unsigned char block[BLOCK];
};

static void read_block(struct pipe *pipe)
{
	do
		pipe->size = linux_read(pipe->fd, pipe->block, BLOCK);
	while (pipe->size == -EINTR);
	pipe->total += pipe->size > 0 ? (uint64_t)pipe->size : 0;
	if (pipe->total > LODE_EXEC_PIPE_MOST)
		pipe->size = -EFBIG;
}

/* So many bytes of what has come are those that a program or a script begins with. */
static bool is_head(const struct pipe *pipe, const char *magic, int64_t size, int64_t have)
{
	return memcmp(pipe->block, magic, (uint64_t)(have < size ? have : size)) == 0;
}

/* What can be no program is not waited for: the pipe may never end. A script has no path that its interpreter could be given. */
static bool begins_well(struct pipe *pipe)
{
	enum { MAGIC = 4 };
	int64_t have = 0, n = 1;

	for (; have < MAGIC && n > 0 && is_head(pipe, "\177ELF", MAGIC, have); have += n > 0 ? n : 0)
		do
			n = linux_read(pipe->fd, pipe->block + have, (uint64_t)(BLOCK - have));
		while (n == -EINTR);
	pipe->size = n < 0 ? n : have;
	pipe->total = (uint64_t)have;
	return n < 0 || (have >= MAGIC && is_head(pipe, "\177ELF", MAGIC, have));
}

static int64_t write_all(int64_t fd, const unsigned char *bytes, int64_t size)
{
	for (int64_t at = 0, done; at < size; at += done) {
		done = call3(NR_write, (uint64_t)fd, address(bytes + at), (uint64_t)(size - at));
		if (done <= 0)
			return done ? done : -EIO;
	}
	return 0;
}

/* A limit for files counts for anonymous ones too, and the signal that tells of it would end the caller. */
static bool files_are_limited(void)
{
	struct kernel_rlimit limit;

	return failed(call4(NR_prlimit64, 0, RLIMIT_FSIZE, 0, address(&limit))) || limit.soft != UINT64_MAX;
}

/* An anonymous file for what cannot be mapped: its pages can be shared with the new program, whose /proc/self/exe it can be. */
static int64_t spool_to_file(struct pipe *pipe)
{
	enum { CLOEXEC = 1, EXECUTABLE = 0x10 };
	int64_t fd = files_are_limited() ? -EPERM : call3(NR_memfd_create, address("program"), CLOEXEC | EXECUTABLE, 0);

	if (fd == -EINVAL) /* before Linux 6.3 there was no flag */
		fd = call3(NR_memfd_create, address("program"), CLOEXEC, 0);
	if (failed(fd))
		return fd;
	while (pipe->size > 0) {
		int64_t result = write_all(fd, pipe->block, pipe->size);

		read_block(pipe);
		pipe->size = result ? result : pipe->size;
	}
	if (pipe->size == 0)
		return fd;
	linux_close(fd);
	return pipe->size;
}

/* Without such a file: into anonymous memory, which grows by doubling. */
static int64_t spool_to_memory(struct exec_file *file, struct pipe *pipe)
{
	uint64_t room = 1 << 20, size = 0;
	int64_t base = linux_map(0, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (failed(base))
		return base;
	for (; pipe->size > 0; read_block(pipe)) {
		memcpy(pointer((uint64_t)base + size), pipe->block, (uint64_t)pipe->size);
		size += (uint64_t)pipe->size;
		if (room - size < BLOCK) {
			int64_t moved = call4(NR_mremap, (uint64_t)base, room, 2 * room, MREMAP_MAYMOVE);

			pipe->size = failed(moved) ? moved : pipe->size;
			base = failed(moved) ? base : moved;
			room *= failed(moved) ? 1 : 2;
			if (failed(moved))
				break;
		}
	}
	if (pipe->size < 0) {
		linux_unmap((uint64_t)base, room);
		return pipe->size;
	}
	lode_exec_set_file_(file, -1, false);
	file->bytes = pointer((uint64_t)base);
	file->mapped = room;
	file->size = size;
	return 0;
}

int lode_exec_spool_(struct exec_state *state, struct exec_file *file, const char *name)
{
	struct pipe pipe;
	int64_t result;

	pipe.fd = file->fd;
	if (!begins_well(&pipe)) {
		bool script = pipe.size >= 2 && is_head(&pipe, "#!", 2, pipe.size);

		return lode_exec_fail_(state, script ? ENOENT : ENOEXEC, script ? LODE_EXEC_STEP_SCRIPT : LODE_EXEC_STEP_OPEN, name,
			script ? SCRIPT_WITHOUT_PATH : "what comes does not begin as an ELF file");
	}
	result = spool_to_file(&pipe);
	if (!failed(result)) {
		lode_exec_set_file_(file, result, true);
		result = lode_exec_stat_(file);
	} else if (result == -ENOSYS || result == -EPERM || result == -EACCES) {
		lode_exec_differs_(state,
			"no anonymous file: the program is copied into memory, and /proc/self/exe stays as it is");
		result = spool_to_memory(file, &pipe);
	}
	if (!failed(result))
		result = lode_exec_read_head_(file);
	if (!failed(result))
		return 0;
	lode_exec_close_(file);
	return lode_exec_fail_(state, (int)-result, LODE_EXEC_STEP_OPEN, name, "the program could not be read");
}
