/* SPDX-License-Identifier: MIT */
/* A placed module comes in; debuggers that attach to this process, and profilers that sample it, know its functions.
 * Ref: GDB JIT; perf map. */
#define _GNU_SOURCE
#include "live.h"
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Debuggers: a list of object files in memory, each with the addresses of its sections. They stop at a function of this name.
 */

enum { JIT_NOACTION, JIT_REGISTER, JIT_UNREGISTER };
enum { ALIGN = 16 };

struct jit_code_entry {
	struct jit_code_entry *next, *prev;
	const void *symfile_addr;
	uint64_t symfile_size;
};

struct jit_descriptor {
	uint32_t version, action_flag;
	struct jit_code_entry *relevant_entry, *first_entry;
};

/* Weak: others that make code may be part of the program too (LLVM). */
void __jit_debug_register_code(void) __attribute__((weak, noinline));
struct jit_descriptor __jit_debug_descriptor __attribute__((weak)) = {.version = 1};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

void __jit_debug_register_code(void)
{
	__asm__ volatile("" : : : "memory");
}

static void tell_debugger(struct jit_code_entry *entry, uint32_t action)
{
	__jit_debug_descriptor.relevant_entry = entry;
	__jit_debug_descriptor.action_flag = action;
	__jit_debug_register_code();
	__jit_debug_descriptor.action_flag = JIT_NOACTION;
}

static void enter(struct jit_code_entry *entry)
{
	entry->next = __jit_debug_descriptor.first_entry;
	if (entry->next)
		entry->next->prev = entry;
	__jit_debug_descriptor.first_entry = entry;
	tell_debugger(entry, JIT_REGISTER);
}

static void leave(struct jit_code_entry *entry)
{
	if (entry->next)
		entry->next->prev = entry->prev;
	if (entry->prev)
		entry->prev->next = entry->next;
	else
		__jit_debug_descriptor.first_entry = entry->next;
	tell_debugger(entry, JIT_UNREGISTER);
}

static size_t round_up(size_t size)
{
	return (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* The linker has read this header: its tables lie in the bytes. What is not loaded has no address for a debugger either. */
static void fill_addresses(unsigned char *copy, const struct lode_link *link, const struct lode_link_object *object)
{
	Elf64_Ehdr header;
	Elf64_Shdr section;

	memcpy(&header, copy, sizeof header);
	for (uint32_t i = 1; i < object->nsections; i++) {
		unsigned char *at = copy + header.e_shoff + (uint64_t)i * sizeof section;

		memcpy(&section, at, sizeof section);
		section.sh_addr = lode_link_section_at(link, object, i);
		if (section.sh_addr == 0)
			section.sh_flags &= ~(uint64_t)SHF_ALLOC;
		memcpy(at, &section, sizeof section);
	}
}

/* Each copy follows its entry; size is of all. */
static size_t measure(const struct lode_link *link)
{
	struct lode_link_object object = {.size = 0};
	size_t size = 0;

	while (lode_link_next_object(&object, link))
		size += round_up(sizeof(struct jit_code_entry)) + round_up((size_t)object.size);
	return size;
}

static int register_objects(struct lode_live *live)
{
	struct lode_link_object object = {.size = 0};
	size_t size = measure(&live->link);
	unsigned char *at = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return errno;
	live->copies_ = at;
	live->copies_size_ = size ? size : 1;
	pthread_mutex_lock(&lock);
	while (lode_link_next_object(&object, &live->link)) {
		struct jit_code_entry *entry = (void *)at;

		at += round_up(sizeof *entry);
		memcpy(at, object.bytes, (size_t)object.size);
		fill_addresses(at, &live->link, &object);
		entry->symfile_addr = at;
		entry->symfile_size = object.size;
		at += round_up((size_t)object.size);
		enter(entry);
	}
	pthread_mutex_unlock(&lock);
	return 0;
}

static void withdraw_objects(struct lode_live *live)
{
	unsigned char *at = live->copies_, *end = at + live->copies_size_;

	pthread_mutex_lock(&lock);
	while ((size_t)(end - at) > sizeof(struct jit_code_entry)) {
		struct jit_code_entry *entry = (void *)at;

		at += round_up(sizeof *entry) + round_up((size_t)entry->symfile_size);
		leave(entry);
	}
	pthread_mutex_unlock(&lock);
	munmap(live->copies_, live->copies_size_);
	live->copies_ = NULL;
}

/*
 * Profilers: a line of text for each function.
 */

/* Whoever reads a line takes what is behind the second blank for the name, and prints it. */
static void write_name(FILE *file, const struct lode_link_text *name)
{
	for (size_t i = 0; i < name->size; i++) {
		unsigned char c = (unsigned char)name->at[i];

		fputc(c > ' ' && c != 0x7f ? c : '?', file);
	}
	fputc('\n', file);
}

static void write_functions(FILE *file, const struct lode_link *link)
{
	struct lode_link_object object = {.size = 0};

	while (lode_link_next_object(&object, link)) {
		struct lode_link_function function = {.addr = 0};

		while (lode_link_next_function(&function, link, &object)) {
			fprintf(file, "%llx %llx ", (unsigned long long)function.addr, (unsigned long long)function.size);
			write_name(file, &function.name);
		}
	}
}

/* Everybody may write into /tmp: no link is followed, and no file of somebody else's is written to. */
static int open_map(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && st.st_nlink == 1)
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

static int write_map(const struct lode_link *link)
{
	char path[32];
	FILE *file;
	int fd;

	snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
	fd = open_map(path);
	if (fd < 0)
		return errno;
	file = fdopen(fd, "a");
	if (!file) {
		close(fd);
		return ENOMEM;
	}
	write_functions(file, link);
	return fclose(file) == 0 ? 0 : errno;
}

int lode_live_observe_(struct lode_live *live)
{
	int error = live->options_.perf ? write_map(&live->link) : 0;

	return error == 0 && live->options_.gdb ? register_objects(live) : error;
}

void lode_live_observe_end_(struct lode_live *live)
{
	if (live->copies_)
		withdraw_objects(live);
}
