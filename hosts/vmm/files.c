/* SPDX-License-Identifier: MIT */
/* Paths of the request -> open descriptors and sizes. Nothing of the files is read. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/fs.h>

#include "vmm.h"

enum { PAGE = 4096, LARGE = 65536, PIECE = 1 << 18, WINDOW_ALIGN = 512 };

static int take_size(struct vmm *vm, struct vmm_file *file, bool device)
{
	struct stat status;

	if (fstat(file->fd, &status) != 0)
		return lode_vmm_fail_file_(vm, errno, file->path, "asking for its size");
	file->size = (uint64_t)status.st_size;
	if (S_ISREG(status.st_mode))
		return 0;
	if (device && S_ISBLK(status.st_mode) && ioctl(file->fd, BLKGETSIZE64, &file->size) == 0)
		return 0;
	return lode_vmm_fail_file_(vm, 0, file->path, device ?
		"it must be a regular file or a block device" : "it must be a regular file");
}

static int open_file(struct vmm *vm, struct vmm_file *file, const struct lode_vmm_file *wish, bool disk)
{
	bool writes = disk && !(wish->flags & LODE_VMM_READ_ONLY);

	*file = (struct vmm_file){.path = wish->path, .read_only = !writes};
	file->fd = open(wish->path, (writes ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (file->fd < 0)
		return lode_vmm_fail_file_(vm, errno, wish->path, writes ?
			"opening it for writing (:ro opens it read-only)" : "opening it");
	return take_size(vm, file, disk);
}

const struct lode_vmm_file *lode_vmm_module_(const struct lode_vmm_request *request, uint32_t index)
{
	return index < request->ninitrds ? &request->initrds[index] : &request->modules[index - request->ninitrds];
}

static int open_modules(struct vmm *vm)
{
	const struct lode_vmm_request *request = vm->request;

	for (uint32_t i = 0; i < vm->nmodules; i++) {
		if (open_file(vm, &vm->modules[i], lode_vmm_module_(request, i), false) != 0)
			return -1;
		if (i < request->ninitrds && vm->modules[i].size == 0)
			return lode_vmm_fail_file_(vm, 0, vm->modules[i].path, "it is empty, and no initrd");
	}
	return 0;
}

static struct vmm_file *no_files(uint32_t n)
{
	struct vmm_file *files = calloc((size_t)n + 1, sizeof *files);

	if (!files)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		files[i].fd = -1;
	return files;
}

int lode_vmm_files_open_(struct vmm *vm)
{
	const struct lode_vmm_request *request = vm->request;

	vm->kernel_file.fd = -1;
	vm->nmodules = request->ninitrds + request->nmodules;
	vm->ndisks = request->ndisks;
	vm->modules = no_files(vm->nmodules);
	vm->disks = no_files(vm->ndisks);
	if (!vm->modules || !vm->disks)
		return lode_vmm_fail_(vm, ENOMEM, "listing the files");
	if (open_file(vm, &vm->kernel_file, &request->kernel, false) != 0 || open_modules(vm) != 0)
		return -1;
	for (uint32_t i = 0; i < vm->ndisks; i++) {
		if (open_file(vm, &vm->disks[i], &request->disks[i], true) != 0)
			return -1;
		if (vm->disks[i].size == 0)
			return lode_vmm_fail_file_(vm, 0, vm->disks[i].path,
				"it is empty, and no disk: truncate -s gives it a size");
	}
	return 0;
}

static bool is_core(const unsigned char *head)
{
	return memcmp(head, ELFMAG, SELFMAG) == 0 && head[EI_NIDENT] == ET_CORE && head[EI_NIDENT + 1] == 0;
}

static bool is_png(const unsigned char *head)
{
	return memcmp(head, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static bool is_same(const struct vmm_file *file, const struct stat *other)
{
	struct stat status;

	return fstat(file->fd, &status) == 0 && status.st_dev == other->st_dev && status.st_ino == other->st_ino;
}

static bool is_input(const struct vmm *vm, const struct stat *status)
{
	bool same = is_same(&vm->kernel_file, status);

	for (uint32_t i = 0; i < vm->nmodules; i++)
		same = same || is_same(&vm->modules[i], status);
	for (uint32_t i = 0; i < vm->ndisks; i++)
		same = same || is_same(&vm->disks[i], status);
	return same;
}

/* What stands under the name already may be what an earlier run left, and nothing else. */
static int check_output(struct vmm *vm, const char *path, bool (*is_own)(const unsigned char *head))
{
	unsigned char head[EI_NIDENT + 2] = {0};
	struct stat status;
	int fd;

	if (!path || stat(path, &status) != 0)
		return 0;
	if (is_input(vm, &status))
		return lode_vmm_fail_file_(vm, 0, path, "it is an input, and cannot be the output too");
	if (!S_ISREG(status.st_mode) || status.st_size == 0)
		return 0;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return lode_vmm_fail_file_(vm, errno, path, "looking at what would be written over");
	if (pread(fd, head, sizeof head, 0) < 0)
		head[0] = 0;
	close(fd);
	return is_own(head) ? 0 : lode_vmm_fail_file_(vm, 0, path, "what is in it is of another kind, and stays");
}

int lode_vmm_files_check_(struct vmm *vm)
{
	return check_output(vm, vm->request->screenshot, is_png) || check_output(vm, vm->request->core, is_core) ? -1 : 0;
}

static void close_files(struct vmm_file *files, uint32_t n)
{
	for (uint32_t i = 0; files && i < n; i++)
		if (files[i].fd >= 0)
			close(files[i].fd);
	free(files);
}

void lode_vmm_files_close_(struct vmm *vm)
{
	close_files(vm->modules, vm->nmodules);
	close_files(vm->disks, vm->ndisks);
	if (vm->kernel_file.fd >= 0)
		close(vm->kernel_file.fd);
	vm->modules = vm->disks = NULL;
	vm->kernel_file.fd = -1;
}

/* What Linux unpacks as its first files. Zeros in front are passed over there, and not judged here. Ref: Linux init/initramfs.c,
 * lib/decompress.c. */
static bool may_be_initrd(const unsigned char *head, size_t have)
{
	static const struct {
		size_t length;
		const char *bytes;
	} begins[] = {
		{1, "\0"}, {6, "070701"}, {6, "070702"}, {2, "\037\213"}, {2, "\037\236"}, {2, "\102\132"}, {2, "\135\0"},
		{2, "\3757"}, {2, "\211\114"}, {2, "\002\041"}, {2, "\050\265"},
	};

	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (have >= begins[i].length && memcmp(head, begins[i].bytes, begins[i].length) == 0)
			return true;
	return false;
}

void lode_vmm_initrds_tell_(const struct vmm *vm)
{
	unsigned char head[6];

	for (uint32_t i = 0; i < vm->request->ninitrds; i++) {
		ssize_t have = pread(vm->modules[i].fd, head, sizeof head, 0);

		if (have > 0 && !may_be_initrd(head, (size_t)have))
			lode_vmm_say_(vm, "%s: neither a cpio archive nor packed: Linux will find no files in it",
				vm->modules[i].path);
	}
}

/* How many bytes of a part's front are pages of zeros. */
static uint64_t count_zeros(const struct vmm_file *file, const struct lode_extent *part)
{
	static const unsigned char zeros[PAGE];
	unsigned char page[PAGE];
	uint64_t done = 0;

	while (done + PAGE <= part->size && pread(file->fd, page, PAGE, (off_t)(part->offset + done)) == PAGE &&
		memcmp(page, zeros, PAGE) == 0)
		done += PAGE;
	return done;
}

static int write_all(int fd, const unsigned char *from, uint64_t size, uint64_t at)
{
	uint64_t done = 0;

	while (done < size) {
		ssize_t n = pwrite(fd, from + done, size - done, (off_t)(at + done));

		if (n > 0)
			done += (uint64_t)n;
		else if (n == 0 || errno != EINTR)
			return n == 0 || errno == EFAULT ? EIO : errno;
	}
	return 0;
}

/* Written to the memfd straight from the page cache: pages are neither cleared first nor faulted in one by one. The mapping is
 * read by the kernel only, so that a file which becomes shorter is an error and no signal. RAM that nobody wrote to is zeros, and
 * so is a third of a vmlinux, in long runs: what a piece begins with is left out. */
static int copy_shared(const struct vmm *vm, const unsigned char *to, const struct vmm_file *file, const struct lode_extent *part)
{
	uint64_t first = part->offset & ~(uint64_t)(PAGE - 1), skip = part->offset - first;
	uint64_t at = (uint64_t)(to - vm->ram.bytes), done = 0;
	unsigned char *from = mmap(NULL, skip + part->size, PROT_READ, MAP_SHARED, file->fd, (off_t)first);
	int error = from == MAP_FAILED ? errno : 0;

	while (error == 0 && done < part->size) {
		uint64_t size = part->size - done < PIECE ? part->size - done : PIECE;
		uint64_t zeros = count_zeros(file, &(struct lode_extent){part->offset + done, size});

		error = write_all(vm->ram.fd, from + skip + done + zeros, size - zeros, at + done + zeros);
		done += size;
	}
	if (from != MAP_FAILED)
		munmap(from, skip + part->size);
	return error;
}

int lode_vmm_file_load_(const struct vmm *vm, unsigned char *to, const struct vmm_file *file, const struct lode_extent *part)
{
	if (vm->ram.fd >= 0 && part->size >= LARGE)
		return copy_shared(vm, to, file, part);
	return lode_vmm_file_read_(to, file, part->offset, part->size);
}

int lode_vmm_file_read_(void *bytes, const struct vmm_file *file, uint64_t offset, uint64_t size)
{
	unsigned char *to = bytes;

	while (size > 0) {
		ssize_t n = pread(file->fd, to, size < (1u << 30) ? size : 1u << 30, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? errno : EIO;
		to += n;
		offset += (uint64_t)n;
		size -= (uint64_t)n;
	}
	return 0;
}

static bool inside(const struct vmm_window *window, const struct lode_extent *part)
{
	return part->offset >= window->offset && part->size <= window->size &&
		part->offset - window->offset <= window->size - part->size;
}

/* Begins a little before what is asked for, and ends where it may: at the end of the file it is shorter. */
static void move_window(struct vmm_window *window, const struct vmm_file *file, uint64_t offset)
{
	ssize_t n;

	window->offset = offset & ~(uint64_t)(WINDOW_ALIGN - 1);
	do
		n = pread(file->fd, window->bytes, sizeof window->bytes, (off_t)window->offset);
	while (n < 0 && errno == EINTR);
	window->size = n > 0 ? (uint64_t)n : 0;
}

int lode_vmm_file_peek_(void *bytes, struct vmm_window *window, const struct vmm_file *file, const struct lode_extent *part)
{
	if (part->size <= VMM_WINDOW - WINDOW_ALIGN && !inside(window, part))
		move_window(window, file, part->offset);
	if (!inside(window, part))
		return lode_vmm_file_read_(bytes, file, part->offset, part->size);
	memcpy(bytes, window->bytes + (part->offset - window->offset), part->size);
	return 0;
}
