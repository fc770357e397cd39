/* SPDX-License-Identifier: MIT */
/* Program and interpreter: their headers, what execve says of those that are refused, and the order in which both are mapped. */
#include "state.h"

enum { DATA_AT = 5, MACHINE_AT = 18, PHNUM_AT = 56, HEADER_SIZE = 64 };

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

bool lode_exec_is_interpreter_(const struct exec_object *object)
{
	return object == &object->state->interpreter;
}

static int fail(const struct exec_object *object, int error, enum lode_exec_step step, const char *name, const char *reason)
{
	if (lode_exec_is_interpreter_(object))
		step = LODE_EXEC_STEP_INTERPRETER;
	return lode_exec_fail_(object->state, error, step, name, reason);
}

static int refuse_as(const struct exec_object *object, int error, enum lode_exec_step step, const char *name,
	const struct lode_diag *diag)
{
	struct lode_exec_error *why = object->state->why;

	fail(object, error, step, name, diag->rule == LODE_RULE_SPACE_REFUSED ? lode_exec_unmapped_(error) : NULL);
	if (why)
		why->diag = *diag;
	return -error;
}

int lode_exec_refuse_(const struct exec_object *object, enum lode_exec_step step, const char *name, const struct lode_diag *diag)
{
	int error = errno_of(diag->rule, lode_exec_is_interpreter_(object));

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
	int error = lode_exec_is_interpreter_(object) ? ELIBBAD : ENOEXEC;
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

/* e_machine in the file's own byte order, which it is meant in. */
static int fail_machine(const struct exec_object *object, const char *name, uint32_t machine)
{
	const char *reason = machine == LODE_EM_386 ? "a 32-bit program cannot be started from a 64-bit process" :
		"not a program for x86-64";

	if (object->file.head[DATA_AT] == LODE_DATA2MSB)
		machine = machine >> 8 | (machine & 0xff) << 8;
	return fail_header(object, name, reason,
		lode_diag_of(LODE_RULE_NONE, LODE_FIELD_EHDR_MACHINE, machine, LODE_EM_X86_64), MACHINE_AT);
}

/* Linux takes class and byte order for granted; the machine tells programs for others apart. */
static int check_header(struct exec_object *object, const char *name)
{
	uint32_t machine = head16(&object->file, MACHINE_AT), phnum = head16(&object->file, PHNUM_AT);

	if (memcmp(object->file.head, "\177ELF", 4) != 0)
		return 0;
	if (object->file.size < HEADER_SIZE) {
		struct lode_diag cut = lode_diag_of(LODE_RULE_HEADER_TRUNCATED, LODE_FIELD_FILE, object->file.size, HEADER_SIZE);

		return lode_exec_refuse_(object, LODE_EXEC_STEP_HEADERS, name, &cut);
	}
	if (machine != LODE_EM_X86_64)
		return fail_machine(object, name, machine);
	if (phnum == 0 || phnum > PHNUM_LARGEST)
		return fail_header(object, name, "a program has 1 to 1170 program headers",
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
	if (lode_exec_is_interpreter_(object) && object->file.size < HEADER_SIZE)
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
		return lode_exec_refuse_(object, LODE_EXEC_STEP_HEADERS, name, &diag);
	return 0;
}

static struct lode_diag at_interp(const struct exec_object *program, const struct lode_segment *segment, enum lode_rule rule)
{
	struct lode_diag place = lode_diag_of(rule, LODE_FIELD_PHDR_FILESZ, segment->filesz, PATH_MAX);

	place.index = lode_segment_index(&program->image, segment);
	place.offset = lode_segment_offset(&program->image, place.index, place.field);
	return place;
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
	if (segment->filesz < 2 || segment->filesz > PATH_MAX) {
		diag = at_interp(program, segment, LODE_RULE_INTERP_SIZE);
		return lode_exec_refuse_(program, LODE_EXEC_STEP_INTERPRETER, name, &diag);
	}
	buf = lode_exec_alloc_(state, segment->filesz);
	if (!buf)
		return fail(program, ENOMEM, LODE_EXEC_STEP_INTERPRETER, name, NULL);
	if (lode_source_read(buf, &program->source, segment->offset, (size_t)segment->filesz, &diag))
		return refuse_as(program, EIO, LODE_EXEC_STEP_INTERPRETER, name, &diag);
	if (buf[segment->filesz - 1]) {
		diag = at_interp(program, segment, LODE_RULE_NONE);
		return fail_field(program, LODE_EXEC_STEP_INTERPRETER, name, "PT_INTERP's string is not terminated", &diag);
	}
	*path = buf;
	return 0;
}

/* The interpreter's file is needed only while it is mapped. */
static int map_interpreter(struct exec_state *state, const char *path)
{
	int status = lode_exec_map_(&state->interpreter, path);

	lode_exec_close_(&state->interpreter.file);
	return status;
}

/* What has a fixed address comes first, so that the kernel finds another place for the interpreter. */
static int map_both(struct exec_state *state, const char *name, const char *path)
{
	bool fixed = state->program.image.type == LODE_ET_EXEC;
	int status = fixed ? lode_exec_map_(&state->program, name) : 0;

	if (status == 0)
		status = map_interpreter(state, path);
	if (status == 0 && !fixed)
		status = lode_exec_map_(&state->program, name);
	if (status || !lode_exec_meets_interpreter_(state))
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
		return lode_exec_map_(&state->program, name);
	status = open_image(&state->interpreter, path);
	return status ? status : map_both(state, name, path);
}
