/* SPDX-License-Identifier: MIT */
/* A note's owner, type and descriptor -> its name and its meaning in words. */
#include "show.h"
#include "bytes.h"
#include <inttypes.h>
#include <string.h>

/* A note under decoding: its first bytes, and the words so far. */
struct decode {
	const struct show *show;
	struct show_note *out;
	const unsigned char *desc;
	size_t size;
	size_t at; /* length of out->words */
};

static void say(struct decode *decode, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct decode *decode, const char *format, ...)
{
	size_t room = sizeof decode->out->words - decode->at;
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(decode->out->words + decode->at, room, format, args);
	va_end(args);
	if (length > 0)
		decode->at += (size_t)length < room ? (size_t)length : room - 1;
}

static uint64_t load(const struct decode *decode, size_t at, size_t size)
{
	return load_number(decode->desc + at, (unsigned)size, decode->show->file.image.data == LODE_DATA2MSB);
}

static void say_hex(struct decode *decode)
{
	for (size_t i = 0; i < decode->size && i < 64; i++)
		say(decode, "%02x", decode->desc[i]);
	if (decode->out->note.desc_size > 64)
		say(decode, "...");
}

static void say_string(struct decode *decode, size_t from)
{
	size_t length = strnlen((const char *)decode->desc + from, decode->size - from);

	say(decode, "%.*s", (int)length, (const char *)decode->desc + from);
}

static void say_number(struct decode *decode)
{
	if (decode->size == 4 || decode->size == 8)
		say(decode, "0x%" PRIx64, load(decode, 0, decode->size));
	else
		say_hex(decode);
}

/* Names of the bits that are set, the rest as a number. */
static void say_bits(struct decode *decode, uint64_t bits, const char *const *names, size_t n)
{
	const char *comma = "";

	if (bits == 0)
		say(decode, "none");
	for (size_t i = 0; i < n; i++) {
		if (!(bits >> i & 1))
			continue;
		say(decode, "%s%s", comma, names[i]);
		comma = ", ";
		bits &= ~(UINT64_C(1) << i);
	}
	if (bits != 0)
		say(decode, "%s0x%" PRIx64, comma, bits);
}
#define SAY_BITS(decode, bits, names) say_bits(decode, bits, names, sizeof(names) / sizeof *(names))

static void x86_property(struct decode *decode, uint32_t type, uint64_t value)
{
	static const char *const feature[] = {"IBT", "SHSTK", "LAM_U48", "LAM_U57"};
	static const char *const isa[] = {"x86-64-baseline", "x86-64-v2", "x86-64-v3", "x86-64-v4"};
	static const char *const used[] = {
		"x86", "x87", "MMX", "XMM", "YMM", "ZMM", "FXSR", "XSAVE", "XSAVEOPT", "XSAVEC", "TMM", "MASK"};

	switch (type) {
	case LODE_GNU_PROPERTY_X86_FEATURE_1_AND:
		say(decode, "x86 features: ");
		SAY_BITS(decode, value, feature);
		return;
	case LODE_GNU_PROPERTY_X86_ISA_1_NEEDED: case LODE_GNU_PROPERTY_X86_ISA_1_USED:
		say(decode, "x86 ISA %s: ", type == LODE_GNU_PROPERTY_X86_ISA_1_NEEDED ? "needed" : "used");
		SAY_BITS(decode, value, isa);
		return;
	case LODE_GNU_PROPERTY_X86_FEATURE_2_NEEDED: case LODE_GNU_PROPERTY_X86_FEATURE_2_USED:
		say(decode, "x86 state %s: ", type == LODE_GNU_PROPERTY_X86_FEATURE_2_NEEDED ? "needed" : "used");
		SAY_BITS(decode, value, used);
		return;
	default:
		say(decode, "x86 property 0x%" PRIx32 ": 0x%" PRIx64, type, value);
	}
}

static void one_property(struct decode *decode, uint32_t type, uint64_t value)
{
	static const char *const aarch64[] = {"BTI", "PAC", "GCS"};
	static const char *const riscv[] = {"CFI_LP_UNLABELED", "CFI_SS", "CFI_LP_FUNC_SIG"};
	static const char *const needed[] = {"indirect external access"};
	uint16_t machine = decode->show->file.image.machine;

	if (type == LODE_GNU_PROPERTY_STACK_SIZE)
		say(decode, "stack size 0x%" PRIx64, value);
	else if (type == LODE_GNU_PROPERTY_NO_COPY_ON_PROTECTED)
		say(decode, "no copy relocations against protected symbols");
	else if (type == LODE_GNU_PROPERTY_1_NEEDED) {
		say(decode, "needs: ");
		SAY_BITS(decode, value, needed);
	} else if (type >= LODE_GNU_PROPERTY_LOPROC && type <= LODE_GNU_PROPERTY_HIPROC &&
		(machine == LODE_EM_X86_64 || machine == LODE_EM_386))
		x86_property(decode, type, value);
	else if (type == LODE_GNU_PROPERTY_AARCH64_FEATURE_1_AND && machine == LODE_EM_AARCH64) {
		say(decode, "AArch64 features: ");
		SAY_BITS(decode, value, aarch64);
	} else if (type == LODE_GNU_PROPERTY_RISCV_FEATURE_1_AND && machine == LODE_EM_RISCV) {
		say(decode, "RISC-V features: ");
		SAY_BITS(decode, value, riscv);
	} else
		say(decode, "property 0x%" PRIx32 ": 0x%" PRIx64, type, value);
}

static void say_properties(struct decode *decode)
{
	const struct lode_note *note = &decode->out->note;
	struct lode_property property;
	uint64_t at = 0;

	while (lode_property_next(&property, &at, &decode->show->file.image, note, NULL) > 0) {
		uint64_t data = property.offset - note->desc_offset;

		if (property.size > decode->size || data > decode->size - property.size)
			break;
		if (decode->at > 0)
			say(decode, "; ");
		one_property(decode, property.type,
			property.size == 4 || property.size == 8 ? load(decode, (size_t)data, property.size) : 0);
	}
}

static void say_abi(struct decode *decode)
{
	static const char *const systems[] = {"Linux", "Hurd", "Solaris", "FreeBSD", "NetBSD", "Syllable", "NaCl"};
	uint64_t system;

	if (decode->size < 16)
		return;
	system = load(decode, 0, 4);
	if (system < sizeof systems / sizeof *systems)
		say(decode, "%s ", systems[system]);
	else
		say(decode, "system %" PRIu64 " ", system);
	say(decode, "%" PRIu64 ".%" PRIu64 ".%" PRIu64 " or later", load(decode, 4, 4), load(decode, 8, 4), load(decode, 12, 4));
}

static void decode_gnu(struct decode *decode)
{
	static const char *const names[] = {
		NULL, "NT_GNU_ABI_TAG", "NT_GNU_HWCAP", "NT_GNU_BUILD_ID", "NT_GNU_GOLD_VERSION", "NT_GNU_PROPERTY_TYPE_0"};
	uint32_t type = decode->out->note.type;

	if (type < sizeof names / sizeof *names)
		decode->out->type_name = names[type];
	if (type == 1)
		say_abi(decode);
	else if (type == 3)
		say_hex(decode);
	else if (type == 4)
		say_string(decode, 0);
	else if (type == 5)
		say_properties(decode);
}

static void decode_xen(struct decode *decode)
{
	static const struct { const char *name; bool text;
	} types[] = {
		{"XEN_ELFNOTE_INFO", true},
		{"XEN_ELFNOTE_ENTRY", false},
		{"XEN_ELFNOTE_HYPERCALL_PAGE", false},
		{"XEN_ELFNOTE_VIRT_BASE", false},
		{"XEN_ELFNOTE_PADDR_OFFSET", false},
		{"XEN_ELFNOTE_XEN_VERSION", true},
		{"XEN_ELFNOTE_GUEST_OS", true},
		{"XEN_ELFNOTE_GUEST_VERSION", true},
		{"XEN_ELFNOTE_LOADER", true},
		{"XEN_ELFNOTE_PAE_MODE", true},
		{"XEN_ELFNOTE_FEATURES", true},
		{"XEN_ELFNOTE_BSD_SYMTAB", true},
		{"XEN_ELFNOTE_HV_START_LOW", false},
		{"XEN_ELFNOTE_L1_MFN_VALID", false},
		{"XEN_ELFNOTE_SUSPEND_CANCEL", false},
		{"XEN_ELFNOTE_INIT_P2M", false},
		{"XEN_ELFNOTE_MOD_START_PFN", false},
		{"XEN_ELFNOTE_SUPPORTED_FEATURES", false},
		{"XEN_ELFNOTE_PHYS32_ENTRY", false},
		{"XEN_ELFNOTE_PHYS32_RELOC", false},
	};
	uint32_t type = decode->out->note.type;

	if (type >= sizeof types / sizeof *types)
		return;
	decode->out->type_name = types[type].name;
	if (types[type].text) {
		say_string(decode, 0);
	} else if (type == LODE_NT_XEN_PHYS32_RELOC) {
		static const char *const words[] = {"align", "min", "max"};

		for (size_t i = 0; i < 3 && decode->size >= 4 * i + 4; i++)
			say(decode, "%s%s 0x%" PRIx64, i > 0 ? ", " : "", words[i], load(decode, 4 * i, 4));
	} else {
		say_number(decode);
	}
	if (type == LODE_NT_XEN_PHYS32_ENTRY)
		say(decode, " (PVH entry, physical)");
}

static void decode_stapsdt(struct decode *decode)
{
	size_t word = lode_word_size(&decode->show->file.image), at = 3 * word;

	if (decode->out->note.type != 3 || decode->size < at + 3)
		return;
	decode->out->type_name = "NT_STAPSDT";
	say(decode, "probe ");
	for (int i = 0; i < 3 && at < decode->size; i++) {
		size_t length = strnlen((const char *)decode->desc + at, decode->size - at);

		if (i == 2 && length > 0)
			say(decode, " (");
		say(decode, "%.*s%s", (int)length, (const char *)decode->desc + at, i == 0 ? ":" : i == 2 && length > 0 ? ")" : "");
		at += length + 1;
	}
	say(decode, " at 0x%" PRIx64, load(decode, 0, word));
}

static void decode_fdo(struct decode *decode)
{
	uint32_t type = decode->out->note.type;

	decode->out->type_name = type == 0xcafe1a7e ? "NT_FDO_PACKAGING_METADATA"
		: type == 0x407c0c0a ? "NT_FDO_DLOPEN_METADATA"
		: NULL;
	if (decode->out->type_name)
		say_string(decode, 0);
}

static void decode_go(struct decode *decode)
{
	static const char *const names[] = {NULL, "NT_GO_PKG_LIST", "NT_GO_ABI_HASH", "NT_GO_DEPS", "NT_GO_BUILD_ID"};
	uint32_t type = decode->out->note.type;

	if (type >= sizeof names / sizeof *names)
		return;
	decode->out->type_name = names[type];
	if (type == 4)
		say_string(decode, 0);
}

static void decode_linux(struct decode *decode)
{
	uint32_t type = decode->out->note.type;

	decode->out->type_name = type == 0x100 ? "LINUX_ELFNOTE_BUILD_SALT" : type == 0x101 ? "LINUX_ELFNOTE_LTO_INFO" : NULL;
	if (type == 0x100)
		say_string(decode, 0);
	else if (type == 0x101 && decode->size >= 4)
		say(decode, "%" PRIu64, load(decode, 0, 4));
}

static void decode_core(struct decode *decode)
{
	static const struct { uint32_t type; const char *name;
	} names[] = {
		{1, "NT_PRSTATUS"},
		{2, "NT_FPREGSET"},
		{3, "NT_PRPSINFO"},
		{4, "NT_TASKSTRUCT"},
		{6, "NT_AUXV"},
		{0x46494c45, "NT_FILE"},
		{0x53494749, "NT_SIGINFO"},
		{0x46e62b7f, "NT_PRXFPREG"},
		{0x202, "NT_X86_XSTATE"},
		{0x205, "NT_X86_XSAVE_LAYOUT"},
		{0x200, "NT_386_TLS"},
		{0x400, "NT_ARM_VFP"},
		{0x401, "NT_ARM_TLS"},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (names[i].type == decode->out->note.type)
			decode->out->type_name = names[i].name;
	if (show_core_note(decode->show, &decode->out->note))
		show_core_words(decode->out->words, sizeof decode->out->words, decode->show,
			&(struct show_desc){decode->out->note.type, decode->desc, decode->size, decode->out->note.desc_offset});
}

static void decode_version(struct decode *decode)
{
	if (decode->out->note.type == 1 && decode->size == 4) {
		decode->out->type_name = "NT_VERSION";
		say(decode, "%s %" PRIu64, decode->out->note.owner, load(decode, 0, 4));
	}
}

/* Owners are compared whole, their NUL included; Go pads its to four bytes. */
static void decode_note(struct decode *decode)
{
	static const struct { const char *owner; uint32_t size; void (*decode)(struct decode *);
	} owners[] = {
		{"GNU", 4, decode_gnu},
		{"Xen", 4, decode_xen},
		{"stapsdt", 8, decode_stapsdt},
		{"FDO", 4, decode_fdo},
		{"Go", 4, decode_go},
		{"Go", 3, decode_go},
		{"Linux", 6, decode_linux},
		{"CORE", 5, decode_core},
		{"LINUX", 6, decode_core},
		{"FreeBSD", 8, decode_version},
		{"NetBSD", 7, decode_version},
		{"OpenBSD", 8, decode_version},
		{"Android", 8, decode_version},
	};
	const struct lode_note *note = &decode->out->note;

	for (size_t i = 0; i < sizeof owners / sizeof *owners; i++)
		if (owners[i].size == note->owner_size && strcmp(owners[i].owner, note->owner) == 0)
			owners[i].decode(decode);
}

void show_note_words(struct show_note *out, const struct show *show, const unsigned char *desc, size_t size)
{
	struct decode decode = {.show = show, .out = out, .desc = desc, .size = size};

	out->words[0] = '\0';
	out->type_name = NULL;
	decode_note(&decode);
}
