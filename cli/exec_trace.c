/* SPDX-License-Identifier: MIT */
/* Events of the exec host -> lines on stderr, each before its step is taken. */
#include "exec_trace.h"
#include "cli.h"

#include <inttypes.h>
#include <string.h>

static const char *prot_text(uint32_t prot)
{
	static const char *const text[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};

	return text[prot & 7];
}

static void trace_runs(const struct lode_plan *plan)
{
	static const char *const kinds[] = {[LODE_RUN_SHARE] = "file", [LODE_RUN_OWN] = "copy", [LODE_RUN_ZERO] = "zeros"};

	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];

		fprintf(stderr, "  map    %012" PRIx64 "-%012" PRIx64 " %s %s", run->addr, run->addr + run->size,
			prot_text(run->prot), kinds[run->kind]);
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
		lode_type_name(event->image->type), event->plan->bias, event->plan->entry, event->plan->phdr);
	trace_runs(event->plan);
}

static void trace_stack(const struct lode_stack_layout *layout)
{
	fprintf(stderr, "stack: 0x%" PRIx64 " bytes, sp 0x%" PRIx64 ", top 0x%" PRIx64 "\n", layout->size, layout->sp, layout->top);
	fprintf(stderr, "  argv   %012" PRIx64 "-%012" PRIx64 "\n", layout->arg_start, layout->arg_end);
	fprintf(stderr, "  envp   %012" PRIx64 "-%012" PRIx64 "\n", layout->env_start, layout->env_end);
	fprintf(stderr, "  auxv   %012" PRIx64 "-%012" PRIx64 "\n", layout->auxv, layout->auxv + layout->auxv_size);
}

static void trace_call(const struct lode_exec_event *event)
{
	fprintf(stderr, "commit: %s", event->text);
	for (int i = 0; i < 5 && (event->call >= 0 || event->args[0]); i++)
		fprintf(stderr, "%s0x%" PRIx64, i ? ", " : " ", event->args[i]);
	fputc('\n', stderr);
}

static void trace_named(const char *what, const struct lode_exec_event *event)
{
	fprintf(stderr, "%s: ", what);
	lode_put_name(stderr, event->text);
	if (event->other) {
		fputs(" argument ", stderr);
		lode_put_name(stderr, event->other);
	}
	fputc('\n', stderr);
}

void lode_exec_trace(void *host, const struct lode_exec_event *event)
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
	case LODE_EXEC_EVENT_CALL:
		trace_call(event);
		break;
	}
}
