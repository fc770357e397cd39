/* SPDX-License-Identifier: MIT */
/* A freestanding kernel that holds a module's ELF file -> the module loaded, linked to the kernel, protected
 * page by page, and called. */
#include "arena.h"
#include "machine.h"

/* 64 KiB is the largest alignment that linkers give the segments of these machines by default. */
enum { PAGE = 4096, ARENA_SIZE = 1 << 20, ARENA_ALIGN = 1 << 16, SEGMENTS = 16 };

/* The file's bytes, put between these by the assembler. */
extern const unsigned char module_file[], module_file_end[];
__asm__(".section .rodata\n.balign 8\n.globl module_file, module_file_end\nmodule_file:\n.incbin \"" MODULE
	"\"\nmodule_file_end:\n.text");

static _Alignas(ARENA_ALIGN) unsigned char memory[ARENA_SIZE];

void kernel_main(void);
void kernel_print(const char *text);

void kernel_print(const char *text)
{
	size_t size = 0;

	while (text[size] != '\0')
		size++;
	machine_put(text, size);
}

static bool same(const char *a, const char *b)
{
	while (*a != '\0' && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

/* What the kernel exports to modules. */
static int resolve(void *host, uint64_t *address, const char *name, const struct lode_symbol *symbol)
{
	(void)host;
	(void)symbol;
	if (!same(name, "kernel_print"))
		return -1;
	*address = (uintptr_t)kernel_print;
	return 0;
}

static int load(struct lode_plan *plan, struct arena *arena, struct lode_diag *why)
{
	static struct lode_segment segments[SEGMENTS];
	const struct lode_source source = {.bytes = module_file, .size = (uint64_t)(module_file_end - module_file)};
	const struct lode_open_options options = {.segments = segments, .max_segments = SEGMENTS};
	const struct lode_relocation relocation = {.resolve = resolve};
	struct lode_policy policy = lode_policy_kernel(PAGE);
	struct lode_space space = arena_space(arena);
	struct lode_image image;
	int status = lode_open(&image, &source, &options, why);

	policy.base = (uintptr_t)arena->memory;
	policy.wx = LODE_WX_DENY;
	if (status == LODE_OK)
		status = lode_plan(plan, &image, &policy, why);
	return status == LODE_OK ? lode_place_relocated(&space, &image, plan, &relocation, why) : status;
}

static void print_refusal(const struct lode_diag *why)
{
	char line[400];

	lode_diag_format(line, sizeof line, why);
	kernel_print("kernel: refused: ");
	kernel_print(line);
	kernel_print("\n");
}

static void print_pages(const struct lode_plan *plan)
{
	static const char *const prots[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};

	for (uint32_t i = 0; i < plan->nruns; i++) {
		kernel_print("kernel: pages ");
		kernel_print(prots[plan->runs[i].prot & 7]);
		kernel_print(plan->runs[i].kind == LODE_RUN_ZERO ? " of zeros\n" : " with bytes\n");
	}
}

/* Every page can be written if, and only if, the plan says so. */
static bool protected_as_planned(const struct lode_plan *plan)
{
	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];
		bool relro = run->addr >= plan->relro.addr && run->addr - plan->relro.addr < plan->relro.size;

		if (machine_writable((void *)(uintptr_t)run->addr) != ((run->prot & LODE_PF_W) && !relro))
			return false;
	}
	return true;
}

static bool all_zero(const struct arena *arena)
{
	for (uint64_t i = 0; i < arena->size; i++)
		if (arena->memory[i] != 0)
			return false;
	return true;
}

static void check(bool ok, const char *what)
{
	kernel_print(ok ? "kernel: " : "kernel: WRONG: ");
	kernel_print(what);
	kernel_print("\n");
	if (!ok)
		machine_halt(1);
}

void kernel_main(void)
{
	static struct lode_run runs[LODE_PLAN_RUNS(SEGMENTS)];
	static struct lode_fill fills[LODE_PLAN_FILLS(SEGMENTS)];
	struct lode_plan plan = {
		.runs = runs, .max_runs = LODE_PLAN_RUNS(SEGMENTS), .fills = fills, .max_fills = LODE_PLAN_FILLS(SEGMENTS)};
	struct arena arena = {.memory = memory, .size = sizeof memory, .broken = true};
	struct lode_diag why;
	long (*start)(long);

	check(load(&plan, &arena, &why) == LODE_ERR_IO, "a load whose pages cannot be protected fails");
	print_refusal(&why);
	check(all_zero(&arena), "and leaves nothing behind");

	arena.broken = false;
	if (load(&plan, &arena, &why) != LODE_OK) {
		print_refusal(&why);
		machine_halt(1);
	}
	print_pages(&plan);
	check(protected_as_planned(&plan), "each page can be written if and only if the plan says so");
	start = (long (*)(long))(uintptr_t)plan.entry;
	check(start(41) == 42, "the module ran and returned 42");
	machine_halt(0);
}
