/* SPDX-License-Identifier: MIT */
/* What was mapped and decided -> the list of records that the trampoline runs, in the order in which exec takes effect. */
#include <emmintrin.h>

#include "state.h"

/* What trampoline.S knows. */
_Static_assert(offsetof(struct exec_record, args) == 8 && offsetof(struct exec_record, how) == 56 &&
	sizeof(struct exec_record) == 64, "a record's layout");
_Static_assert(HOW_TRY == 0 && HOW_MUST == 1 && HOW_OR_NEXT == 2 && HOW_COPY == 3 && HOW_ZERO == 4 && HOW_REGISTERS == 5 &&
	HOW_UNMAP == 6 && HOW_LEAVE == 7, "the kinds of records");

enum { STACK_START = 128 << 10, FIXED_RECORDS = 32, RSEQ_UNREGISTER = 1, ALTSTACK_OFF = 2, ALL_LOCKS = 0,
	LOWEST = 1 << 16 /* what vm.mmap_min_addr is as a rule: PR_SET_MM_MAP takes no address below it */ };

/* Length of an instruction that clears a register which calls may change (xor with itself), or 0. */
static uint32_t clears(const unsigned char *code)
{
	static const unsigned char second[] = {0xd2, 0xc9, 0xf6, 0xff, 0xc0, 0xdb};
	uint32_t at = code[0] == 0x45;

	for (uint32_t i = 0; code[at] == 0x31 && i < sizeof second; i++)
		if (code[at + 1] == second[i])
			return at + 2;
	return 0;
}

/* True if a `syscall` begins at code and nothing but such instructions stands between it and a return. */
static bool is_gadget(const unsigned char *code, const unsigned char *end)
{
	const unsigned char *at = code + 2;
	uint32_t length = 0;

	for (; end - at > 4 && (length = clears(at)) > 0; at += length)
		;
	return end - at > 4 && *at == 0xc3;
}

/* vDSO code that makes a system call and returns, so that the last munmap may remove the code that asked for it. */
static uint64_t find_gadget(const struct lode_range *vdso)
{
	const __m128i first = _mm_set1_epi8(0x0f), second = _mm_set1_epi8(0x05);
	const unsigned char *code = pointer(vdso->addr), *end = code + vdso->size;

	for (; end - code > 16; code += 15) {
		__m128i bytes = _mm_loadu_si128((const void *)code);
		uint32_t hits = (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, first));

		hits &= (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, second)) >> 1;
		for (; hits; hits &= hits - 1)
			if (is_gadget(code + __builtin_ctz(hits), end))
				return address(code + __builtin_ctz(hits));
	}
	return 0;
}

static struct exec_record *add_record(struct exec_state *state, enum exec_how how, uint64_t call)
{
	struct exec_record *record = &state->records[state->nrecords];

	/* One more than max_records has room: lode_exec_build_records_ refuses it. */
	state->nrecords += state->nrecords <= state->max_records;

	*record = (struct exec_record){.call = call, .how = how};
	return record;
}

static void add(struct exec_state *state, enum exec_how how, uint64_t call, const uint64_t args[4])
{
	struct exec_record *record = add_record(state, how, call);

	memcpy(record->args, args, 4 * sizeof *args);
}

/* What the kernel holds for the running thread. The rseq area is that of the thread that gets here, so commit fills it in. */
static void add_thread(struct exec_state *state)
{
	add(state, HOW_TRY, NR_set_robust_list, (uint64_t[4]){0, 24});
	add(state, HOW_TRY, NR_set_tid_address, (uint64_t[4]){0});
	if (state->rseq.length) {
		state->rseq_record = add_record(state, HOW_MUST, NR_rseq);
		state->rseq_record->args[2] = RSEQ_UNREGISTER;
	}
	if (state->flags & LODE_EXEC_FRESH)
		return;
	state->no_altstack.flags = ALTSTACK_OFF;
	add(state, HOW_TRY, NR_sigaltstack, (uint64_t[4]){address(&state->no_altstack)});
	add(state, HOW_TRY, NR_prctl, (uint64_t[4]){PR_SET_SYSCALL_USER_DISPATCH});
	add(state, HOW_TRY, NR_prctl, (uint64_t[4]){PR_SET_KEEPCAPS});
	add(state, HOW_TRY, NR_munlockall, (uint64_t[4]){ALL_LOCKS});
}

/* Saved identities become the effective ones in any case. */
static void add_identity(struct exec_state *state)
{
	const struct exec_host *host = &state->host;
	const struct exec_creds *creds = &state->creds;
	uint32_t gid = creds->set_gid ? creds->gid : host->egid, uid = creds->set_uid ? creds->uid : host->euid;
	const uint64_t same = UINT32_MAX;
	uint64_t personality = host->personality & ~(uint64_t)READ_IMPLIES_EXEC;

	if (state->flags & LODE_EXEC_NO_ASLR)
		personality |= ADDR_NO_RANDOMIZE;
	if (creds->set_gid || host->sgid != gid)
		add(state, HOW_MUST, NR_setresgid, (uint64_t[4]){same, creds->set_gid ? gid : same, gid});
	if (creds->set_uid || host->suid != uid)
		add(state, HOW_MUST, NR_setresuid, (uint64_t[4]){same, creds->set_uid ? uid : same, uid});
	if (creds->set_uid || creds->set_gid)
		add(state, HOW_TRY, NR_prctl, (uint64_t[4]){PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL});
	if (personality != host->personality)
		add(state, HOW_TRY, NR_personality, (uint64_t[4]){personality});
}

/* A soft stack limit for the new program; the hard one stays. */
static int add_limit(struct exec_state *state)
{
	struct kernel_rlimit *limit;

	if (!state->stack_size)
		return 0;
	limit = lode_exec_alloc_(state, sizeof *limit);
	if (!limit)
		return -ENOMEM;
	*limit = (struct kernel_rlimit){state->stack_size, state->host.stack_hard};
	add(state, HOW_MUST, NR_prlimit64, (uint64_t[4]){0, RLIMIT_STACK, address(limit)});
	return 0;
}

/* Ranges that stay, ascending. */
struct keep {
	struct lode_range *ranges;
	uint32_t n;
};

static void keep_range(struct keep *keep, uint64_t addr, uint64_t size)
{
	uint32_t i = keep->n++;

	for (; i > 0 && keep->ranges[i - 1].addr > addr; i--)
		keep->ranges[i] = keep->ranges[i - 1];
	keep->ranges[i] = (struct lode_range){addr, size};
}

static void keep_object(struct keep *keep, const struct exec_object *object)
{
	for (uint32_t i = 0; i < object->plan.nruns; i++)
		keep_range(keep, object->plan.runs[i].addr + object->delta, object->plan.runs[i].size);
}

/* The stack keeps as much as a new one has; what the old program grew it to goes. */
static uint64_t stack_low(const struct exec_state *state)
{
	uint64_t wanted = page_down(state->layout.arg_start) - STACK_START, sp = page_down(state->layout.sp);

	wanted = wanted < sp ? wanted : sp;
	return wanted > state->host.stack.addr ? wanted : state->host.stack.addr;
}

static bool keep_all(struct keep *keep, struct exec_state *state)
{
	const struct exec_host *host = &state->host;
	uint32_t most = state->program.plan.nruns + state->interpreter.plan.nruns + host->nspecial + 3;
	uint64_t low = stack_low(state);

	keep->n = 0;
	keep->ranges = lode_exec_alloc_(state, most * sizeof *keep->ranges);
	if (!keep->ranges)
		return false;
	keep_object(keep, &state->program);
	keep_object(keep, &state->interpreter);
	for (uint32_t i = 0; i < host->nspecial; i++)
		keep_range(keep, host->special[i].addr, host->special[i].size);
	keep_range(keep, low, host->stack.addr + host->stack.size - low);
	keep_range(keep, state->arena.addr, state->arena.size);
	if (state->code != state->arena.addr)
		keep_range(keep, state->code, CODE_SIZE);
	return true;
}

/* Everything else goes: the gaps between what stays, whatever lies in them. */
static void add_unmap(struct exec_state *state, const struct keep *keep)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < keep->n; i++) {
		if (at < keep->ranges[i].addr)
			add(state, HOW_UNMAP, 0, (uint64_t[4]){at, keep->ranges[i].addr - at});
		at = keep->ranges[i].addr + keep->ranges[i].size;
	}
	if (at < TASK_SIZE)
		add(state, HOW_UNMAP, 0, (uint64_t[4]){at, TASK_SIZE - at});
	/* With 57-bit addresses there may be more, where the program asked for it. */
	if (!(state->flags & LODE_EXEC_FRESH))
		add(state, HOW_TRY, NR_munmap, (uint64_t[4]){UINT64_C(1) << 47, (UINT64_C(1) << 56) - (UINT64_C(1) << 47) - PAGE});
}

static void add_moves(struct exec_state *state, const struct exec_object *object)
{
	for (uint32_t i = 0; object->delta && i < object->plan.nruns; i++) {
		const struct lode_run *run = &object->plan.runs[i];
		struct exec_record *record = add_record(state, HOW_MUST, NR_mremap);

		record->args[0] = run->addr + object->delta;
		record->args[1] = record->args[2] = run->size;
		record->args[3] = MREMAP_MAYMOVE | MREMAP_FIXED;
		record->args[4] = run->addr;
	}
}

static void add_stack(struct exec_state *state)
{
	const struct lode_stack_layout *layout = &state->layout;
	const struct lode_plan *plan = &state->program.plan;
	uint64_t low = stack_low(state), first = page_down(layout->sp), gap = layout->arg_start - state->stack.gap;
	uint32_t prot = PROT_READ | PROT_WRITE | (plan->has_stack && (plan->stack_prot & LODE_PF_X) ? PROT_EXEC : 0u);

	if (prot != state->host.stack_prot)
		add(state, HOW_MUST, NR_mprotect, (uint64_t[4]){layout->top - PAGE, PAGE, prot | PROT_GROWSDOWN});
	if (low < first)
		add(state, HOW_TRY, NR_madvise, (uint64_t[4]){low, first - low, MADV_DONTNEED});
	if (first < layout->sp)
		add(state, HOW_ZERO, 0, (uint64_t[4]){first, layout->sp - first});
	add(state, HOW_COPY, 0, (uint64_t[4]){layout->sp, address(state->stack_image), gap - layout->sp});
	if (gap < layout->arg_start)
		add(state, HOW_ZERO, 0, (uint64_t[4]){gap, layout->arg_start - gap});
	add(state, HOW_COPY, 0, (uint64_t[4]){layout->arg_start, address(state->stack_image) + (gap - layout->sp),
		layout->top - layout->arg_start});
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
	return value > least ? value : least;
}

/* Code and data as execve finds them: by the segments' flags and addresses alone. */
static void set_code_and_data(struct kernel_mm_map *mm, const struct exec_object *object)
{
	uint64_t bias = object->plan.bias;

	mm->start_code = UINT64_MAX;
	for (uint32_t i = 0; i < object->image.nsegments; i++) {
		const struct lode_segment *segment = &object->image.segments[i];
		uint64_t start = segment->vaddr + bias, end = start + segment->filesz;

		if (segment->type != LODE_PT_LOAD)
			continue;
		if (segment->flags & LODE_PF_X) {
			mm->start_code = start < mm->start_code ? start : mm->start_code;
			mm->end_code = end > mm->end_code ? end : mm->end_code;
		}
		mm->start_data = start > mm->start_data ? start : mm->start_data;
		mm->end_data = end > mm->end_data ? end : mm->end_data;
	}
	/* prctl wants code that is not empty. */
	if (mm->start_code >= mm->end_code) {
		mm->start_code = object->plan.span.addr;
		mm->end_code = mm->start_code + 1;
	}
	mm->start_code = at_least(mm->start_code, LOWEST);
	mm->end_code = at_least(mm->end_code, mm->start_code + 1);
	mm->start_data = at_least(mm->start_data, LOWEST);
	mm->end_data = at_least(mm->end_data, LOWEST);
}

/* The heap: behind the program; for static-PIE, which the mmap area leaves no room, where a PIE would be. */
static uint64_t heap_start(const struct exec_state *state)
{
	enum { HEAP_RANDOM = 1 << 30 };
	const uint64_t pie_area = UINT64_C(0x555555555000);
	bool moved = state->program.image.type == LODE_ET_DYN && !state->has_interpreter;
	uint64_t start = moved ? pie_area : page_up(state->program.plan.end);

	start = at_least(start, LOWEST);
	if (!state->host.random)
		return start;
	return start + (moved ? 0 : PAGE) + page_down(state->random.heap % HEAP_RANDOM);
}

static void set_mm(struct exec_state *state)
{
	const struct lode_stack_layout *layout = &state->layout;
	struct kernel_mm_map *mm = &state->mm;

	set_code_and_data(mm, &state->program);
	mm->start_brk = mm->brk = heap_start(state);
	mm->start_stack = layout->sp;
	mm->arg_start = layout->arg_start;
	mm->arg_end = layout->arg_end;
	mm->env_start = layout->env_start;
	mm->env_end = layout->env_end;
	mm->auxv = layout->auxv;
	mm->auxv_size = (uint32_t)layout->auxv_size;
	mm->exe_fd = UINT32_MAX;
	state->mm_exe = *mm;
	state->mm_exe.exe_fd = (uint32_t)state->program.file.fd;
}

static void add_mm_map(struct exec_state *state, enum exec_how how, const struct kernel_mm_map *mm)
{
	add(state, how, NR_prctl, (uint64_t[4]){PR_SET_MM, PR_SET_MM_MAP, address(mm), sizeof *mm});
}

/* With the file as /proc/self/exe where the kernel allows it, else without; the descriptor has done its duty then. */
static void add_mm(struct exec_state *state)
{
	const struct exec_file *file = &state->program.file;
	bool must = state->flags & LODE_EXEC_OWN_EXE;

	set_mm(state);
	if (must || file->fd >= 0)
		add_mm_map(state, must ? HOW_MUST : HOW_OR_NEXT, &state->mm_exe);
	if (!must)
		add_mm_map(state, HOW_TRY, &state->mm);
	if (file->fd >= 0 && (file->owned || closes_on_exec(file->fd)))
		add(state, HOW_TRY, NR_close, (uint64_t[4]){(uint64_t)file->fd});
}

static int add_caps(struct exec_state *state)
{
	struct kernel_cap_header *header;

	if (!state->creds.set_caps && !state->creds.own_exe)
		return 0;
	header = lode_exec_alloc_(state, sizeof *header);
	if (!header)
		return -ENOMEM;
	header->version = CAP_VERSION_3;
	add(state, HOW_MUST, NR_capset, (uint64_t[4]){address(header), address(state->creds.caps)});
	return 0;
}

static void add_registers(struct exec_state *state)
{
	enum { FCW = 0, MXCSR = 24, HWCAP2_FSGSBASE = 2 };
	bool direct = false;

	for (uint32_t i = 0; i < state->host.nauxv; i++)
		direct |= state->host.auxv[i].type == LODE_AT_HWCAP2 && (state->host.auxv[i].value & HWCAP2_FSGSBASE);
	if (!direct) {
		add(state, HOW_TRY, NR_arch_prctl, (uint64_t[4]){ARCH_SET_FS});
		add(state, HOW_TRY, NR_arch_prctl, (uint64_t[4]){ARCH_SET_GS});
	}
	state->xsave[FCW] = 0x7f;
	state->xsave[FCW + 1] = 0x03;
	state->xsave[MXCSR] = 0x80;
	state->xsave[MXCSR + 1] = 0x1f;
	add(state, HOW_REGISTERS, 0, (uint64_t[4]){address(state->xsave), state->host.xfeatures, direct});
}

static void add_leave(struct exec_state *state)
{
	struct exec_record *record = add_record(state, HOW_LEAVE, 0);

	record->args[0] = state->layout.sp;
	record->args[1] = state->has_interpreter ? state->interpreter.plan.entry : state->program.plan.entry;
	record->args[2] = state->host.vdso.size ? find_gadget(&state->host.vdso) : 0;
	record->args[3] = state->arena.addr;
	record->args[4] = state->arena.size;
	if (state->code != state->arena.addr) {
		record->args[3] = state->code;
		record->args[4] = CODE_SIZE;
		record->args[5] = state->arena.addr;
		record->before = state->arena.size;
	}
	if (!record->args[2])
		lode_exec_differs_(state, "the vDSO has no code that could unmap the last block: it stays mapped");
}

static uint32_t most_records(const struct exec_state *state)
{
	/* A gap before each range that stays, a move for each run of a program that is built aside. */
	return FIXED_RECORDS + 2 * (state->program.plan.nruns + state->interpreter.plan.nruns) + state->host.nspecial;
}

int lode_exec_build_records_(struct exec_state *state)
{
	struct keep keep;

	state->max_records = most_records(state);
	if (!keep_all(&keep, state))
		return -ENOMEM;
	/* The largest come last, so that what is not used of them is not touched. */
	state->records = lode_exec_alloc_(state, (state->max_records + 2) * sizeof *state->records);
	state->scratch = lode_exec_alloc_(state, sizeof *state->scratch);
	if (!state->records || !state->scratch)
		return -ENOMEM;
	add_thread(state);
	add_identity(state);
	if (add_limit(state))
		return -ENOMEM;
	add_unmap(state, &keep);
	add_moves(state, &state->program);
	add_moves(state, &state->interpreter);
	add_stack(state);
	add_mm(state);
	if (add_caps(state))
		return -ENOMEM;
	add(state, HOW_TRY, NR_prctl, (uint64_t[4]){PR_SET_NAME, address(state->name)});
	add(state, HOW_TRY, NR_prctl, (uint64_t[4]){PR_SET_DUMPABLE, !state->creds.secure});
	if (!(state->flags & LODE_EXEC_FRESH))
		add(state, HOW_TRY, NR_rt_sigprocmask, (uint64_t[4]){SIG_SETMASK, address(&state->mask), 0, SIGNAL_SETS});
	add_registers(state);
	add_leave(state);
	return state->nrecords <= state->max_records ? 0 : -ENOMEM;
}
