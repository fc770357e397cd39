/* SPDX-License-Identifier: MIT */
/* A prepared program -> that program running. Nothing is changed before the process is known to be able to go through with it. */
#include "state.h"

/* A step as a trace shows it. */
struct step {
	const char *name;
	enum lode_exec_shape shape;
};

static const struct {
	uint16_t call;
	struct step step;
} calls[] = {
	{NR_set_robust_list, {"set_robust_list", LODE_EXEC_SHAPE_NONE}},
	{NR_set_tid_address, {"set_tid_address", LODE_EXEC_SHAPE_NONE}},
	{NR_rseq, {"rseq", LODE_EXEC_SHAPE_RANGE}},
	{NR_sigaltstack, {"sigaltstack", LODE_EXEC_SHAPE_NONE}},
	{NR_prctl, {"prctl", LODE_EXEC_SHAPE_PRCTL}},
	{NR_munlockall, {"munlockall", LODE_EXEC_SHAPE_NONE}},
	{NR_setresgid, {"setresgid", LODE_EXEC_SHAPE_IDENTITIES}},
	{NR_setresuid, {"setresuid", LODE_EXEC_SHAPE_IDENTITIES}},
	{NR_personality, {"personality", LODE_EXEC_SHAPE_CALL}},
	{NR_prlimit64, {"prlimit64", LODE_EXEC_SHAPE_NONE}},
	{NR_munmap, {"munmap", LODE_EXEC_SHAPE_RANGE}},
	{NR_mremap, {"mremap", LODE_EXEC_SHAPE_MOVE}},
	{NR_madvise, {"madvise", LODE_EXEC_SHAPE_RANGE}},
	{NR_mprotect, {"mprotect", LODE_EXEC_SHAPE_PROTECTION}},
	{NR_close, {"close", LODE_EXEC_SHAPE_DESCRIPTOR}},
	{NR_capset, {"capset", LODE_EXEC_SHAPE_NONE}},
	{NR_arch_prctl, {"arch_prctl", LODE_EXEC_SHAPE_CALL}},
	{NR_rt_sigprocmask, {"rt_sigprocmask", LODE_EXEC_SHAPE_CALL}},
};

static struct step step_of(const struct exec_record *record)
{
	switch (record->how) {
	case HOW_COPY:
		return (struct step){"copy", LODE_EXEC_SHAPE_COPY};
	case HOW_ZERO:
		return (struct step){"zero", LODE_EXEC_SHAPE_RANGE};
	case HOW_UNMAP:
		return (struct step){"munmap", LODE_EXEC_SHAPE_RANGE};
	case HOW_REGISTERS:
		return (struct step){"reset registers", LODE_EXEC_SHAPE_NONE};
	case HOW_LEAVE:
		return (struct step){"unmap the last block and start", LODE_EXEC_SHAPE_START};
	default:
		break;
	}
	for (uint32_t i = 0; i < sizeof calls / sizeof *calls; i++)
		if (calls[i].call == record->call)
			return calls[i].step;
	return (struct step){"call", LODE_EXEC_SHAPE_CALL};
}

static void trace_step(const struct exec_state *state, const char *text)
{
	lode_exec_tell_(state, &(struct lode_exec_event){.kind = LODE_EXEC_EVENT_CALL, .text = text, .call = -1});
}

/* What comes before the trampoline, in order. How many calls that are is found out only then, when no callback can be called. */
static void trace_before(struct exec_state *state)
{
	if (!(state->flags & LODE_EXEC_FRESH)) {
		trace_step(state, "block all signals");
		trace_step(state, "stop other threads, if there are any");
	}
	if (state->creds.own_exe)
		trace_step(state, "new user namespace");
	if (!(state->flags & LODE_EXEC_FRESH)) {
		trace_step(state, "unshare the table of descriptors");
		trace_step(state, "reset signal handlers");
		trace_step(state, "delete POSIX timers");
		trace_step(state, "close descriptors that close on exec");
		trace_step(state, "give up robust futexes");
	}
}

/* The area may belong to another thread than the one that prepared. */
static void fill_rseq(struct exec_state *state)
{
	if (!state->rseq_record)
		return;
	lode_exec_rseq_find_(&state->rseq);
	state->rseq_record->args[0] = state->rseq.area;
	state->rseq_record->args[1] = state->rseq.length;
	state->rseq_record->args[3] = state->rseq.signature;
}

static void trace(struct exec_state *state)
{
	if (!state->trace)
		return;
	trace_before(state);
	fill_rseq(state);
	for (uint32_t i = 0; i < state->nrecords; i++) {
		const struct exec_record *record = &state->records[i];
		struct step step = step_of(record);
		struct lode_exec_event event = {
			.kind = LODE_EXEC_EVENT_CALL, .text = step.name, .shape = step.shape, .call = -1,
			.instead = i > 0 && record[-1].how == HOW_OR_NEXT};

		if (record->how <= HOW_OR_NEXT)
			event.call = (int64_t)record->call;
		memcpy(event.args, record->args, sizeof event.args);
		lode_exec_tell_(state, &event);
	}
}

/* Only the last thread can do it. There is no way back from a namespace whose identities cannot be set. */
static int own_namespace(struct exec_state *state)
{
	int64_t result = state->creds.own_exe ? call3(NR_unshare, CLONE_NEWUSER, 0, 0) : 0;

	if (failed(result))
		return lode_exec_fail_(
			state, (int)-result, LODE_EXEC_STEP_PRIVILEGE, NULL, "own exe: no user namespace can be made");
	if (state->creds.own_exe && failed(lode_exec_map_identity_(state)))
		lode_exec_die_();
	return 0;
}

/* AC would make the libraries' unaligned accesses faults, and programs begin without ID. The red zone is passed over. */
static void clear_flags(void)
{
	enum { AC = 1 << 18, ID = 1 << 21 };

	__asm__ volatile("sub $128, %%rsp\n\tpushfq\n\tandq %0, (%%rsp)\n\tpopfq\n\tadd $128, %%rsp"
		: : "i"(~(AC | ID)) : "cc", "memory");
}

/* The running thread is the last one, and all signals are blocked. */
static _Noreturn void become(struct exec_state *state)
{
	__attribute__((noreturn)) void (*code)(struct exec_record *records);
	uint64_t start = state->jump;

	clear_flags();

	if (!(state->flags & LODE_EXEC_FRESH)) {
		call3(NR_unshare, CLONE_FILES, 0, 0);
		lode_exec_reset_(state);
	}
	fill_rseq(state);
	memcpy(&code, &start, sizeof code);
	code(state->records);
}

/* The other threads are gone: what fails now ends the process. */
static _Noreturn void become_last(struct exec_state *state)
{
	if (own_namespace(state))
		lode_exec_die_();
	become(state);
}

int lode_exec_commit(struct lode_exec *exec, struct lode_exec_error *why)
{
	const uint64_t all = UINT64_MAX;
	struct exec_state *state = exec->state;
	int status;

	if (!state)
		return lode_exec_error_(why, EINVAL, LODE_EXEC_STEP_REQUEST, NULL, "nothing is prepared");
	state->why = why;
	trace(state);
	/* Without handlers and threads nobody could get in between. */
	if (state->flags & LODE_EXEC_FRESH) {
		status = own_namespace(state);
		if (status)
			return status;
		become(state);
	}
	call4(NR_rt_sigprocmask, SIG_SETMASK, address(&all), address(&state->mask), SIGNAL_SETS);
	status = lode_exec_check_alone_();
	if (status == -EBUSY)
		status = lode_exec_refuse_shared_(state);
	else if (status == -EAGAIN)
		status = lode_exec_take_over_(state, become_last);
	else if ((status = own_namespace(state)) == 0)
		become(state);
	call4(NR_rt_sigprocmask, SIG_SETMASK, address(&state->mask), 0, SIGNAL_SETS);
	return status;
}
