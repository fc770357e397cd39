/* SPDX-License-Identifier: MIT */
/* lode check FILE...: files -> findings with place, reason and remedy; the exit status tells the worst. */
#include "check.h"
#include "input.h"
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { OPT_FOR = 1, OPT_JSON, OPT_STRICT, OPT_NO_HINTS, OPT_EXPLAIN, OPT_LIST, OPT_VERBOSE, OPT_COLOR, OPT_RECURSIVE };

static const struct option options[] = {
	{OPT_FOR, 'f', "for", "TARGET[,TARGET]", "whom the file is for; may be given several times. Without it the file is\n"
		"looked at, and the first line says what was guessed.\n"
		"linux-process  execve and ld.so\n"
		"pvh            VMMs that start a kernel by its PVH note\n"
		"limine         boot loaders of the Limine protocol\n"
		"multiboot      GRUB and others, Multiboot 1 and 2\n"
		"multiboot2     the same, version 2 only\n"
		"linux-kernel   a bzImage or vmlinux\n"
		"rust           boot loaders for bootloader_api 0.11\n"
		"elf64          VMMs that enter any ELF64 kernel in 64-bit mode\n"
		"module         a Linux kernel module\n"
		"any            what holds for every loader"},
	{OPT_RECURSIVE, 'r', "recursive", NULL, "folders, too: the ELF files, archives, kernels and modules in them;\n"
		"what is clean is only counted"},
	OPTION_JSON(OPT_JSON),
	{OPT_STRICT, 0, "strict", NULL, "hints count for the exit status"},
	{OPT_VERBOSE, 'v', "verbose", NULL, "which specification each rule is from"},
	{OPT_NO_HINTS, 'q', "quiet", NULL, "leave hints out, also of the count"},
	{OPT_NO_HINTS, 0, "no-hints", NULL, "the same"},
	{OPT_EXPLAIN, 0, "explain", "RULE", "print what a rule demands, why, and the remedy"},
	{OPT_LIST, 0, "list", NULL, "list all rules, or with --for those of its targets"},
	OPTION_COLOR(OPT_COLOR),
};

static const struct command command = {
	.name = "check",
	.synopsis = "[OPTIONS] FILE...\n       lode check [--json] --explain=RULE | --list",
	.summary = "What is wrong or unwise in FILE (an ELF file, archive, member lib.a:member.o, bzImage), for whom, and how to\n"
		"mend it.",
	.options = options,
	.noptions = sizeof options / sizeof *options,
	.more = "severities: malformed (breaks its specification), refused (a loader of the target will not start it),\n"
		"odd (loaders differ, or the file does not do what it looks like), hint (could be better),\n"
		"unreadable (bytes could not be read)\n"
		"exit status: 0 clean or hints only, 1 malformed or refused, 2 misuse, 3 odd, 4 unreadable;\n"
		"several files: the worst (4, then 1, then 3)",
};

/* The command line, and what became of it so far. */
struct run {
	uint32_t targets;
	bool json;
	struct check_view view;
	struct json out;
	const char *explain; /* a rule's name, NULL: none is asked for */
	bool list, recursive;
	int status;
	unsigned nfiles, nclean; /* images that were looked at */
	struct identity *thin; /* files of a thin archive that were looked at, the last one first */
	void *thin_tree;       /* by device and number */
};

static void note_status(struct run *run, int status)
{
	static const int rank[] = {[EXIT_DONE] = 0, [EXIT_ODD] = 1, [EXIT_MALFORMED] = 2, [EXIT_UNREADABLE] = 3};

	if (rank[status] > rank[run->status])
		run->status = status;
}

static int status_of(const struct check *c, bool strict)
{
	bool clean;
	enum check_severity worst = check_worst(c, strict, &clean);

	if (clean)
		return EXIT_DONE;
	if (worst == CHECK_UNREADABLE)
		return EXIT_UNREADABLE;
	return worst >= CHECK_REFUSED ? EXIT_MALFORMED : EXIT_ODD;
}

static void check_image(struct check *c)
{
	const uint32_t asked = c->targets;

	if (check_userland(c))
		c->targets &= ~(uint32_t)(FOR_KERNELS | FOR_MODULE);
	if (check_kernel_as_program(c))
		c->targets &= ~(uint32_t)FOR_PROCESS;
	check_header(c);
	check_segments(c);
	check_pages(c);
	check_special(c);
	check_notes(c);
	check_dynamic(c);
	check_names(c);
	if (c->targets & FOR_PVH)
		check_pvh(c);
	check_multiboot(c);
	check_limine(c);
	check_linux(c);
	check_elf64(c);
	check_rust(c);
	check_sse_kernel(c);
	check_object(c);
	check_plan(c);
	check_start(c);
	c->targets = asked;
}

static void report(struct run *run, struct check *c)
{
	bool clean;

	check_worst(c, run->view.hints || run->view.strict, &clean);
	run->nfiles++;
	run->nclean += clean;
	if (!run->recursive || !clean) {
		if (run->json)
			check_print_json(&run->out, c, &run->view);
		else
			check_print(c, &run->view);
	}
	note_status(run, status_of(c, run->view.strict));
}

static void examine(struct check *c)
{
	if (check_open(c)) {
		check_guess(c);
		check_image(c);
	} else if (c->targets == 0) {
		c->targets = FOR_ANY;
		c->guess = c->npatches == CHECK_PATCHES ? "too much is wrong with its headers" : "nothing can be read of it";
	}
	if (c->exhausted)
		check_add(c, CHECK_WORK_LIMIT, check_at_file(LODE_NO_OFFSET), NULL);
}

static void fail(struct run *run, const char *name, const char *why)
{
	run->nfiles++;
	note_status(run, EXIT_UNREADABLE);
	if (!run->json) {
		complain(name, "%s", why);
		return;
	}
	json_object(&run->out, NULL);
	json_string(&run->out, "file", name);
	json_string(&run->out, "verdict", "unreadable");
	json_string(&run->out, "error", why);
	json_object_end(&run->out);
}

/* What is looked at, with its bytes; NULL: there is no memory, and that was said. */
static struct check *begin(struct run *run, const char *name, const char *inside, const struct lode_source *bytes)
{
	struct check *c = calloc(1, sizeof *c);

	if (c)
		*c = (struct check){.name = name, .inside = inside, .targets = run->targets, .base = *bytes};
	else
		fail(run, name, "no memory");
	return c;
}

static void end(struct run *run, struct check *c)
{
	report(run, c);
	check_close(c);
	free(c);
}

/* One ELF file, given by its bytes. */
static void check_source(struct run *run, const char *name, const char *inside, const struct lode_source *source)
{
	struct check *c = begin(run, name, inside, source);

	if (!c)
		return;
	examine(c);
	end(run, c);
}

/* Files by device and number: a thin archive is small whatever it names, and may name one file any number of times. */
struct identity {
	dev_t device;
	ino_t number;
	struct identity *next;
};

static int compare_identities(const void *a, const void *b)
{
	const struct identity *one = a, *other = b;

	if (one->device != other->device)
		return one->device < other->device ? -1 : 1;
	return one->number < other->number ? -1 : one->number > other->number;
}

/* True if the file is met for the first time; without memory to tell, too. */
static bool is_new(struct run *run, int fd)
{
	struct identity key, *identity;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return true;
	key = (struct identity){st.st_dev, st.st_ino, run->thin};
	if (tfind(&key, &run->thin_tree, compare_identities))
		return false;
	identity = malloc(sizeof *identity);
	if (!identity)
		return true;
	*identity = key;
	run->thin = identity;
	tsearch(identity, &run->thin_tree, compare_identities);
	return true;
}

static void keep(void *identity)
{
	(void)identity;
}

static void forget_thin(struct run *run)
{
	tdestroy(run->thin_tree, keep);
	run->thin_tree = NULL;
	while (run->thin) {
		struct identity *next = run->thin->next;

		free(run->thin);
		run->thin = next;
	}
}

/* A member of a thin archive is a file of its own. */
static void check_thin(struct run *run, const char *name, const struct input *archive, const struct archive_member *found)
{
	struct input file;

	if (archive_open_thin(&file, archive->name, found) != 0)
		fail(run, name, file.error);
	else if (is_new(run, file.fd))
		check_source(run, name, "", &file.source);
	input_close(&file);
}

static void check_member(struct run *run, const struct input *input, const struct archive_member *found)
{
	struct archive_part part;
	struct lode_source source = archive_source(&part, input, found);
	size_t size = strlen(input->name) + strlen(found->name) + 2;
	char *name = malloc(size);

	if (!name) {
		fail(run, input->name, "no memory: one of its members was not looked at");
		return;
	}
	snprintf(name, size, "%s:%s", input->name, found->name);
	if (found->thin)
		check_thin(run, name, input, found);
	else
		check_source(run, name, "", &source);
	free(name);
}

/* There is no member's header where one should be. */
static void check_damaged(struct run *run, const struct input *input, uint64_t offset)
{
	struct check *c = begin(run, input->name, "", &input->source);
	struct lode_diag why = lode_diag_of(LODE_RULE_LINK_ARCHIVE, LODE_FIELD_ARCHIVE_HEADER, offset, input->source.size);

	if (!c)
		return;
	c->targets = FOR_ANY;
	c->guess = "it is an archive";
	why.offset = offset;
	check_add_core(c, &why);
	end(run, c);
}

static void check_members(struct run *run, const struct input *input, struct archive_walk *walk)
{
	struct archive_member member;
	bool any = false;
	int more;

	while ((more = archive_next(&member, walk)) > 0) {
		if (member.table || member.size == 0)
			continue;
		check_member(run, input, &member);
		any = true;
	}
	if (more == 0 && !any && !run->json && !run->recursive) {
		put_name(stdout, input->name);
		printf(": an archive with nothing in it\n");
	}
	if (more < 0)
		check_damaged(run, input, walk->next);
	forget_thin(run);
}

/* The file itself is looked at for its setup header, then what is inside of it. */
static void check_kernel(struct run *run, const char *name, struct input *input)
{
	bool packed = input->peeled[0] != '\0';
	struct check *c = begin(run, name, input->peeled, &input->source);

	if (!c)
		return;
	c->source = input->source;
	c->bzimage = true;
	if (c->targets == 0) {
		c->targets = FOR_LINUX;
		c->guess = "it is a bzImage";
	}
	if (check_kernel_as_program(c) && c->targets == FOR_PROCESS) {
		end(run, c);
		return;
	}
	check_bzimage(c);
	c->outside = packed ? 0 : c->nfindings; /* offsets in what was unpacked are none of the file */
	if (input_unpack(input) == 0) {
		c->base = input->source;
		examine(c);
	} else {
		check_add_seen(c, "the image inside was not looked at: %s", input->error);
		c->inside = packed ? c->inside : "";
	}
	end(run, c);
}

static bool begins_bzimage(const struct input *input)
{
	unsigned char head[INPUT_HEAD];

	return is_bzimage(head, input_peek(input, head, 0, sizeof head));
}

static void check_unpacked(struct run *run, const char *name, struct input *input)
{
	bool peeled = input_peel(input) == 0;

	if (peeled && begins_bzimage(input))
		check_kernel(run, name, input);
	else if (peeled && input_unpack(input) == 0)
		check_source(run, name, input->peeled, &input->source);
	else
		fail(run, name, input->error);
}

/* Opened once: a pipe gives its bytes only once. */
static void check_file(struct run *run, const char *name)
{
	struct input input;
	struct archive_walk walk;

	if (input_open(&input, name, INPUT_RAW) != 0)
		fail(run, input.name, input.error);
	else if (kind_of_bytes(&input.source).id == KIND_ARCHIVE && archive_begin(&walk, &input))
		check_members(run, &input, &walk);
	else if (begins_bzimage(&input))
		check_kernel(run, input.name, &input);
	else
		check_unpacked(run, input.name, &input);
	input_close(&input);
}

static void visit_file(void *host, const char *path)
{
	check_file(host, path);
}

static void visit_unread(void *host, const char *path, const char *why)
{
	fail(host, path, why);
}

static void check_operand(struct run *run, const char *name)
{
	if (!check_is_folder(name))
		check_file(run, name);
	else if (run->recursive)
		check_folder(name, &(struct check_visitor){visit_file, visit_unread, run});
	else
		fail(run, name, "is a directory: with --recursive its files are looked at");
}

/* "pvh,limine" */
static bool take_targets(uint32_t *targets, const char *text)
{
	for (;;) {
		size_t n = strcspn(text, ",");
		uint32_t bit = check_target_find(text, n);

		if (bit == 0)
			return false;
		*targets |= bit;
		if (text[n] == '\0')
			return true;
		text += n + 1;
	}
}

static int check_files(struct run *run, char **names, int count)
{
	if (run->json) {
		json_begin(&run->out, stdout);
		json_object(&run->out, NULL);
		json_string(&run->out, "format", "lode-check");
		json_number(&run->out, "version", 1);
		json_array(&run->out, "files");
	}
	for (int i = 0; i < count; i++)
		check_operand(run, names[i]);
	if (run->recursive && !run->json)
		printf("%u looked at, %u clean\n", run->nfiles, run->nclean);
	if (run->json) {
		json_array_end(&run->out);
		if (run->recursive) {
			json_number(&run->out, "looked_at", run->nfiles);
			json_number(&run->out, "clean", run->nclean);
		}
		json_object_end(&run->out);
		json_end(&run->out);
	}
	return run->status;
}

static int take_option(struct run *run, int option, const char *value)
{
	enum when when = WHEN_AUTO;

	switch (option) {
	case OPT_FOR:
		return take_targets(&run->targets, value) ? 0 : misuse_value(&command, "for", value,
			"linux-process, pvh, limine, multiboot, multiboot2, linux-kernel, rust, elf64, module or any");
	case OPT_COLOR:
		if (!parse_when(&when, value))
			return misuse_value(&command, "color", value, WHEN_MUST);
		run->view.colour = wants_colour(stdout, when);
		return 0;
	case OPT_RECURSIVE: run->recursive = true; break;
	case OPT_JSON: run->json = true; break;
	case OPT_STRICT: run->view.strict = true; break;
	case OPT_NO_HINTS: run->view.hints = false; break;
	case OPT_VERBOSE: run->view.verbose = true; break;
	case OPT_EXPLAIN: run->explain = value; break;
	default: run->list = true; break;
	}
	return 0;
}

static int tell_rules(const struct run *run, int nfiles)
{
	if (run->explain && check_rule_find(run->explain) == 0)
		return misuse_value(&command, "explain", run->explain, "the name of a rule, as lode check --list prints them");
	if (nfiles > 0)
		return misuse(&command, "--%s looks at no FILE", run->explain ? "explain" : "list");
	if (run->explain)
		check_explain(check_rule_find(run->explain), run->json);
	else
		check_list(run->targets ? run->targets : FOR_EVERY, run->json);
	return EXIT_DONE;
}

int cmd_check(int argc, char **argv)
{
	struct run run = {.view = {.hints = true, .colour = wants_colour(stdout, WHEN_AUTO), .width = terminal_width(),
		.line = line_width()}};
	struct options words;
	int option, status;

	options_begin(&words, &command, argc, argv);
	while ((option = options_next(&words)) > 0) {
		status = take_option(&run, option, words.value);
		if (status != 0)
			return status;
	}
	if (option == OPTIONS_EXIT)
		return words.status;
	if (run.explain || run.list)
		return tell_rules(&run, words.noperands);
	if (words.noperands == 0)
		return misuse(&command, "FILE is missing");
	return check_files(&run, words.operands, words.noperands);
}
