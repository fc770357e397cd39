/* SPDX-License-Identifier: MIT */
/* A path, a descriptor or bytes -> struct exec_file: opened with execve's checks, its first bytes read. */
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

void lode_exec_set_file_(struct exec_file *file, int64_t fd, bool owned)
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

int lode_exec_read_head_(struct exec_file *file)
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

int64_t lode_exec_stat_(struct exec_file *file)
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

static const char *irregular(uint32_t type)
{
	switch (type) {
	case S_IFDIR: return "a directory, not a regular file";
	case S_IFCHR: return "a device or a terminal, not a regular file";
	case S_IFIFO: return "a named pipe, not a regular file: its bytes are taken from standard input or a descriptor";
	default: return "not a regular file";
	}
}

/* Regular, executable for the effective identity, on a mount that allows it, not open for writing; then its first bytes. */
static int check_file(struct exec_state *state, struct exec_file *file, const char *name, enum lode_exec_step step)
{
	int64_t result = lode_exec_stat_(file);

	if (failed(result))
		return lode_exec_fail_(state, (int)-result, step, name, NULL);
	if ((file->mode & S_IFMT) != S_IFREG)
		return lode_exec_fail_(state, EACCES, step, name, irregular(file->mode & S_IFMT));
	result = call4(NR_faccessat2, (uint64_t)file->fd, address(""), 1, AT_EMPTY_PATH | AT_EACCESS);
	if (result == -ENOSYS && !(file->mode & 0111))
		result = -EACCES;
	if (failed(result) && result != -ENOSYS)
		return lode_exec_fail_(state, (int)-result, step, name, "no permission to execute it");
	if (being_written(file))
		return lode_exec_fail_(state, ETXTBSY, step, name, NULL);
	result = lode_exec_read_head_(file);
	return failed(result) ? lode_exec_fail_(state, (int)-result, step, name, NULL) : 0;
}

/*
 * O_NONBLOCK: a pipe's other end is not waited for. A file that another process holds a lease on gives EAGAIN then: the lease's end
 * is waited for, as execve does, once it is known to be a file.
 */
static int64_t open_file(const char *path)
{
	int64_t fd = linux_open(path, O_CLOEXEC | O_NONBLOCK | O_NOTTY), place;
	struct kernel_stat stat;
	char again[FD_PATH];

	if (fd != -EAGAIN)
		return fd;
	place = linux_open(path, O_CLOEXEC | O_PATH);
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
	lode_exec_set_file_(file, fd, true);
	status = give_head(state, file, path, step);
	if (status == 0)
		status = check_file(state, file, path, step);
	if (status)
		lode_exec_close_(file);
	return status;
}

static bool is_place(int fd)
{
	int64_t flags = call3(NR_fcntl, (uint64_t)fd, F_GETFL, 0);

	return !failed(flags) && (flags & O_PATH);
}

/* What a descriptor is only the place of (O_PATH) can be executed, as by execveat(2): to be read it is opened once more. */
static int64_t take_place(struct exec_file *file)
{
	int64_t fd = (file->mode & S_IFMT) == S_IFREG ? open_again(file) : -EACCES;

	if (failed(fd))
		return fd;
	lode_exec_set_file_(file, fd, true);
	return 0;
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
		lode_exec_set_file_(file, -1, false);
		file->bytes = request->bytes;
		file->size = request->size;
		return lode_exec_read_head_(file);
	}
	lode_exec_set_file_(file, request->fd, false);
	result = lode_exec_stat_(file);
	if (!failed(result) && is_place(request->fd))
		result = take_place(file);
	if (failed(result))
		return lode_exec_fail_(state, (int)-result, LODE_EXEC_STEP_OPEN, name, NULL);
	if (!file->owned && ((file->mode & S_IFMT) == S_IFIFO || (file->mode & S_IFMT) == S_IFSOCK))
		return lode_exec_spool_(state, file, name);
	return check_file(state, file, name, LODE_EXEC_STEP_OPEN);
}
