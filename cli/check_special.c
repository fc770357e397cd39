/* SPDX-License-Identifier: MIT */
/* PT_INTERP, PT_PHDR, PT_TLS, PT_GNU_STACK, PT_GNU_RELRO, PT_DYNAMIC as headers -> findings. */
#include "check.h"
#include "input.h"
#include <string.h>
#include <unistd.h>

enum { MAX_INTERP = 4096 }; /* Linux: PATH_MAX */

static uint32_t count_of(const struct check *c, uint32_t type, uint32_t *second)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < c->image.nsegments; i++)
		if (c->image.segments[i].type == type && ++count == 2)
			*second = i;
	return count;
}

static void check_counts(struct check *c)
{
	static const struct {
		uint32_t type;
		enum check_id id;
	} once[] = {{LODE_PT_INTERP, CHECK_INTERP_COUNT}, {LODE_PT_PHDR, CHECK_PHDR_COUNT}, {LODE_PT_DYNAMIC, CHECK_DYNAMIC_COUNT}};
	uint32_t second = 0;

	for (size_t i = 0; i < sizeof once / sizeof *once; i++)
		if (count_of(c, once[i].type, &second) > 1)
			check_add(c, once[i].id, check_at_segment(c, second, LODE_FIELD_PHDR_TYPE), NULL);
	if (count_of(c, LODE_PT_TLS, &second) > 1)
		check_add_rule(c, LODE_RULE_TLS_COUNT, LODE_FIELD_PHDR_TYPE, check_at_segment(c, second, LODE_FIELD_PHDR_TYPE), 0);
}

/* PT_PHDR and PT_INTERP stand before every PT_LOAD. */
static void check_late(struct check *c)
{
	bool loads = false;

	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		uint32_t type = c->image.segments[i].type;

		loads |= type == LODE_PT_LOAD;
		if (loads && type == LODE_PT_INTERP)
			check_add(c, CHECK_INTERP_LATE, check_at_segment(c, i, LODE_FIELD_PHDR_TYPE), NULL);
		if (loads && type == LODE_PT_PHDR)
			check_add(c, CHECK_PHDR_LATE, check_at_segment(c, i, LODE_FIELD_PHDR_TYPE), NULL);
	}
}

/* Only for programs that this machine could run: others' interpreters live in other trees. */
static bool is_native(const struct check *c)
{
#if defined(__x86_64__)
	return c->image.machine == LODE_EM_X86_64 || c->image.machine == LODE_EM_386;
#elif defined(__i386__)
	return c->image.machine == LODE_EM_386;
#elif defined(__aarch64__)
	return c->image.machine == LODE_EM_AARCH64;
#elif defined(__riscv)
	return c->image.machine == LODE_EM_RISCV;
#else
	(void)c;
	return false;
#endif
}

/* Why execve would not start this interpreter for the program; NULL: it would. */
static const char *interp_fault(const struct check *c, const char *path)
{
	unsigned char head[20];
	const char *fault = check_why_not(path);
	size_t have = fault ? 0 : input_head(head, sizeof head, path);

	if (fault)
		return fault;
	if (have == 0)
		return NULL; /* not to be read, but it may be executed */
	if (have < sizeof head || memcmp(head, "\177ELF", 4) != 0)
		return "it is no ELF file";
	if (head[4] != c->image.class_ || le16(head + 18) != c->image.machine)
		return "it is for another machine";
	return NULL;
}

static void check_interp_path(struct check *c, uint32_t index, const char *path)
{
	struct check_place place = check_at_segment(c, index, LODE_FIELD_PHDR_OFFSET);

	if (path[0] != '/')
		check_add(c, CHECK_INTERP_RELATIVE, place, "\"%s\"", path);
	else if (is_native(c) && interp_fault(c, path))
		check_add(c, CHECK_INTERP_MISSING, place, "\"%s\": %s", path, interp_fault(c, path));
}

static void check_interp(struct check *c)
{
	const struct lode_segment *interp = lode_segment_find(&c->image, LODE_PT_INTERP);
	char path[MAX_INTERP + 1];
	uint32_t index;
	size_t size;

	if (!interp)
		return;
	index = lode_segment_index(&c->image, interp);
	size = interp->filesz < MAX_INTERP ? (size_t)interp->filesz : MAX_INTERP;
	if (size < 2 || !check_read(c, path, interp->offset, size))
		return;
	path[size] = '\0';
	if (path[size - 1] != '\0')
		check_add(c, CHECK_INTERP_NUL, check_at_segment(c, index, LODE_FIELD_PHDR_FILESZ), NULL);
	check_interp_path(c, index, path);
}

static bool headers_mapped(const struct check *c, uint64_t *vaddr)
{
	for (uint32_t i = 0; i < c->image.nsegments; i++) {
		const struct lode_segment *segment = &c->image.segments[i];

		if (segment->type != LODE_PT_LOAD || c->image.phoff < segment->offset ||
			c->image.phoff - segment->offset >= segment->filesz)
			continue;
		*vaddr = segment->vaddr + (c->image.phoff - segment->offset);
		return true;
	}
	return false;
}

static void check_phdr(struct check *c)
{
	const struct lode_segment *phdr = lode_segment_find(&c->image, LODE_PT_PHDR);
	uint64_t vaddr = 0;
	bool mapped = headers_mapped(c, &vaddr);

	if (!mapped && c->program)
		check_add(c, CHECK_PHDR_UNMAPPED, check_at_header(c, LODE_FIELD_EHDR_PHOFF), NULL);
	if (!phdr || !mapped)
		return;
	if (phdr->offset != c->image.phoff || phdr->vaddr != vaddr)
		check_add(c, CHECK_PHDR_WRONG, check_at_segment(c, lode_segment_index(&c->image, phdr), LODE_FIELD_PHDR_VADDR),
			"the program headers stand at 0x%llx", (unsigned long long)vaddr);
}

static void check_stack(struct check *c)
{
	const struct lode_segment *stack = lode_segment_find(&c->image, LODE_PT_GNU_STACK);

	if (!stack)
		check_add(c, CHECK_STACK_MISSING, check_at_header(c, LODE_FIELD_EHDR_PHNUM), NULL);
	else if (stack->flags & LODE_PF_X)
		check_add(c, CHECK_STACK_EXEC, check_at_segment(c, lode_segment_index(&c->image, stack), LODE_FIELD_PHDR_FLAGS),
			NULL);
}

/* Data of the same segment behind RELRO, on its last page. */
static void check_relro_page(struct check *c, const struct lode_segment *relro)
{
	const struct lode_segment *owner = lode_segment_at(&c->image, relro->vaddr, relro->memsz);
	uint64_t end = relro->vaddr + relro->memsz;

	if (owner && end % PAGE != 0 && end - owner->vaddr < owner->memsz)
		check_add(c, CHECK_RELRO_PAGE, check_at_segment(c, lode_segment_index(&c->image, relro), LODE_FIELD_PHDR_MEMSZ),
			"it ends at 0x%llx", (unsigned long long)end);
}

static void check_relro(struct check *c)
{
	const struct lode_segment *relro = lode_segment_find(&c->image, LODE_PT_GNU_RELRO);
	bool now = c->dynamic.bind_now || (c->dynamic.flags_1 & 1);

	if (!relro || relro->memsz == 0) {
		if (c->has_dynamic)
			check_add(c, CHECK_RELRO_MISSING, check_at_header(c, LODE_FIELD_EHDR_PHNUM), NULL);
		return;
	}
	check_relro_page(c, relro);
	if (c->has_dynamic && !now && c->dynamic.jmprel.count > 0)
		check_add(c, CHECK_RELRO_PARTIAL, check_at_segment(c, lode_segment_index(&c->image, relro), LODE_FIELD_PHDR_TYPE),
			NULL);
}

static void check_tls(struct check *c)
{
	const struct lode_segment *tls = lode_segment_find(&c->image, LODE_PT_TLS);
	uint64_t offset, align;
	uint32_t index;

	if (!tls)
		return;
	index = lode_segment_index(&c->image, tls);
	align = tls->align != 0 ? tls->align : 1;
	if (tls->filesz > tls->memsz)
		check_add_rule(c, LODE_RULE_SEGMENT_SIZE, LODE_FIELD_PHDR_FILESZ, check_at_segment(c, index,
			LODE_FIELD_PHDR_FILESZ), tls->memsz);
	else if (tls->filesz > 0 && (!lode_vaddr_to_offset(&offset, &c->image, tls->vaddr, tls->filesz) || offset != tls->offset))
		check_add_rule(c, LODE_RULE_TLS_RANGE, LODE_FIELD_PHDR_VADDR, check_at_segment(c, index, LODE_FIELD_PHDR_VADDR), 0);
	if ((align & (align - 1)) != 0 || (tls->vaddr & (align - 1)) != 0)
		check_add(c, CHECK_TLS_ALIGN, check_at_segment(c, index, LODE_FIELD_PHDR_ALIGN), "p_vaddr is 0x%llx",
			(unsigned long long)tls->vaddr);
	else if (align > PAGE)
		check_add(c, CHECK_TLS_ALIGN_LARGE, check_at_segment(c, index, LODE_FIELD_PHDR_ALIGN), NULL);
}

void check_special(struct check *c)
{
	if (c->kind.id == KIND_DEBUG || c->image.nload == 0)
		return;
	check_counts(c);
	check_late(c);
	check_interp(c);
	check_phdr(c);
	check_stack(c);
	check_relro(c);
	check_tls(c);
}
