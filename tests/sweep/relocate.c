/* SPDX-License-Identifier: MIT */
/* The entry of a static-PIE without libc: its own relative relocations are applied, then _start goes on
 * with the stack as it was. */
#include <elf.h>
#include <stdint.h>

void relocate(uint64_t base, const Elf64_Dyn *dynamic) __attribute__((used, visibility("hidden")));

/* No string, no table, no call out: nothing is relocated yet. */
void relocate(uint64_t base, const Elf64_Dyn *dynamic)
{
	const Elf64_Rela *rela = 0;
	uint64_t size = 0;

	for (; dynamic->d_tag != DT_NULL; dynamic++) {
		if (dynamic->d_tag == DT_RELA)
			rela = (const Elf64_Rela *)(uintptr_t)(base + dynamic->d_un.d_ptr);
		else if (dynamic->d_tag == DT_RELASZ)
			size = dynamic->d_un.d_val;
	}
	for (uint64_t i = 0; i < size / sizeof *rela; i++)
		if (ELF64_R_TYPE(rela[i].r_info) == R_X86_64_RELATIVE)
			*(uint64_t *)(uintptr_t)(base + rela[i].r_offset) = base + (uint64_t)rela[i].r_addend;
}

/* The linker gives __ehdr_start the address 0 of the image. */
__asm__(".globl start_relocated\n"
	".hidden __ehdr_start\n"
	".hidden _DYNAMIC\n"
	"start_relocated:\n"
	"	mov %rsp, %rbx\n"
	"	and $-16, %rsp\n"
	"	lea __ehdr_start(%rip), %rdi\n"
	"	lea _DYNAMIC(%rip), %rsi\n"
	"	call relocate\n"
	"	mov %rbx, %rsp\n"
	"	jmp _start\n");
