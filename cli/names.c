/* SPDX-License-Identifier: MIT */
/* Numbers of the ELF specifications -> their names; NULL where there is none. */
#include "cli.h"

struct name {
	uint64_t value;
	const char *name;
};

static const char *find(const struct name *names, size_t count, uint64_t value)
{
	for (size_t i = 0; i < count; i++)
		if (names[i].value == value)
			return names[i].name;
	return NULL;
}
#define FIND(names, value) find(names, sizeof(names) / sizeof *(names), value)

const char *type_name(uint16_t type)
{
	static const char *const names[] = {"ET_NONE", "ET_REL", "ET_EXEC", "ET_DYN", "ET_CORE"};

	return type < sizeof names / sizeof *names ? names[type] : NULL;
}

const char *machine_name(uint16_t machine)
{
	static const struct name names[] = {
		{2, "SPARC"}, {3, "i386"}, {4, "m68k"}, {8, "MIPS"}, {15, "PA-RISC"}, {18, "SPARC32+"},
		{20, "PowerPC"}, {21, "PowerPC64"},
		{22, "S/390"}, {40, "Arm"}, {42, "SuperH"}, {43, "SPARC V9"}, {50, "IA-64"}, {62, "x86-64"},
		{83, "AVR"}, {92, "OpenRISC"},
		{93, "ARC"}, {94, "Xtensa"}, {105, "MSP430"}, {164, "Hexagon"}, {183, "AArch64"}, {189, "MicroBlaze"},
		{190, "CUDA"}, {224, "AMDGPU"},
		{243, "RISC-V"}, {247, "BPF"}, {252, "C-SKY"}, {258, "LoongArch"}, {0x9026, "Alpha"},
	};

	return FIND(names, machine);
}

const char *osabi_name(uint8_t osabi)
{
	static const struct name names[] = {
		{0, "System V"}, {1, "HP-UX"}, {2, "NetBSD"}, {3, "GNU"}, {6, "Solaris"}, {9, "FreeBSD"},
		{12, "OpenBSD"}, {64, "Arm EABI"},
		{97, "Arm"}, {255, "standalone"},
	};

	return FIND(names, osabi);
}

const char *segment_type_name(uint32_t type)
{
	static const struct name names[] = {
		{LODE_PT_NULL, "NULL"}, {LODE_PT_LOAD, "LOAD"}, {LODE_PT_DYNAMIC, "DYNAMIC"},
		{LODE_PT_INTERP, "INTERP"}, {LODE_PT_NOTE, "NOTE"},
		{LODE_PT_SHLIB, "SHLIB"}, {LODE_PT_PHDR, "PHDR"}, {LODE_PT_TLS, "TLS"}, {LODE_PT_GNU_EH_FRAME, "GNU_EH_FRAME"},
		{LODE_PT_GNU_STACK, "GNU_STACK"}, {LODE_PT_GNU_RELRO, "GNU_RELRO"}, {LODE_PT_GNU_PROPERTY, "GNU_PROPERTY"},
		{LODE_PT_GNU_SFRAME, "GNU_SFRAME"}, {0x65a3dbe5, "OPENBSD_MUTABLE"}, {0x65a3dbe6, "OPENBSD_RANDOMIZE"},
		{0x65a3dbe7, "OPENBSD_WXNEEDED"}, {0x65a3dbe8, "OPENBSD_NOBTCFI"}, {0x65a41be6, "OPENBSD_BOOTDATA"},
	};

	return FIND(names, type);
}

const char *section_type_name(uint32_t type)
{
	static const struct name names[] = {
		{LODE_SHT_NULL, "NULL"}, {LODE_SHT_PROGBITS, "PROGBITS"}, {LODE_SHT_SYMTAB, "SYMTAB"},
		{LODE_SHT_STRTAB, "STRTAB"}, {LODE_SHT_RELA, "RELA"}, {LODE_SHT_HASH, "HASH"},
		{LODE_SHT_DYNAMIC, "DYNAMIC"}, {LODE_SHT_NOTE, "NOTE"}, {LODE_SHT_NOBITS, "NOBITS"},
		{LODE_SHT_REL, "REL"}, {LODE_SHT_SHLIB, "SHLIB"}, {LODE_SHT_DYNSYM, "DYNSYM"},
		{LODE_SHT_INIT_ARRAY, "INIT_ARRAY"}, {LODE_SHT_FINI_ARRAY, "FINI_ARRAY"}, {LODE_SHT_PREINIT_ARRAY, "PREINIT_ARRAY"},
		{LODE_SHT_GROUP, "GROUP"}, {LODE_SHT_SYMTAB_SHNDX, "SYMTAB_SHNDX"}, {LODE_SHT_RELR, "RELR"},
		{0x6ffffff5, "GNU_ATTRIBUTES"}, {0x6ffffff6, "GNU_HASH"}, {0x6ffffff7, "GNU_LIBLIST"},
		{0x6ffffffd, "VERDEF"}, {0x6ffffffe, "VERNEED"}, {0x6fffffff, "VERSYM"}, {0x6fff4c03, "LLVM_ADDRSIG"},
	};

	return FIND(names, type);
}

const char *dynamic_tag_name(uint64_t tag)
{
	static const struct name names[] = {
		{0, "NULL"}, {1, "NEEDED"}, {2, "PLTRELSZ"}, {3, "PLTGOT"}, {4, "HASH"}, {5, "STRTAB"}, {6, "SYMTAB"},
		{7, "RELA"}, {8, "RELASZ"},
		{9, "RELAENT"}, {10, "STRSZ"}, {11, "SYMENT"}, {12, "INIT"}, {13, "FINI"}, {14, "SONAME"},
		{15, "RPATH"}, {16, "SYMBOLIC"},
		{17, "REL"}, {18, "RELSZ"}, {19, "RELENT"}, {20, "PLTREL"}, {21, "DEBUG"}, {22, "TEXTREL"},
		{23, "JMPREL"}, {24, "BIND_NOW"},
		{25, "INIT_ARRAY"}, {26, "FINI_ARRAY"}, {27, "INIT_ARRAYSZ"}, {28, "FINI_ARRAYSZ"}, {29, "RUNPATH"},
		{30, "FLAGS"},
		{32, "PREINIT_ARRAY"}, {33, "PREINIT_ARRAYSZ"}, {34, "SYMTAB_SHNDX"}, {35, "RELRSZ"}, {36, "RELR"},
		{37, "RELRENT"},
		{0x6ffffef5, "GNU_HASH"}, {0x6ffffef6, "TLSDESC_PLT"}, {0x6ffffef7, "TLSDESC_GOT"},
		{0x6ffffff0, "VERSYM"}, {0x6ffffff9, "RELACOUNT"},
		{0x6ffffffa, "RELCOUNT"}, {0x6ffffffb, "FLAGS_1"}, {0x6ffffffc, "VERDEF"}, {0x6ffffffd, "VERDEFNUM"},
		{0x6ffffffe, "VERNEED"},
		{0x6fffffff, "VERNEEDNUM"}, {0x7ffffffd, "AUXILIARY"}, {0x7fffffff, "FILTER"},
	};

	return FIND(names, tag);
}

const char *prot_name(uint32_t prot)
{
	static const char *const names[] = {"---", "--x", "-w-", "-wx", "r--", "r-x", "rw-", "rwx"};

	return names[prot & 7];
}
