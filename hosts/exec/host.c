/* SPDX-License-Identifier: MIT */
/* This process -> struct exec_host: its auxv, the kernel's own mappings, the stack, identities and limits. */
#include "state.h"

/* The kernel's copy of the auxv; the one on the stack may have been overwritten by the host. */
static int look_auxv(struct exec_host *host)
{
	uint64_t words[2 * AUXV_MOST];
	int64_t size = call6(NR_prctl, PR_GET_AUXV, address(words), sizeof words, 0, 0, 0);

	if (failed(size)) {
		int64_t fd = linux_open("/proc/self/auxv", O_CLOEXEC);

		if (failed(fd))
			return (int)fd;
		size = linux_read(fd, words, sizeof words);
		linux_close(fd);
	}
	for (uint32_t i = 0; i + 1 < 2 * AUXV_MOST && (int64_t)(i * 8) < size && words[i]; i += 2)
		host->auxv[host->nauxv++] = (struct lode_auxv){words[i], words[i + 1]};
	return host->nauxv ? 0 : -EIO;
}

static uint64_t auxv_value(const struct exec_host *host, uint64_t type)
{
	for (uint32_t i = 0; i < host->nauxv; i++)
		if (host->auxv[i].type == type)
			return host->auxv[i].value;
	return 0;
}

/* The kernel's own mappings are kept; a shadow stack, which has a name like theirs, is the old program's. */
static bool is_special(const char *name)
{
	return string_starts(name, "[vdso") || string_starts(name, "[vvar") || string_starts(name, "[uprobes");
}

static int note_vma(struct exec_host *host, const struct lode_range *range, const char *name)
{
	if (!is_special(name))
		return 0;
	if (host->nspecial == SPECIAL_MOST)
		return -ENOMEM;
	host->special[host->nspecial++] = *range;
	if (string_starts(name, "[vdso"))
		host->vdso = *range;
	return 0;
}

/* A query of one mapping; name is a buffer of MAPPING_NAME bytes or NULL. */
enum { MAPPING_NAME = 64 };

static int64_t query(struct kernel_procmap *map, int64_t fd, uint64_t addr, uint64_t flags, char *name)
{
	*map = (struct kernel_procmap){.size = sizeof *map, .flags = flags, .addr = addr, .name = address(name),
		.name_size = name ? MAPPING_NAME : 0};
	if (name)
		name[0] = 0;
	return call3(NR_ioctl, (uint64_t)fd, PROCMAP_QUERY, address(map));
}

/* A path longer than the buffer is an error of the query, not of ours: such a mapping is no special one. */
static int64_t query_next_code(struct kernel_procmap *map, int64_t fd, uint64_t addr, char *name)
{
	int64_t result = query(map, fd, addr, PROCMAP_QUERY_VMA_EXECUTABLE | PROCMAP_QUERY_COVERING_OR_NEXT_VMA, name);

	if (result == -ENAMETOOLONG) {
		result = query(map, fd, addr, PROCMAP_QUERY_VMA_EXECUTABLE | PROCMAP_QUERY_COVERING_OR_NEXT_VMA, NULL);
		name[0] = 0;
	}
	return result;
}

/* [vdso] and [uprobes] are executable: few mappings need a look, however many the process has. */
static int query_code(struct exec_host *host, int64_t fd)
{
	struct kernel_procmap map;
	char name[MAPPING_NAME];
	uint64_t addr = 0;
	int64_t result;

	while (!failed(result = query_next_code(&map, fd, addr, name))) {
		int status = note_vma(host, &(struct lode_range){map.start, map.end - map.start}, name);

		if (status)
			return status;
		addr = map.end;
	}
	return result == -ENOENT ? 0 : (int)result;
}

/* [vvar] and its like lie right below the vDSO, [vvar] itself lowest. */
static int query_below_vdso(struct exec_host *host, int64_t fd)
{
	struct kernel_procmap map;
	char name[MAPPING_NAME];
	uint64_t addr = host->vdso.addr;

	name[0] = 0;
	while (addr && !string_starts(name, "[vvar]") && !failed(query(&map, fd, addr - 1, 0, name)) && is_special(name)) {
		int status = note_vma(host, &(struct lode_range){map.start, map.end - map.start}, name);

		if (status)
			return status;
		addr = map.start;
	}
	return 0;
}

static int query_stack(struct exec_host *host, int64_t fd, uint64_t inside)
{
	struct kernel_procmap map;
	int64_t result = query(&map, fd, inside, 0, NULL);

	if (failed(result))
		return (int)result;
	host->stack = (struct lode_range){map.start, map.end - map.start};
	host->stack_prot = (uint32_t)map.prot & (PROT_READ | PROT_WRITE | PROT_EXEC);
	return 0;
}

/* One line of /proc/self/maps: "start-end prot offset dev inode   name". */
static int note_line(struct exec_host *host, const char *line, uint64_t inside)
{
	struct lode_range range;
	uint32_t prot;

	range.addr = parse_hex(&line);
	line++;
	range.size = parse_hex(&line) - range.addr;
	prot = (line[1] == 'r' ? PROT_READ : 0u) | (line[2] == 'w' ? PROT_WRITE : 0u) | (line[3] == 'x' ? PROT_EXEC : 0u);
	if (inside - range.addr < range.size) {
		host->stack = range;
		host->stack_prot = prot;
	}
	while (*line && *line != '[' && *line != '/')
		line++;
	return note_vma(host, &range, line);
}

/* Kernels before 6.11: read the text. A line longer than the buffer is cut, which harms none that matters. */
static int read_maps(struct exec_host *host, int64_t fd, uint64_t inside)
{
	char buf[1024], line[MAPPING_NAME + 128] = {0};
	uint32_t length = 0;
	int64_t size;

	while ((size = linux_read(fd, buf, sizeof buf)) > 0) {
		for (int64_t i = 0; i < size; i++) {
			int status = 0;

			if (buf[i] != '\n') {
				if (length < sizeof line - 1)
					line[length++] = buf[i];
				continue;
			}
			line[length] = 0;
			length = 0;
			status = note_line(host, line, inside);
			if (status)
				return status;
		}
	}
	return (int)size;
}

static int look_maps(struct exec_host *host)
{
	uint64_t inside = auxv_value(host, LODE_AT_RANDOM);
	int64_t fd = linux_open("/proc/self/maps", O_CLOEXEC);
	int status;

	if (failed(fd))
		return (int)fd;
	status = query_code(host, fd);
	if (status == 0)
		status = query_below_vdso(host, fd);
	if (status == 0)
		status = query_stack(host, fd, inside);
	if (status == -ENOTTY || status == -EINVAL) {
		host->nspecial = 0;
		status = read_maps(host, fd, inside);
	}
	linux_close(fd);
	return status == 0 && host->stack.size == 0 ? -ENOENT : status;
}

static int look_identity(struct exec_host *host)
{
	struct kernel_rlimit limit;
	int64_t result = call3(NR_getresuid, address(&host->ruid), address(&host->euid), address(&host->suid));

	if (!failed(result))
		result = call3(NR_getresgid, address(&host->rgid), address(&host->egid), address(&host->sgid));
	if (!failed(result))
		result = call4(NR_prlimit64, 0, RLIMIT_STACK, 0, address(&limit));
	if (failed(result))
		return (int)result;
	host->stack_limit = limit.soft;
	host->stack_hard = limit.hard;
	host->personality = (uint64_t)call3(NR_personality, 0xffffffff, 0, 0);
	return 0;
}

/* Which register states XRSTOR has to reset. Linux 5.16 tells; before, the processor does. */
static uint64_t xfeatures(void)
{
	uint64_t mask = 0;
	uint32_t eax = 1, ebx, ecx = 0, edx;

	if (!failed(call3(NR_arch_prctl, ARCH_GET_XCOMP_SUPP, address(&mask), 0)))
		return mask;
	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (!(ecx & (1u << 27))) /* OSXSAVE */
		return 0;
	__asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	return (uint64_t)edx << 32 | eax;
}

/* A stack at the very top of user space: the kernel did not randomise this process. */
static bool is_random(const struct exec_host *host)
{
	return !(host->personality & ADDR_NO_RANDOMIZE) && host->stack.addr + host->stack.size != TASK_SIZE;
}

/* Our own returns would fault on a shadow stack that the trampoline leaves behind. */
static bool has_shadow_stack(void)
{
	uint64_t ssp = 0;

	__asm__ volatile("rdsspq %0" : "+r"(ssp));
	return ssp != 0;
}

int lode_exec_look_(struct exec_state *state)
{
	struct exec_host *host = &state->host;
	int status;

	if (has_shadow_stack())
		return lode_exec_fail_(state, EPERM, LODE_EXEC_STEP_HOST, NULL, "this process has a user shadow stack");
	status = look_auxv(host);
	if (status == 0)
		status = look_identity(host);
	if (status)
		return lode_exec_fail_(state, -status, LODE_EXEC_STEP_HOST, NULL, "this process cannot be inspected");
	status = look_maps(host);
	if (status)
		return lode_exec_fail_(state, -status, LODE_EXEC_STEP_HOST, "/proc/self/maps",
			"the process's mappings cannot be read");
	host->xfeatures = xfeatures();
	host->random = !(state->flags & LODE_EXEC_NO_ASLR) && is_random(host);
	return 0;
}
