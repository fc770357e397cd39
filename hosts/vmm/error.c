/* SPDX-License-Identifier: MIT */
/* What went wrong -> vm->error. */
#include <stdarg.h>
#include <stdio.h>

#include "vmm.h"

int lode_vmm_fail_(struct vmm *vm, int error, const char *format, ...)
{
	va_list list;

	vm->error = (struct lode_vmm_error){.error = error};
	va_start(list, format);
	vsnprintf(vm->error.text, sizeof vm->error.text, format, list);
	va_end(list);
	return -1;
}

int lode_vmm_fail_file_(struct vmm *vm, int error, const char *file, const char *text)
{
	lode_vmm_fail_(vm, error, "%s", text);
	vm->error.file = file;
	return -1;
}

int lode_vmm_fail_diag_(struct vmm *vm, const struct lode_diag *why)
{
	vm->error = (struct lode_vmm_error){.file = vm->kernel_file.path, .diag = *why};
	return -1;
}
