/* SPDX-License-Identifier: MIT */
/* Program and interpreter: headers, plan and place, and then their pages, mapped where the new program will find them. */
#include "state.h"

/* ELF_ET_DYN_BASE: two thirds of 47 bits. */
#define PIE_BASE UINT64_C(0x555555554aaa)
#define PIE_RANDOM ((UINT64_C(1) << 28) - 1)

enum { PLACE_TRIES = 8, HEADER_SIZE = 64 };

/* The errno that execve gives for what the core refuses. */
static int errno_of(enum lode_rule rule, bool interpreter)
{
	switch (rule) {
	case LODE_RULE_SOURCE_READ:
		return EIO;
	case LODE_RULE_SEGMENT_SIZE:
	case LODE_RULE_SEGMENT_WRAP:
	case LODE_RULE_SEGMENT_NONE:
	case LODE_RULE_SEGMENT_CONGRUENCE:
	case LODE_RULE_PLAN_ADDRESS:
		return EINVAL;
	case LODE_RULE_PLAN_SIZE_LIMIT:
	case LODE_RULE_PLAN_ALIGN_LIMIT:
	case LODE_RULE_PLAN_NO_PLACE:
	case LODE_RULE_PLAN_RESERVED:
	case LODE_RULE_SPACE_REFUSED:
		return ENOMEM;
	default:
		return interpreter ? ELIBBAD : ENOEXEC;
	}
}

static bool is_interpreter(const struct exec_object *object)
{
	return object == &object->state->interpreter;
}

static int fail(const struct exec_object *object, int error, enum lode_exec_step step, const char *name, const char *reason)
{
	return lode_exec_fail_(object->state, error, is_interpreter(object) ? LODE_EXEC_STEP_INTERPRETER : step, name, reason);
}

static int refuse_as(const struct exec_object *object, int error, enum lode_exec_step step, const char *name,
	const struct lode_diag *diag)
{
	struct lode_exec_error *why = object->state->why;

	fail(object, error, step, name, NULL);
	if (why)
		why->diag = *diag;
	return -error;
}

static int refuse(const struct exec_object *object, enum lode_exec_step step, const char *name, const struct lode_diag *diag)
{
	int error = errno_of(diag->rule, is_interpreter(object));

	if (diag->rule == LODE_RULE_SPACE_REFUSED && object->error)
		error = object->error;
	/* Mapping code of a noexec mount gives EPERM; execve calls that EACCES. */
	if (diag->rule == LODE_RULE_SPACE_REFUSED && error == EPERM && diag->field == LODE_FIELD_SPACE_SHARE)
		error = EACCES;
	return refuse_as(object, error, step, name, diag);
}

static uint32_t head16(const struct exec_file *file, uint32_t offset)
{
	return (uint32_t)file->head[offset] | (uint32_t)file->head[offset + 1] << 8;
}

/* What Linux refuses in a field that the core has no rule for. */
static int fail_field(const struct exec_object *object, enum lode_exec_step step, const char *name, const char *reason,
	const struct lode_diag *place)
{
	int error = is_interpreter(object) ? ELIBBAD : ENOEXEC;
	struct lode_exec_error *why = object->state->why;

	fail(object, error, step, name, reason);
	if (why)
		why->diag = *place;
	return -error;
}

static int fail_header(const struct exec_object *object, const char *name, const char *reason, struct lode_diag place,
	uint64_t offset)
{
	place.offset = offset;
	return fail_field(object, LODE_EXEC_STEP_HEADERS, name, reason, &place);
}

/* Linux takes class and byte order for granted; the machine tells programs for others apart. */
static int check_header(struct exec_object *object, const char *name)
{
	enum { MACHINE_AT = 18, PHNUM_AT = 56 };
	uint32_t machine = head16(&object->file, MACHINE_AT), phnum = head16(&object->file, PHNUM_AT);

	if (memcmp(object->file.head, "\177ELF", 4) != 0)
		return 0;
	if (object->file.size < HEADER_SIZE) {
		struct lode_diag cut = lode_diag_of(LODE_RULE_HEADER_TRUNCATED, LODE_FIELD_FILE, object->file.size, HEADER_SIZE);

		return refuse(object, LODE_EXEC_STEP_HEADERS, name, &cut);
	}
	if (machine != LODE_EM_X86_64)
		return fail_header(object, name, machine == LODE_EM_386 ?
			"a 32-bit program cannot be started from a 64-bit process" : "not a program for x86-64",
			lode_diag_of(LODE_RULE_NONE, LODE_FIELD_EHDR_MACHINE, machine, LODE_EM_X86_64), MACHINE_AT);
	if (phnum == 0 || phnum > PHNUM_LARGEST)
		return fail_header(object, name, "must be 1 to 1170",
			lode_diag_of(LODE_RULE_NONE, LODE_FIELD_EHDR_PHNUM, phnum, PHNUM_LARGEST), PHNUM_AT);
	object->image.nsegments = phnum;
	return 0;
}

static int open_image(struct exec_object *object, const char *name)
{
	struct lode_open_options options = {.flags = LODE_OPEN_NATIVE, .class_ = LODE_CLASS64, .data = LODE_DATA2LSB};
	struct lode_diag diag = {0};
	int status;

	object->source = (struct lode_source){.bytes = object->file.bytes, .size = object->file.size, .read = lode_exec_read_,
		.host = &object->file};
	if (is_interpreter(object) && object->file.size < HEADER_SIZE)
		return fail(object, EIO, LODE_EXEC_STEP_HEADERS, name, "smaller than an ELF header");
	object->image.nsegments = 0;
	status = check_header(object, name);
	if (status)
		return status;
	options.max_segments = object->image.nsegments;
	options.segments = lode_exec_alloc_(object->state, (options.max_segments + 1) * sizeof *options.segments);
	if (!options.segments)
		return fail(object, ENOMEM, LODE_EXEC_STEP_HEADERS, name, NULL);
	if (lode_open(&object->image, &object->source, &options, &diag))
		return refuse(object, LODE_EXEC_STEP_HEADERS, name, &diag);
	return 0;
}

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
	if (is_interpreter(object))
		policy.flags |= LODE_PLAN_INTERP_IGNORE;
	return policy;
}

static int place(struct exec_object *object, const char *name)
{
	struct lode_space space = lode_exec_space_(object);
	struct lode_diag diag = {0};

	object->placed = 0;
	object->error = 0;
	return lode_place(&space, &object->image, &object->plan, &diag) ? refuse(object, LODE_EXEC_STEP_MAP, name, &diag) : 0;
}

static int plan(struct exec_object *object, uint64_t base, const char *name)
{
	struct lode_policy policy = policy_of(object);
	struct lode_diag diag = {0};

	policy.base = base;
	return lode_plan(&object->plan, &object->image, &policy, &diag) ? refuse(object, LODE_EXEC_STEP_PLAN, name, &diag) : 0;
}

static void trace(const struct exec_object *object)
{
	struct exec_state *state = object->state;
	struct lode_exec_event event = {.kind = LODE_EXEC_EVENT_IMAGE,
		.text = object == &state->interpreter ? "interpreter" : "program",
		.image = &object->image, .plan = &object->plan, .call = -1};

	if (state->trace)
		state->trace(state->trace_host, &event);
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
			return lode_exec_fail_(object->state, (int)-at, LODE_EXEC_STEP_MAP, name, NULL);
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
			return lode_exec_fail_(object->state, (int)-at, LODE_EXEC_STEP_MAP, name, NULL);
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
	if (object == &object->state->program && object->state->has_interpreter)
		return map_pie(object, span, name);
	return map_anywhere(object, span, name);
}

static int map_image(struct exec_object *object, const char *name)
{
	struct lode_policy policy = policy_of(object);
	struct lode_diag diag = {0};
	struct lode_span span;
	int status;

	if (lode_plan_span(&span, &object->image, &policy, &diag))
		return refuse(object, LODE_EXEC_STEP_PLAN, name, &diag);
	if (give_lists(object))
		return lode_exec_fail_(object->state, ENOMEM, LODE_EXEC_STEP_PLAN, name, NULL);
	status = map_somewhere(object, &span, name);
	if (status == 0)
		take_back_lists(object);
	return status;
}

static int fail_interp(const struct exec_object *program, const struct lode_segment *segment, const char *name, const char *reason)
{
	struct lode_diag place = lode_diag_of(LODE_RULE_NONE, LODE_FIELD_PHDR_FILESZ, segment->filesz, PATH_MAX);

	place.index = (uint32_t)(segment - program->image.segments);
	place.offset = lode_segment_offset(&program->image, place.index, place.field);
	return fail_field(program, LODE_EXEC_STEP_INTERPRETER, name, reason, &place);
}

/* PT_INTERP's string; *path stays NULL if there is none. */
static int interpreter_path(struct exec_state *state, const char **path, const char *name)
{
	struct exec_object *program = &state->program;
	const struct lode_segment *segment = lode_segment_find(&program->image, LODE_PT_INTERP);
	struct lode_diag diag = {0};
	char *buf;

	if (!segment)
		return 0;
	if (segment->filesz < 2 || segment->filesz > PATH_MAX)
		return fail_interp(program, segment, name, "PT_INTERP must hold 2 to 4096 bytes");
	buf = lode_exec_alloc_(state, segment->filesz);
	if (!buf)
		return fail(program, ENOMEM, LODE_EXEC_STEP_INTERPRETER, name, NULL);
	if (lode_source_read(buf, &program->source, segment->offset, (size_t)segment->filesz, &diag))
		return refuse_as(program, EIO, LODE_EXEC_STEP_INTERPRETER, name, &diag);
	if (buf[segment->filesz - 1])
		return fail_interp(program, segment, name, "PT_INTERP's string is not terminated");
	*path = buf;
	return 0;
}

/* The interpreter's file is needed only while it is mapped. */
static int map_interpreter(struct exec_state *state, const char *path)
{
	int status = map_image(&state->interpreter, path);

	lode_exec_close_(&state->interpreter.file);
	return status;
}

/* A program built aside is moved at the end: over an interpreter that the kernel has put into a gap of its place. */
static bool meets_interpreter(const struct exec_state *state)
{
	const struct lode_range *a = &state->program.plan.span, *b = &state->interpreter.plan.span;

	return state->program.delta && overlap(a->addr, a->size, b->addr + state->interpreter.delta, b->size);
}

/* What has a fixed address comes first, so that the kernel finds another place for the interpreter. */
static int map_both(struct exec_state *state, const char *name, const char *path)
{
	bool fixed = state->program.image.type == LODE_ET_EXEC;
	int status = fixed ? map_image(&state->program, name) : 0;

	if (status == 0)
		status = map_interpreter(state, path);
	if (status == 0 && !fixed)
		status = map_image(&state->program, name);
	if (status || !meets_interpreter(state))
		return status;
	return lode_exec_fail_(state, ENOMEM, LODE_EXEC_STEP_MAP, name, "the interpreter lies where the program belongs");
}

int lode_exec_images_(struct exec_state *state)
{
	const char *name = state->script ? state->argv[0] : state->execfn, *path = NULL;
	int status;

	state->program.state = state->interpreter.state = state;
	state->interpreter.file.fd = -1;
	status = open_image(&state->program, name);
	if (status == 0)
		status = interpreter_path(state, &path, name);
	if (status == 0 && path)
		status = lode_exec_open_(state, &state->interpreter.file, *path ? path : ".", LODE_EXEC_STEP_INTERPRETER);
	if (status)
		return status;
	state->has_interpreter = path != NULL;
	if (!path)
		return map_image(&state->program, name);
	status = open_image(&state->interpreter, path);
	return status ? status : map_both(state, name, path);
}
