/* SPDX-License-Identifier: MIT */
/* A file that was opened before the sandbox, and the framebuffer -> the request's callback, which makes a picture of it. */
#include "vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int lode_vmm_picture_open_(struct vmm *vm)
{
	const char *path = vm->request->screenshot;

	if (!path || vm->request->dry_run)
		return 0;
	vm->picture_fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666);
	return vm->picture_fd < 0 ? lode_vmm_fail_file_(vm, errno, path, "opening it for the picture") : 0;
}

/* What was there stays until a guest runs. */
void lode_vmm_picture_begin_(const struct vmm *vm)
{
	if (vm->picture_fd >= 0 && ftruncate(vm->picture_fd, 0) != 0 && errno != EINVAL)
		lode_vmm_say_(vm, "%s: it cannot be emptied", vm->request->screenshot);
}

void lode_vmm_picture_(struct vmm *vm, const unsigned char *pixels)
{
	const struct lode_vmm_request *request = vm->request;

	if (vm->picture_fd < 0)
		return;
	if (!vm->machine.framebuffer || !pixels)
		lode_vmm_say_(vm, "%s: no picture, the kernel has asked for no framebuffer", request->screenshot);
	else if (ftruncate(vm->picture_fd, 0) != 0 || lseek(vm->picture_fd, 0, SEEK_SET) != 0 ||
		request->picture(request->host, vm->picture_fd, vm->machine.framebuffer, pixels) != 0)
		lode_vmm_say_(vm, "%s: the picture could not be written", request->screenshot);
}

void lode_vmm_picture_check_(const struct vmm *vm)
{
	struct stat status;

	if (vm->picture_fd >= 0 && vm->machine.framebuffer && fstat(vm->picture_fd, &status) == 0 && !status.st_size)
		lode_vmm_say_(vm, "%s: no picture, QEMU ended at once or cannot write PNG", vm->request->screenshot);
}
