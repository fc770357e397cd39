/* SPDX-License-Identifier: MIT */
/* Number or name of a rule -> its words, of the core's list and of findings.def; --list and --explain. */
#include "check.h"
#include <string.h>

enum { HINT = CHECK_HINT, ODD = CHECK_ODD, REFUSED = CHECK_REFUSED, MALFORMED = CHECK_MALFORMED };

static const struct check_rule findings[] = {
#define FINDING(id, name, severity, targets, text, why, remedy, ref) \
	{name, text, why, remedy, ref, (enum check_severity)(severity), targets},
#include "findings.def"
#undef FINDING
};

/* Why a class of faults in files matters: what happens in loaders that do not check. */
static const struct class_why {
	const char *class_, *why;
} classes[] = {
	{"E_TRUNCATED", "a loader that does not compare with the file's size reads bytes that are not there"},
	{"E_MAGIC", "every loader looks at these bytes first and refuses"},
	{"E_CLASS", "all further fields have another size: nothing behind can be read"},
	{"E_ENDIAN", "all further fields have another byte order: nothing behind can be read"},
	{"E_VERSION", "the format of a later version is not known"},
	{"E_TYPE", "loaders of this kind take programs and libraries only"},
	{"E_MACHINE", "the code, or its relocations, cannot be handled here"},
	{"E_ENTSIZE", "a loader that steps through the table by another size reads nonsense, or divides by zero"},
	{"E_COUNT", "a loader takes the wrong number of entries"},
	{"E_RANGE", "a loader that does not check reads or writes outside the file or the image"},
	{"E_SEGSIZE", "a loader that copies p_filesz bytes writes beyond the memory that it reserved"},
	{"E_ALIGN", "pages cannot be mapped, or come to lie where the code does not expect them"},
	{"E_OVERLAP", "which bytes end up in memory depends on the loader"},
	{"E_ORDER", "loaders that rely on the order compute a wrong size"},
	{"E_PERM", "memory becomes writable and executable, or a write faults"},
	{"E_ADDR", "addresses wrap, and a loader that adds before it compares writes anywhere"},
	{"E_ENTRY", "the first instruction is not the image's"},
	{"E_NOSEG", "there is nothing to load"},
	{"E_LIMIT", "the caller's limit protects it from files that only want to waste memory or time"},
	{"E_STRING", "a reader runs beyond the table"},
	{"E_SECTION", "an index is used for an array that is shorter"},
	{"E_SYMBOL", "an index is used for an array that is shorter"},
	{"E_RTYPE", "a relocation that is skipped leaves a wrong address behind"},
	{"E_RRANGE", "a loader that does not check writes outside the image"},
	{"E_RVALUE", "a value that is cut short points elsewhere"},
	{"E_UNDEF", "the image would jump or store to address 0"},
	{"E_DYNAMIC", "ld.so and other loaders crash on it or read nonsense"},
	{"E_INTERP", "the dynamic loader cannot be found"},
	{"E_NOTE", "a reader runs beyond the notes, or never ends"},
	{"E_TLS", "threads begin with a wrong thread-local block"},
	{"E_HASH", "a lookup runs beyond the table, or never ends"},
	{"E_SYMVER", "a lookup runs beyond the table, or never ends"},
	{"E_IO", "what cannot be read cannot be judged"},
	{"E_NOMEM", "there is no place for the image"},
};

/* What linkers, start states, page tables and arrays demand speaks for itself; rules.def begins with the rules of files. */
static const char *class_why(enum lode_rule rule, const char *class_)
{
	if (rule >= LODE_RULE_ROOM_SEGMENTS)
		return "";
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
		if (strcmp(classes[i].class_, class_) == 0)
			return classes[i].why;
	return "";
}

static enum check_severity severity_of(enum lode_status status)
{
	switch (status) {
	case LODE_ERR_MALFORMED: return CHECK_MALFORMED;
	case LODE_ERR_IO: return CHECK_UNREADABLE;
	default: return CHECK_REFUSED;
	}
}

struct check_rule check_rule_at(uint32_t rule)
{
	enum lode_rule core = (enum lode_rule)rule;

	if (rule >= LODE_RULE_COUNT_)
		return findings[rule - LODE_RULE_COUNT_];
	return (struct check_rule){
		.name = lode_rule_name(core),
		.text = lode_rule_text(core),
		.why = class_why(core, lode_rule_class(core)),
		.remedy = lode_rule_remedy(core),
		.ref = lode_rule_ref(core),
		.severity = severity_of(lode_rule_status(core)),
		.targets = FOR_EVERY,
	};
}

uint32_t check_rule_find(const char *name)
{
	for (uint32_t i = 1; i < CHECK_RULES; i++)
		if (strcmp(check_rule_at(i).name, name) == 0)
			return i;
	return 0;
}

const char *check_severity_name(enum check_severity severity)
{
	static const char *const names[] = {"hint", "odd", "refused", "malformed", "unreadable"};

	return names[severity];
}

static const char *const targets[NTARGETS] = {"linux-process", "pvh", "limine", "multiboot", "multiboot2", "linux-kernel",
	"rust", "elf64", "module", "any"};

const char *check_target_name(uint32_t bit)
{
	for (unsigned i = 0; i < NTARGETS; i++)
		if (bit == 1u << i)
			return targets[i];
	return "";
}

uint32_t check_target_find(const char *name, size_t size)
{
	for (unsigned i = 0; i < NTARGETS; i++)
		if (strlen(targets[i]) == size && memcmp(targets[i], name, size) == 0)
			return 1u << i;
	return 0;
}

void check_targets_text(char *buf, size_t size, uint32_t bits)
{
	size_t used = 0;

	buf[0] = '\0';
	for (unsigned i = 0; i < NTARGETS; i++) {
		if (!(bits & 1u << i) || used >= size)
			continue;
		used += (size_t)snprintf(buf + used, size - used, "%s%s", used > 0 ? ", " : "", targets[i]);
	}
}

static const char *class_of(uint32_t rule)
{
	return rule < LODE_RULE_COUNT_ ? lode_rule_class((enum lode_rule)rule) : "";
}

static void rule_json(struct json *json, uint32_t number)
{
	struct check_rule rule = check_rule_at(number);

	json_object(json, NULL);
	json_string(json, "rule", rule.name);
	json_string(json, "severity", check_severity_name(rule.severity));
	json_bool(json, "core", number < LODE_RULE_COUNT_);
	json_array(json, "targets");
	for (unsigned k = 0; k < NTARGETS; k++)
		if (rule.targets & 1u << k)
			json_string(json, NULL, targets[k]);
	json_array_end(json);
	json_string(json, "text", rule.text);
	json_string(json, "why", rule.why);
	json_string(json, "remedy", rule.remedy);
	json_string(json, "ref", rule.ref);
	json_object_end(json);
}

static void rules_json(uint32_t first, uint32_t end, uint32_t whom)
{
	struct json json;

	json_begin(&json, stdout);
	json_object(&json, NULL);
	json_string(&json, "format", "lode-check-rules");
	json_number(&json, "version", 1);
	json_array(&json, "rules");
	for (uint32_t i = first; i < end; i++)
		if (check_rule_at(i).targets & whom)
			rule_json(&json, i);
	json_array_end(&json);
	json_object_end(&json);
	json_end(&json);
}

static void explain(uint32_t number)
{
	struct check_rule rule = check_rule_at(number);
	char whom[128];

	check_targets_text(whom, sizeof whom, rule.targets);
	printf("%s\n\n  %s.\n\n", rule.name, rule.text);
	printf("Severity:  %s%s%s%s\n", check_severity_name(rule.severity), *class_of(number) ? " (" : "", class_of(number),
		*class_of(number) ? ")" : "");
	printf("Concerns:  %s\n", rule.targets == FOR_EVERY ? "everybody" : whom);
	if (rule.why[0])
		printf("Why:       %s.\n", rule.why);
	printf("Remedy:    %s\n", rule.remedy);
	printf("Reference: %s\n", strcmp(rule.ref, "-") == 0 ? "none" : rule.ref);
}

void check_explain(uint32_t number, bool json)
{
	if (json)
		rules_json(number, number + 1, FOR_EVERY);
	else
		explain(number);
}

void check_list(uint32_t whom, bool json)
{
	if (json) {
		rules_json(1, CHECK_RULES, whom);
		return;
	}
	for (uint32_t i = 1; i < CHECK_RULES; i++) {
		struct check_rule rule = check_rule_at(i);

		if (!(rule.targets & whom))
			continue;
		printf("%-25s %-10s %s\n", rule.name, check_severity_name(rule.severity), rule.text);
	}
}
