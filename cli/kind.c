/* SPDX-License-Identifier: MIT */
/* Magic numbers, headers, notes and segments of a file -> what it is. */
#include "kind.h"
#include "input.h"
#include "script.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LAST_XEN_NOTE = 20 };

bool is_text_byte(unsigned char byte)
{
	return byte >= 0x20 ? byte != 0x7f : (byte >= '\a' && byte <= '\r') || byte == '\033';
}

static bool all_text(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (!is_text_byte(bytes[i]))
			return false;
	return size > 0;
}

static struct kind kind(enum kind_id id, const char *article, const char *words)
{
	struct kind result = {.id = id, .article = article};

	snprintf(result.words, sizeof result.words, "%s", words);
	return result;
}

/* What begins with fat Mach-O's magic and says more than 19 machines is a class file: their versions start at 45. */
static bool is_fat_macho(const unsigned char *head, size_t have)
{
	return have >= 8 && memcmp(head, "\xca\xfe\xba\xbe", 4) == 0 && be32(head + 4) < 20;
}

static const struct magic {
	const char *bytes;
	size_t length;
	enum kind_id id;
	const char *article, *words;
} magics[] = {
	{"!<arch>\ndebian-binary", 21, KIND_FOREIGN, "a ", "Debian package"},
	{"!<arch>\n", 8, KIND_ARCHIVE, "an ", "archive"},
	{"!<thin>\n", 8, KIND_ARCHIVE, "a ", "thin archive"},
	{"MZ", 2, KIND_PE, "a ", "PE or DOS executable"},
	{"\xfe\xed\xfa\xce", 4, KIND_FOREIGN, "a ", "Mach-O file"},
	{"\xfe\xed\xfa\xcf", 4, KIND_FOREIGN, "a ", "Mach-O file"},
	{"\xce\xfa\xed\xfe", 4, KIND_FOREIGN, "a ", "Mach-O file"},
	{"\xcf\xfa\xed\xfe", 4, KIND_FOREIGN, "a ", "Mach-O file"},
	{"\0asm", 4, KIND_FOREIGN, "a ", "WebAssembly module"},
	{"BC\xc0\xde", 4, KIND_BITCODE, "", "LLVM bitcode"},
	{"\xde\xc0\x17\x0b", 4, KIND_BITCODE, "", "LLVM bitcode (in a wrapper)"},
};

static const struct magic *find_magic(const unsigned char *head, size_t have)
{
	for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
		if (have >= magics[i].length && memcmp(head, magics[i].bytes, magics[i].length) == 0)
			return &magics[i];
	return NULL;
}

/* Kernels that firmware or a boot loader starts as they are: Linux's Image, and the compressed form of it. Ref: Linux
 * Documentation/arch/arm64/booting.rst, arch/riscv/boot-image-header.rst, zboot-header.S. */
static bool is_flat(struct kind *result, const unsigned char *head, size_t have)
{
	const char *machine = have < 0x3c ? NULL : memcmp(head + 0x38, "ARM\x64", 4) == 0 ? "arm64" :
		memcmp(head + 0x38, "RSC\x05", 4) == 0 ? "riscv" : NULL;

	*result = kind(KIND_FLAT, "a ", "");
	if (is_zboot(head, have))
		snprintf(result->words, sizeof result->words, "compressed kernel in the EFI zboot format (%.31s)",
			(const char *)head + 24);
	else if (machine)
		snprintf(result->words, sizeof result->words, "kernel in Linux's flat format for %s (Image)", machine);
	return result->words[0] != '\0';
}

static struct kind kind_of_script(const struct script *script)
{
	struct kind result = kind(KIND_SCRIPT, "a ", "script");

	if (script->name[0] != '\0')
		snprintf(result.words, sizeof result.words, "script for %.140s", script->name);
	return result;
}

struct kind kind_of_bytes(const struct lode_source *source)
{
	unsigned char head[INPUT_HEAD];
	size_t have = source->size < sizeof head ? (size_t)source->size : sizeof head;
	struct kind result;
	struct script script;
	const struct magic *magic;
	const char *packed;

	if (source->size == 0)
		return kind(KIND_EMPTY, "an ", "empty file");
	if (lode_source_read(head, source, 0, have, NULL) != LODE_OK)
		have = 0;
	if (is_bzimage(head, have))
		return kind(KIND_BZIMAGE, "a ", "kernel in Linux's boot format (bzImage)");
	if (is_flat(&result, head, have))
		return result;
	if (script_read(&script, head, have))
		return kind_of_script(&script);
	if (is_fat_macho(head, have))
		return kind(KIND_FOREIGN, "a ", "Mach-O file for several machines");
	magic = find_magic(head, have);
	if (magic)
		return kind(magic->id, magic->article, magic->words);
	packed = packed_name(head, have);
	if (packed) {
		result = kind(KIND_PACKED, "", "");
		snprintf(result.words, sizeof result.words, "%s data", packed);
		return result;
	}
	return all_text(head, have) ? kind(KIND_TEXT, "", "text") : kind(KIND_UNKNOWN, "", "data of unknown kind");
}

/* Addresses that no process has: above the lower half, or physical addresses of their own. */
static bool high_or_physical(const struct lode_image *image)
{
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];

		if (segment->type != LODE_PT_LOAD || segment->memsz == 0)
			continue;
		if (segment->vaddr >= (image->class_ == LODE_CLASS64 ? UINT64_C(1) << 56 : UINT64_C(0xc0000000)))
			return true;
		if (segment->paddr != 0 && segment->paddr != segment->vaddr)
			return true;
	}
	return false;
}

bool kind_unpaged(const struct lode_image *image)
{
	for (uint32_t i = 0; i < image->nsegments; i++) {
		const struct lode_segment *segment = &image->segments[i];

		if (segment->type == LODE_PT_LOAD && segment->align < PAGE && (segment->vaddr - segment->offset) % PAGE != 0)
			return true;
	}
	return false;
}

void kind_offers(struct protocols *offers, const struct lode_image *image)
{
	protocols_find(offers, image);
	offers->limine = offers->limine && (image->type == LODE_ET_DYN || high_or_physical(image));
}

static bool has_note(const struct lode_image *image, const char *owner, uint32_t type)
{
	struct lode_note note;

	return lode_note_find(&note, image, owner, type, NULL) > 0;
}

/* Xen's own format: notes of owner "Xen", or the section of before. */
static bool is_xen(const struct lode_image *image)
{
	for (uint32_t type = 0; type <= LAST_XEN_NOTE; type++)
		if (has_note(image, "Xen", type))
			return true;
	return section_find(image, "__xen_guest") != NULL;
}

/* Linux marks its modules and its vDSO with these notes as well: neither is a program. */
static bool is_linux(const struct lode_image *image, const char *peeled)
{
	return has_note(image, "Linux", LODE_NT_LINUX_BUILD_SALT) || has_note(image, "Linux", LODE_NT_LINUX_LTO_INFO) ||
		section_find(image, "__ksymtab") != NULL || strstr(peeled, "bzImage") != NULL;
}

/* True if any of its marks was found. */
static bool is_kernel(const struct kind *kind)
{
	const struct protocols *offers = &kind->offers;

	return offers->pvh || offers->multiboot || offers->multiboot2 || offers->limine || offers->rust || kind->xen ||
		kind->linux_kernel;
}

static bool loads_nothing(const struct lode_image *image)
{
	for (uint32_t i = 1; image->sections && i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if ((section->flags & LODE_SHF_ALLOC) && section->size > 0 && section->type != LODE_SHT_NOTE)
			return false;
	}
	return true;
}

static bool has_prefix(const struct lode_image *image, const char *prefix)
{
	char name[64];

	for (uint32_t i = 1; image->sections && i < image->nsections; i++)
		if (strncmp(section_name(name, sizeof name, image, i), prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

/* What compilers write beside machine code, or in the place of it. */
static struct kind of_object(const struct lode_image *image)
{
	if (section_find(image, ".modinfo") || section_find(image, ".gnu.linkonce.this_module"))
		return kind(KIND_MODULE, "a ", "Linux kernel module (relocatable object)");
	if (loads_nothing(image) && has_prefix(image, ".debug_info.dwo"))
		return kind(KIND_DEBUG, "", "debug information (split DWARF)");
	if (loads_nothing(image) && has_prefix(image, ".gnu.lto_"))
		return kind(KIND_OBJECT, "a ", "relocatable object of GCC's LTO, without machine code (slim)");
	return kind(KIND_OBJECT, "a ", "relocatable object");
}

/* Debug files keep the program headers but none of the bytes. */
static bool debug_only(const struct lode_image *image)
{
	bool text = false;

	for (uint32_t i = 1; image->sections && i < image->nsections; i++) {
		const struct lode_section *section = &image->sections[i];

		if ((section->flags & LODE_SHF_ALLOC) && section->type != LODE_SHT_NOBITS && section->type != LODE_SHT_NOTE)
			return false;
		if ((section->flags & LODE_SHF_EXECINSTR) && section->type == LODE_SHT_NOBITS)
			text = true;
	}
	return text;
}

static void kernel_words(struct kind *result)
{
	static const char none[] = "";
	const char *comma = none;
	size_t at = (size_t)snprintf(result->words, sizeof result->words, "%s", result->linux_kernel ? "Linux kernel" : "kernel");
	const struct { bool is; const char *name;
	} protocols[] = {
		{result->offers.pvh, "PVH"},
		{result->xen && !result->offers.pvh, "Xen"},
		{result->offers.multiboot, "Multiboot"},
		{result->offers.multiboot2, "Multiboot2"},
		{result->offers.limine, "Limine"},
		{result->offers.rust, "bootloader_api"},
	};

	for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++) {
		if (!protocols[i].is)
			continue;
		at += (size_t)snprintf(result->words + at, sizeof result->words - at, "%s%s", comma == none ? ", boots by " : comma,
			protocols[i].name);
		comma = ", ";
	}
}

static struct kind of_program(const struct lode_image *image)
{
	struct lode_dynamic dynamic;
	bool has_dynamic = lode_dynamic_open(&dynamic, image, NULL) == LODE_OK && dynamic.count > 0;
	bool interp = lode_segment_find(image, LODE_PT_INTERP) != NULL;

	if (image->type == LODE_ET_EXEC)
		return interp ? kind(KIND_PROGRAM, "a ", "program at a fixed address, dynamically linked")
			: kind(KIND_STATIC, "a ", "program at a fixed address, statically linked");
	if (has_dynamic && dynamic.soname != LODE_NO_OFFSET && !(dynamic.flags_1 & LODE_DF_1_PIE)) {
		if (interp)
			return kind(KIND_LIBRARY, "a ", "shared library that is a program too");
		return dynamic.needed == 0 && image->entry != 0
			? kind(KIND_INTERPRETER, "a ", "shared library with an entry: a program interpreter")
			: kind(KIND_LIBRARY, "a ", "shared library");
	}
	if (interp)
		return kind(KIND_PROGRAM, "a ", "position-independent program, dynamically linked");
	if (has_dynamic && (dynamic.flags_1 & LODE_DF_1_PIE))
		return kind(KIND_STATIC_PIE, "a ", "position-independent program, statically linked");
	if (dynamic.needed > 0 || image->entry == 0)
		return kind(KIND_LIBRARY, "a ", "shared library");
	return kind(KIND_STATIC_PIE, "a ", "position-independent program without interpreter");
}

struct kind kind_of_image(const struct lode_image *image, const char *peeled)
{
	struct kind result = {0};

	if (image->type == LODE_ET_REL)
		return of_object(image);
	if (image->type == LODE_ET_CORE)
		return kind(KIND_CORE, "a ", "core dump");
	if (image->type != LODE_ET_EXEC && image->type != LODE_ET_DYN)
		return kind(KIND_ELF, "an ", "ELF file of unknown type");
	if (debug_only(image))
		return kind(KIND_DEBUG, "", "debug information for another file");
	result = of_program(image);
	if (result.id != KIND_STATIC && result.id != KIND_STATIC_PIE)
		return result;
	kind_offers(&result.offers, image);
	result.xen = is_xen(image);
	result.linux_kernel = is_linux(image, peeled);
	if (is_kernel(&result) || high_or_physical(image)) {
		result.id = KIND_KERNEL;
		kernel_words(&result);
	} else if (kind_unpaged(image)) {
		result.id = KIND_KERNEL;
		snprintf(result.words, sizeof result.words, "bare-metal image: firmware or a kernel");
	}
	return result;
}

struct kind kind_of_file(const char *path)
{
	struct kind result = kind(KIND_UNKNOWN, "", "data of unknown kind");
	struct file file;
	struct stat st;

	if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
		return result;
	if (file_open(&file, path, INPUT_RAW) == 0)
		result = kind_of_image(&file.image, file.input.peeled);
	else if (file.input.error[0] == '\0')
		result = kind_of_bytes(&file.input.source);
	file_close(&file);
	return result;
}

bool kind_of_refused(struct kind *result, const char *path, enum lode_rule rule)
{
	if (rule != LODE_RULE_HEADER_MAGIC && rule != LODE_RULE_HEADER_TRUNCATED)
		return false;
	*result = kind_of_file(path);
	return result->id != KIND_UNKNOWN;
}
