/* SPDX-License-Identifier: MIT */
/* argv and a table of options -> option ids and operands; the same table prints --help. */
#include "cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 26 };

/* What every verb takes, behind the options of its own. */
static const struct option help = {0, 'h', "help", NULL, "this text"};

static const struct option *option_at(const struct command *command, size_t i)
{
	return i < command->noptions ? &command->options[i] : &help;
}

int misuse(const struct command *command, const char *format, ...)
{
	char text[256], safe[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	escape_bytes(safe, sizeof safe, text, strlen(text));
	fprintf(stderr, "lode %s: %s; see lode %s --help\n", command->name, safe, command->name);
	return EXIT_MISUSE;
}

int misuse_value(const struct command *command, const char *option, const char *value, const char *must)
{
	return misuse(command, "--%s=%s: must be %s", option, value, must);
}

bool parse_when(enum when *when, const char *text)
{
	static const char *const words[] = {[WHEN_AUTO] = "auto", [WHEN_ALWAYS] = "always", [WHEN_NEVER] = "never"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(text, words[i]) == 0) {
			*when = (enum when)i;
			return true;
		}
	}
	return false;
}

static void print_option(const struct option *option)
{
	int width = printf("  ");

	if (option->letter != 0)
		width += printf(option->name ? "-%c, " : "-%c", option->letter);
	if (option->name)
		width += printf("--%s", option->name);
	if (option->value)
		width += printf(option->name ? "=%s" : " %s", option->value);
	if (width > HELP_COLUMN - 2) {
		putchar('\n');
		width = 0;
	}
	for (const char *line = option->help; ; line++) {
		int length = (int)strcspn(line, "\n");

		printf("%*s%.*s\n", HELP_COLUMN - width, "", length, line);
		width = 0;
		line += length;
		if (*line == '\0')
			return;
	}
}

static void print_help(const struct command *command)
{
	printf("usage: lode %s %s\n%s\n\noptions:\n", command->name, command->synopsis, command->summary);
	for (size_t i = 0; i <= command->noptions; i++)
		print_option(option_at(command, i));
	if (command->more)
		printf("\n%s\n", command->more);
}

void options_begin(struct options *options, const struct command *command, int argc, char **argv)
{
	*options = (struct options){.command = command, .argc = argc, .argv = argv, .next = 1, .operands = argv + 1};
}

static int leave(struct options *options, int status)
{
	options->status = status;
	return OPTIONS_EXIT;
}

/* The option was found, with its value if it takes one. */
static int taken(struct options *options, const struct option *option)
{
	if (option != &help)
		return option->id;
	print_help(options->command);
	return leave(options, EXIT_DONE);
}

/* The value that follows as a word of its own. */
static bool take_word(struct options *options)
{
	if (options->next >= options->argc)
		return false;
	options->value = options->argv[options->next++];
	return true;
}

static const struct option *find_name(const struct command *command, const char *name, size_t length)
{
	for (size_t i = 0; i <= command->noptions; i++) {
		const struct option *option = option_at(command, i);

		if (option->name && strlen(option->name) == length && memcmp(option->name, name, length) == 0)
			return option;
	}
	return NULL;
}

static const struct option *find_letter(const struct command *command, char letter)
{
	for (size_t i = 0; i <= command->noptions; i++)
		if (option_at(command, i)->letter == letter)
			return option_at(command, i);
	return NULL;
}

static int long_option(struct options *options, const char *word)
{
	size_t length = strcspn(word, "=");
	const struct option *option = find_name(options->command, word, length);

	if (!option)
		return leave(options, misuse(options->command, "unknown option '--%.*s'%s", (int)length, word,
			options->hint ? options->hint : ""));
	if (!option->value && word[length] == '=')
		return leave(options, misuse(options->command, "option --%s takes no value", option->name));
	if (word[length] == '=')
		options->value = word + length + 1;
	else if (option->value && !take_word(options))
		return leave(options, misuse(options->command, "option --%s needs %s", option->name, option->value));
	return taken(options, option);
}

static int short_option(struct options *options)
{
	char letter = *options->letters++;
	const struct option *option = find_letter(options->command, letter);

	if (!option)
		return leave(options, misuse(options->command, "unknown option '-%c'%s", letter,
			options->hint ? options->hint : ""));
	if (!option->value)
		return taken(options, option);
	if (*options->letters != '\0')
		options->value = options->letters;
	else if (!take_word(options))
		return leave(options, misuse(options->command, "option -%c needs %s", letter, option->value));
	options->letters = NULL;
	return taken(options, option);
}

/* Everything that is left are operands; a NULL ends them, as it ends argv. */
static int finish(struct options *options)
{
	while (options->next < options->argc)
		options->operands[options->noperands++] = options->argv[options->next++];
	options->operands[options->noperands] = NULL;
	return OPTIONS_END;
}

int options_next(struct options *options)
{
	options->value = NULL;
	while (!options->letters || *options->letters == '\0') {
		char *word;

		if (options->next >= options->argc)
			return finish(options);
		word = options->argv[options->next];
		if (word[0] != '-' || word[1] == '\0') {
			if (options->command->in_order)
				return finish(options);
			options->operands[options->noperands++] = word;
			options->next++;
			continue;
		}
		options->next++;
		if (strcmp(word, "--") == 0)
			return finish(options);
		if (word[1] == '-')
			return long_option(options, word + 2);
		options->letters = word + 1;
	}
	return short_option(options);
}

bool parse_size(uint64_t *value, const char *text)
{
	static const char units[] = "KMGT";
	unsigned long long number;
	const char *unit;
	char *end;

	/* strtoull alone would take a sign and leading blanks, and call a wrapped number a result. */
	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	number = strtoull(text, &end, text[0] == '0' && (text[1] == 'x' || text[1] == 'X') ? 16 : 10);
	*value = number;
	if (errno != 0)
		return false;
	if (*end == '\0')
		return true;
	unit = strchr(units, *end >= 'a' && *end <= 'z' ? *end - 'a' + 'A' : *end);
	if (!unit || end[1] != '\0')
		return false;
	for (const char *u = units; u <= unit; u++) {
		if (*value > UINT64_MAX >> 10)
			return false;
		*value <<= 10;
	}
	return true;
}
