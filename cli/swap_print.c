/* SPDX-License-Identifier: MIT */
/* What came of a replacement, and what there are of them -> lines; what is in the way -> one line on stderr. */
#include "swap.h"
#include "cli.h"
#include "kind.h"
#include "undefined.h"
#include <limits.h>
#include <string.h>
#include <time.h>

_Static_assert((int)UNDEFINED_MOST <= (int)LODE_PROCESS_UNDEFINED, "the process keeps as many as are listed");

static const char *plural(uint32_t count)
{
	return count == 1 ? "" : "s";
}

static void put(FILE *stream, const struct lode_link_text *text)
{
	char part[NAME_PIECE * 4 + 1];

	for (size_t at = 0; at < text->size;) {
		size_t length = name_piece(text->at + at, text->size - at);

		escape_bytes(part, sizeof part, text->at + at, length);
		fputs(part, stream);
		at += length;
	}
}

static void put_named(const char *before, const struct lode_link_text *text)
{
	if (text->size == 0)
		return;
	fputs(before, stderr);
	put(stderr, text);
}

/* " (CAP_SYS_ADMIN, CAP_NET_RAW)" of a set of bits. Ref: capabilities(7). */
static void put_capabilities(uint64_t set)
{
	static const char *const names[] = {
		"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
		"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
		"SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
		"SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
		"MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
		"CHECKPOINT_RESTORE",
	};
	const char *before = " (";

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (!(set >> i & 1))
			continue;
		fprintf(stderr, "%sCAP_%s", before, names[i]);
		before = ", ";
	}
	fputs(*before == ',' ? ")" : "", stderr);
}

/* "process 12 belongs to another user: be that user, or root (1000)" */
static void explain_trouble(const struct lode_process *process)
{
	const char *text = lode_process_trouble_text(process->trouble);

	switch (process->trouble) {
	case LODE_PROCESS_OBJECT:
		complain(process->file, "%s", strerror((int)process->number));
		return;
	case LODE_PROCESS_ARCHIVE:
		complain(process->file, "is an archive: take its objects out (ar x)");
		return;
	case LODE_PROCESS_SYSTEM:
	case LODE_PROCESS_REFUSED:
		fprintf(stderr, "lode: process %d %s: %s\n", process->pid, text, strerror((int)process->number));
		return;
	case LODE_PROCESS_DAMAGED:
		fprintf(stderr, "lode: process %d %s (0x%llx)\n", process->pid, text, (unsigned long long)process->number);
		return;
	case LODE_PROCESS_CAPABLE:
	case LODE_PROCESS_DENIED:
		fprintf(stderr, "lode: process %d %s", process->pid, text);
		if (process->trouble == LODE_PROCESS_DENIED && process->number != 0)
			fputs("; it has capabilities that you lack", stderr);
		put_capabilities((uint64_t)process->number);
		fputc('\n', stderr);
		return;
	case LODE_PROCESS_THREAD:
	case LODE_PROCESS_TRACED:
	case LODE_PROCESS_OWNER:
	case LODE_PROCESS_STUCK:
	case LODE_PROCESS_HALFWAY:
		fprintf(stderr, "lode: process %d %s (%lld)\n", process->pid, text, (long long)process->number);
		return;
	default:
		fprintf(stderr, "lode: process %d %s\n", process->pid, text);
	}
}

/* False: it is an ELF file. */
static bool explain_kind(const struct lode_link_text *file, const struct lode_diag *why)
{
	char path[PATH_MAX];
	struct kind kind;

	snprintf(path, sizeof path, "%.*s", (int)file->size, file->at);
	if (!kind_of_refused(&kind, path, why->rule))
		return false;
	complain(path, "%s%s: objects take the place of others [%s]", kind.article, kind.words, lode_rule_name(why->rule));
	return true;
}

static void put_user(FILE *stream, const struct lode_process_user *user)
{
	put(stream, &(struct lode_link_text){user->function, strlen(user->function)});
}

/* Who is in the way, and how long that was waited for. */
static void explain_busy(const struct lode_process *process)
{
	for (uint32_t i = 0; i < process->nusers; i++) {
		fprintf(stderr, "lode: thread %d is in ", process->users[i].tid);
		put_user(stderr, &process->users[i]);
		fputc('\n', stderr);
	}
	if (process->times.tries > 1)
		fprintf(stderr, "lode: waited %.1f s, tried %u times\n", (double)process->times.waited / 1e9, process->times.tries);
}

/* What a diagnosis has no words for, on a line of its own. */
static void explain_more(const struct lode_process *process, const struct lode_diag *why)
{
	if (why->rule == LODE_RULE_SWAP_SOURCE) {
		put_named("lode: the object was compiled from ", &process->account.source);
		put_named(", which the program has not; its ", &process->account.unit);
		put_named(" has ", &process->account.datum);
		fputc('\n', stderr);
	}
	if (why->rule == LODE_RULE_SWAP_BUSY)
		explain_busy(process);
}

/* lode: FILE: symbol X, section Y: DIAGNOSIS */
void swap_explain(const struct lode_process *process, const struct lode_diag *why)
{
	const struct lode_link_blame *blame = &process->blame;
	const struct lode_link_text *symbol = blame->symbol.size > 0 ? &blame->symbol : &process->account.datum;
	const struct lode_link_text path = {.at = process->account.path, .size = strlen(process->account.path)};
	char line[1024];

	if (why->rule == LODE_RULE_NONE) {
		explain_trouble(process);
		return;
	}
	if (why->rule == LODE_RULE_LINK_UNDEFINED) {
		put_undefined(process->undefined, process->nundefined);
		return;
	}
	if (blame->file.size > 0 && explain_kind(&blame->file, why))
		return;
	if (blame->file.size > 0)
		put_named("lode: ", &blame->file);
	else if (why->rule == LODE_RULE_SWAP_FILE)
		put_named("lode: ", &(struct lode_link_text){process->file, strlen(process->file)});
	else
		fprintf(stderr, "lode: process %d", process->pid);
	put_named(": symbol ", symbol);
	if (symbol == &process->account.datum)
		put(stderr, &path);
	put_named(symbol->size > 0 ? ", section " : ": section ", &blame->section);
	lode_diag_format(line, sizeof line, why);
	fprintf(stderr, ": %s", line);
	if (why->rule == LODE_RULE_SWAP_INDEX && process->file) {
		put_named("; no index can be read at ", &(struct lode_link_text){process->file, strlen(process->file)});
		fputs(" either: if it is elsewhere, --index=FILE names it", stderr);
	}
	fputc('\n', stderr);
	explain_more(process, why);
}

static void put_names(const struct lode_process_version *version)
{
	for (uint32_t i = 0; i < version->nnames; i++) {
		putchar(' ');
		put(stdout, &version->names[i]);
	}
}

static void put_stop(const struct lode_process *process)
{
	printf("stopped %u thread%s for %.0f us", process->nthreads, plural(process->nthreads),
		(double)process->times.all / 1e3);
	if (process->times.tries > 1)
		printf(", the last of %u times", process->times.tries);
}

/* What is not as one might think. */
static void put_exceptions(const struct lode_swap_account *account, bool dry_run)
{
	uint32_t nread = account->ntyped + account->nunread, nbare = account->nkept > nread ? account->nkept - nread : 0;

	if (account->nmigrated > 0)
		printf("%u variable%s new value%s made of the old\n", account->nmigrated,
			account->nmigrated == 1 ? dry_run ? " would get a" : " has a" : dry_run ? "s would get" : "s have",
			plural(account->nmigrated));
	if (nbare > 0)
		printf("%u variable%s known by name and size alone: no debug information (-g) says of what %s\n", nbare,
			nbare == 1 ? " is" : "s are", nbare == 1 ? "type it is" : "types they are");
	if (account->nunread > 0)
		printf("%u variable%s known by name and size alone: debug information takes too much work for its size\n",
			account->nunread, account->nunread == 1 ? " is" : "s are");
	if (account->nshort > 0)
		printf("%u %s too short for a jump: pointers to %s that were copied lead to the old code\n", account->nshort,
			account->nshort == 1 ? "entry is" : "entries are", account->nshort == 1 ? "it" : "them");
	if (account->nmoved > 0)
		printf("%u constant table%s changed: the new code has its own, at other addresses\n", account->nmoved,
			account->nmoved == 1 ? " has" : "s have");
}

/* What is in use goes on: with a main loop that is for ever. */
static void put_users(const struct lode_process *process)
{
	for (uint32_t i = 0; i < process->nusers; i++) {
		put_user(stdout, &process->users[i]);
		printf(" is running in thread %d: its old code goes on until it returns\n", process->users[i].tid);
	}
}

void swap_print_replaced(const struct lode_process *process, bool dry_run)
{
	const struct lode_swap_account *account = &process->account;

	printf("%s: %u function%s, ", dry_run ? "would replace" : "replaced", account->nfunctions, plural(account->nfunctions));
	printf("%u reference%s, %u %s; %u variable%s kept, %u new\n", account->nsites, plural(account->nsites), account->ndoors,
		account->ndoors == 1 ? "entry jumps" : "entries jump", account->nkept, plural(account->nkept), account->nnew);
	put_exceptions(account, dry_run);
	if (dry_run && account->main)
		puts("main is among them: where it is running its old code goes on until it returns");
	if (dry_run)
		return;
	if (account->nbusy > 0)
		printf("threads are in the old code: %u %s not jump, pointers that were copied lead to the old code\n",
			account->nbusy, account->nbusy == 1 ? "entry does" : "entries do");
	put_users(process);
	printf("replacement %u, prepared in %.1f ms, ", process->newest->serial, (double)process->times.prepare / 1e6);
	put_stop(process);
	printf("; one thread for %.0f us before\n", (double)process->times.one / 1e3);
}

void swap_print_taken_back(const struct lode_process *process, uint32_t serial, bool dry_run)
{
	if (dry_run) {
		printf("would take back replacement %u\n", serial);
		return;
	}
	printf("took back replacement %u, ", serial);
	put_stop(process);
	putchar('\n');
	put_users(process);
}

static void put_version(const struct lode_process_version *version, const char *state)
{
	time_t when = (time_t)version->time;
	char text[32] = "?";
	struct tm tm;

	if (gmtime_r(&when, &tm))
		strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("%u %s %s %u stores, code at 0x%llx,", version->serial, text, state, version->swap.nstores,
		(unsigned long long)version->span_.addr);
	put_names(version);
	putchar('\n');
}

int swap_print_status(const struct lode_process *process)
{
	if (process->halfway)
		put_version(process->halfway, "halfway");
	for (const struct lode_process_version *version = process->newest; version; version = version->older)
		put_version(version, "replaced");
	if (!process->newest && !process->halfway)
		puts("nothing is replaced");
	return EXIT_DONE;
}
