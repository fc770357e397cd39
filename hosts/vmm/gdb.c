/* SPDX-License-Identifier: MIT */
/* A debugger's packets -> the guest stopped, looked at, changed, let go. Each processor is a thread. Ref: GDB manual, appendix E.
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

enum { PAUSE_MS = 2000, DEAF_SECONDS = 2, TRAP = 5, INTERRUPT = 2, INTERRUPT_BYTE = 3 };

static struct vmm_kvm *kvm_of(const struct vmm_gdb *gdb)
{
	return vmm_kvm_of(gdb->vm);
}

/*
 * Packets out
 */

/* A debugger that does not read for so long will not. */
static bool waits_for_bytes(const struct vmm_gdb *gdb)
{
	struct pollfd out = {.fd = gdb->fd, .events = POLLOUT};
	const struct timespec while_ = {.tv_sec = DEAF_SECONDS};

	return ppoll(&out, 1, &while_, NULL) > 0;
}

static void put_bytes(struct vmm_gdb *gdb, const char *bytes, uint32_t size)
{
	while (gdb->fd >= 0 && !gdb->gone && size > 0) {
		ssize_t put = lode_vmm_write_(gdb->fd, bytes, size);

		if (put > 0) {
			bytes += put;
			size -= (uint32_t)put;
		} else if (errno != EAGAIN || !waits_for_bytes(gdb)) {
			gdb->gone = true;
		}
	}
}

static void begin(struct vmm_gdb *gdb)
{
	gdb->out[0] = '$';
	gdb->nout = 1;
}

static void add(struct vmm_gdb *gdb, const char *text)
{
	for (; *text && gdb->nout < GDB_PACKET; text++)
		gdb->out[gdb->nout++] = *text;
}

static void add_hex(struct vmm_gdb *gdb, const unsigned char *bytes, uint64_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (uint64_t i = 0; i < size && gdb->nout + 2 <= GDB_PACKET; i++) {
		gdb->out[gdb->nout++] = digits[bytes[i] >> 4];
		gdb->out[gdb->nout++] = digits[bytes[i] & 15];
	}
}

static void end(struct vmm_gdb *gdb)
{
	unsigned char sum = 0;
	char tail[4];

	for (uint32_t i = 1; i < gdb->nout; i++)
		sum = (unsigned char)(sum + (unsigned char)gdb->out[i]);
	snprintf(tail, sizeof tail, "#%02x", sum);
	memcpy(gdb->out + gdb->nout, tail, 3);
	gdb->nout += 3;
	put_bytes(gdb, gdb->out, gdb->nout);
}

static void reply(struct vmm_gdb *gdb, const char *text)
{
	begin(gdb);
	add(gdb, text);
	end(gdb);
}

static void reply_done(struct vmm_gdb *gdb, bool good)
{
	reply(gdb, good ? "OK" : "E01");
}

/*
 * Packets in: numbers are hexadecimal, without a prefix
 */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static uint64_t take_number(const char **text)
{
	uint64_t value = 0;

	for (; digit(**text) >= 0; (*text)++)
		value = value << 4 | (uint64_t)digit(**text);
	return value;
}

static bool take(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* How many bytes could be taken. */
static uint32_t take_bytes(unsigned char *bytes, const char *text, uint32_t most)
{
	uint32_t n = 0;

	for (; n < most && digit(text[0]) >= 0 && digit(text[1]) >= 0; text += 2)
		bytes[n++] = (unsigned char)(digit(text[0]) << 4 | digit(text[1]));
	return n;
}

/* Threads are numbered from 1; -1 is all of them, 0 any. */
static bool take_cpu(uint32_t *cpu, const struct vmm_gdb *gdb, const char *text)
{
	uint64_t number = *text == '-' ? 0 : take_number(&text);

	if (*text == '-' || number == 0)
		*cpu = *text == '-' ? UINT32_MAX : 0;
	else
		*cpu = (uint32_t)number - 1;
	return *cpu == UINT32_MAX || *cpu < kvm_of(gdb)->ncpus;
}

static const struct vmm_cpu *chosen(const struct vmm_gdb *gdb)
{
	return &kvm_of(gdb)->cpus[gdb->chosen];
}

/*
 * Stopping and going on
 */

static void tell_stop(struct vmm_gdb *gdb, int number)
{
	const struct vmm_cpu *cpu = chosen(gdb);
	char text[128], why[64] = "";

	if (cpu->hit)
		lode_gdb_points_tell_(why, sizeof why, gdb, cpu);
	snprintf(text, sizeof text, "T%02x%sthread:%x;", (unsigned)number, why, gdb->chosen + 1);
	reply(gdb, text);
}

/* A processor may be held up by whoever reads the console: signals that end the guest are seen meanwhile. */
static void pause_all(struct vmm_gdb *gdb)
{
	struct pollfd signals = {.fd = kvm_of(gdb)->signal_fd, .events = POLLIN};
	const struct timespec none = {.tv_sec = 0};

	while (!lode_vmm_pause_(kvm_of(gdb), PAUSE_MS) && vmm_running(gdb->vm))
		if (ppoll(&signals, 1, &none, NULL) > 0)
			lode_vmm_stop_(gdb->vm, LODE_VMM_ESCAPE, 0);
}

static void stop(struct vmm_gdb *gdb, int number)
{
	struct vmm_kvm *kvm = kvm_of(gdb);

	pause_all(gdb);
	gdb->stopped = true;
	for (uint32_t i = 0; i < kvm->ncpus; i++)
		if (kvm->cpus[i].hit)
			gdb->chosen = i;
	tell_stop(gdb, number);
}

/* One processor steps (or, with UINT32_MAX, none); those that are held stay where they are. */
static void go_on(struct vmm_gdb *gdb, uint32_t stepping, bool hold_others)
{
	struct vmm_kvm *kvm = kvm_of(gdb);

	for (uint32_t i = 0; i < kvm->ncpus; i++) {
		kvm->cpus[i].hit = false;
		kvm->cpus[i].held = hold_others && i != stepping;
		lode_gdb_points_arm_(gdb, &kvm->cpus[i], i == stepping);
	}
	__atomic_store_n(&gdb->hit, false, __ATOMIC_SEQ_CST);
	gdb->stopped = false;
	lode_vmm_resume_(kvm);
}

static void leave(struct vmm_gdb *gdb)
{
	if (!gdb->stopped)
		pause_all(gdb);
	lode_gdb_points_clear_(gdb);
	go_on(gdb, UINT32_MAX, false);
	gdb->fd = -1; /* it is closed with the process: the sandbox has no close */
}

/* Actions from left to right, the first one that fits a thread counts: one steps, the others go on only if a later one says so. */
static void do_actions(struct vmm_gdb *gdb, const char *text)
{
	uint32_t stepping = UINT32_MAX, cpu;
	bool others = false;

	while (*text == ';') {
		char what = text[1];
		const char *thread = text + strcspn(text, ":");
		const char *next = text + 1 + strcspn(text + 1, ";");
		bool one = thread < next && take_cpu(&cpu, gdb, thread + 1) && cpu != UINT32_MAX;

		if ((what == 's' || what == 'S') && stepping == UINT32_MAX)
			stepping = one ? cpu : gdb->chosen;
		else if ((what == 'c' || what == 'C') && (!one || stepping == UINT32_MAX))
			others = true;
		text = next;
	}
	go_on(gdb, stepping, stepping != UINT32_MAX && !others);
}

/*
 * Commands
 */

static void read_registers(struct vmm_gdb *gdb)
{
	unsigned char bytes[GDB_REGISTERS];
	uint32_t size = lode_gdb_registers_get_(bytes, chosen(gdb));

	begin(gdb);
	if (size)
		add_hex(gdb, bytes, size);
	else
		add(gdb, "E01");
	end(gdb);
}

static void write_registers(struct vmm_gdb *gdb, const char *text)
{
	unsigned char bytes[GDB_REGISTERS];
	uint32_t size = lode_gdb_registers_get_(bytes, chosen(gdb));

	reply_done(gdb, size && take_bytes(bytes, text, size) && lode_gdb_registers_set_(chosen(gdb), bytes));
}

static void one_register(struct vmm_gdb *gdb, const char *text)
{
	unsigned char bytes[GDB_REGISTERS];
	uint32_t offset, size;
	bool good = lode_gdb_register_find_(&offset, &size, (uint32_t)take_number(&text)) &&
		lode_gdb_registers_get_(bytes, chosen(gdb));

	if (!good) {
		reply(gdb, "E01");
	} else if (take(&text, '=')) {
		take_bytes(bytes + offset, text, size);
		reply_done(gdb, lode_gdb_registers_set_(chosen(gdb), bytes));
	} else {
		begin(gdb);
		add_hex(gdb, bytes + offset, size);
		end(gdb);
	}
}

static void read_memory(struct vmm_gdb *gdb, const char *text)
{
	unsigned char bytes[GDB_PACKET / 2];
	uint64_t addr = take_number(&text), size = take(&text, ',') ? take_number(&text) : 0;

	if (size > sizeof bytes - 2)
		size = sizeof bytes - 2;
	size = lode_gdb_memory_read_(chosen(gdb), bytes, addr, size);
	begin(gdb);
	if (size)
		add_hex(gdb, bytes, size);
	else
		add(gdb, "E14");
	end(gdb);
}

static void write_memory(struct vmm_gdb *gdb, const char *text)
{
	unsigned char bytes[GDB_PACKET / 2];
	uint64_t addr = take_number(&text), size = take(&text, ',') ? take_number(&text) : 0;
	bool good = take(&text, ':') && size <= sizeof bytes && take_bytes(bytes, text, (uint32_t)size) == size;

	reply_done(gdb, good && lode_gdb_memory_write_(chosen(gdb), bytes, addr, size) == size);
}

static void change_point(struct vmm_gdb *gdb, const char *text)
{
	bool insert = text[0] == 'Z';
	char kind = text[1];
	uint64_t addr, size;

	text += 2;
	if (kind < '0' || kind > '4' || !take(&text, ',')) {
		reply(gdb, "");
		return;
	}
	addr = take_number(&text);
	size = take(&text, ',') ? take_number(&text) : 1;
	reply_done(gdb, insert ? lode_gdb_point_insert_(gdb, kind, addr, size) : lode_gdb_point_remove_(gdb, kind, addr, size));
}

/* A part of the registers' description: m if there is more, l if it was the last. */
static void read_description(struct vmm_gdb *gdb, const char *text)
{
	uint64_t offset = take_number(&text), size = take(&text, ',') ? take_number(&text) : 0;
	uint64_t all = gdb->xml ? strlen(gdb->xml) : 0;

	if (size > GDB_PACKET - 16)
		size = GDB_PACKET - 16;
	if (offset > all)
		offset = all;
	begin(gdb);
	add(gdb, all - offset > size ? "m" : "l");
	for (uint64_t i = 0; i < size && offset + i < all; i++)
		gdb->out[gdb->nout++] = gdb->xml[offset + i];
	end(gdb);
}

static void list_threads(struct vmm_gdb *gdb)
{
	char text[16];

	begin(gdb);
	for (uint32_t i = 0; i < kvm_of(gdb)->ncpus; i++) {
		snprintf(text, sizeof text, "%c%x", i ? ',' : 'm', i + 1);
		add(gdb, text);
	}
	end(gdb);
}

static void name_thread(struct vmm_gdb *gdb, const char *text)
{
	uint64_t number = take_number(&text);
	char name[32];

	snprintf(name, sizeof name, "processor %llu", (unsigned long long)number - 1);
	begin(gdb);
	add_hex(gdb, (const unsigned char *)name, strlen(name));
	end(gdb);
}

static bool starts(const char **text, const char *with)
{
	size_t n = strlen(with);

	if (strncmp(*text, with, n) != 0)
		return false;
	*text += n;
	return true;
}

static void do_query(struct vmm_gdb *gdb, const char *text)
{
	char words[160];

	if (starts(&text, "qSupported")) {
		snprintf(words, sizeof words, "PacketSize=%x;qXfer:features:read+;swbreak+;hwbreak+;vContSupported+;"
			"QStartNoAckMode+", GDB_PACKET - 16);
		reply(gdb, words);
	} else if (starts(&text, "qXfer:features:read:target.xml:")) {
		read_description(gdb, text);
	} else if (starts(&text, "qfThreadInfo")) {
		list_threads(gdb);
	} else if (starts(&text, "qsThreadInfo")) {
		reply(gdb, "l");
	} else if (starts(&text, "qThreadExtraInfo,")) {
		name_thread(gdb, text);
	} else if (starts(&text, "qAttached")) {
		reply(gdb, "1");
	} else if (!strcmp(text, "qC")) {
		snprintf(words, sizeof words, "QC%x", gdb->chosen + 1);
		reply(gdb, words);
	} else {
		reply(gdb, "");
	}
}

static void choose(struct vmm_gdb *gdb, const char *text)
{
	uint32_t cpu;

	if (!take_cpu(&cpu, gdb, text + 2)) {
		reply(gdb, "E01");
		return;
	}
	if (cpu != UINT32_MAX && text[1] == 'g')
		gdb->chosen = cpu;
	else if (text[1] == 'c')
		gdb->resumed = cpu;
	reply(gdb, "OK");
}

static void do_verbose(struct vmm_gdb *gdb, const char *text)
{
	if (!strcmp(text, "vCont?"))
		reply(gdb, "vCont;c;C;s;S");
	else if (starts(&text, "vCont"))
		do_actions(gdb, text);
	else if (starts(&text, "vKill"))
		lode_vmm_stop_(gdb->vm, LODE_VMM_ESCAPE, 0);
	else
		reply(gdb, "");
}

static void is_alive(struct vmm_gdb *gdb, const char *text)
{
	uint32_t cpu;

	reply_done(gdb, take_cpu(&cpu, gdb, text + 1) && cpu != UINT32_MAX);
}

static void do_command(struct vmm_gdb *gdb, const char *text)
{
	switch (text[0]) {
	case '?': tell_stop(gdb, TRAP); break;
	case 'g': read_registers(gdb); break;
	case 'G': write_registers(gdb, text + 1); break;
	case 'p': case 'P': one_register(gdb, text + 1); break;
	case 'm': read_memory(gdb, text + 1); break;
	case 'M': write_memory(gdb, text + 1); break;
	case 'Z': case 'z': change_point(gdb, text); break;
	case 'H': choose(gdb, text); break;
	case 'T': is_alive(gdb, text); break;
	case 'c': go_on(gdb, UINT32_MAX, false); break;
	case 's': go_on(gdb, gdb->resumed < kvm_of(gdb)->ncpus ? gdb->resumed : gdb->chosen, false); break;
	case 'v': do_verbose(gdb, text); break;
	case 'q': do_query(gdb, text); break;
	case 'k': lode_vmm_stop_(gdb->vm, LODE_VMM_ESCAPE, 0); break;
	case 'D':
		reply(gdb, "OK");
		leave(gdb);
		break;
	case 'Q':
		reply(gdb, !strcmp(text, "QStartNoAckMode") ? "OK" : "");
		gdb->no_ack = gdb->no_ack || !strcmp(text, "QStartNoAckMode");
		break;
	default: reply(gdb, "");
	}
}

static bool sum_is(const char *from, const char *hash)
{
	unsigned char sum = 0;

	for (; from < hash; from++)
		sum = (unsigned char)(sum + (unsigned char)*from);
	return digit(hash[1]) == sum >> 4 && digit(hash[2]) == (sum & 15);
}

/* The first packet of what has come -> its command. How many bytes it took; 0: it is not complete. */
static uint32_t do_packet(struct vmm_gdb *gdb)
{
	char *hash = memchr(gdb->in, '#', gdb->nin);
	uint32_t size = hash ? (uint32_t)(hash - gdb->in) + 3 : 0;
	bool good;

	if (gdb->in[0] == INTERRUPT_BYTE && !gdb->stopped)
		stop(gdb, INTERRUPT);
	if (gdb->in[0] != '$')
		return 1;
	if (!hash || size > gdb->nin)
		return gdb->nin == sizeof gdb->in ? gdb->nin : 0;
	good = sum_is(gdb->in + 1, hash);
	*hash = 0;
	if (!gdb->no_ack)
		put_bytes(gdb, good ? "+" : "-", 1);
	if (good && gdb->stopped)
		do_command(gdb, gdb->in + 1);
	return size;
}

static void take_input(struct vmm_gdb *gdb)
{
	ssize_t got = lode_vmm_read_(gdb->fd, gdb->in + gdb->nin, sizeof gdb->in - gdb->nin);
	uint32_t used;

	if (got <= 0 && (got == 0 || (errno != EINTR && errno != EAGAIN))) {
		leave(gdb);
		return;
	}
	gdb->nin += got > 0 ? (uint32_t)got : 0;
	while (gdb->nin && (used = do_packet(gdb)) && gdb->fd >= 0) {
		gdb->nin -= used;
		memmove(gdb->in, gdb->in + used, gdb->nin);
	}
}

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
		stop(gdb, TRAP);
	if (readable)
		take_input(gdb);
	if (gdb->gone && gdb->fd >= 0)
		leave(gdb);
	return !gdb->stopped;
}

void lode_vmm_gdb_end_(struct vmm_kvm *kvm)
{
	char text[8];

	if (!kvm->gdb || kvm->gdb->fd < 0)
		return;
	snprintf(text, sizeof text, "W%02x", kvm->gdb->vm->status & 0xff);
	reply(kvm->gdb, text);
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
	listener = starts(&path, "unix:") ? listen_local(path) : listen_port(where);
	if (listener < 0)
		return lode_vmm_fail_(vm, errno, "listening for a debugger at %s", where);
	lode_vmm_say_(vm, "waiting for a debugger: target remote %s%s", path == where ? "localhost:" : "", path);
	kvm->gdb->fd = wait_for_debugger(kvm, listener);
	close(listener);
	return kvm->gdb->fd < 0 ? lode_vmm_fail_(vm, errno, "waiting for a debugger at %s", where) : 0;
}
