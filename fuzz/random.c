/* SPDX-License-Identifier: MIT */
/* Bytes are what a guest does to a source of random bytes, as fuzz/virtio.h says. The host gives few or fails as they say. */
#include "virtio.h"

#include <errno.h>

ssize_t fuzz_preadv2(int fd, const struct iovec *parts, int n, off_t offset, int flags);

static struct driver d;
static struct fuzz_tape tape;

ssize_t fuzz_preadv2(int fd, const struct iovec *parts, int n, off_t offset, int flags)
{
	const uint32_t how = fuzz_take(&tape, 1);
	size_t all = 0;

	HOLDS(fd >= 0 && offset == -1 && flags == 0);
	fuzz_in_ram(&d, parts, n);
	for (int i = 0; i < n; i++) {
		memset(parts[i].iov_base, 0x5a, parts[i].iov_len);
		all += parts[i].iov_len;
	}
	HOLDS(all <= 4096);
	errno = how == 1 ? EINTR : EIO;
	return how == 1 || how == 2 ? -1 : how == 3 ? 0 : how == 4 ? 1 : (ssize_t)all;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t how;

	tape = (struct fuzz_tape){data, data + size};
	how = fuzz_take(&tape, 1);
	driver_begin(&d);
	HOLDS(lode_vmm_rng_(&d.vm) == 0);
	d.device = &d.vm.devices[0];
	d.size = 1u << (how & 7);
	if (!(how & 0x80))
		driver_go(&d);
	for (uint32_t i = 0; i < FUZZ_STEPS && tape.at < tape.end; i++)
		fuzz_step(&d, &tape);
	HOLDS(driver_zones_whole(&d));
	driver_end(&d);
	return 0;
}
