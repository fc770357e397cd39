/* SPDX-License-Identifier: MIT */
/* Image + boot protocols -> what `lode boot` refuses before the guest's first instruction, found on its own road: the protocol's
 * parser, plan, relocations and start state, for machines that are only described. */
#include "check.h"
#include <stdlib.h>

#include <lode/boot.h>
#include <lode/vmm.h>

enum { BYTES_MOST = 1 << 20 };

/* A machine that lode boot makes. */
struct described {
	struct lode_machine machine;
	struct lode_vmm_layout layout;
};

/* More than any machine has: what finds no place here finds none anywhere. */
static void describe_large(struct described *large)
{
	lode_vmm_describe(&large->machine, &large->layout, LODE_VMM_KVM, UINT64_C(1) << 40);
}

/* What a guest gets that nobody asked for memory; with QEMU, which keeps some for itself. */
static void describe_usual(struct described *usual)
{
	lode_vmm_describe(&usual->machine, &usual->layout, LODE_VMM_QEMU, LODE_VMM_MEMORY);
}

/* False: refused, or without memory, which why does not tell. */
static bool starts(const struct lode_boot *boot, const struct lode_plan *plan, const struct lode_machine *machine,
	struct lode_diag *why)
{
	uint32_t nruns = plan ? plan->nruns : 0, nsections = plan ? boot->image->nsections : 0;
	struct lode_start start = {.max_parts = LODE_START_PARTS(nruns, machine, nsections),
		.max_mappings = LODE_START_MAPPINGS(nruns, machine), .max_bytes = BYTES_MOST};
	int status = LODE_ERR_ROOM;

	start.parts = calloc(start.max_parts, sizeof *start.parts);
	start.mappings = calloc(start.max_mappings, sizeof *start.mappings);
	start.bytes = malloc(start.max_bytes);
	if (start.parts && start.mappings && start.bytes)
		status = lode_boot_start(&start, boot, plan, machine, why);
	free(start.parts);
	free(start.mappings);
	free(start.bytes);
	return status == LODE_OK;
}

/* A finding of the command that says the same, in the words of the protocol's other loaders. */
static bool told(const struct check *c, enum lode_rule rule)
{
	static const struct {
		enum lode_rule rule;
		enum check_id by;
	} same[] = {
		{LODE_RULE_START_PVH_NONE, CHECK_PVH_MISSING}, {LODE_RULE_START_PVH_NOTE, CHECK_PVH_ENTRY_HIGH},
		{LODE_RULE_START_ENTRY, CHECK_PVH_ENTRY}, {LODE_RULE_START_ENTRY, CHECK_MULTIBOOT_ENTRY},
		{LODE_RULE_START_MACHINE, CHECK_TARGET_MACHINE}, {LODE_RULE_START_MACHINE, CHECK_TARGET_CLASS},
		{LODE_RULE_START_MULTIBOOT_DEMAND, CHECK_MULTIBOOT_FLAGS},
		{LODE_RULE_START_MULTIBOOT_DEMAND, CHECK_MULTIBOOT2_DEMAND},
		{LODE_RULE_START_MULTIBOOT_LOAD, CHECK_MULTIBOOT_ADDRESS_RANGE},
		{LODE_RULE_START_MULTIBOOT2_TAG, CHECK_MULTIBOOT2_TAG}, {LODE_RULE_START_LIMINE_NONE, CHECK_LIMINE_MISSING},
		{LODE_RULE_START_LIMINE_NONE, CHECK_LIMINE_UNLOADED}, {LODE_RULE_START_LIMINE_TWICE, CHECK_LIMINE_TWICE},
		{LODE_RULE_START_LIMINE_TWICE, CHECK_LIMINE_BASE_TWICE},
		{LODE_RULE_START_LIMINE_REVISION, CHECK_LIMINE_BASE_UNSUPPORTED},
		{LODE_RULE_START_LIMINE_ADDRESS, CHECK_LIMINE_LOW},
		{LODE_RULE_START_LINUX_TRUNCATED, CHECK_BZIMAGE_TRUNCATED}, {LODE_RULE_START_LINUX_LOW, CHECK_BZIMAGE_LOW},
		{LODE_RULE_START_LINUX_16BIT, CHECK_BZIMAGE_OLD}, {LODE_RULE_START_LINUX_16BIT, CHECK_BZIMAGE_16BIT},
		{LODE_RULE_START_OUTSIDE, CHECK_PADDR_HIGH}, {LODE_RULE_PLAN_SIZE_LIMIT, CHECK_PADDR_HIGH},
		{LODE_RULE_PLAN_SIZE_LIMIT, CHECK_LIMINE_LOW},
	};

	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		if (same[i].rule == rule && c->count[LODE_RULE_COUNT_ + (uint32_t)same[i].by] != 0)
			return true;
	return false;
}

static void refuse(struct check *c, const struct lode_boot *boot, const struct lode_diag *why)
{
	if (!told(c, why->rule))
		check_add_start(c, why, lode_protocol_name(boot->protocol));
}

/* Parsed and planned: on a large machine, then on the one that a guest gets. */
static void start(struct check *c, const struct lode_boot *boot, const struct lode_plan *plan, const struct lode_machine *large)
{
	struct lode_diag why = {.rule = LODE_RULE_NONE};
	struct described usual;

	describe_usual(&usual);
	if (!starts(boot, plan, large, &why)) {
		if (why.rule != LODE_RULE_NONE)
			refuse(c, boot, &why);
	} else if (!starts(boot, plan, &usual.machine, &why) && why.rule != LODE_RULE_NONE) {
		check_add(c, CHECK_BOOT_MEMORY, check_at(lode_field_structure(why.field), why.index, lode_field_name(why.field),
			why.value, why.offset), "%s", lode_rule_name(why.rule));
	}
}

static bool relocates(const struct lode_boot *boot, const struct lode_plan *plan, struct lode_diag *why)
{
	struct lode_relocation_count count;

	return boot->policy.relocate != LODE_RELOCATE_LOADER ||
		lode_relocations_check(&count, boot->image, plan, NULL, why) == LODE_OK;
}

static void attempt(struct check *c, enum lode_protocol protocol)
{
	struct lode_boot boot = {.protocol = protocol, .image = &c->image, .source = c->image.source};
	struct lode_plan plan = {.nruns = 0};
	struct lode_diag why;
	struct described large;

	describe_large(&large);
	if (lode_boot_read(&boot, &large.machine, &why) != LODE_OK)
		refuse(c, &boot, &why);
	else if (plan_make_room(&plan, &c->image)) {
		if (lode_plan(&plan, &c->image, &boot.policy, &why) != LODE_OK || !relocates(&boot, &plan, &why)) {
			refuse(c, &boot, &why);
		} else {
			if (protocol == LODE_PROTOCOL_ELF64)
				check_elf64_entry(c, plan.entry);
			start(c, &boot, &plan, &large.machine);
		}
	}
	plan_free(&plan);
}

/* Of a file that lacks the mark altogether a rule has been told. What is damaged is not loaded anyway. */
void check_start(struct check *c)
{
	bool image = c->image.type == LODE_ET_EXEC || c->image.type == LODE_ET_DYN;

	if (!image || !(c->targets & FOR_KERNELS) || c->kind.id == KIND_DEBUG || c->damaged || c->image.nload == 0)
		return;
	if (c->kind.offers.partly) {
		c->exhausted = true;
		return;
	}
	if (c->targets & FOR_PVH)
		attempt(c, LODE_PROTOCOL_PVH);
	if (c->targets & FOR_LIMINE)
		attempt(c, LODE_PROTOCOL_LIMINE);
	if ((c->targets & FOR_MULTIBOOT) && c->kind.offers.multiboot)
		attempt(c, LODE_PROTOCOL_MULTIBOOT);
	if ((c->targets & FOR_MULTIBOOTS) && c->kind.offers.multiboot2)
		attempt(c, LODE_PROTOCOL_MULTIBOOT2);
	if (c->targets & FOR_RUST)
		attempt(c, LODE_PROTOCOL_RUST);
	if (c->targets & (FOR_ELF64 | FOR_LINUX))
		attempt(c, LODE_PROTOCOL_ELF64);
}

void check_start_bzimage(struct check *c)
{
	struct lode_boot boot = {.protocol = LODE_PROTOCOL_LINUX, .source = &c->source};
	struct lode_diag why;
	struct described large;

	if (!(c->targets & FOR_LINUX))
		return;
	describe_large(&large);
	if (lode_boot_read(&boot, &large.machine, &why) != LODE_OK)
		refuse(c, &boot, &why);
	else
		start(c, &boot, NULL, &large.machine);
}
