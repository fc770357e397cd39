/* SPDX-License-Identifier: MIT */
/* Notes that Linux writes into a core -> threads, process, auxiliary vector and mappings. Ref: Linux fs/binfmt_elf.c. */
#include "show.h"
#include "bytes.h"
#include "input.h"
#include <inttypes.h>
#include <string.h>

enum { UID16_SIZE = 124 }; /* of struct elf_prpsinfo where user ids have 16 bits: i386, ARM */

/* Registers of struct elf_prstatus: which of its words are program counter and stack pointer. */
static const struct registers {
	uint16_t machine;
	unsigned pc, sp;
} registers[] = {
	{LODE_EM_X86_64, 16, 19},
	{LODE_EM_386, 12, 15},
	{LODE_EM_AARCH64, 32, 31},
	{LODE_EM_ARM, 15, 13},
	{LODE_EM_RISCV, 0, 2},
};

static const char *const signals[] = {
	NULL, "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
	"SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU",
	"SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
};

/* Structures of the kernel: words are the class's, everything else has one size. */
struct core {
	const unsigned char *bytes;
	size_t size;
	unsigned word;
	bool big;
};

static struct core core_of(const struct show *show, const unsigned char *desc, size_t size)
{
	const struct lode_image *image = &show->file.image;

	return (struct core){desc, size, lode_word_size(image), image->data == LODE_DATA2MSB};
}

static uint64_t load(const struct core *core, size_t at, unsigned size)
{
	return load_number(core->bytes + at, size, core->big);
}

static const struct registers *registers_of(uint16_t machine)
{
	for (size_t i = 0; i < sizeof registers / sizeof *registers; i++)
		if (registers[i].machine == machine)
			return &registers[i];
	return NULL;
}

/* MIPS, SPARC, Alpha and PA-RISC number theirs otherwise. */
const char *show_signal_name(const struct show *show, uint32_t number)
{
	static const uint16_t others[] = {8, 2, 18, 43, 0x9026, 15};

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (show->file.image.machine == others[i])
			return NULL;
	return number < sizeof signals / sizeof *signals ? signals[number] : NULL;
}

bool show_core_thread(struct show_thread *thread, const struct show *show, const struct show_desc *desc)
{
	const struct core core = core_of(show, desc->bytes, desc->size);
	const struct registers *which = registers_of(show->file.image.machine);
	size_t ids = 16 + 2 * (size_t)core.word, regs = ids + 16 + 8 * (size_t)core.word;

	if (core.size < regs)
		return false;
	*thread = (struct show_thread){.signal = (uint32_t)load(&core, 12, 2), .pid = (uint32_t)load(&core, ids, 4),
		.current = desc->offset == show->first_thread};
	if (which && core.size >= regs + (1 + (size_t)(which->pc > which->sp ? which->pc : which->sp)) * core.word) {
		thread->has_registers = true;
		thread->pc = load(&core, regs + which->pc * (size_t)core.word, core.word);
		thread->sp = load(&core, regs + which->sp * (size_t)core.word, core.word);
	}
	return true;
}

bool show_core_process(struct show_process *process, const struct show *show, const unsigned char *desc, size_t size)
{
	const struct core core = core_of(show, desc, size);
	unsigned id = size == UID16_SIZE ? 2 : 4;
	size_t ids = 2 * (size_t)core.word, pids = ids + 2 * id, names = pids + 16;

	if (size < names + sizeof process->name - 1 + sizeof process->arguments - 1)
		return false;
	*process = (struct show_process){.state = (char)desc[1], .user = (uint32_t)load(&core, ids, id),
		.group = (uint32_t)load(&core, ids + id, id), .pid = (uint32_t)load(&core, pids, 4),
		.parent = (uint32_t)load(&core, pids + 4, 4)};
	memcpy(process->name, desc + names, sizeof process->name - 1);
	memcpy(process->arguments, desc + names + sizeof process->name - 1, sizeof process->arguments - 1);
	for (size_t end = strlen(process->arguments); end > 0 && process->arguments[end - 1] == ' ';)
		process->arguments[--end] = '\0';
	return true;
}

bool show_core_siginfo(struct show_siginfo *info, const struct show *show, const unsigned char *desc, size_t size)
{
	const struct core core = core_of(show, desc, size);
	size_t more = core.word == 8 ? 16 : 12;

	if (size < more + 8)
		return false;
	*info = (struct show_siginfo){.signal = (uint32_t)load(&core, 0, 4), .code = (int32_t)(uint32_t)load(&core, 8, 4)};
	/* A code above 0 is the kernel's: of these signals it says which address was at fault. */
	info->has_address = info->code > 0 && info->code < 0x80 && info->signal < 32 &&
		(1u << info->signal & (1u << 4 | 1u << 5 | 1u << 7 | 1u << 8 | 1u << 11)) != 0;
	info->has_sender = info->code <= 0;
	if (info->has_address)
		info->address = load(&core, more, core.word);
	else if (info->has_sender)
		info->sender = (uint32_t)load(&core, more, 4);
	return true;
}

const char *show_auxv_name(uint64_t type)
{
	static const char *const low[] = {
		"AT_NULL", "AT_IGNORE", "AT_EXECFD", "AT_PHDR", "AT_PHENT", "AT_PHNUM", "AT_PAGESZ", "AT_BASE", "AT_FLAGS",
		"AT_ENTRY", "AT_NOTELF", "AT_UID", "AT_EUID", "AT_GID", "AT_EGID", "AT_PLATFORM", "AT_HWCAP", "AT_CLKTCK",
		"AT_FPUCW", "AT_DCACHEBSIZE", "AT_ICACHEBSIZE", "AT_UCACHEBSIZE", "AT_IGNOREPPC", "AT_SECURE",
		"AT_BASE_PLATFORM", "AT_RANDOM", "AT_HWCAP2",
		"AT_RSEQ_FEATURE_SIZE", "AT_RSEQ_ALIGN", "AT_HWCAP3", "AT_HWCAP4", "AT_EXECFN", "AT_SYSINFO", "AT_SYSINFO_EHDR",
		"AT_L1I_CACHESHAPE", "AT_L1D_CACHESHAPE", "AT_L2_CACHESHAPE", "AT_L3_CACHESHAPE", NULL, NULL, "AT_L1I_CACHESIZE",
		"AT_L1I_CACHEGEOMETRY", "AT_L1D_CACHESIZE", "AT_L1D_CACHEGEOMETRY", "AT_L2_CACHESIZE", "AT_L2_CACHEGEOMETRY",
		"AT_L3_CACHESIZE", "AT_L3_CACHEGEOMETRY", NULL, NULL, NULL, "AT_MINSIGSTKSZ",
	};

	return type < sizeof low / sizeof *low ? low[type] : NULL;
}

bool show_core_note(const struct show *show, const struct lode_note *note)
{
	return show->file.image.type == LODE_ET_CORE && note->owner_size == 5 && strcmp(note->owner, "CORE") == 0;
}

/* Words from the descriptor itself: these lists are longer than what of a note is kept. */
static bool read_words(uint64_t *words, unsigned n, const struct show *show, const struct lode_note *note, uint64_t at)
{
	unsigned char raw[24];
	const struct core core = core_of(show, raw, sizeof raw);

	if (n * core.word > note->desc_size || at > note->desc_size - n * core.word)
		return false;
	if (!input_exact(&show->file.input, raw, note->desc_offset + at, n * core.word))
		return false;
	for (unsigned i = 0; i < n; i++)
		words[i] = load(&core, i * (size_t)core.word, core.word);
	return true;
}

bool show_auxv_at(uint64_t entry[2], const struct show *show, const struct lode_note *note, uint64_t index)
{
	return read_words(entry, 2, show, note, index * 2 * lode_word_size(&show->file.image)) && entry[0] != 0;
}

bool show_files_begin(struct show_files *files, const struct show *show, const struct lode_note *note)
{
	const uint64_t word = lode_word_size(&show->file.image);
	uint64_t head[2];

	*files = (struct show_files){.note = *note};
	if (!read_words(head, 2, show, note, 0) || head[0] > note->desc_size / (3 * word))
		return false;
	files->count = head[0];
	files->page = head[1];
	files->names = (2 + 3 * files->count) * word;
	return files->names <= note->desc_size;
}

bool show_files_next(struct show_mapping *mapping, struct show_files *files, const struct show *show)
{
	const uint64_t word = lode_word_size(&show->file.image);
	const struct lode_strings names = {show->file.image.source, files->note.desc_offset, files->note.desc_size};
	uint64_t words[3];

	if (files->index == files->count || !read_words(words, 3, show, &files->note, (2 + 3 * files->index) * word))
		return false;
	/* A name that is too long ends the list: the next one cannot be found without reading on and on. */
	if (lode_string_read(mapping->name, sizeof mapping->name, &names, files->names, NULL) != LODE_OK)
		return false;
	files->index++;
	files->names += strlen(mapping->name) + 1;
	mapping->begin = words[0];
	mapping->end = words[1];
	mapping->offset = words[2] * files->page;
	return true;
}

struct show_desc show_core_first(unsigned char *bytes, size_t size, const struct show *show, uint32_t type)
{
	struct show_desc desc = {.type = type, .bytes = bytes};
	struct lode_note note;

	if (lode_note_find(&note, &show->file.image, "CORE", type, NULL) != 1)
		return desc;
	desc.offset = note.desc_offset;
	desc.size = input_peek(&show->file.input, bytes, note.desc_offset, note.desc_size < size ? note.desc_size : size);
	return desc;
}

bool show_files_of_core(struct show_files *files, const struct show *show)
{
	struct lode_note note;

	return lode_note_find(&note, &show->file.image, "CORE", CORE_FILES, NULL) == 1 && show_files_begin(files, show, &note);
}
