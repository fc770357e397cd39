/* SPDX-License-Identifier: MIT */
/* Everything that is known about a file -> JSON. docs/json.md describes it; a member that changes its meaning raises
 * the version. */
#include "show.h"

enum { JSON_VERSION = 1 };

static void put_bzimage(struct json *json, const struct input *input)
{
	char protocol[24];

	snprintf(protocol, sizeof protocol, "%u.%02u", input->boot_protocol >> 8, input->boot_protocol & 0xffu);
	json_string(json, "boot_protocol", input->boot_protocol != 0 ? protocol : NULL);
	json_string(json, "kernel_version", input->kernel_version[0] != '\0' ? input->kernel_version : NULL);
}

static void put_file(struct json *json, const struct show *show)
{
	const struct input *input = &show->file.input;

	json_object(json, "file");
	json_string(json, "name", input->name);
	json_number(json, "size", input->file_size);
	json_number(json, "own_size", input->own_size);
	json_string(json, "unpacked", input->peeled[0] != '\0' ? input->peeled : NULL);
	put_bzimage(json, input);
	json_number(json, "image_size", input->source.size);
	json_string(json, "kind", show->kind.words);
	show_privilege_json(json, show);
	json_object_end(json);
}

static void put_header(struct json *json, const struct show *show)
{
	const struct lode_image *image = &show->file.image;

	json_object(json, "header");
	json_number(json, "class", image->class_ == LODE_CLASS64 ? 64 : 32);
	json_string(json, "byte_order", image->data == LODE_DATA2MSB ? "big" : "little");
	json_number(json, "osabi", image->osabi);
	json_number(json, "abi_version", image->abiversion);
	json_number(json, "type", image->type);
	json_string(json, "type_name", type_name(image->type));
	json_number(json, "machine", image->machine);
	json_string(json, "machine_name", machine_name(image->machine));
	json_hex(json, "flags", image->flags);
	json_hex(json, "entry", image->entry);
	json_number(json, "program_header_offset", image->phoff);
	json_number(json, "program_headers", image->nsegments);
	json_number(json, "section_header_offset", image->shoff);
	json_number(json, "sections", image->nsections);
	json_number(json, "section_names", image->shstrndx);
	json_object_end(json);
}

static void put_prot(struct json *json, const char *key, uint32_t prot)
{
	json_string(json, key, prot_name(prot));
}

static void put_segments(struct json *json, const struct show *show)
{
	if (!show->file.image.segments && show->file.image.nsegments > 0) {
		json_null(json, "program_headers");
		return;
	}
	json_array(json, "program_headers");
	for (uint32_t i = 0; i < show->file.image.nsegments; i++) {
		const struct lode_segment *s = &show->file.image.segments[i];

		json_object(json, NULL);
		json_number(json, "index", i);
		json_number(json, "type", s->type);
		json_string(json, "type_name", segment_type_name(s->type));
		json_number(json, "flags", s->flags);
		put_prot(json, "permissions", s->flags);
		json_number(json, "offset", s->offset);
		json_hex(json, "vaddr", s->vaddr);
		json_hex(json, "paddr", s->paddr);
		json_number(json, "filesz", s->filesz);
		json_number(json, "memsz", s->memsz);
		json_number(json, "align", s->align);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_sections(struct json *json, const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	char name[4096];

	if (show->file.sections_why.status != LODE_OK) {
		json_null(json, "sections");
		return;
	}
	json_array(json, "sections");
	for (uint32_t i = 0; image->sections && i < image->nsections; i++) {
		const struct lode_section *s = &image->sections[i];

		json_object(json, NULL);
		json_number(json, "index", i);
		json_string(json, "name", section_name(name, sizeof name, &show->file.image, i));
		json_number(json, "type", s->type);
		json_string(json, "type_name", section_type_name(s->type));
		json_hex(json, "flags", s->flags);
		json_hex(json, "addr", s->addr);
		json_number(json, "offset", s->offset);
		json_number(json, "size", s->size);
		json_number(json, "link", s->link);
		json_number(json, "info", s->info);
		json_number(json, "addralign", s->addralign);
		json_number(json, "entsize", s->entsize);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_dynamic_string(struct json *json, const struct show *show, const char *key, uint64_t offset)
{
	char name[4096];

	if (offset == LODE_NO_OFFSET)
		json_null(json, key);
	else
		json_string(json, key, show_dynamic_string(name, sizeof name, show, offset));
}

static void put_dynamic_entries(struct json *json, const struct show *show)
{
	json_array(json, "entries");
	for (uint32_t i = 0; i < show->dynamic.count; i++) {
		struct lode_dyn entry;

		if (lode_dynamic_entry(&entry, &show->file.image, &show->dynamic, i, NULL) != LODE_OK)
			break;
		json_object(json, NULL);
		json_hex(json, "tag", (uint64_t)entry.tag);
		json_string(json, "name", dynamic_tag_name((uint64_t)entry.tag));
		json_hex(json, "value", entry.value);
		if (entry.tag == LODE_DT_NEEDED)
			put_dynamic_string(json, show, "string", entry.value);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_needed(struct json *json, const struct show *show)
{
	json_array(json, "needed");
	for (uint32_t i = 0; i < show->dynamic.count; i++) {
		struct lode_dyn entry;

		if (lode_dynamic_entry(&entry, &show->file.image, &show->dynamic, i, NULL) == LODE_OK &&
			entry.tag == LODE_DT_NEEDED)
			put_dynamic_string(json, show, NULL, entry.value);
	}
	json_array_end(json);
}

static void put_dynamic(struct json *json, const struct show *show)
{
	const struct lode_dynamic *dynamic = &show->dynamic;

	if (show->dynamic_why.status != LODE_OK || dynamic->count == 0) {
		json_null(json, "dynamic");
		return;
	}
	json_object(json, "dynamic");
	json_number(json, "offset", dynamic->offset);
	put_needed(json, show);
	put_dynamic_string(json, show, "soname", dynamic->soname);
	put_dynamic_string(json, show, "rpath", dynamic->rpath);
	put_dynamic_string(json, show, "runpath", dynamic->runpath);
	json_hex(json, "flags", dynamic->flags);
	json_hex(json, "flags_1", dynamic->flags_1);
	json_bool(json, "bind_now", dynamic->bind_now);
	json_bool(json, "textrel", dynamic->textrel);
	json_number(json, "symbols", dynamic->symbols.count);
	json_bool(json, "symbols_counted", dynamic->counted);
	put_dynamic_entries(json, show);
	json_object_end(json);
}

static void put_sizes(struct json *json, const struct show *show)
{
	const struct show_sizes *sizes = &show->sizes;

	json_object(json, "sizes");
	json_object(json, "file");
	for (size_t i = 0; i < BYTES_KINDS; i++)
		json_number(json, show_bytes_keys[i], sizes->file[i]);
	json_object_end(json);
	json_number(json, "zero_bytes", sizes->zero_bytes);
	json_object(json, "memory");
	json_number(json, "pages", sizes->memory);
	json_number(json, "shared", sizes->shared);
	json_number(json, "copied_when_written", sizes->copied);
	json_number(json, "own", sizes->own);
	json_number(json, "zero", sizes->zero);
	json_object_end(json);
	json_object_end(json);
}

static void put_range(struct json *json, const char *key, const struct lode_range *range)
{
	json_object(json, key);
	json_hex(json, "addr", range->addr);
	json_number(json, "size", range->size);
	json_object_end(json);
}

static void put_runs(struct json *json, const struct lode_plan *plan)
{
	static const char *const kinds[] = {"share", "own", "zero"};

	json_array(json, "runs");
	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];

		json_object(json, NULL);
		json_string(json, "kind", kinds[run->kind]);
		json_hex(json, "addr", run->addr);
		json_number(json, "size", run->size);
		put_prot(json, "permissions", run->prot);
		json_number(json, "segment", run->segment);
		if (run->kind == LODE_RUN_SHARE)
			json_number(json, "offset", run->offset);
		json_object_end(json);
	}
	json_array_end(json);
	json_array(json, "fills");
	for (uint32_t i = 0; i < plan->nfills; i++) {
		const struct lode_fill *fill = &plan->fills[i];

		json_object(json, NULL);
		json_hex(json, "addr", fill->addr);
		json_number(json, "size", fill->size);
		if (fill->offset == LODE_FILL_ZEROS)
			json_null(json, "offset");
		else
			json_number(json, "offset", fill->offset);
		json_object_end(json);
	}
	json_array_end(json);
}

static void put_tls(struct json *json, const struct lode_plan *plan)
{
	if (!plan->has_tls) {
		json_null(json, "tls");
		return;
	}
	json_object(json, "tls");
	json_hex(json, "addr", plan->tls.addr);
	json_number(json, "offset", plan->tls.offset);
	json_number(json, "file_size", plan->tls.file_size);
	json_number(json, "mem_size", plan->tls.mem_size);
	json_number(json, "align", plan->tls.align);
	json_object_end(json);
}

static void put_plan(struct json *json, const struct show *show)
{
	const struct lode_plan *plan = &show->plan;

	if (show->plan_why.status != LODE_OK) {
		json_null(json, "plan");
		return;
	}
	json_object(json, "plan");
	json_string(json, "for", show->policy.use == LODE_USE_KERNEL ? "kernel" : "process");
	json_string(json, "domain", show->policy.domain == LODE_PHYSICAL ? "physical" : "virtual");
	json_number(json, "page_size", plan->page_size);
	json_hex(json, "bias", plan->bias);
	put_range(json, "span", &plan->span);
	json_number(json, "align", plan->align);
	json_hex(json, "end", plan->end);
	json_hex(json, "entry", plan->entry);
	if (plan->has_phdr)
		json_hex(json, "program_headers", plan->phdr);
	else
		json_null(json, "program_headers");
	put_tls(json, plan);
	if (plan->relro.size > 0)
		put_range(json, "relro", &plan->relro);
	else
		json_null(json, "relro");
	if (plan->has_stack)
		put_prot(json, "stack", plan->stack_prot);
	else
		json_null(json, "stack");
	put_runs(json, plan);
	json_object_end(json);
}

static void put_diag(struct json *json, const char *key, const char *what, const struct lode_diag *why, bool inside)
{
	char text[TEXT_MOST];

	diag_text(text, why, inside);
	json_object(json, key);
	json_string(json, "about", what);
	json_string(json, "rule", lode_rule_name(why->rule));
	json_string(json, "structure", lode_field_structure(why->field));
	json_string(json, "field", lode_field_name(why->field));
	if (why->index != LODE_NO_INDEX)
		json_number(json, "index", why->index);
	json_hex(json, "value", why->value);
	if (why->offset != LODE_NO_OFFSET)
		json_number(json, "offset", why->offset);
	if (inside && why->offset != LODE_NO_OFFSET)
		json_bool(json, "in_image", true);
	json_string(json, "text", text);
	json_object_end(json);
}

static void put_finding(struct json *json, const struct show *show, const char *what, const struct lode_diag *why)
{
	if (why->status != LODE_OK)
		put_diag(json, NULL, what, why, file_inside(&show->file));
}

/* The rule is one of `lode check`. */
static void put_debug(struct json *json)
{
	json_object(json, NULL);
	json_string(json, "about", "no plan");
	json_string(json, "rule", "header-debug-file");
	json_string(json, "text", SHOW_DEBUG_PLAN);
	json_object_end(json);
}

static void begin(struct json *json, const struct show *show)
{
	json_begin(json, stdout);
	json_object(json, NULL);
	json_string(json, "format", "lode-show");
	json_number(json, "version", JSON_VERSION);
	put_file(json, show);
	put_header(json, show);
}

void show_json_refused(const struct show *show)
{
	struct json writer, *json = &writer;

	begin(json, show);
	put_segments(json, show);
	if (show->file.image.sections)
		put_sections(json, show);
	else
		json_null(json, "sections");
	put_diag(json, "refused", "file", &show->file.why, file_inside(&show->file));
	json_object_end(json);
	json_end(json);
}

/* Of a core that is cut short. */
static void put_missing(struct json *json, const struct show *show)
{
	json_object(json, "missing");
	json_number(json, "bytes", show->missing.bytes);
	json_number(json, "program_headers", show->missing.segments);
	json_object_end(json);
	put_diag(json, "refused", "file", &show->file.why, file_inside(&show->file));
}

void show_json_print(const struct show *show)
{
	struct json writer, *json = &writer;

	begin(json, show);
	json_string(json, "interpreter", show->has_interpreter ? show->interpreter : NULL);
	put_segments(json, show);
	put_sections(json, show);
	put_dynamic(json, show);
	show_module_json(json, show);
	show_json_notes(json, show);
	show_json_relocations(json, show);
	show_json_symbols(json, show);
	put_sizes(json, show);
	put_plan(json, show);
	json_array(json, "findings");
	put_finding(json, show, "sections", &show->file.sections_why);
	put_finding(json, show, "dynamic", &show->dynamic_why);
	put_finding(json, show, "plan made leniently", &show->strict_why);
	if (show->kind.id == KIND_DEBUG)
		put_debug(json);
	else
		put_finding(json, show, "no plan", &show->plan_why);
	json_array_end(json);
	if (show->file.why.status != LODE_OK)
		put_missing(json, show);
	json_object_end(json);
	json_end(json);
}
