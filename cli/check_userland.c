/* SPDX-License-Identifier: MIT */
/* Image -> whether it is a program or library of processes that is to be judged as a kernel or module, or a kernel as a program. */
#include "check.h"
#include <string.h>

enum { PATH = 64 };

static void say(char *buf, size_t size, const char *before, const char *word)
{
	size_t used = strlen(buf);

	snprintf(buf + used, size - used, "%s%s", before, word);
}

static void say_interpreter(struct check *c, char *buf, size_t size, const struct lode_segment *interp)
{
	char path[PATH] = "";
	size_t length = interp->filesz < sizeof path - 1 ? (size_t)interp->filesz : sizeof path - 1;

	if (!check_read(c, path, interp->offset, length))
		path[0] = '\0';
	say(buf, size, "it names the interpreter ", path);
}

/* Where it shows that the file belongs to a process, and what is seen there; false: it does not. */
static bool find_mark(struct check *c, struct check_place *place, char *buf, size_t size)
{
	const struct lode_segment *interp = lode_segment_find(&c->image, LODE_PT_INTERP);
	struct lode_note note;

	buf[0] = '\0';
	if (interp)
		say_interpreter(c, buf, size, interp);
	if (c->has_dynamic && c->dynamic.needed > 0)
		check_needed_text(buf, size, c, interp ? " and needs " : "it needs ");
	if (interp)
		*place = check_at_segment(c, lode_segment_index(&c->image, interp), LODE_FIELD_PHDR_TYPE);
	else if (c->has_dynamic && (c->dynamic.needed > 0 || c->dynamic.soname != LODE_NO_OFFSET))
		*place = check_at("dynamic table", LODE_NO_INDEX, NULL, 0, c->dynamic.offset);
	else if (lode_note_find(&note, &c->image, "GNU", LODE_NT_GNU_ABI_TAG, NULL) == 1)
		*place = check_at("NT_GNU_ABI_TAG", LODE_NO_INDEX, NULL, 0, note.offset);
	else
		return false;
	if (buf[0] == '\0')
		say(buf, size, "", c->library ? "it is a shared library" : "it was linked with the start-up code of a libc");
	return true;
}

/* Kernels that name an interpreter or need a library for show (FreeBSD's) bear the marks of a boot protocol; none of Limine does
 * both. */
static bool bears_marks(const struct check *c)
{
	const struct protocols *offers = &c->kind.offers;
	bool both = lode_segment_find(&c->image, LODE_PT_INTERP) != NULL && c->has_dynamic && c->dynamic.needed > 0;

	return offers->pvh || offers->multiboot || offers->multiboot2 || offers->rust || (!both && offers->limine);
}

bool check_userland(struct check *c)
{
	bool image = c->image.type == LODE_ET_EXEC || c->image.type == LODE_ET_DYN;
	struct check_place place;
	char detail[sizeof c->findings->detail];

	if (!(c->targets & (FOR_KERNELS | FOR_MODULE)) || !image || c->kind.id == KIND_DEBUG || c->bzimage || c->kind.linux_kernel)
		return false;
	if (!find_mark(c, &place, detail, sizeof detail) || bears_marks(c))
		return false;
	place.has_value = place.field != NULL;
	check_add(c, CHECK_TARGET_USERLAND, place, "%s", detail);
	return true;
}

bool check_kernel_as_program(struct check *c)
{
	if (!(c->targets & FOR_PROCESS) || !(c->bzimage || c->kind.linux_kernel))
		return false;
	check_add(c, CHECK_TARGET_KERNEL, check_at_file(LODE_NO_OFFSET), NULL);
	return true;
}
