/* SPDX-License-Identifier: MIT */
/* A file -> the boot protocol that it speaks. */
#include <lode/limine.h>
#include <lode/linux.h>
#include <lode/multiboot2.h>
#include <lode/protocol.h>
#include <lode/pvh.h>
#include <lode/rust.h>

#include "start.h"

/* 1: there, even if something is wrong with it. A source that fails ends the search: nothing behind it can be believed. A list of
 * too many notes is none. */
static int is_there(int status, const struct lode_diag *why, enum lode_rule none)
{
	if (status == LODE_OK || status == LODE_ERR_IO)
		return status == LODE_OK ? 1 : status;
	return why->rule != none && why->rule != LODE_RULE_START_MACHINE && why->rule != LODE_RULE_NOTE_COUNT;
}

static int is_bzimage(const struct lode_source *source, struct lode_diag *why)
{
	struct lode_linux found;

	return is_there(lode_linux_read(&found, source, why), why, LODE_RULE_START_LINUX_NONE);
}

static int is_rust(const struct lode_image *image, struct lode_diag *why)
{
	struct lode_rust found;

	return lode_start_is_linux_(image) ? 0 : is_there(lode_rust_find(&found, image, why), why, LODE_RULE_START_RUST_NONE);
}

static int is_limine(const struct lode_image *image, struct lode_diag *why)
{
	struct lode_limine found;

	return lode_start_is_linux_(image) ? 0 : is_there(lode_limine_find(&found, image, why), why, LODE_RULE_START_LIMINE_NONE);
}

static int is_multiboot2(const struct lode_source *source, struct lode_diag *why)
{
	struct lode_multiboot2 found;

	return is_there(lode_multiboot2_find(&found, source, why), why, LODE_RULE_START_MULTIBOOT_NONE);
}

static int is_multiboot(const struct lode_source *source, struct lode_diag *why)
{
	struct lode_multiboot found;

	return is_there(lode_multiboot_find(&found, source, why), why, LODE_RULE_START_MULTIBOOT_NONE);
}

static int is_pvh(const struct lode_image *image, struct lode_diag *why)
{
	struct lode_pvh found;

	return is_there(lode_pvh_find(&found, image, why), why, LODE_RULE_START_PVH_NONE);
}

static int is_elf64(const struct lode_image *image)
{
	return image->class_ == LODE_CLASS64 && image->machine == LODE_EM_X86_64 &&
		(image->type == LODE_ET_EXEC || image->type == LODE_ET_DYN) && !lode_segment_find(image, LODE_PT_INTERP);
}

static int offered(enum lode_protocol protocol, const struct lode_image *image, const struct lode_source *source,
	struct lode_diag *why)
{
	switch (protocol) {
	case LODE_PROTOCOL_LINUX:
		return image ? 0 : is_bzimage(source, why);
	case LODE_PROTOCOL_RUST:
		return image ? is_rust(image, why) : 0;
	case LODE_PROTOCOL_LIMINE:
		return image ? is_limine(image, why) : 0;
	case LODE_PROTOCOL_MULTIBOOT2:
		return is_multiboot2(source, why);
	case LODE_PROTOCOL_MULTIBOOT:
		return is_multiboot(source, why);
	case LODE_PROTOCOL_PVH:
		return image ? is_pvh(image, why) : 0;
	default:
		return protocol == LODE_PROTOCOL_ELF64 && image && is_elf64(image);
	}
}

int lode_protocol_offered(enum lode_protocol protocol, const struct lode_image *image, const struct lode_source *source,
	struct lode_diag *why)
{
	struct lode_diag own = {.rule = LODE_RULE_NONE};
	int found = offered(protocol, image, source, &own);

	return found < 0 ? lode_refuse_(why, own.rule, own) : found;
}

int lode_protocol_find(enum lode_protocol *protocol, const struct lode_image *image, const struct lode_source *source,
	struct lode_diag *why)
{
	static const unsigned char order[] = {LODE_PROTOCOL_LINUX, LODE_PROTOCOL_RUST, LODE_PROTOCOL_LIMINE,
		LODE_PROTOCOL_MULTIBOOT2, LODE_PROTOCOL_MULTIBOOT, LODE_PROTOCOL_PVH, LODE_PROTOCOL_ELF64};

	*protocol = LODE_PROTOCOL_NONE;
	for (size_t i = 0; i < sizeof order; i++) {
		int found = lode_protocol_offered(order[i], image, source, why);

		if (found > 0)
			*protocol = order[i];
		if (found != 0)
			return found > 0 ? LODE_OK : found;
	}
	return lode_refuse_(why, LODE_RULE_START_NONE, lode_nowhere_(LODE_FIELD_FILE, source->size, 0));
}

const char *lode_protocol_name(enum lode_protocol protocol)
{
	static const char names[][12] = {
		[LODE_PROTOCOL_NONE] = "", [LODE_PROTOCOL_PVH] = "pvh", [LODE_PROTOCOL_LINUX] = "linux",
		[LODE_PROTOCOL_ELF64] = "elf64", [LODE_PROTOCOL_MULTIBOOT] = "multiboot",
		[LODE_PROTOCOL_MULTIBOOT2] = "multiboot2", [LODE_PROTOCOL_LIMINE] = "limine", [LODE_PROTOCOL_RUST] = "rust",
	};

	return (uint32_t)protocol < sizeof names / sizeof *names ? names[protocol] : "";
}

struct lode_policy lode_protocol_policy(enum lode_protocol protocol)
{
	struct lode_policy policy = lode_policy_kernel(LODE_PAGE_);

	if (protocol == LODE_PROTOCOL_LIMINE || protocol == LODE_PROTOCOL_RUST)
		return policy;
	/* no page has permissions of its own, the entry is another one or physical, and the kernel relocates itself */
	policy.domain = LODE_PHYSICAL;
	policy.wx = LODE_WX_ALLOW;
	policy.relocate = LODE_RELOCATE_NONE;
	policy.flags |= LODE_PLAN_ENTRY_ANY | LODE_PLAN_ALIGN_LENIENT;
	return policy;
}
