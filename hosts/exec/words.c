/* SPDX-License-Identifier: MIT */
/* Steps and errnos of lode_exec -> words. Nothing else of the library calls these. */
#include <lode/exec.h>

#include "linux.h"

static const struct {
	int error;
	const char *name, *text;
} errors[] = {
	{E_PERM, "EPERM", "operation not permitted"},
	{E_NOENT, "ENOENT", "no such file or directory"},
	{E_INTR, "EINTR", "interrupted"},
	{E_IO, "EIO", "input/output error"},
	{E_NXIO, "ENXIO", "no such device"},
	{E_2BIG, "E2BIG", "argument list too long"},
	{E_NOEXEC, "ENOEXEC", "not an executable format"},
	{E_BADF, "EBADF", "bad file descriptor"},
	{E_AGAIN, "EAGAIN", "try again"},
	{E_NOMEM, "ENOMEM", "out of memory"},
	{E_ACCES, "EACCES", "permission denied"},
	{E_FAULT, "EFAULT", "bad address"},
	{E_BUSY, "EBUSY", "busy"},
	{E_EXIST, "EEXIST", "exists already"},
	{E_NODEV, "ENODEV", "cannot be mapped"},
	{E_NOTDIR, "ENOTDIR", "not a directory"},
	{E_ISDIR, "EISDIR", "is a directory"},
	{E_INVAL, "EINVAL", "invalid program or argument"},
	{E_NFILE, "ENFILE", "too many open files in the system"},
	{E_MFILE, "EMFILE", "too many open files"},
	{E_TXTBSY, "ETXTBSY", "the file is being written"},
	{E_NAMETOOLONG, "ENAMETOOLONG", "file name too long"},
	{E_NOSYS, "ENOSYS", "the kernel lacks a system call"},
	{E_LOOP, "ELOOP", "too many levels of symbolic links or scripts"},
	{E_LIBBAD, "ELIBBAD", "the program interpreter is corrupt"},
	{E_OPNOTSUPP, "EOPNOTSUPP", "not supported"},
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
