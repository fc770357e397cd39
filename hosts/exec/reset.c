/* SPDX-License-Identifier: MIT */
/* What the old program has asked of the kernel is taken back: handlers, POSIX timers, descriptors that close on exec, robust
 * futexes. */
#include "state.h"

/* What is too long is folded into letters: two values that are equal stay so, and others hardly become it. */
static void add_character(char value[STATUS_VALUE], uint32_t at, char c)
{
	char *place = &value[at % (STATUS_VALUE - 1)];

	*place = at < STATUS_VALUE - 1 ? c : (char)('A' + ((uint32_t)(unsigned char)*place * 31 + (unsigned char)c) % 26);
}

/* The file is read to its end in pieces: a list of groups may be long. A field begins with the end of the line before it. */
static int find_field(char value[STATUS_VALUE], const struct exec_state *state, int64_t fd, const char *field)
{
	char *buf = state->scratch->text;
	uint32_t length = 0;
	const char *next = field;
	int64_t n;

	while ((n = linux_read(fd, buf, sizeof state->scratch->text)) > 0)
		for (const char *at = buf; at < buf + n; at++) {
			if (*next) {
				next = *at == *next ? next + 1 : field + (*at == '\n');
			} else if (*at == '\n') {
				value[length < STATUS_VALUE - 1 ? length : STATUS_VALUE - 1] = 0;
				return 0;
			} else if (length || (*at != ' ' && *at != '\t')) {
				add_character(value, length++, *at);
			}
		}
	return n < 0 ? (int)n : -EIO;
}

int lode_exec_status_(char value[STATUS_VALUE], const struct exec_state *state, const char *path, const char *field)
{
	int64_t fd = linux_open(path, O_CLOEXEC);
	int status;

	if (failed(fd))
		return (int)fd;
	status = find_field(value, state, fd, field);
	linux_close(fd);
	return status;
}

/* A handler becomes the default action; an ignored signal stays ignored; flags go either way. */
static void reset_signal(uint64_t signal)
{
	struct kernel_sigaction action;

	if (failed(call4(NR_rt_sigaction, signal, 0, address(&action), SIGNAL_SETS)))
		return;
	action = (struct kernel_sigaction){.handler = action.handler == 1};
	call4(NR_rt_sigaction, signal, address(&action), 0, SIGNAL_SETS);
}

/* SIGCHLD is looked at in any case: SA_NOCLDWAIT works without a handler. */
static void reset_handlers(const struct exec_state *state)
{
	char value[STATUS_VALUE];
	const char *digits = value;
	uint64_t caught = UINT64_MAX;

	if (lode_exec_status_(value, state, "/proc/self/status", "\nSigCgt:") == 0)
		caught = parse_hex(&digits);
	caught |= UINT64_C(1) << (SIGCHLD - 1);
	for (uint64_t signal = 1; signal <= SIGNALS; signal++)
		if (caught >> (signal - 1) & 1)
			reset_signal(signal);
}

/* "ID: 3" begins the lines of a timer. A list that does not fit the buffer is read again, shorter each time. */
static void delete_timers(const struct exec_state *state)
{
	char *buf = state->scratch->text;
	bool any = true;

	while (any) {
		int64_t fd = linux_open("/proc/self/timers", O_CLOEXEC), n;

		if (failed(fd))
			return;
		n = linux_read(fd, buf, sizeof state->scratch->text - 1);
		linux_close(fd);
		buf[n > 0 ? n : 0] = 0;
		any = false;
		for (const char *at = buf; *at; at++) {
			if (!string_starts(at, "ID: "))
				continue;
			at += 4;
			any |= !failed(call3(NR_timer_delete, parse_decimal(&at), 0, 0));
			at--;
		}
	}
}

static bool close_if_asked(const struct exec_state *state, uint64_t fd)
{
	int64_t flags = call3(NR_fcntl, fd, F_GETFD, 0);

	if (flags < 0)
		return false;
	if ((flags & FD_CLOEXEC) && (int64_t)fd != state->program.file.fd)
		linux_close((int64_t)fd);
	return true;
}

static void close_listed(const struct exec_state *state)
{
	uint64_t *buf = state->scratch->entries;
	int64_t dir = linux_open("/proc/self/fd", O_CLOEXEC | O_DIRECTORY), size;

	if (failed(dir))
		return;
	while ((size = call3(NR_getdents64, (uint64_t)dir, address(buf), sizeof state->scratch->entries)) > 0) {
		for (int64_t at = 0; at < size;) {
			const struct kernel_dirent *entry = (const void *)((const char *)buf + at);
			const char *name = entry->name;

			if (*name != '.') {
				uint64_t fd = parse_decimal(&name);

				if ((int64_t)fd != dir)
					close_if_asked(state, fd);
			}
			at += entry->size;
		}
	}
	linux_close(dir);
}

/* Linux 6.2 tells how many descriptors are open: few low ones are asked one by one, which is cheaper than the list. */
static void close_descriptors(const struct exec_state *state)
{
	enum { LOW = 64 };
	struct kernel_stat stat;
	int64_t left = 0;

	if (!failed(call4(NR_newfstatat, AT_FDCWD, address("/proc/self/fd"), address(&stat), 0)))
		left = stat.size;
	if (left <= 0 || left > LOW) {
		close_listed(state);
		return;
	}
	for (uint64_t fd = 0; fd < LOW && left > 0; fd++)
		left -= close_if_asked(state, fd);
	if (left > 0)
		close_listed(state);
}

void lode_exec_reset_(const struct exec_state *state)
{
	reset_handlers(state);
	delete_timers(state);
	close_descriptors(state);
	lode_exec_release_robust_();
}
