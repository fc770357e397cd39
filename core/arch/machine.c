/* SPDX-License-Identifier: MIT */
/* e_machine and class come in, the table of that machine goes out. */
#include "relocate.h"

const struct lode_arch *lode_arch_of_(uint16_t machine, uint8_t class_)
{
	static const struct lode_arch *const machines[] = {
		&lode_machine_x86_64_,
		&lode_machine_i386_,
		&lode_machine_aarch64_,
		&lode_machine_riscv64_,
	};

	for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++)
		if (machines[i]->machine == machine && machines[i]->class_ == class_)
			return machines[i];
	return NULL;
}
