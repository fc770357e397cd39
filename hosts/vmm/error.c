/* SPDX-License-Identifier: MIT */
/* What was tried, and why it failed -> vm->error. */
#include "vmm.h"

#include <stdarg.h>
#include <stdio.h>

int lode_vmm_fail_(struct vmm *vm, int error, const char *format, ...)
{
	va_list args;

	vm->error = (struct vmm_error){.error = error};
	va_start(args, format);
	vsnprintf(vm->error.text, sizeof vm->error.text, format, args);
	va_end(args);
	return -1;
}
