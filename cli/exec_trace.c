/* SPDX-License-Identifier: MIT */
/* Events of the exec host -> lines on stderr, each before its step is taken; or of those only what differs from execve. */
#include "exec_trace.h"
#include "cli.h"

#include <inttypes.h>
#include <sys/mman.h>
#include <sys/prctl.h>

static void trace_runs(const struct lode_plan *plan)
{
	static const char *const kinds[] = {[LODE_RUN_SHARE] = "file", [LODE_RUN_OWN] = "copy", [LODE_RUN_ZERO] = "zeros"};

	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];

		fprintf(stderr, "  map    %012" PRIx64 "-%012" PRIx64 " %s %s", run->addr, run->addr + run->size,
			prot_name(run->prot), kinds[run->kind]);
		if (run->kind == LODE_RUN_SHARE)
			fprintf(stderr, " offset 0x%" PRIx64, run->offset);
		fputc('\n', stderr);
	}
	for (uint32_t i = 0; i < plan->nfills; i++) {
		const struct lode_fill *fill = &plan->fills[i];

		fprintf(stderr, "  %s %012" PRIx64 "-%012" PRIx64, fill->offset == LODE_FILL_ZEROS ? "zero  " : "read  ",
			fill->addr, fill->addr + fill->size);
		if (fill->offset != LODE_FILL_ZEROS)
			fprintf(stderr, " offset 0x%" PRIx64, fill->offset);
		fputc('\n', stderr);
	}
}

static void trace_image(const struct lode_exec_event *event)
{
	fprintf(stderr, "%s: %s, bias 0x%" PRIx64 ", entry 0x%" PRIx64 ", program headers 0x%" PRIx64 "\n", event->text,
		type_name(event->image->type), event->plan->bias, event->plan->entry, event->plan->phdr);
	trace_runs(event->plan);
}

static void trace_stack(const struct lode_stack_layout *layout)
{
	fprintf(stderr, "stack: 0x%" PRIx64 " bytes, sp 0x%" PRIx64 ", top 0x%" PRIx64 "\n", layout->size, layout->sp, layout->top);
	fprintf(stderr, "  argv   %012" PRIx64 "-%012" PRIx64 "\n", layout->arg_start, layout->arg_end);
	fprintf(stderr, "  envp   %012" PRIx64 "-%012" PRIx64 "\n", layout->env_start, layout->env_end);
	fprintf(stderr, "  auxv   %012" PRIx64 "-%012" PRIx64 "\n", layout->auxv, layout->auxv + layout->auxv_size);
}

/*
 * Arguments of a step of commit: what of them says something.
 */

static void put_nothing(const uint64_t args[6])
{
	(void)args;
}

static void put_range(const uint64_t args[6])
{
	fprintf(stderr, " %012" PRIx64 "-%012" PRIx64, args[0], args[0] + args[1]);
}

static void put_copy(const uint64_t args[6])
{
	fprintf(stderr, " %012" PRIx64 "-%012" PRIx64 " from %012" PRIx64, args[0], args[0] + args[2], args[1]);
}

static void put_move(const uint64_t args[6])
{
	put_range(args);
	fprintf(stderr, " to %012" PRIx64, args[4]);
}

static void put_protection(const uint64_t args[6])
{
	put_range(args);
	fprintf(stderr, " %s", prot_name((uint32_t)(args[2] & PROT_READ ? LODE_PF_R : 0) |
		(args[2] & PROT_WRITE ? LODE_PF_W : 0) | (args[2] & PROT_EXEC ? LODE_PF_X : 0)));
}

/* Real, effective and saved identity; -1: it stays. */
static void put_identities(const uint64_t args[6])
{
	fprintf(stderr, " %d, %d, %d", (int)args[0], (int)args[1], (int)args[2]);
}

static void put_descriptor(const uint64_t args[6])
{
	fprintf(stderr, " %d", (int)args[0]);
}

static void put_prctl(const uint64_t args[6])
{
	switch (args[0]) {
	case PR_SET_MM: fputs(" PR_SET_MM: code, data, heap, stack, arguments", stderr); break;
	case PR_SET_NAME:
		fputs(" PR_SET_NAME ", stderr);
		put_name(stderr, (const char *)(uintptr_t)args[1]);
		break;
	case PR_SET_DUMPABLE: fprintf(stderr, " PR_SET_DUMPABLE %" PRIu64, args[1]); break;
	case PR_SET_KEEPCAPS: fputs(" PR_SET_KEEPCAPS 0", stderr); break;
	default: fprintf(stderr, " option %" PRIu64, args[0]); break;
	}
}

static void put_start(const uint64_t args[6])
{
	fprintf(stderr, ": sp 0x%" PRIx64 ", entry 0x%" PRIx64, args[0], args[1]);
}

static void put_numbers(const uint64_t args[6])
{
	int n = 6;

	while (n > 0 && args[n - 1] == 0)
		n--;
	for (int i = 0; i < n; i++)
		fprintf(stderr, "%s0x%" PRIx64, i ? ", " : " ", args[i]);
}

static void trace_call(const struct lode_exec_event *event)
{
	static void (*const put[])(const uint64_t args[6]) = {
		[LODE_EXEC_SHAPE_NONE] = put_nothing, [LODE_EXEC_SHAPE_CALL] = put_numbers, [LODE_EXEC_SHAPE_PRCTL] = put_prctl,
		[LODE_EXEC_SHAPE_RANGE] = put_range, [LODE_EXEC_SHAPE_COPY] = put_copy, [LODE_EXEC_SHAPE_MOVE] = put_move,
		[LODE_EXEC_SHAPE_PROTECTION] = put_protection, [LODE_EXEC_SHAPE_IDENTITIES] = put_identities,
		[LODE_EXEC_SHAPE_DESCRIPTOR] = put_descriptor, [LODE_EXEC_SHAPE_START] = put_start,
	};

	fprintf(stderr, "commit: %s%s", event->instead ? "if that is refused: " : "", event->text);
	put[event->shape](event->args);
	fputc('\n', stderr);
}

static void trace_named(const char *what, const struct lode_exec_event *event)
{
	fprintf(stderr, "%s: ", what);
	put_name(stderr, event->text);
	if (event->other) {
		fputs(" argument ", stderr);
		put_name(stderr, event->other);
	}
	fputc('\n', stderr);
}

void exec_trace(void *host, const struct lode_exec_event *event)
{
	(void)host;
	switch (event->kind) {
	case LODE_EXEC_EVENT_FILE:
		trace_named("open", event);
		break;
	case LODE_EXEC_EVENT_SCRIPT:
		trace_named("script: interpreter", event);
		break;
	case LODE_EXEC_EVENT_IMAGE:
		trace_image(event);
		break;
	case LODE_EXEC_EVENT_STACK:
		trace_stack(event->layout);
		break;
	case LODE_EXEC_EVENT_NOTE:
		trace_named("note", event);
		break;
	case LODE_EXEC_EVENT_DIFFERENCE:
		trace_named("unlike execve", event);
		break;
	case LODE_EXEC_EVENT_CALL:
		trace_call(event);
		break;
	}
}

void exec_differences(void *host, const struct lode_exec_event *event)
{
	(void)host;
	if (event->kind == LODE_EXEC_EVENT_DIFFERENCE)
		fprintf(stderr, "lode: unlike execve: %s\n", event->text);
}
