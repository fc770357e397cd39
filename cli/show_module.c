/* SPDX-License-Identifier: MIT */
/* Sections .modinfo and __versions of a Linux kernel module -> lines of text, JSON. Ref: Linux include/linux/module.h. */
#include "show.h"
#include "input.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* Bytes of .modinfo that are looked at; bytes of a value that are printed; of an entry of __versions. */
enum { MODINFO_MOST = 1 << 20, VALUE_MOST = 160, VERSION = 64, CRC = 4 };

/* NUL-terminated "key=value" one after the other; bytes has a NUL more than the section. */
struct modinfo {
	char *bytes;
	size_t size, at;
	const char *key, *value; /* of the entry; value NULL: it has no '=' */
	size_t key_length;
};

static void read_modinfo(struct modinfo *info, const struct show *show)
{
	const struct lode_section *section = section_find(&show->file.image, ".modinfo");

	*info = (struct modinfo){.at = 0};
	if (!section || section->type == LODE_SHT_NOBITS)
		return;
	info->size = section->size < MODINFO_MOST ? (size_t)section->size : MODINFO_MOST;
	info->bytes = calloc(info->size + 1, 1);
	if (!info->bytes || !input_exact(&show->file.input, info->bytes, section->offset, info->size))
		info->size = 0;
}

static bool next_entry(struct modinfo *info)
{
	const char *equals;

	while (info->at < info->size && info->bytes[info->at] == '\0')
		info->at++;
	if (info->at >= info->size)
		return false;
	info->key = info->bytes + info->at;
	info->at += strlen(info->key);
	equals = strchr(info->key, '=');
	info->value = equals ? equals + 1 : NULL;
	info->key_length = equals ? (size_t)(equals - info->key) : strlen(info->key);
	return true;
}

static bool is_key(const struct modinfo *info, const char *key)
{
	return info->value && strlen(key) == info->key_length && memcmp(info->key, key, info->key_length) == 0;
}

/* How many entries have this key; the first one's value is told. */
static unsigned count(struct modinfo *info, const char *key, const char **first)
{
	unsigned n = 0;

	info->at = 0;
	while (next_entry(info))
		if (is_key(info, key) && n++ == 0)
			*first = info->value;
	return n;
}

/* Since Linux 6.14 CRCs may stand in a table of their own. */
static uint64_t count_versions(const struct show *show)
{
	const struct lode_section *versions = section_find(&show->file.image, "__versions");
	const struct lode_section *crcs = section_find(&show->file.image, "__version_ext_crcs");
	const struct lode_section *section = versions ? versions : crcs;

	return !section || section->type == LODE_SHT_NOBITS ? 0 : section->size / (versions ? VERSION : CRC);
}

static void print_value(const struct show *show, struct modinfo *info, const char *key)
{
	const char *value = NULL;
	unsigned n = count(info, key, &value);
	char text[VALUE_MOST + 40], more[32] = "";
	int length;

	if (n == 0 || value[0] == '\0')
		return;
	length = (int)strnlen(value, VALUE_MOST);
	/* Never cut a character in two. */
	while (length > VALUE_MOST - 4 && ((unsigned char)value[length] & 0xc0) == 0x80)
		length--;
	if (n > 1)
		snprintf(more, sizeof more, ", and %u more", n - 1);
	snprintf(text, sizeof text, "%.*s%s%s", length, value, value[length] != '\0' ? "..." : "", more);
	printf("  %-13s ", key);
	put_wrapped(text, show->width, 16, 16);
	putchar('\n');
}

static const char *plural(uint64_t n, const char *many)
{
	return n == 1 ? "" : many;
}

static void print_counts(const struct show *show, struct modinfo *info)
{
	const char *unused;
	unsigned parameters = count(info, "parmtype", &unused), aliases = count(info, "alias", &unused);
	uint64_t versions = count_versions(show);
	char text[160];

	snprintf(text, sizeof text, "%u parameter%s, %u alias%s, %" PRIu64 " imported symbol%s with a CRC", parameters,
		plural(parameters, "s"), aliases, plural(aliases, "es"), versions, plural(versions, "s"));
	printf("  %-13s ", "module");
	put_wrapped(text, show->width, 16, 16);
	putchar('\n');
}

void show_module_print(const struct show *show)
{
	static const char *const keys[] = {"description", "author", "license", "vermagic", "depends"};
	struct modinfo info;

	if (show->kind.id != KIND_MODULE)
		return;
	read_modinfo(&info, show);
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		print_value(show, &info, keys[i]);
	print_counts(show, &info);
	free(info.bytes);
}

void show_module_json(struct json *json, const struct show *show)
{
	struct modinfo info;

	if (show->kind.id != KIND_MODULE)
		return;
	read_modinfo(&info, show);
	json_array(json, "modinfo");
	while (next_entry(&info)) {
		json_object(json, NULL);
		json_bytes(json, "key", info.key, info.key_length);
		json_string(json, "value", info.value);
		json_object_end(json);
	}
	json_array_end(json);
	json_number(json, "symbol_versions", count_versions(show));
	free(info.bytes);
}
