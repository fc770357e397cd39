/* SPDX-License-Identifier: MIT */
/* An opened program or interpreter -> where it lies, and its pages, mapped where the new program will find them or beside it. */
#include "state.h"

/* ELF_ET_DYN_BASE: two thirds of 47 bits. */
#define PIE_BASE UINT64_C(0x555555554aaa)
#define PIE_RANDOM ((UINT64_C(1) << 28) - 1)

enum { PLACE_TRIES = 8 };

/* Room for the plan's two lists. */
static int give_lists(struct exec_object *object)
{
	struct lode_plan *plan = &object->plan;

	plan->max_runs = LODE_PLAN_RUNS(object->image.nload);
	plan->max_fills = LODE_PLAN_FILLS(object->image.nload);
	plan->runs = lode_exec_alloc_(object->state, plan->max_runs * sizeof *plan->runs);
	plan->fills = lode_exec_alloc_(object->state, plan->max_fills * sizeof *plan->fills);
	return plan->runs && plan->fills ? 0 : -ENOMEM;
}

/* Of the lists only the runs that there are stay: the arena is as small as it can be, because each page of it costs a fault. */
static void take_back_lists(struct exec_object *object)
{
	struct lode_plan *plan = &object->plan;

	plan->max_runs = plan->nruns;
	plan->max_fills = plan->nfills = 0;
	plan->fills = NULL;
	object->state->arena_next = address(plan->runs + plan->nruns);
}

static struct lode_policy policy_of(const struct exec_object *object)
{
	struct lode_policy policy = lode_policy_process(PAGE);

	policy.address_limit = TASK_SIZE;
	policy.max_align = UINT64_C(1) << 63;
	if (!object->file.bytes)
		policy.flags |= LODE_PLAN_SHARE;
	if (lode_exec_is_interpreter_(object))
		policy.flags |= LODE_PLAN_INTERP_IGNORE;
	return policy;
}

static int place(struct exec_object *object, const char *name)
{
	struct lode_space space = lode_exec_space_(object);
	struct lode_diag diag = {0};

	object->placed = 0;
	object->error = 0;
	if (lode_place(&space, &object->image, &object->plan, &diag) != LODE_OK)
		return lode_exec_refuse_(object, LODE_EXEC_STEP_MAP, name, &diag);
	return 0;
}

static int plan(struct exec_object *object, uint64_t base, const char *name)
{
	struct lode_policy policy = policy_of(object);
	struct lode_diag diag = {0};

	policy.base = base;
	if (lode_plan(&object->plan, &object->image, &policy, &diag) != LODE_OK)
		return lode_exec_refuse_(object, LODE_EXEC_STEP_PLAN, name, &diag);
	return 0;
}

static void trace(const struct exec_object *object)
{
	lode_exec_tell_(object->state, &(struct lode_exec_event){.kind = LODE_EXEC_EVENT_IMAGE,
		.text = lode_exec_is_interpreter_(object) ? "interpreter" : "program",
		.image = &object->image, .plan = &object->plan, .call = -1});
}

/* Where the kernel has room for the image at any alignment: looked for by mapping it, and free again. */
static int64_t find_room(const struct lode_span *span, uint64_t slack)
{
	int64_t at;

	if (slack > TASK_SIZE || span->range.size > TASK_SIZE - slack)
		return -ENOMEM;
	at = linux_map(0, span->range.size + slack, 0, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (!failed(at))
		linux_unmap((uint64_t)at, span->range.size + slack);
	return at;
}

/* The highest address that is not above the given one and whose distance from the linked address is a multiple of the alignment. */
static uint64_t aligned_base(const struct lode_span *span, uint64_t highest)
{
	return span->range.addr + ((highest - span->range.addr) & ~(span->align - 1));
}

static int plan_and_place(struct exec_object *object, uint64_t base, const char *name)
{
	int status = plan(object, base, name);

	if (status)
		return status;
	trace(object);
	return place(object, name);
}

static int no_room(struct exec_object *object, int status, const char *name)
{
	return status == -EEXIST ? lode_exec_fail_(object->state, ENOMEM, LODE_EXEC_STEP_MAP, name, "no free place for the image")
		: status;
}

/* The kernel has put the arena where the mmap area begins to be free: right below it there is room as a rule. */
static int map_below_arena(struct exec_object *object, const struct lode_span *span, const char *name)
{
	uint64_t top = object->state->lowest;
	int status;

	if (top < span->range.size || span->align > PAGE)
		return -EEXIST;
	status = plan_and_place(object, aligned_base(span, top - span->range.size), name);
	if (status == 0)
		object->state->lowest = object->plan.span.addr;
	return status;
}

/* ld.so and static-PIE: in the mmap area, where the kernel says; again if another thread takes the room. */
static int map_anywhere(struct exec_object *object, const struct lode_span *span, const char *name)
{
	uint64_t slack = span->align > PAGE ? span->align : 0;
	int status = map_below_arena(object, span, name);

	for (int i = 0; i < PLACE_TRIES && status == -EEXIST; i++) {
		int64_t at = find_room(span, slack);

		if (failed(at))
			return lode_exec_fail_(object->state, (int)-at, LODE_EXEC_STEP_MAP, name, lode_exec_unmapped_((int)-at));
		status = plan_and_place(object, aligned_base(span, (uint64_t)at + slack), name);
	}
	return no_room(object, status, name);
}

/* A program that names an interpreter: at a random place of its own area, again if something of ours lies there. */
static int map_pie(struct exec_object *object, const struct lode_span *span, const char *name)
{
	struct exec_state *state = object->state;
	uint64_t random = state->random.base;
	int status = -EEXIST;

	for (int i = 0; i < PLACE_TRIES && status == -EEXIST; i++, random = random >> 7 | random << 57) {
		uint64_t offset = state->host.random ? random & PIE_RANDOM : (uint64_t)i << 12;

		status = plan_and_place(object, aligned_base(span, PIE_BASE + (offset << 12)), name);
	}
	return no_room(object, status, name);
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
	return a - b < b_size || b - a < a_size;
}

/* What stays mapped through the commit, and the room into which the stack may grow at once. */
static bool meets_kept(const struct exec_state *state, const struct lode_run *run)
{
	enum { STACK_ROOM = 8 << 20 };
	const struct exec_host *host = &state->host;

	for (uint32_t i = 0; i < host->nspecial; i++)
		if (overlap(run->addr, run->size, host->special[i].addr, host->special[i].size))
			return true;
	return overlap(run->addr, run->size, state->arena.addr, state->arena.size) ||
		overlap(run->addr, run->size, state->code, CODE_SIZE) ||
		overlap(run->addr, run->size, host->stack.addr - STACK_ROOM, host->stack.size + STACK_ROOM);
}

static bool any_meets_kept(const struct exec_object *object)
{
	for (uint32_t i = 0; i < object->plan.nruns; i++)
		if (meets_kept(object->state, &object->plan.runs[i]))
			return true;
	return false;
}

/* Where the program must lie, this process lies itself: build it elsewhere, the trampoline moves it. */
static int map_aside(struct exec_object *object, const struct lode_span *span, const char *name)
{
	int status = -EEXIST;

	lode_exec_note_(object->state, "this process lies where the program belongs: it is built aside and moved at the end");
	for (int i = 0; i < PLACE_TRIES && status == -EEXIST; i++) {
		int64_t at = find_room(span, 0);

		if (failed(at))
			return lode_exec_fail_(object->state, (int)-at, LODE_EXEC_STEP_MAP, name, lode_exec_unmapped_((int)-at));
		if (overlap((uint64_t)at, span->range.size, span->range.addr, span->range.size))
			break;
		object->delta = (uint64_t)at - span->range.addr;
		status = place(object, name);
	}
	return no_room(object, status, name);
}

static int map_exec(struct exec_object *object, const struct lode_span *span, const char *name)
{
	int status = plan(object, 0, name);

	if (status)
		return status;
	trace(object);
	if (any_meets_kept(object))
		return lode_exec_fail_(object->state, ENOMEM, LODE_EXEC_STEP_MAP, name,
			"the program is linked where this process has its stack, its vDSO, or what starts the program");
	status = place(object, name);
	return status == -EEXIST ? map_aside(object, span, name) : status;
}

static int map_somewhere(struct exec_object *object, const struct lode_span *span, const char *name)
{
	if (object->image.type == LODE_ET_EXEC)
		return map_exec(object, span, name);
	if (!lode_exec_is_interpreter_(object) && object->state->has_interpreter)
		return map_pie(object, span, name);
	return map_anywhere(object, span, name);
}

int lode_exec_map_(struct exec_object *object, const char *name)
{
	struct lode_policy policy = policy_of(object);
	struct lode_diag diag = {0};
	struct lode_span span;
	int status;

	if (lode_plan_span(&span, &object->image, &policy, &diag))
		return lode_exec_refuse_(object, LODE_EXEC_STEP_PLAN, name, &diag);
	if (give_lists(object))
		return lode_exec_fail_(object->state, ENOMEM, LODE_EXEC_STEP_PLAN, name, NULL);
	status = map_somewhere(object, &span, name);
	if (status == 0)
		take_back_lists(object);
	return status;
}

/* A program built aside is moved at the end: over an interpreter that the kernel has put into a gap of its place. */
bool lode_exec_meets_interpreter_(const struct exec_state *state)
{
	const struct lode_range *a = &state->program.plan.span, *b = &state->interpreter.plan.span;

	return state->program.delta && overlap(a->addr, a->size, b->addr + state->interpreter.delta, b->size);
}
