/* SPDX-License-Identifier: MIT */
/* argv, envp and what was decided so far -> the new stack, within execve's limits, in the arena. */
#include "state.h"

/* Linux: three quarters of 8 MiB, or a quarter of the stack limit, but never less than 128 KiB. */
enum { ARGS_LARGEST = 6 << 20, ARGS_SMALLEST = 128 << 10, STACK_GUARD = 1 << 20, STACK_ROOM = 128 << 10, STACK_GAP = 8192 };

static uint64_t count_strings(uint32_t *n, const char *const *strings)
{
	uint64_t size = 0;

	*n = 0;
	while (strings && strings[*n] && size <= ARGS_LARGEST)
		size += string_length(strings[(*n)++]) + 1;
	return size;
}

uint64_t lode_exec_measure_(uint32_t *argc, uint32_t *envc, const struct lode_exec_request *request)
{
	uint64_t args = count_strings(argc, request->argv), size = args + count_strings(envc, request->envp);

	if (args > ARGS_LARGEST || size - args > ARGS_LARGEST)
		return UINT64_MAX;
	/* A pointer to each string stands in the arena's argv and on the new stack. */
	return size + 16 * ((uint64_t)*argc + *envc + SCRIPT_STRINGS + 4);
}

int lode_exec_arguments_(struct exec_state *state)
{
	const struct lode_exec_request *request = state->request;
	const char **argv = lode_exec_alloc_(state, (state->argc + SCRIPT_STRINGS + 2) * sizeof *argv);

	if (!argv)
		return lode_exec_fail_(state, E2BIG, LODE_EXEC_STEP_ARGUMENTS, NULL, NULL);
	state->envp = request->envp;
	state->argv = argv + SCRIPT_STRINGS;
	for (uint32_t i = 0; i < state->argc; i++)
		state->argv[i] = request->argv[i];
	/* Linux 5.18: nobody starts without argv[0]. */
	if (state->argc == 0)
		state->argv[state->argc++] = "";
	if (request->argv0)
		state->argv[0] = request->argv0;
	return 0;
}

/* False if one string is longer than the kernel takes. */
static bool add_strings(uint64_t *size, const char *const *strings, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t length = string_length(strings[i]) + 1;

		if (length > STRING_LARGEST)
			return false;
		*size += length;
	}
	return true;
}

static uint64_t stack_limit(const struct exec_state *state)
{
	return state->stack_size ? state->stack_size : state->host.stack_limit;
}

static bool too_big(const struct exec_state *state)
{
	uint64_t pointers = ((uint64_t)state->argc + state->envc) * 8, limit = stack_limit(state) / 4, size = 0;

	limit = limit > ARGS_LARGEST ? ARGS_LARGEST : limit;
	limit = limit < ARGS_SMALLEST ? ARGS_SMALLEST : limit;
	if (!add_strings(&size, state->argv, state->argc) || !add_strings(&size, state->envp, state->envc) ||
		!add_strings(&size, &state->execfn, 1))
		return true;
	return limit <= pointers || size > limit - pointers;
}

/* The host's auxv gets the new program's values: kinds and order are this kernel's own. */
static bool auxv_value(uint64_t *value, const struct exec_state *state, uint64_t type)
{
	const struct exec_host *host = &state->host;
	const struct exec_creds *creds = &state->creds;

	switch (type) {
	case LODE_AT_PHDR:
		*value = state->program.plan.phdr;
		return true;
	case LODE_AT_PHENT:
		*value = state->program.image.phentsize;
		return true;
	case LODE_AT_PHNUM:
		*value = state->program.image.nsegments;
		return true;
	case LODE_AT_BASE:
		*value = state->has_interpreter ? state->interpreter.plan.bias : 0;
		return true;
	case LODE_AT_FLAGS:
		*value = 0;
		return true;
	case LODE_AT_ENTRY:
		*value = state->program.plan.entry;
		return true;
	case LODE_AT_UID:
		*value = host->ruid;
		return true;
	case LODE_AT_EUID:
		*value = creds->set_uid ? creds->uid : host->euid;
		return true;
	case LODE_AT_GID:
		*value = host->rgid;
		return true;
	case LODE_AT_EGID:
		*value = creds->set_gid ? creds->gid : host->egid;
		return true;
	case LODE_AT_SECURE:
		*value = creds->secure;
		return true;
	default:
		return type != LODE_AT_EXECFD;
	}
}

static uint32_t build_auxv(struct exec_state *state)
{
	struct lode_auxv *auxv = state->host.auxv;
	uint32_t n = 0;

	for (uint32_t i = 0; i < state->host.nauxv; i++) {
		struct lode_auxv entry = auxv[i];

		if (auxv_value(&entry.value, state, entry.type))
			auxv[n++] = entry;
	}
	return state->host.nauxv = n;
}

static uint64_t below(uint64_t floor, uint64_t top, const struct lode_range *range)
{
	uint64_t end = range->addr + range->size;

	return end <= top && end > floor ? end : floor;
}

/* Lowest address that the stack may reach before it comes near something that stays. */
static uint64_t stack_floor(const struct exec_state *state)
{
	const struct exec_object *objects[] = {&state->program, &state->interpreter};
	uint64_t top = state->host.stack.addr, floor = 0;

	for (uint32_t i = 0; i < state->host.nspecial; i++)
		floor = below(floor, top, &state->host.special[i]);
	for (int k = 0; k < 2; k++)
		for (uint32_t i = 0; i < objects[k]->plan.nruns; i++)
			floor = below(floor, top, &(struct lode_range){objects[k]->plan.runs[i].addr,
				objects[k]->plan.runs[i].size});
	return floor + STACK_GUARD;
}

static int check_room(struct exec_state *state)
{
	uint64_t top = state->layout.top, wanted = state->layout.size + STACK_ROOM;

	if (state->layout.size > stack_limit(state))
		return lode_exec_fail_(state, E2BIG, LODE_EXEC_STEP_ARGUMENTS, NULL,
			"arguments and environment exceed the stack limit");
	if (state->stack_size && state->stack_size > state->host.stack_hard)
		return lode_exec_fail_(state, EPERM, LODE_EXEC_STEP_ARGUMENTS, NULL, "the stack size exceeds the hard limit");
	wanted = state->stack_size > wanted ? state->stack_size : wanted;
	if (top - stack_floor(state) < wanted)
		return lode_exec_fail_(state, ENOMEM, LODE_EXEC_STEP_ARGUMENTS, NULL,
			"no room for a stack of that size: the vDSO or the program is too near");
	return 0;
}

int lode_exec_stack_(struct exec_state *state)
{
	uint64_t top = state->host.stack.addr + state->host.stack.size;
	struct lode_diag diag = {0};

	if (too_big(state))
		return lode_exec_fail_(state, E2BIG, LODE_EXEC_STEP_ARGUMENTS, NULL, NULL);
	state->stack = (struct lode_stack){.argv = state->argv, .argc = state->argc, .envp = state->envp, .envc = state->envc,
		.execfn = state->execfn, .platform = "x86_64", .random = state->random.at_random, .auxv = state->host.auxv,
		.nauxv = build_auxv(state), .word = 8, .compact = true,
		.gap = state->host.random ? state->random.gap % STACK_GAP : 0};
	if (lode_stack_measure(&state->layout, &state->stack, top, &diag))
		return lode_exec_fail_(state, E2BIG, LODE_EXEC_STEP_ARGUMENTS, NULL, NULL);
	state->stack_image = lode_exec_alloc_(state, state->layout.size - state->stack.gap);
	if (!state->stack_image)
		return lode_exec_fail_(state, E2BIG, LODE_EXEC_STEP_ARGUMENTS, NULL, NULL);
	lode_stack_build(state->stack_image, &state->layout, &state->stack);
	lode_exec_tell_(state, &(struct lode_exec_event){.kind = LODE_EXEC_EVENT_STACK, .layout = &state->layout, .call = -1});
	return check_room(state);
}
