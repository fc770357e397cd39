/* SPDX-License-Identifier: MIT */
/* types A.o B.o: two objects of one source file; the types of all variables and functions that both have are compared, by name.
 * Says how many there are, and which differ. */
#include "link/types.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 256 << 20 };

struct object {
	struct lode_link link;
	struct lode_link_unit *unit;
};

static unsigned long variables, functions, unknown, differing;

static void *read_file(size_t *size, const char *name)
{
	FILE *file = fopen(name, "rb");
	unsigned char *bytes = NULL;
	long length = -1;

	if (file && fseek(file, 0, SEEK_END) == 0)
		length = ftell(file);
	if (length > 0)
		bytes = malloc((size_t)length);
	if (bytes) {
		rewind(file);
		*size = fread(bytes, 1, (size_t)length, file);
	}
	if (file)
		fclose(file);
	return bytes;
}

static int open_object(struct object *object, const char *name)
{
	struct lode_link_options options = {.page_size = 4096, .machine = LODE_EM_X86_64, .memory_size = MEMORY};
	struct lode_diag why;
	size_t size = 0;
	void *bytes = read_file(&size, name);
	char line[600];

	options.memory = malloc(MEMORY);
	if (!bytes || !options.memory || lode_link_begin(&object->link, &options, &why) != LODE_OK ||
		lode_link_add(&object->link, name, bytes, size, &why) != LODE_OK) {
		lode_diag_format(line, sizeof line, &why);
		fprintf(stderr, "%s: %s\n", name, bytes ? line : "cannot be read");
		return -1;
	}
	object->unit = object->link.units_.first;
	return 0;
}

static bool is_wanted(const struct link_sym *symbol)
{
	return symbol->type != LODE_STT_SECTION && symbol->type != LODE_STT_FILE && symbol->shndx != LODE_SHN_UNDEF;
}

/* The only one of a name: numbers that compilers give to variables of functions differ. */
static uint32_t find(const struct lode_link_unit *unit, const struct lode_link_text *name, uint8_t type)
{
	uint32_t found = 0;

	for (uint32_t i = 1; i < unit->nsymbols; i++) {
		struct link_sym symbol = lode_unit_symbol_(unit, i);
		struct lode_link_text other = lode_unit_symbol_name_(unit, i);

		if (!is_wanted(&symbol) || symbol.type != type || other.size != name->size ||
			memcmp(other.at, name->at, other.size) != 0)
			continue;
		if (found != 0)
			return 0;
		found = i;
	}
	return found;
}

static void compare(struct object *old, struct object *now, uint32_t index)
{
	struct link_sym symbol = lode_unit_symbol_(now->unit, index);
	struct lode_link_text name = lode_unit_symbol_name_(now->unit, index);
	uint32_t other = is_wanted(&symbol) ? find(old->unit, &name, symbol.type) : 0, was = 0, is = 0;
	const struct lode_types *types;
	struct types_difference difference;

	if (other == 0 || find(now->unit, &name, symbol.type) != index)
		return;
	types = lode_unit_types_(&was, &old->link, old->unit, other);
	lode_unit_types_(&is, &now->link, now->unit, index);
	if (was == 0 || is == 0) {
		unknown++;
		if (getenv("TELL"))
			printf("unknown %.*s: %u %u\n", (int)name.size, name.at, was, is);
		return;
	}
	if (symbol.type == LODE_STT_FUNC)
		functions++;
	else
		variables++;
	if (lode_types_same_(&difference, &now->unit->types->comparing, types, was, is))
		return;
	differing++;
	printf("%.*s%s: %s.%s is %llu, was %llu\n", (int)name.size, name.at, difference.path,
		lode_field_structure(difference.field), lode_field_name(difference.field), (unsigned long long)difference.now,
		(unsigned long long)difference.old);
}

int main(int argc, char **argv)
{
	struct object old, now;

	if (argc != 3 || open_object(&old, argv[1]) != 0 || open_object(&now, argv[2]) != 0)
		return 2;
	for (uint32_t i = 1; i < now.unit->nsymbols; i++)
		compare(&old, &now, i);
	if (now.unit->types && now.unit->types->types.unfinished)
		printf("types were not read to the end\n");
	if (now.unit->types && now.unit->types->comparing.unfinished)
		printf("types were not compared to the end\n");
	if (now.unit->types && getenv("TELL"))
		printf("%llu looks, %u types\n", (unsigned long long)now.unit->types->comparing.looks,
			now.unit->types->types.ntypes);
	printf("%lu variables, %lu functions, %lu unknown, %lu differ\n", variables, functions, unknown, differing);
	return 0;
}
