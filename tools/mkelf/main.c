/* SPDX-License-Identifier: MIT */
/* mkelf SAMPLE -o FILE: a good ELF file to play with, or one with fields set to any value. */
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mkelf.h"

static const struct structure_name {
	const char *name;
	enum mkelf_structure structure;
} structures[] = {
	{"ehdr", MKELF_EHDR},
	{"phdr", MKELF_PHDR},
	{"shdr", MKELF_SHDR},
	{"note", MKELF_NOTE},
	{"sym", MKELF_SYM},
	{"hash", MKELF_HASH},
	{"gnu_hash", MKELF_GNU_HASH},
	{"versym", MKELF_VERSYM},
	{"verneed", MKELF_VERNEED},
	{"verdef", MKELF_VERDEF},
	{"rel", MKELF_REL},
	{"rela", MKELF_RELA},
	{"jmprel", MKELF_JMPREL},
	{"relr", MKELF_RELR},
	{"dyn", MKELF_DYN},
	{"symtab", MKELF_SYMTAB},
	{"shndx", MKELF_SHNDX},
};
enum { NSTRUCTURES = sizeof structures / sizeof *structures };

static void usage(FILE *to)
{
	fputs("usage: mkelf [--class 32|64] [--data little|big] [--machine NUMBER] [--set STRUCT[INDEX].FIELD=VALUE]... SAMPLE -o "
		"FILE\n"
		"       mkelf --all DIR     every sample in both classes and byte orders\n"
		"       mkelf --fields      every field that --set knows\n\nSamples:\n",
		to);
	for (size_t i = 0; i < mkelf_nsamples; i++)
		fprintf(to, "  %-12s %s\n", mkelf_samples[i].name, mkelf_samples[i].text);
}

static int list_fields(void)
{
	for (size_t i = 0; i < mkelf_nfields; i++)
		for (size_t k = 0; k < NSTRUCTURES; k++)
			if (structures[k].structure == mkelf_fields[i].structure)
				printf("%s.%s\n", structures[k].name, mkelf_fields[i].name);
	return 0;
}

static int save(const struct mkelf_out *out, const char *path)
{
	FILE *file = fopen(path, "wb");
	bool ok = file && fwrite(out->bytes, 1, out->size, file) == out->size;

	if (file && fclose(file) != 0)
		ok = false;
	if (!ok)
		perror(path);
	return ok ? 0 : 1;
}

static int save_all(const char *dir)
{
	struct mkelf_out out = {0};
	int status = 0;

	for (size_t i = 0; i < mkelf_nsamples; i++)
		for (unsigned k = 0; k < 4 && !status; k++) {
			uint8_t class_ = k & 1 ? ELFCLASS64 : ELFCLASS32, data = k & 2 ? ELFDATA2MSB : ELFDATA2LSB;
			char path[4096];

			snprintf(path, sizeof path, "%s/%s-%s-%s.elf", dir, mkelf_samples[i].name, k & 1 ? "64" : "32",
				k & 2 ? "big" : "little");
			mkelf_make(&out, mkelf_samples[i].name, class_, data, 0);
			status = save(&out, path);
		}
	mkelf_free(&out);
	return status;
}

/** phdr[1].p_filesz=0x10; the index may be missing. */
static bool set_field(struct mkelf_out *out, const char *text)
{
	char structure[32], field[40];
	unsigned long index = 0;
	size_t length = strcspn(text, "[.");
	const char *p = text + length, *equals = strchr(text, '=');
	char *end;

	if (length >= sizeof structure || !equals || !*p)
		return false;
	snprintf(structure, sizeof structure, "%.*s", (int)length, text);
	if (*p == '[') {
		index = strtoul(p + 1, &end, 0);
		if (*end != ']')
			return false;
		p = end + 1;
	}
	if (*p != '.' || p > equals || (size_t)(equals - p) > sizeof field)
		return false;
	snprintf(field, sizeof field, "%.*s", (int)(equals - p - 1), p + 1);
	for (size_t i = 0; i < NSTRUCTURES; i++)
		if (strcmp(structures[i].name, structure) == 0 && mkelf_field(structures[i].structure, field)) {
			mkelf_set(out, structures[i].structure, (uint32_t)index, field, strtoull(equals + 1, &end, 0));
			return !*end;
		}
	return false;
}

int main(int argc, char **argv)
{
	uint8_t class_ = ELFCLASS64, data = ELFDATA2LSB;
	uint16_t machine = 0;
	const char *sample = NULL, *path = NULL;
	struct mkelf_out out = {0};
	int status;

	for (int i = 1; i < argc; i++) {
		bool more = i + 1 < argc;

		if (strcmp(argv[i], "--help") == 0)
			return usage(stdout), 0;
		if (strcmp(argv[i], "--fields") == 0)
			return list_fields();
		if (strcmp(argv[i], "--all") == 0 && more)
			return save_all(argv[i + 1]);
		if (strcmp(argv[i], "--class") == 0 && more)
			class_ = strcmp(argv[++i], "32") == 0 ? ELFCLASS32 : ELFCLASS64;
		else if (strcmp(argv[i], "--data") == 0 && more)
			data = strcmp(argv[++i], "big") == 0 ? ELFDATA2MSB : ELFDATA2LSB;
		else if (strcmp(argv[i], "--machine") == 0 && more)
			machine = (uint16_t)strtoul(argv[++i], NULL, 0);
		else if (strcmp(argv[i], "--set") == 0 && more)
			i++; /* once the file is made */
		else if (strcmp(argv[i], "-o") == 0 && more)
			path = argv[++i];
		else if (argv[i][0] != '-' && !sample)
			sample = argv[i];
		else
			return usage(stderr), 2;
	}
	if (!sample || !path)
		return usage(stderr), 2;
	mkelf_make(&out, sample, class_, data, machine);
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], "--set") == 0 && !set_field(&out, argv[++i])) {
			fprintf(stderr, "mkelf: --set %s: not STRUCT[INDEX].FIELD=VALUE; see --fields\n", argv[i]);
			mkelf_free(&out);
			return 2;
		}
	status = save(&out, path);
	mkelf_free(&out);
	return status;
}
