/* SPDX-License-Identifier: MIT */
/* plan FILE -> a table: time and bytes read to open and plan a kernel-like image of growing size. FILE is written, sparse,
 * and removed. */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lode/lode.h>

#include "times.h"

enum { NLOAD = 5, ROUNDS = 2001 };

static uint64_t bytes_read, reads;

static int read_file(void *host, void *dst, uint64_t offset, size_t size)
{
	bytes_read += size;
	reads++;
	return pread(*(const int *)host, dst, size, (off_t)offset) == (ssize_t)size ? 0 : -1;
}

static Elf64_Phdr segment(uint32_t flags, uint64_t begin, uint64_t filesz, uint64_t memsz)
{
	return (Elf64_Phdr){
		.p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = 0x200000 + begin,
		.p_vaddr = 0xffffffff80000000u - 0x1000000000u + begin,
		.p_paddr = 0x1000000 + begin,
		.p_filesz = filesz,
		.p_memsz = memsz,
		.p_align = 0x200000,
	};
}

/* Text, read-only data, data, init, and zeros: proportions of a distribution's vmlinux. */
static int write_kernel(int fd, uint64_t size)
{
	const uint64_t part = size / 8 & ~UINT64_C(0x1fffff);
	const Elf64_Phdr segments[NLOAD] = {
		segment(PF_R | PF_X, 0, 3 * part, 3 * part),
		segment(PF_R, 3 * part, 2 * part, 2 * part),
		segment(PF_R | PF_W, 5 * part, part, part),
		segment(PF_R | PF_X, 6 * part, part - 0x1234, part - 0x1234),
		segment(PF_R | PF_W, 7 * part, 0x5678, part),
	};
	const Elf64_Ehdr header = {
		.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_entry = segments[0].p_vaddr + 0x40,
		.e_phoff = sizeof header,
		.e_ehsize = sizeof header,
		.e_phentsize = sizeof *segments,
		.e_phnum = NLOAD,
	};

	return ftruncate(fd, (off_t)(0x200000 + size)) || pwrite(fd, &header, sizeof header, 0) != sizeof header ||
		pwrite(fd, segments, sizeof segments, sizeof header) != sizeof segments;
}

static void must(int status, const struct lode_diag *why)
{
	char line[512];

	if (status == LODE_OK)
		return;
	lode_diag_format(line, sizeof line, why);
	fprintf(stderr, "bench: %s\n", line);
	exit(1);
}

static void measure(int fd, uint64_t size, uint64_t page_size)
{
	static double opens[ROUNDS], plans[ROUNDS];
	struct lode_segment segments[NLOAD];
	struct lode_run runs[LODE_PLAN_RUNS(NLOAD)];
	struct lode_fill fills[LODE_PLAN_FILLS(NLOAD)];
	const struct lode_source source = {.size = 0x200000 + size, .read = read_file, .host = &fd};
	const struct lode_open_options options = {.segments = segments, .max_segments = NLOAD};
	struct lode_policy policy = lode_policy_kernel(page_size);
	struct lode_plan plan = {
		.runs = runs, .max_runs = LODE_PLAN_RUNS(NLOAD), .fills = fills, .max_fills = LODE_PLAN_FILLS(NLOAD)};
	struct lode_image image;
	struct lode_diag why;

	policy.relocate = LODE_RELOCATE_NONE;
	bytes_read = reads = 0;
	for (int i = 0; i < ROUNDS; i++) {
		double begin = now(), middle;

		must(lode_open(&image, &source, &options, &why), &why);
		middle = now();
		must(lode_plan(&plan, &image, &policy, &why), &why);
		plans[i] = now() - middle;
		opens[i] = middle - begin;
	}
	printf("  %9.0f MiB %8" PRIu64 " KiB %8u %6u %9.2f us %9.2f us %7" PRIu64 " in %" PRIu64 "\n", (double)size / 1048576,
		page_size / 1024, plan.nruns, plan.nfills, median_of(opens, ROUNDS), median_of(plans, ROUNDS), bytes_read / ROUNDS,
		reads / ROUNDS);
}

int main(int argc, char **argv)
{
	int fd = argc == 2 ? open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600) : -1;

	if (fd < 0)
		return 2;
	unlink(argv[1]);
	printf("Open (by pread) and plan of a vmlinux-like file, medians of %d\n\n", ROUNDS);
	printf("  %13s %12s %8s %6s %12s %12s %s\n", "file", "pages", "runs", "fills", "open", "plan", "bytes read");
	for (uint64_t size = UINT64_C(16) << 20; size <= UINT64_C(64) << 30; size *= 8) {
		if (write_kernel(fd, size)) {
			printf("  %9.0f MiB: this file system takes no such file\n", (double)size / 1048576);
			break;
		}
		measure(fd, size, 4096);
		measure(fd, size, 0x200000);
	}
	return 0;
}
