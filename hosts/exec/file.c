/* SPDX-License-Identifier: MIT */
/* A path, a descriptor or bytes -> struct exec_file: opened with execve's checks, its first bytes read, pipes read to their end. */
#include "state.h"

void lode_exec_close_(struct exec_file *file)
{
	if (file->owned)
		linux_close(file->fd);
	if (file->mapped)
		linux_unmap(address(file->bytes), file->mapped);
	file->owned = false;
	file->mapped = 0;
}

static void set_file(struct exec_file *file, int64_t fd, bool owned)
{
	file->fd = fd;
	file->owned = owned;
	file->bytes = NULL;
	file->mapped = file->size = 0;
	file->mode = file->uid = file->gid = 0;
	file->head_size = 0;
}

/* Exactly size bytes of a file at an offset, or nonzero. */
static int read_at(const struct exec_file *file, void *dst, uint64_t offset, uint64_t size)
{
	unsigned char *to = dst;

	while (size) {
		int64_t n = call4(NR_pread64, (uint64_t)file->fd, address(to), size, offset);

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return -1;
		to += n;
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

int lode_exec_read_(void *host, void *dst, uint64_t offset, size_t size)
{
	const struct exec_file *file = host;

	if (size <= file->head_size && offset <= file->head_size - size) {
		memcpy(dst, file->head + offset, size);
		return 0;
	}
	return read_at(file, dst, offset, size);
}

static int give_head(struct exec_state *state, struct exec_file *file, const char *name, enum lode_exec_step step)
{
	if (!file->head)
		file->head = lode_exec_alloc_(state, HEAD_SIZE);
	return file->head ? 0 : lode_exec_fail_(state, ENOMEM, step, name, NULL);
}

static int read_head(struct exec_file *file)
{
	int64_t n;

	memset(file->head, 0, SCRIPT_HEAD);
	if (file->bytes) {
		file->head_size = file->size < HEAD_SIZE ? (uint32_t)file->size : HEAD_SIZE;
		memcpy(file->head, file->bytes, file->head_size);
		return 0;
	}
	do
		n = call4(NR_pread64, (uint64_t)file->fd, address(file->head), HEAD_SIZE, 0);
	while (n == -EINTR);
	if (n < 0)
		return (int)n;
	file->head_size = (uint32_t)n;
	return 0;
}

static int64_t look_at(struct exec_file *file)
{
	struct kernel_stat stat;
	int64_t result = call3(NR_fstat, (uint64_t)file->fd, address(&stat), 0);

	if (failed(result))
		return result;
	file->size = (uint64_t)stat.size;
	file->mode = stat.mode;
	file->uid = stat.uid;
	file->gid = stat.gid;
	return 0;
}

/* A description of its own for a descriptor that the caller keeps: whose leases and owner are left alone. */
static int64_t open_again(const struct exec_file *file)
{
	char path[FD_PATH];

	return linux_open(fd_path(path, file->fd), O_CLOEXEC | O_NONBLOCK | O_NOTTY);
}

/* A writer makes execve fail; a read lease is refused for the same reason. Only the owner may ask, others go unchecked. */
static bool being_written(const struct exec_file *file)
{
	int64_t fd = file->owned ? file->fd : open_again(file);
	bool written;

	if (failed(fd))
		return false;
	written = call3(NR_fcntl, (uint64_t)fd, F_SETLEASE, F_RDLCK) == -EAGAIN;
	if (!written)
		call3(NR_fcntl, (uint64_t)fd, F_SETLEASE, F_UNLCK);
	if (!file->owned)
		linux_close(fd);
	return written;
}

/* Regular, executable for the effective identity, on a mount that allows it, not open for writing; then its first bytes. */
static int check_file(struct exec_state *state, struct exec_file *file, const char *name, enum lode_exec_step step)
{
	int64_t result = look_at(file);

	if (failed(result))
		return lode_exec_fail_(state, (int)-result, step, name, NULL);
	if ((file->mode & S_IFMT) != S_IFREG)
		return lode_exec_fail_(state, EACCES, step, name, (file->mode & S_IFMT) == S_IFCHR ?
			"a device or a terminal, not a regular file" : "not a regular file");
	result = call4(NR_faccessat2, (uint64_t)file->fd, address(""), 1, AT_EMPTY_PATH | AT_EACCESS);
	if (result == -ENOSYS && !(file->mode & 0111))
		result = -EACCES;
	if (failed(result) && result != -ENOSYS)
		return lode_exec_fail_(state, (int)-result, step, name, "no permission to execute it");
	if (being_written(file))
		return lode_exec_fail_(state, ETXTBSY, step, name, NULL);
	result = read_head(file);
	return failed(result) ? lode_exec_fail_(state, (int)-result, step, name, NULL) : 0;
}

/*
 * O_NONBLOCK: a pipe's other end is not waited for. A file that another process holds a lease on gives EAGAIN then: the lease's end
 * is waited for, as execve does, once it is known to be a file.
 */
static int64_t open_file(const char *path)
{
	enum { PATH_ONLY = 010000000 };
	int64_t fd = linux_open(path, O_CLOEXEC | O_NONBLOCK | O_NOTTY), place;
	struct kernel_stat stat;
	char again[FD_PATH];

	if (fd != -EAGAIN)
		return fd;
	place = linux_open(path, O_CLOEXEC | PATH_ONLY);
	if (failed(place))
		return place;
	if (!failed(call3(NR_fstat, (uint64_t)place, address(&stat), 0)) && (stat.mode & S_IFMT) == S_IFREG)
		fd = linux_open(fd_path(again, place), O_CLOEXEC | O_NOTTY);
	linux_close(place);
	return fd;
}

int lode_exec_open_(struct exec_state *state, struct exec_file *file, const char *path, enum lode_exec_step step)
{
	struct lode_exec_event event = {.kind = LODE_EXEC_EVENT_FILE, .text = path, .call = -1};
	int64_t fd;
	int status;

	lode_exec_tell_(state, &event);
	fd = open_file(path);
	if (failed(fd)) {
		int error = fd == -ENXIO ? EACCES : (int)-fd;

		return lode_exec_fail_(state, error, step, path,
			fd == -EACCES ? "no permission to search for it or to read it" : NULL);
	}
	set_file(file, fd, true);
	status = give_head(state, file, path, step);
	if (status == 0)
		status = check_file(state, file, path, step);
	if (status)
		lode_exec_close_(file);
	return status;
}

/* A pipe's bytes on their way: the block that was read last. */
enum { BLOCK = 8192 };
#define SPOOL_LARGEST (UINT64_C(4) << 30)
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
	if (pipe->total > SPOOL_LARGEST)
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
	set_file(file, -1, false);
	file->bytes = pointer((uint64_t)base);
	file->mapped = room;
	file->size = size;
	return 0;
}

static int spool(struct exec_state *state, struct exec_file *file, const char *name)
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
		set_file(file, result, true);
		result = look_at(file);
	} else if (result == -ENOSYS || result == -EPERM || result == -EACCES) {
		lode_exec_differs_(state,
			"no anonymous file: the program is copied into memory, and /proc/self/exe stays as it is");
		result = spool_to_memory(file, &pipe);
	}
	if (!failed(result))
		result = read_head(file);
	if (!failed(result))
		return 0;
	lode_exec_close_(file);
	return lode_exec_fail_(state, (int)-result, LODE_EXEC_STEP_OPEN, name, "the program could not be read");
}

int lode_exec_adopt_(struct exec_state *state, struct exec_file *file)
{
	const struct lode_exec_request *request = state->request;
	const char *name = request->path ? request->path : state->execfn;
	int64_t result = give_head(state, file, name, LODE_EXEC_STEP_OPEN);

	if (failed(result))
		return (int)result;
	if (request->from == LODE_EXEC_MEMORY) {
		if (!request->bytes)
			return lode_exec_fail_(state, EINVAL, LODE_EXEC_STEP_REQUEST, name, "no bytes are given");
		set_file(file, -1, false);
		file->bytes = request->bytes;
		file->size = request->size;
		return read_head(file);
	}
	set_file(file, request->fd, false);
	result = look_at(file);
	if (failed(result))
		return lode_exec_fail_(state, (int)-result, LODE_EXEC_STEP_OPEN, name, NULL);
	if ((file->mode & S_IFMT) == S_IFIFO || (file->mode & S_IFMT) == S_IFSOCK)
		return spool(state, file, name);
	return check_file(state, file, name, LODE_EXEC_STEP_OPEN);
}
