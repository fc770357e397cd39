/* SPDX-License-Identifier: MIT */
/* A request -> a prepared program: everything that can fail, in order, and the way back from each failure. */
#include "state.h"

int lode_exec_error_(struct lode_exec_error *why, int error, enum lode_exec_step step, const char *file, const char *reason)
{
	uint64_t length = file ? string_length(file) : 0, cut;

	if (!why)
		return -error;
	*why = (struct lode_exec_error){.error = error, .step = step, .reason = reason};
	cut = length < LODE_EXEC_FILE_SIZE ? 0 : length - (LODE_EXEC_FILE_SIZE - 1);
	memcpy(why->file, file ? file + cut : "", length - cut);
	return -error;
}

/* Which flags mlockall had cannot be asked, and what the limit no longer allows cannot be locked again: a munlockall of ours
 * could not be taken back. */
const char *lode_exec_unmapped_(int error)
{
	return error == EAGAIN ?
		"new mappings are locked (mlockall), and RLIMIT_MEMLOCK leaves no room for them: call munlockall before" : NULL;
}

int lode_exec_fail_(struct exec_state *state, int error, enum lode_exec_step step, const char *file, const char *reason)
{
	return lode_exec_error_(state->why, error, step, file, reason);
}

void lode_exec_tell_(const struct exec_state *state, const struct lode_exec_event *event)
{
	if (state->trace)
		state->trace(state->trace_host, event);
}

void lode_exec_note_(const struct exec_state *state, const char *text)
{
	lode_exec_tell_(state, &(struct lode_exec_event){.kind = LODE_EXEC_EVENT_NOTE, .text = text, .call = -1});
}

void lode_exec_differs_(const struct exec_state *state, const char *text)
{
	lode_exec_tell_(state, &(struct lode_exec_event){.kind = LODE_EXEC_EVENT_DIFFERENCE, .text = text, .call = -1});
}

void *lode_exec_alloc_(struct exec_state *state, uint64_t size)
{
	uint64_t end = state->arena.addr + state->arena.size, at = (state->arena_next + 15) & ~UINT64_C(15);

	if (size > end - at)
		return NULL;
	state->arena_next = at + size;
	return pointer(at);
}

/* One anonymous block, sized by the arguments. */
static int make_arena(struct exec_state **made, const struct lode_exec_request *request, struct lode_exec_error *why)
{
	struct exec_state *state;
	uint32_t argc, envc;
	uint64_t strings = lode_exec_measure_(&argc, &envc, request),
		size = page_up(CODE_SIZE + sizeof *state + ARENA_TABLES + strings);
	int64_t base;

	if (strings == UINT64_MAX)
		return lode_exec_error_(why, E2BIG, LODE_EXEC_STEP_ARGUMENTS, NULL, NULL);
	base = linux_map(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (failed(base))
		return lode_exec_error_(why, (int)-base, LODE_EXEC_STEP_HOST, NULL, lode_exec_unmapped_((int)-base));
	state = pointer((uint64_t)base + CODE_SIZE);
	state->arena = (struct lode_range){(uint64_t)base, size};
	state->arena_next = address(state + 1);
	state->lowest = (uint64_t)base;
	state->argc = argc;
	state->envc = envc;
	*made = state;
	return 0;
}

static void take_request(struct exec_state *state, const struct lode_exec_request *request, struct lode_exec_error *why)
{
	state->request = request;
	state->why = why;
	state->trace = request->trace;
	state->trace_host = request->host;
	state->flags = request->flags;
	state->rseq = request->rseq;
	state->stack_size = request->stack_size;
	state->program.file.fd = state->interpreter.file.fd = -1;
}

/* AT_EXECFN: the path as given; "/dev/fd/N" for a descriptor, which is also what a script's interpreter is given. */
static void name_program(struct exec_state *state)
{
	const struct lode_exec_request *request = state->request;

	memcpy(state->fd_name, "/dev/fd/", 8);
	put_decimal(state->fd_name + 8, request->from == LODE_EXEC_FD ? (uint32_t)request->fd : 0);
	if (request->execfn) {
		state->execfn = request->execfn;
	} else if (request->from == LODE_EXEC_PATH) {
		state->execfn = request->path;
	} else if (request->from == LODE_EXEC_FD) {
		state->execfn = state->fd_name;
	} else {
		state->execfn = state->argv[0];
	}
}

/* The thread's name: the last part of the path; of a descriptor, of the path behind it. */
static void name_thread(struct exec_state *state)
{
	const struct exec_file *file = &state->program.file;
	const char *name = base_name(state->request->from == LODE_EXEC_MEMORY || file->mapped ? state->argv[0] : state->execfn);
	char path[FD_PATH], link[256];

	if (state->request->from == LODE_EXEC_FD && file->fd >= 0 && !state->script) {
		int64_t n = call3(NR_readlink, address(fd_path(path, file->fd)), address(link), sizeof link - 1);

		if (n > 0) {
			link[n] = 0;
			name = base_name(link);
		}
	}
	for (uint32_t i = 0; i < sizeof state->name - 1 && name[i]; i++)
		state->name[i] = name[i];
}

static int open_program(struct exec_state *state)
{
	const struct lode_exec_request *request = state->request;

	if (request->from == LODE_EXEC_PATH)
		return lode_exec_open_(state, &state->program.file, request->path, LODE_EXEC_STEP_OPEN);
	return lode_exec_adopt_(state, &state->program.file);
}

static int get_random(struct exec_state *state)
{
	int64_t n = call3(NR_getrandom, address(&state->random), sizeof state->random, 0);

	if (n == (int64_t)sizeof state->random)
		return 0;
	return lode_exec_fail_(state, failed(n) ? (int)-n : EIO, LODE_EXEC_STEP_HOST, NULL, "no random bytes");
}

int lode_exec_refuse_shared_(struct exec_state *state)
{
	return lode_exec_fail_(state, EBUSY, LODE_EXEC_STEP_THREADS, NULL,
		"memory is shared with another process, as in a vfork child");
}

static int check_host(struct exec_state *state)
{
	int shared = lode_exec_check_alone_();

	if (shared == -EBUSY)
		return lode_exec_refuse_shared_(state);
	/* Whoever has threads has done more than start. */
	if (shared)
		state->flags &= ~(uint32_t)LODE_EXEC_FRESH;
	if (!lode_exec_rseq_find_(&state->rseq))
		return lode_exec_fail_(state, EBUSY, LODE_EXEC_STEP_HOST, NULL,
			"an rseq area is registered and cannot be found: give its triple");
	return 0;
}

/* A copy of the trampoline, because the original is part of what it unmaps. Where anonymous memory cannot be made executable the
 * original's page is kept to the last. */
static int copy_code(struct exec_state *state)
{
	state->code = state->jump = state->arena.addr;
	memcpy(pointer(state->code), lode_exec_trampoline_, (size_t)(lode_exec_trampoline_end_ - lode_exec_trampoline_));
	if (!failed(call3(NR_mprotect, state->code, CODE_SIZE, PROT_READ | PROT_EXEC)))
		return 0;
	state->jump = address(lode_exec_trampoline_);
	state->code = page_down(state->jump);
	lode_exec_differs_(state, "no executable memory: /proc/self/exe cannot become the program");
	if (state->flags & LODE_EXEC_OWN_EXE)
		return lode_exec_fail_(state, EPERM, LODE_EXEC_STEP_HOST, NULL,
			"own exe: anonymous memory cannot be made executable here");
	return 0;
}

/* The last thing that could fail behind the point of no return, where the code page has already shown that it would. */
static bool stack_forbidden(const struct exec_state *state)
{
	const struct lode_plan *plan = &state->program.plan;

	return state->code != state->arena.addr && plan->has_stack && (plan->stack_prot & LODE_PF_X);
}

static int finish(struct exec_state *state)
{
	int status = lode_exec_stack_(state);

	if (status)
		return status;
	if (stack_forbidden(state))
		return lode_exec_fail_(state, EACCES, LODE_EXEC_STEP_ARGUMENTS, NULL,
			"the program wants an executable stack, and memory cannot be made executable here");
	name_thread(state);
	return lode_exec_build_records_(state) ? lode_exec_fail_(state, ENOMEM, LODE_EXEC_STEP_HOST, NULL, NULL) : 0;
}

static int load(struct exec_state *state)
{
	int status = open_program(state);

	if (status == 0)
		status = lode_exec_scripts_(state);
	if (status == 0)
		status = lode_exec_privilege_(state, state->script ? state->argv[0] : state->execfn);
	if (status == 0)
		status = lode_exec_images_(state);
	return status ? status : finish(state);
}

static int look(struct exec_state *state)
{
	int (*const steps[])(struct exec_state *) = {lode_exec_look_, check_host, copy_code, lode_exec_arguments_, get_random};
	int status = 0;

	for (uint32_t i = 0; i < sizeof steps / sizeof *steps && status == 0; i++)
		status = steps[i](state);
	return status;
}

/* READ_IMPLIES_EXEC would make all that is mapped executable; execve takes it back. */
static int prepare(struct exec_state *state)
{
	int status = look(state);
	uint64_t personality = state->host.personality;

	if (status)
		return status;
	name_program(state);
	if (personality & MMAP_PAGE_ZERO)
		lode_exec_differs_(state, "MMAP_PAGE_ZERO is set: execve would map a page at address 0");
	if (!(personality & READ_IMPLIES_EXEC))
		return load(state);
	call3(NR_personality, personality & ~(uint64_t)READ_IMPLIES_EXEC, 0, 0);
	status = load(state);
	call3(NR_personality, personality, 0, 0);
	return status;
}

void lode_exec_cancel(struct lode_exec *exec)
{
	struct exec_state *state = exec->state;

	if (!state)
		return;
	exec->state = NULL;
	lode_exec_unmap_(&state->program);
	lode_exec_unmap_(&state->interpreter);
	lode_exec_close_(&state->program.file);
	lode_exec_close_(&state->interpreter.file);
	linux_unmap(state->arena.addr, state->arena.size);
}

static bool is_known(const struct lode_exec_request *request)
{
	const uint32_t known = LODE_EXEC_NO_ASLR | LODE_EXEC_OWN_EXE | LODE_EXEC_FRESH | LODE_EXEC_NO_SETID;

	return (request->from == LODE_EXEC_PATH || request->from == LODE_EXEC_FD || request->from == LODE_EXEC_MEMORY) &&
		(request->flags & ~known) == 0;
}

int lode_exec_prepare(struct lode_exec *exec, const struct lode_exec_request *request, struct lode_exec_error *why)
{
	struct exec_state *state = NULL;
	int status;

	exec->state = NULL;
	if (!is_known(request))
		return lode_exec_error_(why, EINVAL, LODE_EXEC_STEP_REQUEST, NULL, "no such source or flag");
	status = make_arena(&state, request, why);
	if (!state)
		return status;
	exec->state = state;
	take_request(state, request, why);
	status = prepare(state);
	if (status)
		lode_exec_cancel(exec);
	return status;
}
