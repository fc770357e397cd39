/* SPDX-License-Identifier: MIT */
/* Image -> what it is, and for whom it is checked if nobody said. */
#include "check.h"
#include "kind.h"
#include <string.h>

/* An executable section without bytes: only a file of debug information has one. */
static bool is_debug_file(const struct check *c)
{
	const uint64_t code = LODE_SHF_ALLOC | LODE_SHF_EXECINSTR;

	for (uint32_t i = 1; c->has_sections && i < c->image.nsections; i++) {
		const struct lode_section *section = &c->image.sections[i];

		if ((section->flags & code) == code && section->type == LODE_SHT_NOBITS && section->size > 0)
			return true;
	}
	return false;
}

/* Linux marks its vmlinux, its modules and its vDSO with notes of owner "Linux"; only vmlinux is a program without interpreter. */
static bool is_vmlinux(const struct check *c)
{
	struct lode_note note;

	if (c->image.type != LODE_ET_EXEC || lode_segment_find(&c->image, LODE_PT_INTERP))
		return false;
	for (uint32_t type = LODE_NT_LINUX_BUILD_SALT; type <= LODE_NT_LINUX_LTO_INFO; type++)
		if (lode_note_find(&note, &c->image, "Linux", type, NULL) == 1)
			return true;
	return check_section(c, "__ksymtab") != NULL;
}

/* Xen's own format: notes of owner "Xen", or the section of before. */
static bool is_xen_pv(struct check *c)
{
	struct lode_note note;

	for (uint32_t type = 0; type <= 20; type++)
		if (lode_note_find(&note, &c->image, "Xen", type, NULL) == 1)
			return true;
	return check_section(c, "__xen_guest") != NULL;
}

static bool is_kernel_module(const struct check *c)
{
	return c->image.type == LODE_ET_REL && (check_section(c, ".modinfo") != NULL || check_section(c,
		".gnu.linkonce.this_module") != NULL);
}

static void learn(struct check *c)
{
	struct lode_diag why = {.rule = LODE_RULE_NONE};
	uint16_t type = c->image.type;

	c->debug_file = is_debug_file(c);
	if (type != LODE_ET_EXEC && type != LODE_ET_DYN) {
		c->kernel_module = is_kernel_module(c);
		return;
	}
	if (!c->debug_file) {
		c->has_dynamic = lode_dynamic_open(&c->dynamic, &c->image, &why) == LODE_OK && c->dynamic.count > 0;
		if (!c->has_dynamic && lode_segment_find(&c->image, LODE_PT_DYNAMIC) && why.rule != LODE_RULE_NONE)
			check_add_core(c, &why);
	}
	c->program = type == LODE_ET_EXEC || lode_segment_find(&c->image, LODE_PT_INTERP) != NULL ||
		     (c->has_dynamic && (c->dynamic.flags_1 & LODE_DF_1_PIE));
	c->library = type == LODE_ET_DYN && !c->program;
	c->vmlinux = is_vmlinux(c);
	if (type == LODE_ET_EXEC || type == LODE_ET_DYN)
		protocols_find(&c->marks, &c->image);
}

static uint32_t protocols(struct check *c)
{
	uint32_t found = 0;

	if (c->vmlinux)
		found |= FOR_LINUX;
	if (c->marks.pvh)
		found |= FOR_PVH;
	if (c->marks.multiboot || c->marks.multiboot2)
		found |= FOR_MULTIBOOT;
	if (c->marks.limine)
		found |= FOR_LIMINE;
	if (c->marks.rust)
		found |= FOR_RUST;
	c->exhausted |= c->marks.partly;
	return found;
}

static const char *protocol_reason(uint32_t found)
{
	switch (found) {
	case FOR_LINUX: return "it bears the marks of a Linux kernel";
	case FOR_PVH: return "it has a PVH entry note";
	case FOR_MULTIBOOT: return "it has a Multiboot header";
	case FOR_LIMINE: return "it has Limine requests";
	case FOR_RUST: return "it has the configuration of bootloader_api";
	default: return "it bears the marks of several boot protocols";
	}
}

static uint32_t guess_program(struct check *c)
{
	uint32_t found = 0;

	if (lode_segment_find(&c->image, LODE_PT_INTERP)) {
		c->guess = "it names an interpreter";
		return FOR_PROCESS;
	}
	if (!(c->has_dynamic && c->dynamic.needed > 0))
		found = protocols(c);
	if (found != 0) {
		c->guess = protocol_reason(found);
		return found;
	}
	if (c->library) {
		c->guess = "it is a shared library";
		return FOR_PROCESS;
	}
	if (is_xen_pv(c)) {
		c->guess = "it is a paravirtual kernel for Xen";
		return FOR_ANY;
	}
	/* Linux gives user space the lower half only. */
	if (c->image.class_ == LODE_CLASS64 && c->image.entry >> 63) {
		c->guess = "it begins in the upper half of the address space and bears no protocol's mark";
		return FOR_ANY;
	}
	if (kind_unpaged(&c->image)) {
		c->guess = "it is no program of a system with pages, as firmware is, and bears no boot protocol's mark";
		return FOR_ANY;
	}
	c->guess = "it is a program without interpreter and bears no boot protocol's mark";
	return FOR_PROCESS;
}

void check_guess(struct check *c)
{
	learn(c);
	if (c->targets != 0)
		return;
	if (c->bzimage) {
		c->guess = "it is a bzImage";
		c->targets = FOR_LINUX;
		return;
	}
	if (c->image.type == LODE_ET_EXEC || c->image.type == LODE_ET_DYN) {
		c->targets = guess_program(c);
	} else if (c->kernel_module) {
		c->guess = "it is a Linux kernel module";
		c->targets = FOR_MODULE;
	} else {
		c->guess = c->image.type == LODE_ET_REL ? "it is an object file" : "it is neither program nor object";
		c->targets = FOR_ANY;
	}
}
