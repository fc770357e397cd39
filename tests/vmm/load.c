/* SPDX-License-Identifier: MIT */
/* Kernels of every protocol -> what lies in RAM: image, modules, page tables; mapped and copied alike; the file stays as it is. */
#include <sha256.h>
#include <tables.h>
#include <vmm.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)
enum { PAGE = 4096 };

static const char module_text[] = "bytes of a module";
static const char *folder;
static char kernel_path[512], module_path[] = "/tmp/lode-load-XXXXXX";
static struct lode_vmm_file module;
static struct lode_vmm_request request;
static struct vmm_engine engine;

/* A machine with the kernel in it, or what failed on the way. @elsewhere: for an engine in another process; no file is mapped. */
static struct vmm *load(const char *name, bool elsewhere, uint64_t memory)
{
	struct vmm *vm = calloc(1, sizeof *vm);

	snprintf(kernel_path, sizeof kernel_path, "%s/%s", folder, name);
	module = (struct lode_vmm_file){.path = module_path, .cmdline = strncmp(name, "rust", 4) == 0 ? NULL : "words"};
	request.kernel.path = kernel_path;
	request.modules = &module;
	request.nmodules = 1;
	engine = (struct vmm_engine){.name = "test", .board = lode_vmm_qemu_.board, .elsewhere = elsewhere};
	vm->request = &request;
	vm->engine = &engine;
	if (lode_vmm_files_open_(vm) == 0 && lode_vmm_ram_create_(vm, memory, elsewhere) == 0 && lode_vmm_machine_make_(vm) == 0 &&
		lode_vmm_decide_(vm) == 0 && lode_vmm_fill_(vm) == 0)
		return vm;
	vm->end = LODE_VMM_ERROR;
	return vm;
}

static void unload(struct vmm *vm)
{
	lode_vmm_unload_(vm);
	if (vm->ram.bytes)
		lode_vmm_ram_destroy_(vm);
	lode_vmm_files_close_(vm);
	free(vm);
}

/* Parts are disjoint but for corrections of the image, and lie in usable memory. */
static void check_parts(const struct vmm *vm)
{
	const struct lode_start *start = &vm->kernel.start;

	for (uint32_t i = 0; i < start->nparts; i++) {
		const struct lode_part *a = &start->parts[i];

		if (a->size == 0)
			continue;
		CHECK(lode_vmm_ram_at_(&vm->ram, a->addr, a->size) != NULL);
		for (uint32_t k = 0; k < i && !a->patch; k++) {
			const struct lode_part *b = &start->parts[k];

			CHECK(b->patch || b->size == 0 || a->addr - b->addr >= b->size || b->addr > a->addr);
			CHECK(b->patch || b->size == 0 || b->addr - a->addr >= a->size || a->addr > b->addr);
		}
	}
}

static void check_module(const struct vmm *vm)
{
	const struct lode_part *part = lode_start_module(&vm->kernel.start, 0);

	if (CHECK(part && part->size == sizeof module_text))
		CHECK_MEM(lode_vmm_ram_at_(&vm->ram, part->addr, part->size), module_text, sizeof module_text);
}

/* Tables say what the start state says, page by page, and nothing where addresses are kept free. */
static void check_tables(struct vmm *vm)
{
	const struct lode_start *start = &vm->kernel.start;
	struct vmm_tables tables;

	if (start->levels == 0)
		return;
	CHECK_EQ(start->registers.cr3, start->tables.addr);
	CHECK_EQ(lode_vmm_tables_adopt_(&tables, vm, start->registers.cr3, start->levels), 0);
	for (uint32_t i = 0; i < start->nmappings; i++) {
		const struct lode_start_mapping *m = &start->mappings[i];
		struct lode_mapping page;

		if (start->recursive && (m->addr >> 39 & 511) == start->recursive)
			continue; /* kept free, and then the tables show there */
		for (uint64_t at = 0; at < m->size; at += at < 64 * PAGE ? PAGE : MIB) {
			bool there = lode_paging_query(&page, &tables.paging, m->addr + at);

			CHECK_EQ(there, m->prot != 0);
			if (there)
				CHECK_EQ(page.frame + (m->addr + at - page.addr), m->phys + at);
			if (there)
				CHECK_EQ(page.attr & LODE_PF_W, m->prot & LODE_PF_W);
		}
	}
}

/* The code at the entry, by the kernel's own addresses. */
static void check_entry(struct vmm *vm)
{
	const struct lode_start *start = &vm->kernel.start;
	uint64_t phys = start->registers.rip, code = 0;
	struct vmm_tables tables;
	struct lode_mapping page;

	if (start->levels != 0 && lode_vmm_tables_adopt_(&tables, vm, start->registers.cr3, start->levels) == 0 &&
		CHECK(lode_paging_query(&page, &tables.paging, phys)))
		phys = page.frame + (phys - page.addr);
	if (CHECK(lode_vmm_ram_at_(&vm->ram, phys, 8) != NULL))
		memcpy(&code, lode_vmm_ram_at_(&vm->ram, phys, 8), 8);
	CHECK(code != 0);
}

/* Answers differ: where they point depends on how many runs the plan has. */
static void clear_patches(const struct vmm *vm)
{
	for (uint32_t i = 0; i < vm->kernel.start.nparts; i++) {
		const struct lode_part *part = &vm->kernel.start.parts[i];

		if (part->patch)
			memset(lode_vmm_ram_at_(&vm->ram, part->addr, part->size), 0, part->size);
	}
}

static void check_images(const struct vmm *one, const struct vmm *other)
{
	clear_patches(one);
	clear_patches(other);
	for (uint32_t i = 0; i < one->kernel.start.nparts; i++) {
		const struct lode_part *part = &one->kernel.start.parts[i];

		if (part->content == LODE_CONTENT_IMAGE)
			CHECK_MEM(lode_vmm_ram_at_(&one->ram, part->addr, part->size),
				lode_vmm_ram_at_(&other->ram, part->addr, part->size), part->size);
	}
}

static void check_guest(const char *name)
{
	struct vmm *copied = load(name, true, 512 * MIB), *mapped = load(name, false, 512 * MIB);

	CHECK_EQ(copied->end, LODE_VMM_NONE);
	CHECK_EQ(mapped->end, LODE_VMM_NONE);
	if (copied->end == LODE_VMM_NONE && mapped->end == LODE_VMM_NONE) {
		check_parts(copied);
		check_module(copied);
		check_tables(copied);
		check_entry(copied);
		check_images(mapped, copied);
	}
	unload(mapped);
	unload(copied);
}

static void test_guests(void)
{
	static const char *const names[] = {"pvh", "pvh-packed", "pvh-2m", "pvh64", "multiboot", "multiboot-shared",
		"multiboot-aout", "multiboot-flat", "multiboot2", "elf64", "elf64-shared", "limine-0", "limine-3", "limine-6",
		"limine-pie", "limine-relr", "rust-115", "rust-133", "rust-pie"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		check_case("guest %s", names[i]);
		check_guest(names[i]);
	}
}

/* What the guest writes stays in its RAM: the file's pages are its own copies. */
static void test_file_stays(void)
{
	struct vmm *vm = load("pvh-2m", false, 512 * MIB);
	unsigned char before[PAGE], after[PAGE];
	int fd = open(kernel_path, O_RDONLY | O_CLOEXEC);

	CHECK_EQ(vm->end, LODE_VMM_NONE);
	for (uint32_t i = 0; i < vm->kernel.plan.nruns; i++) {
		const struct lode_run *run = &vm->kernel.plan.runs[i];
		unsigned char *bytes = lode_vmm_ram_at_(&vm->ram, run->addr, run->size);

		if (run->kind != LODE_RUN_SHARE)
			continue;
		CHECK_EQ(pread(fd, before, PAGE, (off_t)run->offset), PAGE);
		memset(bytes, 0x5a, PAGE);
		CHECK_EQ(pread(fd, after, PAGE, (off_t)run->offset), PAGE);
		CHECK_MEM(before, after, PAGE);
	}
	close(fd);
	unload(vm);
}

/* A refusal says what it is about. */
static void check_refused(const char *name, uint64_t memory, enum lode_rule rule)
{
	struct vmm *vm = load(name, false, memory);

	CHECK_EQ(vm->end, LODE_VMM_ERROR);
	CHECK_STR(lode_rule_name(vm->error.diag.rule), lode_rule_name(rule));
	unload(vm);
}

static void test_refusals(void)
{
	check_refused("pvh-high", 64 * MIB, LODE_RULE_START_OUTSIDE);
	check_refused("../../meson-info/meson-info.json", 64 * MIB, LODE_RULE_START_NONE);
}

static int copied_unpack(void *host, struct lode_vmm_unpacked *unpacked, const struct lode_source *file, bool direct)
{
	static unsigned char bytes[1 << 20];

	(void)host;
	CHECK(!direct && file->size <= sizeof bytes);
	CHECK_EQ(lode_source_read(bytes, file, 0, file->size, NULL), LODE_OK);
	*unpacked = (struct lode_vmm_unpacked){.bytes = bytes, .size = file->size};
	return 0;
}

static int refused_unpack(void *host, struct lode_vmm_unpacked *unpacked, const struct lode_source *file, bool direct)
{
	(void)host, (void)file, (void)direct;
	snprintf(unpacked->why, sizeof unpacked->why, "bent");
	return -1;
}

static void test_unpack(void)
{
	struct vmm *vm;

	request.unpack = copied_unpack;
	vm = load("pvh", false, 64 * MIB);
	CHECK_EQ(vm->end, LODE_VMM_NONE);
	CHECK(!vm->kernel.shares);
	check_entry(vm);
	unload(vm);
	request.unpack = refused_unpack;
	vm = load("pvh", false, 64 * MIB);
	CHECK_EQ(vm->end, LODE_VMM_ERROR);
	CHECK_STR(vm->error.text, "bent");
	unload(vm);
	request.unpack = NULL;
}

/* FIPS 180-4's examples, and every length around the edges of a block: the digest of the digests. */
static void test_sha256(void)
{
	static const unsigned char abc[] = {
		0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
		0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
	static const unsigned char none[] = {
		0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
		0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55};
	static const unsigned char all[] = {
		0x94, 0xf2, 0xff, 0x8a, 0xdd, 0xc4, 0x2c, 0xd5, 0x56, 0xd7, 0xa1, 0x5f, 0xb8, 0xe0, 0x14, 0x1a,
		0x41, 0x3b, 0xf3, 0xc1, 0x96, 0x63, 0xe6, 0x16, 0x44, 0x92, 0x4b, 0xcc, 0x12, 0xa9, 0x86, 0x43};
	unsigned char bytes[200], digests[sizeof bytes][SHA256_SIZE], digest[SHA256_SIZE];

	lode_vmm_sha256_(digest, (const unsigned char *)"abc", 3);
	CHECK_MEM(digest, abc, sizeof abc);
	lode_vmm_sha256_(digest, bytes, 0);
	CHECK_MEM(digest, none, sizeof none);
	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (unsigned char)i;
		lode_vmm_sha256_(digests[i], bytes, i + 1);
	}
	lode_vmm_sha256_(digest, digests[0], sizeof digests);
	CHECK_MEM(digest, all, sizeof all);
}

static void test_verified(void)
{
	static const unsigned char wrong[SHA256_SIZE];
	unsigned char bytes[1 << 18], digest[SHA256_SIZE];
	struct vmm *vm = load("pvh", false, 512 * MIB);
	int fd = open(kernel_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, bytes, sizeof bytes);

	close(fd);
	unload(vm);
	if (!CHECK(n > 0 && n < (ssize_t)sizeof bytes))
		return;
	lode_vmm_sha256_(digest, bytes, (size_t)n);
	request.sha256 = digest;
	vm = load("pvh", false, 512 * MIB);
	CHECK(vm->end == LODE_VMM_NONE && !vm->kernel.shares);
	unload(vm);
	request.sha256 = wrong;
	vm = load("pvh", false, 512 * MIB);
	CHECK(vm->end == LODE_VMM_ERROR && strstr(vm->error.text, "SHA-256"));
	unload(vm);
	request.sha256 = NULL;
}

/* Every piece of a file that is not as long as two windows, forwards and backwards: what pread says. */
static void test_window(void)
{
	enum { SIZE = VMM_WINDOW + 1500, STEP = 61 };
	static unsigned char bytes[SIZE], got[SIZE];
	static struct vmm_window window;
	char path[] = "/tmp/lode-window-XXXXXX";
	struct vmm_file file = {.path = path, .fd = mkstemp(path), .size = SIZE};

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 256);
	CHECK_EQ(write(file.fd, bytes, SIZE), SIZE);
	for (uint64_t size = 1; size <= SIZE; size += size < 40 ? 1 : 331)
		for (uint64_t i = 0; i <= 2 * SIZE; i += STEP) {
			const struct lode_extent part = {i > SIZE ? 2 * SIZE - i : i, size};
			const bool there = part.size <= SIZE - part.offset;

			memset(got, 0, size);
			CHECK_EQ(lode_vmm_file_peek_(got, &window, &file, &part), there ? 0 : EIO);
			CHECK(!there || memcmp(got, bytes + part.offset, size) == 0);
		}
	CHECK_EQ(lode_vmm_file_peek_(got, &window, &file, &(struct lode_extent){UINT64_MAX - 3, 8}), EINVAL);
	close(file.fd);
	unlink(path);
}

/* Into RAM that another process will have: every byte is there, and pages of zeros take no memory. */
static void test_zeros(void)
{
	enum { SIZE = 3 << 20, DATA = 300 * PAGE, SECOND = 500 * PAGE, OFFSET = 1234, AT = 5 * PAGE };
	static unsigned char bytes[SIZE];
	char path[] = "/tmp/lode-zeros-XXXXXX";
	struct vmm_file file = {.path = path, .fd = mkstemp(path), .size = SIZE};
	const struct lode_extent part = {OFFSET, SIZE - OFFSET}, longer = {OFFSET, SIZE};
	struct vmm *vm = load("pvh", true, 64 * MIB);
	unsigned char *to = lode_vmm_ram_at_(&vm->ram, 32 * MIB + AT, SIZE);
	struct stat before, after;

	if (!CHECK_EQ(vm->end, LODE_VMM_NONE) || !CHECK(to != NULL))
		return;
	memset(bytes + DATA, 0x5a, 7 * PAGE);
	bytes[SECOND + 17] = bytes[SIZE - 1] = 1;
	CHECK_EQ(write(file.fd, bytes, SIZE), SIZE);
	CHECK_EQ(fstat(vm->ram.fd, &before), 0);
	CHECK_EQ(lode_vmm_file_load_(vm, to, &file, &part), 0);
	CHECK_EQ(fstat(vm->ram.fd, &after), 0);
	CHECK_MEM(to, bytes + OFFSET, part.size);
	CHECK(after.st_blocks > before.st_blocks && (after.st_blocks - before.st_blocks) * 512 < SIZE / 2);
	CHECK_EQ(lode_vmm_file_load_(vm, to, &file, &longer), EIO);
	close(file.fd);
	unlink(path);
	unload(vm);
}

int main(int argc, char **argv)
{
	int fd = mkstemp(module_path);

	folder = argc > 1 ? argv[1] : ".";
	if (fd < 0 || write(fd, module_text, sizeof module_text) != (ssize_t)sizeof module_text)
		return 1;
	close(fd);
	test_guests();
	CASE(test_file_stays);
	CASE(test_refusals);
	CASE(test_window);
	CASE(test_zeros);
	CASE(test_unpack);
	CASE(test_sha256);
	CASE(test_verified);
	unlink(module_path);
	return check_done();
}
