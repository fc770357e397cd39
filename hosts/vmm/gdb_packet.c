/* SPDX-License-Identifier: MIT */
/* Packets of GDB's remote protocol: framing and checksums both ways, numbers and bytes in hexadecimal without a prefix.
 * Ref: GDB manual, appendix E.1 (overview). */
#include "gdb.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

enum { DEAF_SECONDS = 2, INTERRUPT_BYTE = 3 };

/*
 * Out
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

void lode_gdb_begin_(struct vmm_gdb *gdb)
{
	gdb->out[0] = '$';
	gdb->nout = 1;
}

void lode_gdb_add_(struct vmm_gdb *gdb, const char *text)
{
	for (; *text && gdb->nout < GDB_PACKET; text++)
		gdb->out[gdb->nout++] = *text;
}

void lode_gdb_add_hex_(struct vmm_gdb *gdb, const unsigned char *bytes, uint64_t size)
{
	static const char digits[] = "0123456789abcdef";

	for (uint64_t i = 0; i < size && gdb->nout + 2 <= GDB_PACKET; i++) {
		gdb->out[gdb->nout++] = digits[bytes[i] >> 4];
		gdb->out[gdb->nout++] = digits[bytes[i] & 15];
	}
}

void lode_gdb_end_(struct vmm_gdb *gdb)
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

void lode_gdb_reply_(struct vmm_gdb *gdb, const char *text)
{
	lode_gdb_begin_(gdb);
	lode_gdb_add_(gdb, text);
	lode_gdb_end_(gdb);
}

/*
 * In
 */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

uint64_t lode_gdb_take_number_(const char **text)
{
	uint64_t value = 0;

	for (; digit(**text) >= 0; (*text)++)
		value = value << 4 | (uint64_t)digit(**text);
	return value;
}

bool lode_gdb_take_(const char **text, char c)
{
	if (**text != c)
		return false;
	(*text)++;
	return true;
}

/* How many bytes could be taken. */
uint32_t lode_gdb_take_bytes_(unsigned char *bytes, const char *text, uint32_t most)
{
	uint32_t n = 0;

	for (; n < most && digit(text[0]) >= 0 && digit(text[1]) >= 0; text += 2)
		bytes[n++] = (unsigned char)(digit(text[0]) << 4 | digit(text[1]));
	return n;
}

bool lode_gdb_take_word_(const char **text, const char *with)
{
	size_t n = strlen(with);

	if (strncmp(*text, with, n) != 0)
		return false;
	*text += n;
	return true;
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
		lode_gdb_stop_(gdb, GDB_INTERRUPT);
	if (gdb->in[0] != '$')
		return 1;
	if (!hash || size > gdb->nin)
		return gdb->nin == sizeof gdb->in ? gdb->nin : 0;
	good = sum_is(gdb->in + 1, hash);
	*hash = 0;
	if (!gdb->no_ack)
		put_bytes(gdb, good ? "+" : "-", 1);
	if (good && gdb->stopped)
		lode_gdb_command_(gdb, gdb->in + 1);
	return size;
}

void lode_gdb_input_(struct vmm_gdb *gdb)
{
	ssize_t got = lode_vmm_read_(gdb->fd, gdb->in + gdb->nin, sizeof gdb->in - gdb->nin);
	uint32_t used;

	if (got <= 0 && (got == 0 || (errno != EINTR && errno != EAGAIN))) {
		lode_gdb_leave_(gdb);
		return;
	}
	gdb->nin += got > 0 ? (uint32_t)got : 0;
	while (gdb->nin && (used = do_packet(gdb)) && gdb->fd >= 0) {
		gdb->nin -= used;
		memmove(gdb->in, gdb->in + used, gdb->nin);
	}
}
