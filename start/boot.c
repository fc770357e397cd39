/* SPDX-License-Identifier: MIT */
/* A protocol -> its parser and its start state. */
#include <lode/boot.h>

int lode_boot_read(struct lode_boot *boot, const struct lode_machine *machine, struct lode_diag *why)
{
	int status;

	boot->policy = lode_protocol_policy(boot->protocol);
	switch (boot->protocol) {
	case LODE_PROTOCOL_PVH: return lode_pvh_find(&boot->found.pvh, boot->image, why);
	case LODE_PROTOCOL_LINUX: return lode_linux_read(&boot->found.linux_, boot->source, why);
	case LODE_PROTOCOL_MULTIBOOT: return lode_multiboot_find(&boot->found.multiboot, boot->source, why);
	case LODE_PROTOCOL_MULTIBOOT2: return lode_multiboot2_find(&boot->found.multiboot2, boot->source, why);
	case LODE_PROTOCOL_LIMINE:
		status = lode_limine_find(&boot->found.limine, boot->image, why);
		if (status == LODE_OK)
			boot->policy.base = boot->found.limine.base;
		return status;
	case LODE_PROTOCOL_RUST:
		status = lode_rust_find(&boot->found.rust, boot->image, why);
		if (status == LODE_OK)
			boot->policy.base = lode_rust_base(&boot->found.rust, boot->image, machine);
		return status;
	default: return LODE_OK;
	}
}

int lode_boot_start(struct lode_start *start, const struct lode_boot *boot, const struct lode_plan *plan,
	const struct lode_machine *machine, struct lode_diag *why)
{
	const struct lode_kernel pair = {boot->image, plan}, *elf = plan ? &pair : NULL;

	switch (boot->protocol) {
	case LODE_PROTOCOL_PVH: return lode_start_pvh(start, &boot->found.pvh, elf, machine, why);
	case LODE_PROTOCOL_LINUX: return lode_start_linux(start, &boot->found.linux_, machine, why);
	case LODE_PROTOCOL_MULTIBOOT: return lode_start_multiboot(start, &boot->found.multiboot, elf, machine, why);
	case LODE_PROTOCOL_MULTIBOOT2: return lode_start_multiboot2(start, &boot->found.multiboot2, elf, machine, why);
	case LODE_PROTOCOL_LIMINE: return lode_start_limine(start, &boot->found.limine, elf, machine, why);
	case LODE_PROTOCOL_RUST: return lode_start_rust(start, &boot->found.rust, elf, machine, why);
	default: return lode_start_elf64(start, elf, machine, why);
	}
}
