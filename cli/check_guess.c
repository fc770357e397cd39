/* SPDX-License-Identifier: MIT */
/* Image -> what it is, and for whom it is checked if nobody said. */
#include "check.h"

static bool is_image(const struct check *c)
{
	return c->image.type == LODE_ET_EXEC || c->image.type == LODE_ET_DYN;
}

static void learn_dynamic(struct check *c)
{
	struct lode_diag why = {.rule = LODE_RULE_NONE};

	c->has_dynamic = lode_dynamic_open(&c->dynamic, &c->image, &why) == LODE_OK && c->dynamic.count > 0;
	if (!c->has_dynamic && lode_segment_find(&c->image, LODE_PT_DYNAMIC) && why.rule != LODE_RULE_NONE)
		check_add_core(c, &why);
}

static void learn(struct check *c)
{
	bool interp = lode_segment_find(&c->image, LODE_PT_INTERP) != NULL, uses;

	c->kind = kind_of_image(&c->image, c->inside);
	if (!is_image(c) || c->kind.id == KIND_DEBUG)
		return;
	learn_dynamic(c);
	uses = c->kind.id == KIND_LIBRARY || c->kind.id == KIND_INTERPRETER;
	c->library = uses && !interp;
	c->program = !c->library;
	/* A kernel may name an interpreter or need a library for show. */
	if (uses || c->kind.id == KIND_PROGRAM)
		kind_offers(&c->kind.offers, &c->image);
}

static uint32_t protocols(struct check *c)
{
	uint32_t found = 0;

	if (c->kind.linux_kernel)
		found |= FOR_LINUX;
	if (c->kind.offers.pvh)
		found |= FOR_PVH;
	if (c->kind.offers.multiboot || c->kind.offers.multiboot2)
		found |= FOR_MULTIBOOT;
	if (c->kind.offers.limine)
		found |= FOR_LIMINE;
	if (c->kind.offers.rust)
		found |= FOR_RUST;
	c->exhausted |= c->kind.offers.partly;
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

static uint32_t guess_kernel(struct check *c)
{
	uint32_t found = protocols(c);

	if (found != 0) {
		c->guess = protocol_reason(found);
		return found;
	}
	if (c->kind.xen)
		c->guess = "it is a paravirtual kernel for Xen";
	else if (kind_unpaged(&c->image))
		c->guess = "it is no program of a system with pages, as firmware is, and bears no boot protocol's mark";
	else
		c->guess = "it lies at addresses that no process has, and bears no boot protocol's mark";
	return FOR_ANY;
}

static uint32_t guess_image(struct check *c)
{
	if (c->kind.id == KIND_KERNEL)
		return guess_kernel(c);
	if (lode_segment_find(&c->image, LODE_PT_INTERP))
		c->guess = "it names an interpreter";
	else if (c->library)
		c->guess = "it is a shared library";
	else
		c->guess = "it is a program without interpreter and bears no boot protocol's mark";
	c->exhausted |= !c->library && c->kind.offers.partly;
	return FOR_PROCESS;
}

void check_guess(struct check *c)
{
	learn(c);
	if (c->targets != 0)
		return;
	c->targets = FOR_ANY;
	if (c->bzimage) {
		c->guess = "it is a bzImage";
		c->targets = FOR_LINUX;
	} else if (c->kind.id == KIND_DEBUG) {
		c->guess = "it is debug information for another file";
	} else if (is_image(c)) {
		c->targets = guess_image(c);
	} else if (c->kind.id == KIND_MODULE) {
		c->guess = "it is a Linux kernel module";
		c->targets = FOR_MODULE;
	} else {
		c->guess = c->kind.id == KIND_OBJECT ? "it is an object file" : "it is neither program nor object";
	}
}
