/* SPDX-License-Identifier: MIT */
/* `lode swap PID OBJ...`: objects take the place of units of another process, and are taken back. */
#include "cli.h"
#include "swap.h"
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { POLICY = 1, PATIENCE, STATUS, ROLLBACK, DRY_RUN, TRACE, WATCH, INDEX };
enum { PATIENCE_MS = 10000, WATCH_NS = 100000000 };

static const struct option options[] = {
	{POLICY, 'p', "policy", "WHEN", "lazy: threads that are in the old code finish there (default);\n"
		"idle: only if there are none; wait: as soon as there are none"},
	{PATIENCE, 0, "patience", "SECONDS", "how long to wait for that; otherwise 10"},
	{INDEX, 0, "index", "FILE", "the program's index, if it was stripped; otherwise PROG.lode beside it"},
	{STATUS, 's', "status", NULL, "say what was replaced, and change nothing"},
	{ROLLBACK, 'r', "rollback", NULL, "take the newest replacement back"},
	{DRY_RUN, 'n', "dry-run", NULL, "say what would be done; the process does not notice"},
	{TRACE, 0, "trace", NULL, "say each step on stderr, with its time"},
	{WATCH, 'w', "watch", NULL, "replace again whenever a file has changed, until the process ends"},
};

static const struct command command = {
	.name = "swap",
	.synopsis = "[OPTIONS] PID OBJECT...",
	.options = options,
	.noptions = sizeof options / sizeof *options,
	.summary = "Puts new objects in the place of those that a running program was linked from; its data stays.",
	.more = "The program was linked with -Wl,-q; if it was stripped, `lode index` was run before.\n"
		"All objects are replaced, or none.",
};

struct job {
	struct lode_process_options options;
	bool status, rollback, watch;
	int pid;
	const char *index; /* a file, or NULL */
	const char *const *names;
	uint64_t begun;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void trace(void *host, const struct lode_process_step *step)
{
	const struct job *job = host;

	fprintf(stderr, "%9.3f ms  %s ", (double)(now() - job->begun) / 1e6, step->what);
	fprintf(stderr, step->address ? "0x%llx\n" : "%llu\n", (unsigned long long)step->number);
}

static bool parse_policy(enum lode_process_policy *policy, const char *text)
{
	static const char *const words[] = {
		[LODE_PROCESS_LAZY] = "lazy", [LODE_PROCESS_IDLE] = "idle", [LODE_PROCESS_WAIT] = "wait",
	};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(text, words[i]) == 0) {
			*policy = (enum lode_process_policy)i;
			return true;
		}
	}
	return false;
}

static bool parse_pid(int *pid, const char *text)
{
	uint64_t number;

	if (!parse_size(&number, text) || number == 0 || number > INT32_MAX)
		return false;
	*pid = (int)number;
	return true;
}

static int done(const struct lode_process *process, int status, const struct lode_diag *why)
{
	if (status != LODE_OK)
		swap_explain(process, why);
	return status == LODE_OK ? EXIT_DONE : EXIT_FAILED;
}

static int replace(struct job *job, struct lode_process *process)
{
	struct lode_diag why = {.status = LODE_OK};
	int status = lode_process_replace(process, job->names, &job->options, &why);

	if (status == LODE_OK)
		swap_print_replaced(process, job->options.dry_run);
	return done(process, status, &why);
}

static int roll_back(struct job *job, struct lode_process *process)
{
	uint32_t serial = process->halfway ? process->halfway->serial : process->newest ? process->newest->serial : 0;
	struct lode_diag why = {.status = LODE_OK};
	int status = lode_process_rollback(process, &job->options, &why);

	if (status == LODE_OK)
		swap_print_taken_back(process, serial, job->options.dry_run);
	return done(process, status, &why);
}

/* What of a file changes when it is written anew. */
static uint64_t stamp(const char *const *names)
{
	uint64_t sum = 0;
	struct stat st;

	for (; *names; names++)
		if (stat(*names, &st) == 0)
			sum = sum * 31 + (uint64_t)st.st_mtim.tv_sec * 1000000007u + (uint64_t)st.st_mtim.tv_nsec +
				(uint64_t)st.st_ino + (uint64_t)st.st_size;
	return sum;
}

/* Until the files have changed and were left alone for a while: a compiler writes in pieces. False: the process has ended. */
static bool await_change(const struct job *job, uint64_t *seen)
{
	const struct timespec pause = {.tv_nsec = WATCH_NS};
	char path[32];
	uint64_t last;

	snprintf(path, sizeof path, "/proc/%d", job->pid);
	do {
		last = stamp(job->names);
		nanosleep(&pause, NULL);
		if (access(path, F_OK) != 0)
			return false;
	} while (last == *seen || last != stamp(job->names));
	*seen = last;
	return true;
}

static int work(struct job *job, bool *gone)
{
	struct lode_diag why = {.status = LODE_OK};
	struct lode_process process;
	int status = lode_process_open(&process, job->pid, job->index, &why), result;

	if (status != LODE_OK)
		result = done(&process, status, &why);
	else if (job->status)
		result = swap_print_status(&process);
	else if (job->rollback)
		result = roll_back(job, &process);
	else
		result = replace(job, &process);
	*gone = process.trouble == LODE_PROCESS_GONE || process.trouble == LODE_PROCESS_DIED ||
		process.trouble == LODE_PROCESS_ZOMBIE;
	lode_process_close(&process);
	return result;
}

/* What is refused is said, and the next version may do. */
static int watch(struct job *job)
{
	uint64_t seen = stamp(job->names);
	bool gone = false;
	int result;

	do {
		job->begun = now();
		result = work(job, &gone);
		fflush(stdout);
	} while (!gone && await_change(job, &seen));
	return gone ? EXIT_DONE : result;
}

static int take_option(struct job *job, const struct options *walk, int option)
{
	uint64_t seconds;

	if (option == POLICY && !parse_policy(&job->options.policy, walk->value))
		return misuse_value(&command, "policy", walk->value, "lazy, idle or wait");
	if (option == PATIENCE) {
		if (!parse_size(&seconds, walk->value) || seconds > UINT32_MAX / 1000)
			return misuse_value(&command, "patience", walk->value, "a number of seconds");
		job->options.patience_ms = (uint32_t)seconds * 1000;
	}
	job->status |= option == STATUS;
	job->rollback |= option == ROLLBACK;
	job->options.dry_run |= option == DRY_RUN;
	job->watch |= option == WATCH;
	if (option == INDEX)
		job->index = walk->value;
	if (option == TRACE)
		job->options.trace = trace;
	return EXIT_DONE;
}

static int check_use(struct job *job, const struct options *walk)
{
	bool objects = walk->noperands > 1;

	if (walk->noperands == 0)
		return misuse(&command, "the number of a process is missing");
	if (!parse_pid(&job->pid, walk->operands[0]))
		return misuse(&command, "'%s' is not the number of a process", walk->operands[0]);
	if (job->status && job->rollback)
		return misuse(&command, "--status and --rollback are two things");
	if ((job->status || job->rollback) && (objects || job->watch))
		return misuse(&command, "--%s takes no objects", job->status ? "status" : "rollback");
	if (!job->status && !job->rollback && !objects)
		return misuse(&command, "an object is missing");
	return EXIT_DONE;
}

/* In a child, which goes on to a safe point if this process is killed: a thread of somebody else may be in the middle of a system
 * call of ours. */
static int work_apart(struct job *job)
{
	pid_t parent = getpid(), child = fork();
	int status;
	bool gone;

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		if (getppid() != parent)
			_exit(EXIT_FAILED);
		status = job->watch ? watch(job) : work(job, &gone);
		fflush(stdout);
		_exit(ferror(stdout) ? EXIT_FAILED : status);
	}
	if (child < 0) {
		complain(NULL, "fork: %m");
		return EXIT_FAILED;
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	complain(NULL, "the process that did the work was ended by signal %d", WTERMSIG(status));
	return EXIT_FAILED;
}

int cmd_swap(int argc, char **argv)
{
	static struct job job = {.options = {.patience_ms = PATIENCE_MS, .trace = NULL}};
	struct options walk;
	int option, status;

	job.options.host = &job;
	options_begin(&walk, &command, argc, argv);
	while ((option = options_next(&walk)) > 0) {
		status = take_option(&job, &walk, option);
		if (status != EXIT_DONE)
			return status;
	}
	if (option == OPTIONS_EXIT)
		return walk.status;
	status = check_use(&job, &walk);
	if (status != EXIT_DONE)
		return status;
	job.names = (const char *const *)(walk.operands + 1);
	job.begun = now();
	return work_apart(&job);
}
