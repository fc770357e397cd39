/* SPDX-License-Identifier: MIT */
/* What is known of a core -> words, lines of text and members of the JSON. */
#include "show.h"
#include "input.h"
#include <inttypes.h>
#include <lode/start.h>
#include <stdlib.h>
#include <string.h>

static void signal_text(char buf[32], const struct show *show, uint32_t number)
{
	const char *name = show_signal_name(show, number);

	if (name)
		snprintf(buf, 32, "%s", name);
	else
		snprintf(buf, 32, "signal %u", number);
}

static void thread_words(char *buf, size_t size, const struct show *show, const struct show_thread *thread)
{
	char number[32];
	size_t used = (size_t)snprintf(buf, size, "thread %u", thread->pid);

	signal_text(number, show, thread->signal);
	if (thread->signal != 0 && thread->current)
		used += (size_t)snprintf(buf + used, size - used, ", %s", number);
	if (thread->has_registers)
		snprintf(buf + used, size - used, ", program counter 0x%" PRIx64 ", stack pointer 0x%" PRIx64, thread->pc,
			thread->sp);
}

static void process_words(char *buf, size_t size, const struct show_process *process)
{
	snprintf(buf, size, "%s (%s), process %u, parent %u, user %u, group %u", process->name, process->arguments, process->pid,
		process->parent, process->user, process->group);
}

static void siginfo_words(char *buf, size_t size, const struct show *show, const struct show_siginfo *info)
{
	const char *code = show_siginfo_code(show, info);
	char name[32], number[24];
	size_t used;

	signal_text(name, show, info->signal);
	snprintf(number, sizeof number, "code %d", info->code);
	used = (size_t)snprintf(buf, size, "%s, %s", name, code ? code : number);
	if (info->has_address)
		snprintf(buf + used, size - used, ", address 0x%" PRIx64, info->address);
	else if (info->has_sender)
		snprintf(buf + used, size - used, ", sent by process %u", info->sender);
}

void show_core_words(char *buf, size_t size, const struct show *show, const struct show_desc *desc)
{
	struct show_process process;
	struct show_siginfo info;
	struct show_thread thread;

	if (desc->type == CORE_PRSTATUS && show_core_thread(&thread, show, desc))
		thread_words(buf, size, show, &thread);
	else if (desc->type == CORE_PRPSINFO && show_core_process(&process, show, desc->bytes, desc->size))
		process_words(buf, size, &process);
	else if (desc->type == CORE_SIGINFO && show_core_siginfo(&info, show, desc->bytes, desc->size))
		siginfo_words(buf, size, show, &info);
}

/* Entries that are addresses of strings: the core holds them where it holds the stack. False: this is none, or not there. */
static bool auxv_string(char *buf, size_t size, const struct show *show, const uint64_t entry[2])
{
	uint64_t offset;
	size_t have;

	if (entry[0] != LODE_AT_PLATFORM && entry[0] != LODE_AT_BASE_PLATFORM && entry[0] != LODE_AT_EXECFN)
		return false;
	if (!lode_vaddr_to_offset(&offset, &show->file.image, entry[1], 1))
		return false;
	have = input_peek(&show->file.input, buf, offset, size);
	return memchr(buf, '\0', have) != NULL;
}

static void print_auxv(const struct show *show, const struct lode_note *note)
{
	char number[24], text[1024];
	uint64_t entry[2];

	for (uint64_t i = 0; show_auxv_at(entry, show, note, i); i++) {
		const char *name = show_auxv_name(entry[0]);

		snprintf(number, sizeof number, "%" PRIu64, entry[0]);
		printf("    %-20s 0x%" PRIx64, name ? name : number, entry[1]);
		if (auxv_string(text, sizeof text, show, entry)) {
			putchar(' ');
			put_name(stdout, text);
		}
		putchar('\n');
	}
}

static void print_files(const struct show *show, const struct lode_note *note)
{
	struct show_mapping *mapping = malloc(sizeof *mapping);
	struct show_files files;

	if (!mapping || !show_files_begin(&files, show, note)) {
		free(mapping);
		return;
	}
	while (show_files_next(mapping, &files, show)) {
		printf("    0x%" PRIx64 "-0x%" PRIx64 " file 0x%" PRIx64 " ", mapping->begin, mapping->end, mapping->offset);
		put_name(stdout, mapping->name);
		putchar('\n');
	}
	if (files.index < files.count)
		printf("    and %" PRIu64 " more that cannot be read\n", files.count - files.index);
	free(mapping);
}

void show_core_print(const struct show *show, const struct lode_note *note, uint64_t *left)
{
	bool list = note->type == CORE_AUXV || note->type == CORE_FILES;

	if (!list || !show_core_note(show, note) || !show_afford(left, note->desc_size))
		return;
	if (note->type == CORE_AUXV)
		print_auxv(show, note);
	else
		print_files(show, note);
}

static void json_auxv(struct json *json, const struct show *show, const struct lode_note *note)
{
	uint64_t entry[2];
	char text[1024];

	json_array(json, "auxv");
	for (uint64_t i = 0; show_auxv_at(entry, show, note, i); i++) {
		json_object(json, NULL);
		json_number(json, "type", entry[0]);
		json_string(json, "name", show_auxv_name(entry[0]));
		json_hex(json, "value", entry[1]);
		if (auxv_string(text, sizeof text, show, entry))
			json_string(json, "string", text);
		json_object_end(json);
	}
	json_array_end(json);
}

static void json_files(struct json *json, const struct show *show, const struct lode_note *note)
{
	struct show_mapping *mapping = malloc(sizeof *mapping);
	struct show_files files;

	json_array(json, "mappings");
	if (mapping && show_files_begin(&files, show, note)) {
		while (show_files_next(mapping, &files, show)) {
			json_object(json, NULL);
			json_hex(json, "begin", mapping->begin);
			json_hex(json, "end", mapping->end);
			json_hex(json, "offset", mapping->offset);
			json_string(json, "file", mapping->name);
			json_object_end(json);
		}
	}
	json_array_end(json);
	free(mapping);
}

static void json_signal(struct json *json, const struct show *show, uint32_t number)
{
	json_number(json, "signal", number);
	json_string(json, "signal_name", show_signal_name(show, number));
}

static void json_stood(struct json *json, const struct show_stood *stood)
{
	bool known = stood->symbol[0] != '\0';

	json_object(json, "stood_in");
	json_string(json, "file", stood->mapping.name);
	json_hex(json, "offset", stood->offset);
	json_string(json, "symbol", known ? stood->symbol : NULL);
	if (known)
		json_number(json, "distance", stood->distance);
	json_object_end(json);
}

static void json_thread(struct json *json, const struct show *show, const struct show_thread *thread)
{
	json_object(json, "thread");
	json_number(json, "id", thread->pid);
	json_signal(json, show, thread->signal);
	json_bool(json, "current", thread->current);
	if (thread->has_registers) {
		json_hex(json, "program_counter", thread->pc);
		json_hex(json, "stack_pointer", thread->sp);
	}
	if (thread->current && show->stood)
		json_stood(json, show->stood);
	json_object_end(json);
}

static void json_process(struct json *json, const struct show_process *process)
{
	json_object(json, "process");
	json_string(json, "command", process->name);
	json_string(json, "arguments", process->arguments);
	json_number(json, "id", process->pid);
	json_number(json, "parent", process->parent);
	json_number(json, "user", process->user);
	json_number(json, "group", process->group);
	json_object_end(json);
}

static void json_siginfo(struct json *json, const struct show *show, const struct show_siginfo *info)
{
	json_object(json, "siginfo");
	json_signal(json, show, info->signal);
	json_hex(json, "code", (uint32_t)info->code);
	json_string(json, "code_name", show_siginfo_code(show, info));
	if (info->has_address)
		json_hex(json, "address", info->address);
	if (info->has_sender)
		json_number(json, "sender", info->sender);
	json_object_end(json);
}

void show_core_json(struct json *json, const struct show *show, const struct lode_note *note, uint64_t *left)
{
	unsigned char desc[1024];
	size_t size = note->desc_size < sizeof desc ? note->desc_size : sizeof desc;
	struct show_process process;
	struct show_siginfo info;
	struct show_thread thread;

	if (!show_core_note(show, note) || !show_afford(left, note->desc_size) ||
		!input_exact(&show->file.input, desc, note->desc_offset, size))
		return;
	if (note->type == CORE_AUXV)
		json_auxv(json, show, note);
	else if (note->type == CORE_FILES)
		json_files(json, show, note);
	else if (note->type == CORE_PRSTATUS && show_core_thread(&thread, show,
		&(struct show_desc){note->type, desc, size, note->desc_offset}))
		json_thread(json, show, &thread);
	else if (note->type == CORE_PRPSINFO && show_core_process(&process, show, desc, size))
		json_process(json, &process);
	else if (note->type == CORE_SIGINFO && show_core_siginfo(&info, show, desc, size))
		json_siginfo(json, show, &info);
}
