/* SPDX-License-Identifier: MIT */
/* Standard input, and standard output or error -> the guest's serial line: raw while the guest runs, with an escape key that ends
 * it. */
#include "vmm.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

enum { ESCAPE = 'A' & 31, LITTLE_NS = 50000000 };

int lode_vmm_console_fd_(const struct vmm *vm)
{
	return vm->console.to_error ? STDERR_FILENO : STDOUT_FILENO;
}

void lode_vmm_console_open_(struct vmm *vm)
{
	struct vmm_console *console = &vm->console;

	*console = (struct vmm_console){.terminal = false};
	console->terminal = tcgetattr(STDIN_FILENO, &console->before) == 0;
	console->to_error = vm->request->console_to_error;
	console->terminal_out = isatty(lode_vmm_console_fd_(vm));
}

/* Output stays cooked, so that lines of Lode's own look right; a guest's CR LF does no harm. */
void lode_vmm_console_raw_(struct vmm *vm)
{
	struct vmm_console *console = &vm->console;
	struct termios raw = console->before;

	if (!console->terminal)
		return;
	cfmakeraw(&raw);
	raw.c_oflag = console->before.c_oflag;
	console->raw = tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

void lode_vmm_console_close_(struct vmm *vm)
{
	struct vmm_console *console = &vm->console;

	if (console->raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &console->before);
	console->raw = false;
}

/* A key of the terminal: true if it is for the guest. */
static bool for_guest(struct vmm *vm, unsigned char key)
{
	struct vmm_console *console = &vm->console;
	bool escaped = console->escape;

	console->escape = !escaped && key == ESCAPE;
	if (escaped && (key == 'x' || key == 'X'))
		lode_vmm_stop_(vm, LODE_VMM_ESCAPE, 0);
	return escaped ? key == ESCAPE : !console->escape;
}

uint32_t lode_vmm_console_read_(struct vmm *vm, unsigned char *bytes, uint32_t size)
{
	ssize_t got = lode_vmm_read_(STDIN_FILENO, bytes, size);
	uint32_t kept = 0;

	if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
		vm->console.ended = true;
	for (ssize_t i = 0; i < got; i++)
		if (!vm->console.raw || for_guest(vm, bytes[i]))
			bytes[kept++] = bytes[i];
	return kept;
}

uint32_t lode_vmm_console_put_(const struct vmm *vm, const unsigned char *bytes, uint32_t size)
{
	/* What is ready takes so much without waiting. */
	uint32_t most = vm->console.terminal_out ? 1 : PIPE_BUF;
	ssize_t put = lode_vmm_write_(lode_vmm_console_fd_(vm), bytes, size < most ? size : most);

	if (put < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : size;
	return (uint32_t)put;
}

/* A reader that is slow stops the guest; one that has gone does not, nor one that is slow when the guest has ended. */
void lode_vmm_console_write_(struct vmm *vm, const unsigned char *bytes, uint32_t size)
{
	const struct timespec little = {.tv_nsec = LITTLE_NS};
	struct pollfd out = {.fd = lode_vmm_console_fd_(vm), .events = POLLOUT};

	lode_vmm_tail_add_(vm, bytes, size);

	while (size > 0) {
		uint32_t put = ppoll(&out, 1, &little, NULL) > 0 ? lode_vmm_console_put_(vm, bytes, size) : 0;

		if (put == 0 && __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE) != LODE_VMM_NONE)
			return;
		bytes += put;
		size -= put;
	}
}
