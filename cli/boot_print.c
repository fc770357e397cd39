/* SPDX-License-Identifier: MIT */
/* Machine and start state -> text or JSON. */
#include "boot_print.h"
#include "boot.h"

#include <inttypes.h>

static const char *memory_name(enum lode_memory_type type)
{
	switch (type) {
	case LODE_MEMORY_USABLE: return "usable";
	case LODE_MEMORY_ACPI: return "ACPI tables";
	case LODE_MEMORY_NVS: return "ACPI NVS";
	case LODE_MEMORY_BAD: return "bad";
	case LODE_MEMORY_PERSISTENT: return "persistent";
	case LODE_MEMORY_FIRMWARE: return "firmware";
	default: return "reserved";
	}
}

static void put_range(FILE *stream, uint64_t addr, uint64_t size)
{
	fprintf(stream, "  %16" PRIx64 " - %16" PRIx64 "  ", addr, addr + size - 1);
}

static void print_parts(FILE *stream, const struct lode_start *start)
{
	fprintf(stream, "Placed\n");
	for (uint32_t i = 0; i < start->nparts; i++) {
		const struct lode_part *part = &start->parts[i];

		if (part->size == 0)
			continue;
		put_range(stream, part->addr, part->size);
		fputs(lode_field_structure(part->what), stream);
		if (part->index != LODE_NO_INDEX)
			fprintf(stream, " %" PRIu32, part->index);
		fputc('\n', stream);
	}
}

static void print_mappings(FILE *stream, const struct lode_start *start)
{
	if (start->levels == 0)
		return;
	fprintf(stream, "Mapped, %" PRIu32 " levels\n", start->levels);
	for (uint32_t i = 0; i < start->nmappings; i++) {
		const struct lode_start_mapping *mapping = &start->mappings[i];

		put_range(stream, mapping->addr, mapping->size);
		if (mapping->prot == 0) {
			fprintf(stream, "kept free: %s\n", lode_field_structure(mapping->what));
			continue;
		}
		fprintf(stream, "to %" PRIx64 " %c%c%c %s%s\n", mapping->phys, mapping->prot & LODE_PF_R ? 'r' : '-',
			mapping->prot & LODE_PF_W ? 'w' : '-', mapping->prot & LODE_PF_X ? 'x' : '-',
			lode_field_structure(mapping->what),
			mapping->cache == LODE_CACHE_WRITE_COMBINING ? ", write combining" : "");
	}
}

/* A register, by its name. */
struct value {
	const char *name;
	uint64_t value;
};

enum { VALUES = 32 };

static size_t list_registers(struct value *list, const struct lode_registers *r)
{
	const struct value all[] = {
		{"rip", r->rip}, {"rsp", r->rsp}, {"rflags", r->rflags}, {"rax", r->rax}, {"rbx", r->rbx}, {"rcx", r->rcx},
		{"rdx", r->rdx}, {"rsi", r->rsi}, {"rdi", r->rdi}, {"rbp", r->rbp}, {"cr0", r->cr0}, {"cr3", r->cr3},
			{"cr4", r->cr4},
		{"efer", r->efer}, {"pat", r->pat}, {"cs", r->cs.selector}, {"ds", r->ds.selector}, {"es", r->es.selector},
		{"fs", r->fs.selector}, {"gs", r->gs.selector}, {"ss", r->ss.selector}, {"tr", r->tr.selector},
		{"gdtr.base", r->gdtr.base}, {"gdtr.limit", r->gdtr.limit},
	};
	size_t n = sizeof all / sizeof *all;

	for (size_t i = 0; i < n; i++)
		list[i] = all[i];
	return n;
}

static void print_registers(FILE *stream, const struct lode_start *start)
{
	struct value list[VALUES];
	size_t n = list_registers(list, &start->registers);

	fprintf(stream, "Registers\n");
	for (size_t i = 0; i < n; i++)
		fprintf(stream, "  %-10s %18" PRIx64 "%s", list[i].name, list[i].value, i % 3 == 2 || i + 1 == n ? "\n" : "");
	if (start->others.count > 0)
		fprintf(stream, "  %" PRIu32 " other processors: rip %" PRIx64 ", rdi %" PRIx64 " + %" PRIx64 " each, "
			"rsp %" PRIx64 " + %" PRIx64 " each\n", start->others.count, start->others.rip, start->others.rdi,
			start->others.rdi_step, start->others.rsp, start->others.rsp_step);
}

void boot_print(FILE *stream, const struct lode_machine *machine, const struct lode_start *start)
{
	fprintf(stream, "Protocol  %s\nMemory\n", lode_protocol_name(start->protocol));
	for (uint32_t i = 0; i < machine->nmemory; i++) {
		put_range(stream, machine->memory[i].addr, machine->memory[i].size);
		fprintf(stream, "%s\n", memory_name(machine->memory[i].type));
	}
	print_parts(stream, start);
	print_mappings(stream, start);
	print_registers(stream, start);
}

static void json_range(struct json *json, uint64_t addr, uint64_t size)
{
	json_object(json, NULL);
	json_hex(json, "address", addr);
	json_hex(json, "size", size);
}

static void json_lists(struct json *json, const struct lode_machine *machine, const struct lode_start *start)
{
	json_array(json, "memory");
	for (uint32_t i = 0; i < machine->nmemory; i++) {
		json_range(json, machine->memory[i].addr, machine->memory[i].size);
		json_string(json, "type", memory_name(machine->memory[i].type));
		json_object_end(json);
	}
	json_array_end(json);
	json_array(json, "placed");
	for (uint32_t i = 0; i < start->nparts; i++) {
		json_range(json, start->parts[i].addr, start->parts[i].size);
		json_string(json, "what", lode_field_structure(start->parts[i].what));
		json_object_end(json);
	}
	json_array_end(json);
	json_array(json, "mapped");
	for (uint32_t i = 0; i < start->nmappings; i++) {
		json_range(json, start->mappings[i].addr, start->mappings[i].size);
		json_hex(json, "physical", start->mappings[i].phys);
		json_number(json, "permissions", start->mappings[i].prot);
		json_string(json, "what", lode_field_structure(start->mappings[i].what));
		json_object_end(json);
	}
	json_array_end(json);
}

void boot_print_json(FILE *stream, const struct lode_machine *machine, const struct lode_start *start)
{
	struct value list[VALUES];
	size_t n = list_registers(list, &start->registers);
	struct json json;

	json_begin(&json, stream);
	json_object(&json, NULL);
	json_string(&json, "protocol", lode_protocol_name(start->protocol));
	json_lists(&json, machine, start);
	json_object(&json, "registers");
	for (size_t i = 0; i < n; i++)
		json_hex(&json, list[i].name, list[i].value);
	json_object_end(&json);
	json_object_end(&json);
	json_end(&json);
}
