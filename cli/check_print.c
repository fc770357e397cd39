/* SPDX-License-Identifier: MIT */
/* Findings of a file -> text or JSON, worst first. */
#include "check.h"
#include <string.h>

/* The remedy of what is as it has to be. */
#define NO_REMEDY "none is needed"

/* Columns in front of what is said of a rule; lines that go on begin a little behind them. */
enum { WORDS = 13, HANG = 2 };

static bool has_place(const struct check_place *place)
{
	return place->offset != LODE_NO_OFFSET || (place->field != NULL && *place->field != '\0');
}

/* True if the finding's offset is one of the image inside, not of the file. */
static bool is_inside(const struct check *c, const struct check_finding *finding)
{
	return c->inside[0] && finding >= c->findings + c->outside && finding->place.offset != LODE_NO_OFFSET;
}

static void append(char text[TEXT_MOST], const char *format, ...) __attribute__((format(printf, 2, 3)));
static void append(char text[TEXT_MOST], const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, TEXT_MOST - used, format, args);
	va_end(args);
}

static void append_place(char text[TEXT_MOST], const struct check_place *place, bool inside)
{
	const char *comma = "";

	if (place->structure && *place->structure != '\0') {
		append(text, "%s", place->structure);
		if (place->index != LODE_NO_INDEX)
			append(text, " %u", place->index);
		comma = ", ";
	}
	if (place->field && *place->field != '\0') {
		append(text, "%s%s", comma, place->field);
		if (place->has_value)
			append(text, " = 0x%llx", (unsigned long long)place->value);
		comma = ", ";
	}
	if (place->offset != LODE_NO_OFFSET)
		append(text, "%s%soffset 0x%llx%s", comma, inside ? "" : "file ", (unsigned long long)place->offset,
			inside ? " of the image inside" : "");
}

/* "             at: TEXT"; lines that go on begin below TEXT. */
static void print_words(const char *what, const char *words, int width)
{
	size_t at = (size_t)printf("%*s%s: ", WORDS, "", what);

	put_wrapped(words, width, at, at);
	putchar('\n');
}

/* Where, and the particulars. */
static void print_finding(const struct check *c, const struct check_finding *finding, int width)
{
	bool place = has_place(&finding->place);
	char text[TEXT_MOST] = "";

	if (!place && finding->detail[0] == '\0')
		return;
	if (place)
		append_place(text, &finding->place, is_inside(c, finding));
	append(text, "%s%s", place && finding->detail[0] != '\0' ? "; " : "", finding->detail);
	print_words("at", text, width);
}

static const char *colour_of(enum check_severity severity)
{
	static const char *const colours[] = {"\033[36m", "\033[33m", "\033[31m", "\033[1;31m", "\033[1;31m"};

	return colours[severity];
}

/* A rule with all places that break it. */
static void print_rule(const struct check *c, uint32_t number, const struct check_view *view)
{
	struct check_rule rule = check_rule_at(number);
	const char *severity = check_severity_name(rule.severity);
	char text[TEXT_MOST] = "";

	append(text, "%s: %s", rule.name, rule.text);
	printf("  %s%-10s%s ", view->colour ? colour_of(rule.severity) : "", severity, view->colour ? "\033[0m" : "");
	put_wrapped(text, view->line, WORDS, WORDS + HANG);
	putchar('\n');
	for (size_t i = 0; i < c->nfindings; i++)
		if (c->findings[i].rule == number)
			print_finding(c, &c->findings[i], view->line);
	if (c->count[number] > CHECK_SAME_RULE)
		printf("%*sand %u more\n", WORDS, "", c->count[number] - CHECK_SAME_RULE);
	if (rule.severity > CHECK_HINT && rule.why[0])
		print_words("why", rule.why, view->width);
	if (strcmp(rule.remedy, NO_REMEDY) != 0)
		print_words("fix", rule.remedy, view->width);
	if (view->verbose && strcmp(rule.ref, "-") != 0)
		print_words("ref", rule.ref, view->width);
}

/* Names of the hints that are not shown and count all the same. */
static void print_hints(const struct check *c)
{
	const char *before = " (";

	for (uint32_t i = 1; i < CHECK_RULES; i++) {
		if (c->count[i] == 0 || check_rule_at(i).severity != CHECK_HINT)
			continue;
		printf("%s%s", before, check_rule_at(i).name);
		before = ", ";
	}
	printf(")");
}

/* True for the first finding of its rule. */
static bool first_of_rule(const struct check *c, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (c->findings[i].rule == c->findings[index].rule)
			return false;
	return true;
}

/* Findings of a severity; *rules grows by the number of rules that they break. */
static unsigned count_of(const struct check *c, enum check_severity severity, unsigned *rules)
{
	unsigned count = 0;

	for (uint32_t i = 1; i < CHECK_RULES; i++) {
		if (c->count[i] == 0 || check_rule_at(i).severity != severity)
			continue;
		count += c->count[i];
		++*rules;
	}
	return count;
}

/* Hints that are not shown are not counted, unless the exit status counts them. Places are counted, and of how many rules if those
 * are fewer. */
static void print_summary(const struct check *c, const struct check_view *view)
{
	unsigned places = 0, rules = 0;

	put_name(stdout, c->name);
	printf(":");
	for (int severity = CHECK_UNREADABLE; severity >= (view->hints || view->strict ? CHECK_HINT : CHECK_ODD); severity--) {
		unsigned count = count_of(c, (enum check_severity)severity, &rules);

		if (count == 0)
			continue;
		printf("%s%u %s%s", places ? ", " : " ", count, check_severity_name((enum check_severity)severity),
			severity == CHECK_HINT && count > 1 ? "s" : "");
		places += count;
		if (severity != CHECK_HINT || view->hints)
			continue;
		printf(" not shown");
		print_hints(c);
	}
	if (places > rules)
		printf(" (%u rule%s at %u places)", rules, rules > 1 ? "s" : "", places);
	printf("%s\n", places ? "" : " clean");
}

static void print_first_line(const struct check *c)
{
	char whom[128];

	check_targets_text(whom, sizeof whom, c->targets);
	put_name(stdout, c->name);
	printf(": for %s", whom);
	if (c->guess)
		printf(" (guessed: %s)", c->guess);
	if (c->inside[0] != '\0') {
		printf("; inside ");
		put_name(stdout, c->inside);
	}
	printf("\n");
}

void check_print(const struct check *c, const struct check_view *view)
{
	print_first_line(c);
	for (unsigned i = 0; i < c->nseen; i++) {
		printf("  %-10s ", "seen");
		put_wrapped(c->seen[i], view->line, WORDS, WORDS + HANG);
		putchar('\n');
	}
	for (int severity = CHECK_UNREADABLE; severity >= (view->hints ? CHECK_HINT : CHECK_ODD); severity--)
		for (size_t i = 0; i < c->nfindings; i++)
			if ((int)check_rule_at(c->findings[i].rule).severity == severity && first_of_rule(c, i))
				print_rule(c, c->findings[i].rule, view);
	print_summary(c, view);
}

static void json_targets(struct json *json, uint32_t bits)
{
	json_array(json, "targets");
	for (unsigned i = 0; i < NTARGETS; i++)
		if (bits & 1u << i)
			json_string(json, NULL, check_target_name(1u << i));
	json_array_end(json);
}

static void json_place(struct json *json, const struct check_place *place)
{
	if (place->structure && *place->structure != '\0')
		json_string(json, "structure", place->structure);
	if (place->index != LODE_NO_INDEX)
		json_number(json, "index", place->index);
	if (place->field && *place->field != '\0')
		json_string(json, "field", place->field);
	if (place->has_value)
		json_hex(json, "value", place->value);
	if (place->offset != LODE_NO_OFFSET)
		json_hex(json, "offset", place->offset);
}

static void json_finding(struct json *json, const struct check *c, const struct check_finding *finding)
{
	struct check_rule rule = check_rule_at(finding->rule);

	json_object(json, NULL);
	json_string(json, "rule", rule.name);
	json_string(json, "severity", check_severity_name(rule.severity));
	json_targets(json, rule.targets & c->targets);
	json_place(json, &finding->place);
	if (is_inside(c, finding))
		json_bool(json, "in_image", true);
	if (finding->detail[0] != '\0')
		json_string(json, "detail", finding->detail);
	json_string(json, "text", rule.text);
	json_string(json, "why", rule.why);
	json_string(json, "remedy", rule.remedy);
	json_string(json, "ref", rule.ref);
	json_object_end(json);
}

void check_print_json(struct json *json, const struct check *c, const struct check_view *view)
{
	const enum check_severity least = view->hints ? CHECK_HINT : CHECK_ODD;
	bool clean;
	enum check_severity worst = check_worst(c, false, &clean);

	json_object(json, NULL);
	json_string(json, "file", c->name);
	json_string(json, "verdict", clean ? "clean" : check_severity_name(worst));
	if (c->inside[0] != '\0')
		json_string(json, "inside", c->inside);
	json_targets(json, c->targets);
	json_bool(json, "guessed", c->guess);
	if (c->guess)
		json_string(json, "reason", c->guess);
	json_array(json, "seen");
	for (unsigned i = 0; i < c->nseen; i++)
		json_string(json, NULL, c->seen[i]);
	json_array_end(json);
	json_array(json, "findings");
	for (int severity = CHECK_UNREADABLE; severity >= (int)least; severity--)
		for (size_t i = 0; i < c->nfindings; i++)
			if ((int)check_rule_at(c->findings[i].rule).severity == severity)
				json_finding(json, c, &c->findings[i]);
	json_array_end(json);
	json_object(json, "more");
	for (uint32_t i = 1; i < CHECK_RULES; i++)
		if (c->count[i] > CHECK_SAME_RULE && check_rule_at(i).severity >= least)
			json_number(json, check_rule_at(i).name, c->count[i] - CHECK_SAME_RULE);
	json_object_end(json);
	json_array(json, "hidden");
	for (uint32_t i = 1; i < CHECK_RULES && !view->hints; i++)
		if (c->count[i] > 0 && check_rule_at(i).severity == CHECK_HINT)
			json_string(json, NULL, check_rule_at(i).name);
	json_array_end(json);
	json_object_end(json);
}
