/* SPDX-License-Identifier: MIT */
/* OUT and files -> OUT.bin, the module as it would lie at a fixed address; OUT.map, what lies where; OUT.sym, what the host gave.
 * For comparisons with other linkers: symbols of nobody have made-up addresses. x86-64. */
#include <fcntl.h>
#include <lode/link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASE UINT64_C(0x10000000)
#define OUTSIDE UINT64_C(0x30000000)

static FILE *symbols;

static int resolve(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	uint64_t *next = host;

	answer->value = *next;
	answer->type = LODE_STT_FUNC;
	*next += 16;
	fprintf(symbols, "%s 0x%llx\n", symbol->name, (unsigned long long)answer->value);
	return 0;
}

static const void *map(const char *name, uint64_t *size)
{
	int fd = open(name, O_RDONLY);
	struct stat st;
	void *bytes;

	if (fd < 0 || fstat(fd, &st) != 0) {
		perror(name);
		exit(2);
	}
	*size = (uint64_t)st.st_size;
	bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	return bytes;
}

static FILE *create(const char *out, const char *end)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof path, "%s.%s", out, end);
	file = fopen(path, "w");
	if (!file) {
		perror(path);
		exit(2);
	}
	return file;
}

static void write_map(const struct lode_link *link, FILE *file)
{
	struct lode_link_piece piece = {.addr = 0};

	for (unsigned i = 0; i < LODE_REGIONS; i++)
		fprintf(file, "region 0x%llx 0x%llx\n", (unsigned long long)link->runs[i].addr,
			(unsigned long long)link->runs[i].size);
	while (lode_link_next_piece(&piece, link))
		fprintf(file, "section 0x%llx 0x%llx %.*s %.*s %.*s\n",
			(unsigned long long)piece.addr, (unsigned long long)piece.size,
			(int)piece.section.size, piece.section.at, (int)piece.file.size, piece.file.at,
			piece.member.size ? (int)piece.member.size : 1, piece.member.size ? piece.member.at : "-");
}

/* Common symbols lie in no section of an object: ld is told of their addresses as of those of nobody's. */
static void write_commons(const struct lode_link *link)
{
	for (const struct lode_link_symbol *symbol = link->symbols_; symbol; symbol = symbol->all_)
		if (symbol->unit && symbol->state_ == 2)
			fprintf(symbols, "%s 0x%llx\n", symbol->name, (unsigned long long)symbol->value);
}

static int go(struct lode_link *link, const struct lode_link_options *options, char **names, struct lode_diag *why)
{
	struct lode_link_place place = {.addr = BASE};
	int status = lode_link_begin(link, options, why);

	for (; *names && status == LODE_OK; names++) {
		uint64_t size;
		const void *bytes = map(*names, &size);

		status = lode_link_add(link, *names, bytes, size, why);
	}
	if (status == LODE_OK)
		status = lode_link_resolve(link, why);
	if (status == LODE_OK)
		status = lode_link_plan(link, why);
	if (status != LODE_OK)
		return status;
	place.view = calloc(1, link->size);
	return place.view ? lode_link_place(link, &place, why) : LODE_ERR_ROOM;
}

int main(int argc, char **argv)
{
	static struct lode_link link;
	uint64_t next = OUTSIDE;
	const struct lode_link_host host = {.host = &next, .resolve = resolve};
	struct lode_link_options options = {.memory_size = 1 << 30, .host = &host, .page_size = 4096, .machine = LODE_EM_X86_64};
	struct lode_diag why;
	char line[512];
	FILE *out;

	if (argc < 3)
		return 2;
	symbols = create(argv[1], "sym");
	options.memory = mmap(NULL, options.memory_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		0);
	if (go(&link, &options, argv + 2, &why) != LODE_OK) {
		lode_diag_format(line, sizeof line, &why);
		fprintf(stderr, "%.*s: %.*s: %s\n", (int)link.blame.member.size, link.blame.member.at, (int)link.blame.symbol.size,
			link.blame.symbol.at, line);
		return 1;
	}
	write_commons(&link);
	write_map(&link, create(argv[1], "map"));
	out = create(argv[1], "bin");
	fwrite(link.view_, 1, link.size, out);
	return fflush(NULL) != 0;
}
