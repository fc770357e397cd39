/* SPDX-License-Identifier: MIT */
/* argv and a table of options -> option ids and operands; the same table prints --help. */
#include "cli.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { HELP_COLUMN = 26 };

int lode_misuse(const struct lode_command *command, const char *format, ...)
{
	char text[256], safe[320];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	lode_escape(safe, sizeof safe, text, strlen(text));
	fprintf(stderr, "lode %s: %s; see lode %s --help\n", command->name, safe, command->name);
	return LODE_EXIT_MISUSE;
}

int lode_misuse_value(const struct lode_command *command, const char *option, const char *value, const char *must)
{
	return lode_misuse(command, "--%s=%s: must be %s", option, value, must);
}

bool lode_parse_when(enum lode_when *when, const char *text)
{
	static const char *const words[] = {[LODE_AUTO] = "auto", [LODE_ALWAYS] = "always", [LODE_NEVER] = "never"};

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(text, words[i]) == 0) {
			*when = (enum lode_when)i;
			return true;
		}
	}
	return false;
}

static void print_option(const struct lode_option *option)
{
	int width = printf("  ");

	if (option->letter != 0)
		width += printf(option->name != NULL ? "-%c, " : "-%c", option->letter);
	if (option->name != NULL)
		width += printf("--%s", option->name);
	if (option->value != NULL)
		width += printf(option->name != NULL ? "=%s" : " %s", option->value);
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

static void print_help(const struct lode_command *command)
{
	static const struct lode_option help = {0, 'h', "help", NULL, "this text"};

	printf("usage: lode %s %s\n%s\n\noptions:\n", command->name, command->synopsis, command->summary);
	for (size_t i = 0; i < command->noptions; i++)
		print_option(&command->options[i]);
	print_option(&help);
	if (command->more != NULL)
		printf("\n%s\n", command->more);
}

void lode_options_begin(struct lode_options *options, const struct lode_command *command, int argc, char **argv)
{
	*options = (struct lode_options){.command = command, .argc = argc, .argv = argv, .next = 1, .operands = argv + 1};
}

static int leave(struct lode_options *options, int status)
{
	options->status = status;
	return LODE_OPTIONS_EXIT;
}

static int show_help(struct lode_options *options)
{
	print_help(options->command);
	return leave(options, LODE_EXIT_DONE);
}

/* The value that follows as a word of its own. */
static bool take_word(struct lode_options *options)
{
	if (options->next >= options->argc)
		return false;
	options->value = options->argv[options->next++];
	return true;
}

static int long_option(struct lode_options *options, const char *word)
{
	const struct lode_command *command = options->command;
	size_t length = strcspn(word, "=");

	for (size_t i = 0; i < command->noptions; i++) {
		const struct lode_option *option = &command->options[i];

		if (option->name == NULL || strlen(option->name) != length || memcmp(option->name, word, length) != 0)
			continue;
		if (option->value == NULL && word[length] == '=')
			return leave(options, lode_misuse(command, "option --%s takes no value", option->name));
		if (word[length] == '=')
			options->value = word + length + 1;
		else if (option->value != NULL && !take_word(options))
			return leave(options, lode_misuse(command, "option --%s needs %s", option->name, option->value));
		return option->id;
	}
	if (strcmp(word, "help") == 0)
		return show_help(options);
	return leave(options, lode_misuse(command, "unknown option '--%.*s'", (int)length, word));
}

static int short_option(struct lode_options *options)
{
	const struct lode_command *command = options->command;
	char letter = *options->letters++;

	for (size_t i = 0; i < command->noptions; i++) {
		const struct lode_option *option = &command->options[i];

		if (option->letter != letter)
			continue;
		if (option->value == NULL)
			return option->id;
		if (*options->letters != '\0')
			options->value = options->letters;
		else if (!take_word(options))
			return leave(options, lode_misuse(command, "option -%c needs %s", letter, option->value));
		options->letters = NULL;
		return option->id;
	}
	if (letter == 'h')
		return show_help(options);
	return leave(options, lode_misuse(command, "unknown option '-%c'", letter));
}

/* Everything that is left are operands; a NULL ends them, as it ends argv. */
static int finish(struct lode_options *options)
{
	while (options->next < options->argc)
		options->operands[options->noperands++] = options->argv[options->next++];
	options->operands[options->noperands] = NULL;
	return LODE_OPTIONS_END;
}

int lode_options_next(struct lode_options *options)
{
	options->value = NULL;
	while (options->letters == NULL || *options->letters == '\0') {
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

bool lode_parse_size(uint64_t *value, const char *text)
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
	unit = strchr(units, *end);
	if (unit == NULL || end[1] != '\0')
		return false;
	for (const char *u = units; u <= unit; u++) {
		if (*value > UINT64_MAX >> 10)
			return false;
		*value <<= 10;
	}
	return true;
}
