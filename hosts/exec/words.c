/* SPDX-License-Identifier: MIT */
/* Steps and errnos of lode_exec -> words. Nothing else of the library calls these. */
#include <lode/exec.h>

#include "linux.h"

static const struct {
	int error;
	const char *name, *text;
} errors[] = {
	{EPERM, "EPERM", "operation not permitted"},
	{ENOENT, "ENOENT", "no such file or directory"},
	{EINTR, "EINTR", "interrupted"},
	{EIO, "EIO", "input/output error"},
	{ENXIO, "ENXIO", "no such device"},
	{E2BIG, "E2BIG", "argument list too long"},
	{ENOEXEC, "ENOEXEC", "not an executable format"},
	{EBADF, "EBADF", "bad file descriptor"},
	{EAGAIN, "EAGAIN", "try again"},
	{ENOMEM, "ENOMEM", "out of memory"},
	{EACCES, "EACCES", "permission denied"},
	{EFAULT, "EFAULT", "bad address"},
	{EBUSY, "EBUSY", "busy"},
	{EEXIST, "EEXIST", "exists already"},
	{ENODEV, "ENODEV", "cannot be mapped"},
	{ENOTDIR, "ENOTDIR", "not a directory"},
	{EISDIR, "EISDIR", "is a directory"},
	{EFBIG, "EFBIG", "file too large"},
	{EINVAL, "EINVAL", "invalid program or argument"},
	{ENFILE, "ENFILE", "too many open files in the system"},
	{EMFILE, "EMFILE", "too many open files"},
	{ETXTBSY, "ETXTBSY", "the file is being written"},
	{ENAMETOOLONG, "ENAMETOOLONG", "file name too long"},
	{ENOSYS, "ENOSYS", "the kernel lacks a system call"},
	{ELOOP, "ELOOP", "too many levels of symbolic links or scripts"},
	{ELIBBAD, "ELIBBAD", "the program interpreter is corrupt"},
	{EOPNOTSUPP, "EOPNOTSUPP", "not supported"},
};

static const char *const steps[] = {
	[LODE_EXEC_STEP_REQUEST] = "request",
	[LODE_EXEC_STEP_HOST] = "looking at this process",
	[LODE_EXEC_STEP_OPEN] = "opening",
	[LODE_EXEC_STEP_PRIVILEGE] = "privilege",
	[LODE_EXEC_STEP_SCRIPT] = "script",
	[LODE_EXEC_STEP_HEADERS] = "headers",
	[LODE_EXEC_STEP_INTERPRETER] = "program interpreter",
	[LODE_EXEC_STEP_PLAN] = "plan",
	[LODE_EXEC_STEP_MAP] = "mapping",
	[LODE_EXEC_STEP_ARGUMENTS] = "arguments",
	[LODE_EXEC_STEP_THREADS] = "threads",
};

const char *lode_exec_step_name(enum lode_exec_step step)
{
	return (unsigned)step < sizeof steps / sizeof *steps ? steps[step] : "";
}

const char *lode_exec_errno_name(int error)
{
	for (uint32_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].error == error)
			return errors[i].name;
	return "";
}

const char *lode_exec_errno_text(int error)
{
	for (uint32_t i = 0; i < sizeof errors / sizeof *errors; i++)
		if (errors[i].error == error)
			return errors[i].text;
	return "";
}
