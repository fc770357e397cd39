/* SPDX-License-Identifier: MIT */
/* A debugger's connection, from the waiting for it to its end. Each processor is a thread. Ref: GDB manual, appendix E.
 *
 * Everything is stopped or nothing, but for steps of one processor. The debugger connects before the sandbox, and the guest begins
 * when it says so. */
#include "gdb.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int lode_vmm_gdb_fd_(const struct vmm_kvm *kvm)
{
	return kvm->gdb ? kvm->gdb->fd : -1;
}

bool lode_vmm_gdb_turn_(struct vmm_kvm *kvm, bool readable)
{
	struct vmm_gdb *gdb = kvm->gdb;

	if (!gdb || gdb->fd < 0)
		return true;
	if (__atomic_load_n(&gdb->hit, __ATOMIC_SEQ_CST) && !gdb->stopped)
		lode_gdb_stop_(gdb, GDB_TRAP);
	if (readable)
		lode_gdb_input_(gdb);
	if (gdb->gone && gdb->fd >= 0)
		lode_gdb_leave_(gdb);
	return !gdb->stopped;
}

/* A status, if it ended by itself; a signal, if something ended it. */
void lode_vmm_gdb_end_(struct vmm_kvm *kvm)
{
	char text[8];
	const struct vmm *vm;
	uint32_t signal;

	if (!kvm->gdb || kvm->gdb->fd < 0)
		return;
	vm = kvm->gdb->vm;
	signal = vm->end == LODE_VMM_POWER_OFF || vm->end == LODE_VMM_EXIT ? 0 :
		vm->end == LODE_VMM_TRIPLE_FAULT ? GDB_SEGV : GDB_TERM;
	snprintf(text, sizeof text, "%c%02x", signal ? 'X' : 'W', signal ? signal : vm->status & 0xff);
	lode_gdb_reply_(kvm->gdb, text);
}

void lode_vmm_gdb_close_(struct vmm_kvm *kvm)
{
	if (!kvm->gdb)
		return;
	if (kvm->gdb->fd >= 0)
		close(kvm->gdb->fd);
	free(kvm->gdb->xml);
	free(kvm->gdb);
	kvm->gdb = NULL;
}

/*
 * The connection
 */

static int listen_at(const struct sockaddr *addr, socklen_t size)
{
	int fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1, error;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (bind(fd, addr, size) == 0 && listen(fd, 1) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* A socket that an earlier run left is replaced, nothing else is. */
static int listen_local(const char *path)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	size_t length = strlen(path);
	struct stat st;

	if (length >= sizeof addr.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(addr.sun_path, path, length + 1);
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	return listen_at((const struct sockaddr *)&addr, sizeof addr);
}

/* Only this machine's own programs: a debugger may do everything. */
static int listen_port(const char *text)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	char *rest;
	unsigned long port = strtoul(text, &rest, 10);

	if (*rest || port == 0 || port > 65535) {
		errno = EINVAL;
		return -1;
	}
	addr.sin_port = htons((uint16_t)port);
	return listen_at((const struct sockaddr *)&addr, sizeof addr);
}

/* A signal that ends the guest ends the waiting. */
static int wait_for_debugger(const struct vmm_kvm *kvm, int listener)
{
	struct pollfd both[] = {{.fd = listener, .events = POLLIN}, {.fd = kvm->signal_fd, .events = POLLIN}};
	int fd = -1, yes = 1;

	if (poll(both, 2, -1) > 0 && both[0].revents)
		fd = accept(listener, NULL, NULL);
	else
		errno = EINTR;
	if (fd < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	if (fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
		return fd;
	close(fd);
	return -1;
}

int lode_vmm_gdb_open_(struct vmm *vm, struct vmm_kvm *kvm)
{
	const char *where = vm->request->gdb, *path = where;
	int listener, flags = ioctl(kvm->fd, KVM_CHECK_EXTENSION, KVM_CAP_SET_GUEST_DEBUG2);

	if (!where)
		return 0;
	kvm->gdb = calloc(1, sizeof *kvm->gdb);
	if (!kvm->gdb)
		return lode_vmm_fail_(vm, ENOMEM, "making room for a debugger");
	*kvm->gdb = (struct vmm_gdb){.vm = vm, .fd = -1, .stopped = true, .debug_flags = flags > 0 ? (uint32_t)flags : 0};
	kvm->gdb->xml = lode_gdb_registers_describe_();
	listener = lode_gdb_take_word_(&path, "unix:") ? listen_local(path) : listen_port(where);
	if (listener < 0)
		return lode_vmm_fail_(vm, errno, "listening for a debugger at %s", where);
	lode_vmm_waiting_(vm);
	kvm->gdb->fd = wait_for_debugger(kvm, listener);
	close(listener);
	return kvm->gdb->fd < 0 ? lode_vmm_fail_(vm, errno, "waiting for a debugger at %s", where) : 0;
}
