/* SPDX-License-Identifier: MIT */
/* Random images mapped by Linux itself, segment by segment as its ELF loader does: memory and permissions are those of the
 * plan. This host only (mmap, 4 KiB pages). */
#define _DEFAULT_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "random.h"

enum { IMAGES = 1500, PAGE = 4096 };

static struct file f;
static struct model got, want;
static struct model_image image;
static const uintptr_t arena = (uintptr_t)0x200000000000;

static int prot_of(uint32_t flags)
{
	return (flags & LODE_PF_R ? PROT_READ : 0) | (flags & LODE_PF_W ? PROT_WRITE : 0) | (flags & LODE_PF_X ? PROT_EXEC : 0);
}

static void *map(uint64_t addr, uint64_t size, int prot, int flags, int fd, uint64_t offset)
{
	return mmap((void *)(arena + (uintptr_t)addr), (size_t)size, prot, MAP_PRIVATE | MAP_FIXED | flags, fd, (off_t)offset);
}

/** What fs/binfmt_elf.c does with one PT_LOAD. False: mmap would not. */
static bool map_segment(const struct model_segment *s, int fd)
{
	uint64_t begin = model_down(s->addr, PAGE), file_end = s->addr + s->filesz, mem_end = s->addr + s->memsz;
	uint64_t zero = s->filesz ? model_down(file_end + PAGE - 1, PAGE) : begin;
	uint64_t end = model_down(mem_end + PAGE - 1, PAGE);

	if (s->filesz && map(begin, zero - begin, prot_of(s->flags), 0, fd, s->offset - s->addr % PAGE) == MAP_FAILED)
		return false;
	/* the kernel's clear_user fails quietly where the page is read-only */
	if (s->filesz && s->memsz > s->filesz && (s->flags & LODE_PF_W))
		memset((void *)(arena + (uintptr_t)file_end), 0, (size_t)(zero - file_end));
	if (end > zero && map(zero, end - zero, PROT_READ | PROT_WRITE | (s->flags & LODE_PF_X ? PROT_EXEC : 0), MAP_ANONYMOUS, -1,
		0) == MAP_FAILED)
		return false;
	return true;
}

/** Which pages of the arena are mapped and how, by /proc/self/maps. */
static void read_maps(struct model *m)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long begin, end;
	char prot[5], line[512];

	while (maps && fgets(line, sizeof line, maps))
		if (sscanf(line, "%lx-%lx %4s", &begin, &end, prot) == 3 && begin >= arena && begin < arena + MODEL_PAGES * PAGE)
			for (unsigned long a = begin; a < end; a += PAGE) {
				uint64_t p = (a - arena - m->first) / PAGE;

				m->there[p] = true;
				m->prot[p] =
					(uint8_t)((prot[0] == 'r' ? 4 : 0) | (prot[1] == 'w' ? 2 : 0) | (prot[2] == 'x' ? 1 : 0));
			}
	if (CHECK(maps != NULL))
		fclose(maps);
}

/** Bytes of the mapped pages. A page that the file ends before cannot be read: SIGBUS; it does not come up, because
 * p_filesz is in the file. */
static void read_bytes(struct model *m)
{
	for (uint64_t p = 0; p < MODEL_PAGES; p++)
		if (m->there[p]) {
			void *page = (void *)(arena + (uintptr_t)(m->first + p * PAGE));

			if (mprotect(page, PAGE, PROT_READ) == 0)
				memcpy(m->bytes + p * PAGE, page, PAGE);
			else
				CHECK(false);
		}
}

static void by_linux(int fd)
{
	model_begin(&want, &image, PAGE);
	for (uint32_t i = 0; i < image.n; i++)
		if (image.segments[i].memsz)
			CHECK(map_segment(&image.segments[i], fd));
	read_maps(&want);
	read_bytes(&want);
	munmap((void *)arena, MODEL_PAGES * PAGE);
}

static void one(uint64_t seed, const char *path)
{
	struct random_wish wish = {.seed = seed, .page = PAGE, .apart = seed % 3 != 0, .congruent = true};
	struct lode_policy policy = lode_policy_process(PAGE);
	int fd;

	policy.flags |= seed % 2 ? LODE_PLAN_SHARE : 0;
	random_image(&image, &wish);
	random_write(&f, &image, &wish, LODE_CLASS64, LODE_ET_EXEC);
	if (file_load(&f, &policy) == LODE_ERR_MALFORMED && f.why.rule == LODE_RULE_SEGMENT_NONE)
		return;
	CHECK_EQ(f.why.rule, LODE_RULE_NONE);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK(write(fd, f.out.bytes, f.out.size) == (ssize_t)f.out.size);
	by_linux(fd);
	close(fd);
	model_begin(&got, &image, PAGE);
	model_execute(&got, &f.plan, &image, seed % 2);
	model_equal(&got, &want);
}

int main(void)
{
	char path[] = "/tmp/lode-linux-XXXXXX";
	int fd = mkstemp(path);

	check_case("a file to map");
	CHECK(fd >= 0);
	if (fd < 0)
		return check_done();
	close(fd);
	for (uint64_t i = 0; i < IMAGES; i++) {
		if (i % 100 == 0)
			check_case("images from %" PRIu64 " on, mapped by Linux", i);
		if (sysconf(_SC_PAGESIZE) == PAGE)
			one(i, path);
		else
			SKIP("pages of this machine are not 4096 bytes");
	}
	unlink(path);
	file_free(&f);
	return check_done();
}
