/* SPDX-License-Identifier: MIT */
/* Everything that is known about a file -> JSON. docs/json.md describes it; a member that changes its meaning raises
 * the version. */
#include "show.h"

enum { JSON_VERSION = 1 };

static void put_file(struct lode_json *json, const struct show *show)
{
	const struct lode_input *input = &show->file.input;

	lode_json_object(json, "file");
	lode_json_string(json, "name", input->name);
	lode_json_number(json, "size", input->file_size);
	lode_json_number(json, "own_size", input->own_size);
	lode_json_string(json, "unpacked", input->peeled[0] != '\0' ? input->peeled : NULL);
	lode_json_number(json, "image_size", input->source.size);
	lode_json_string(json, "kind", show->kind.words);
	lode_json_object_end(json);
}

static void put_header(struct lode_json *json, const struct show *show)
{
	const struct lode_image *image = &show->file.image;

	lode_json_object(json, "header");
	lode_json_number(json, "class", image->class_ == LODE_CLASS64 ? 64 : 32);
	lode_json_string(json, "byte_order", image->data == LODE_DATA2MSB ? "big" : "little");
	lode_json_number(json, "osabi", image->osabi);
	lode_json_number(json, "abi_version", image->abiversion);
	lode_json_number(json, "type", image->type);
	lode_json_string(json, "type_name", lode_type_name(image->type));
	lode_json_number(json, "machine", image->machine);
	lode_json_string(json, "machine_name", lode_machine_name(image->machine));
	lode_json_hex(json, "flags", image->flags);
	lode_json_hex(json, "entry", image->entry);
	lode_json_number(json, "program_header_offset", image->phoff);
	lode_json_number(json, "program_headers", image->nsegments);
	lode_json_number(json, "section_header_offset", image->shoff);
	lode_json_number(json, "sections", image->nsections);
	lode_json_number(json, "section_names", image->shstrndx);
	lode_json_object_end(json);
}

static void put_prot(struct lode_json *json, const char *key, uint32_t prot)
{
	char buf[4];

	lode_json_string(json, key, show_prot(buf, prot));
}

static void put_segments(struct lode_json *json, const struct show *show)
{
	if (show->file.image.segments == NULL && show->file.image.nsegments > 0) {
		lode_json_null(json, "program_headers");
		return;
	}
	lode_json_array(json, "program_headers");
	for (uint32_t i = 0; i < show->file.image.nsegments; i++) {
		const struct lode_segment *s = &show->file.image.segments[i];

		lode_json_object(json, NULL);
		lode_json_number(json, "index", i);
		lode_json_number(json, "type", s->type);
		lode_json_string(json, "type_name", lode_segment_type_name(s->type));
		lode_json_number(json, "flags", s->flags);
		put_prot(json, "permissions", s->flags);
		lode_json_number(json, "offset", s->offset);
		lode_json_hex(json, "vaddr", s->vaddr);
		lode_json_hex(json, "paddr", s->paddr);
		lode_json_number(json, "filesz", s->filesz);
		lode_json_number(json, "memsz", s->memsz);
		lode_json_number(json, "align", s->align);
		lode_json_object_end(json);
	}
	lode_json_array_end(json);
}

static void put_sections(struct lode_json *json, const struct show *show)
{
	const struct lode_image *image = &show->file.image;
	char name[4096];

	if (show->file.sections_why.status != LODE_OK) {
		lode_json_null(json, "sections");
		return;
	}
	lode_json_array(json, "sections");
	for (uint32_t i = 0; image->sections != NULL && i < image->nsections; i++) {
		const struct lode_section *s = &image->sections[i];

		lode_json_object(json, NULL);
		lode_json_number(json, "index", i);
		lode_json_string(json, "name", lode_file_section_name(name, sizeof name, &show->file, i));
		lode_json_number(json, "type", s->type);
		lode_json_string(json, "type_name", lode_section_type_name(s->type));
		lode_json_hex(json, "flags", s->flags);
		lode_json_hex(json, "addr", s->addr);
		lode_json_number(json, "offset", s->offset);
		lode_json_number(json, "size", s->size);
		lode_json_number(json, "link", s->link);
		lode_json_number(json, "info", s->info);
		lode_json_number(json, "addralign", s->addralign);
		lode_json_number(json, "entsize", s->entsize);
		lode_json_object_end(json);
	}
	lode_json_array_end(json);
}

static void put_dynamic_string(struct lode_json *json, const struct show *show, const char *key, uint64_t offset)
{
	char name[4096];

	if (offset == LODE_NO_OFFSET)
		lode_json_null(json, key);
	else
		lode_json_string(json, key, show_dynamic_string(name, sizeof name, show, offset));
}

static void put_dynamic_entries(struct lode_json *json, const struct show *show)
{
	lode_json_array(json, "entries");
	for (uint32_t i = 0; i < show->dynamic.count; i++) {
		struct lode_dyn entry;

		if (lode_dynamic_entry(&entry, &show->file.image, &show->dynamic, i, NULL) != LODE_OK)
			break;
		lode_json_object(json, NULL);
		lode_json_hex(json, "tag", (uint64_t)entry.tag);
		lode_json_string(json, "name", lode_dynamic_tag_name((uint64_t)entry.tag));
		lode_json_hex(json, "value", entry.value);
		if (entry.tag == LODE_DT_NEEDED)
			put_dynamic_string(json, show, "string", entry.value);
		lode_json_object_end(json);
	}
	lode_json_array_end(json);
}

static void put_needed(struct lode_json *json, const struct show *show)
{
	lode_json_array(json, "needed");
	for (uint32_t i = 0; i < show->dynamic.count; i++) {
		struct lode_dyn entry;

		if (lode_dynamic_entry(&entry, &show->file.image, &show->dynamic, i, NULL) == LODE_OK &&
			entry.tag == LODE_DT_NEEDED)
			put_dynamic_string(json, show, NULL, entry.value);
	}
	lode_json_array_end(json);
}

static void put_dynamic(struct lode_json *json, const struct show *show)
{
	const struct lode_dynamic *dynamic = &show->dynamic;

	if (show->dynamic_why.status != LODE_OK || dynamic->count == 0) {
		lode_json_null(json, "dynamic");
		return;
	}
	lode_json_object(json, "dynamic");
	lode_json_number(json, "offset", dynamic->offset);
	put_needed(json, show);
	put_dynamic_string(json, show, "soname", dynamic->soname);
	put_dynamic_string(json, show, "rpath", dynamic->rpath);
	put_dynamic_string(json, show, "runpath", dynamic->runpath);
	lode_json_hex(json, "flags", dynamic->flags);
	lode_json_hex(json, "flags_1", dynamic->flags_1);
	lode_json_bool(json, "bind_now", dynamic->bind_now);
	lode_json_bool(json, "textrel", dynamic->textrel);
	lode_json_number(json, "symbols", dynamic->symbols.count);
	lode_json_bool(json, "symbols_counted", dynamic->counted);
	put_dynamic_entries(json, show);
	lode_json_object_end(json);
}

static void put_sizes(struct lode_json *json, const struct show *show)
{
	const struct show_sizes *sizes = &show->sizes;

	lode_json_object(json, "sizes");
	lode_json_object(json, "file");
	for (size_t i = 0; i < BYTES_KINDS; i++)
		lode_json_number(json, show_bytes_keys[i], sizes->file[i]);
	lode_json_object_end(json);
	lode_json_number(json, "zero_bytes", sizes->zero_bytes);
	lode_json_object(json, "memory");
	lode_json_number(json, "pages", sizes->memory);
	lode_json_number(json, "shared", sizes->shared);
	lode_json_number(json, "copied_when_written", sizes->copied);
	lode_json_number(json, "own", sizes->own);
	lode_json_number(json, "zero", sizes->zero);
	lode_json_object_end(json);
	lode_json_object_end(json);
}

static void put_range(struct lode_json *json, const char *key, const struct lode_range *range)
{
	lode_json_object(json, key);
	lode_json_hex(json, "addr", range->addr);
	lode_json_number(json, "size", range->size);
	lode_json_object_end(json);
}

static void put_runs(struct lode_json *json, const struct lode_plan *plan)
{
	static const char *const kinds[] = {"share", "own", "zero"};

	lode_json_array(json, "runs");
	for (uint32_t i = 0; i < plan->nruns; i++) {
		const struct lode_run *run = &plan->runs[i];

		lode_json_object(json, NULL);
		lode_json_string(json, "kind", kinds[run->kind]);
		lode_json_hex(json, "addr", run->addr);
		lode_json_number(json, "size", run->size);
		put_prot(json, "permissions", run->prot);
		lode_json_number(json, "segment", run->segment);
		if (run->kind == LODE_RUN_SHARE)
			lode_json_number(json, "offset", run->offset);
		lode_json_object_end(json);
	}
	lode_json_array_end(json);
	lode_json_array(json, "fills");
	for (uint32_t i = 0; i < plan->nfills; i++) {
		const struct lode_fill *fill = &plan->fills[i];

		lode_json_object(json, NULL);
		lode_json_hex(json, "addr", fill->addr);
		lode_json_number(json, "size", fill->size);
		if (fill->offset == LODE_FILL_ZEROS)
			lode_json_null(json, "offset");
		else
			lode_json_number(json, "offset", fill->offset);
		lode_json_object_end(json);
	}
	lode_json_array_end(json);
}

static void put_tls(struct lode_json *json, const struct lode_plan *plan)
{
	if (!plan->has_tls) {
		lode_json_null(json, "tls");
		return;
	}
	lode_json_object(json, "tls");
	lode_json_hex(json, "addr", plan->tls.addr);
	lode_json_number(json, "offset", plan->tls.offset);
	lode_json_number(json, "file_size", plan->tls.file_size);
	lode_json_number(json, "mem_size", plan->tls.mem_size);
	lode_json_number(json, "align", plan->tls.align);
	lode_json_object_end(json);
}

static void put_plan(struct lode_json *json, const struct show *show)
{
	const struct lode_plan *plan = &show->plan;

	if (show->plan_why.status != LODE_OK) {
		lode_json_null(json, "plan");
		return;
	}
	lode_json_object(json, "plan");
	lode_json_string(json, "for", show->policy.use == LODE_USE_KERNEL ? "kernel" : "process");
	lode_json_string(json, "domain", show->policy.domain == LODE_PHYSICAL ? "physical" : "virtual");
	lode_json_number(json, "page_size", plan->page_size);
	lode_json_hex(json, "bias", plan->bias);
	put_range(json, "span", &plan->span);
	lode_json_number(json, "align", plan->align);
	lode_json_hex(json, "end", plan->end);
	lode_json_hex(json, "entry", plan->entry);
	if (plan->has_phdr)
		lode_json_hex(json, "program_headers", plan->phdr);
	else
		lode_json_null(json, "program_headers");
	put_tls(json, plan);
	if (plan->relro.size > 0)
		put_range(json, "relro", &plan->relro);
	else
		lode_json_null(json, "relro");
	if (plan->has_stack)
		put_prot(json, "stack", plan->stack_prot);
	else
		lode_json_null(json, "stack");
	put_runs(json, plan);
	lode_json_object_end(json);
}

static void put_diag(struct lode_json *json, const char *key, const char *what, const struct lode_diag *why)
{
	char text[768];

	lode_diag_format(text, sizeof text, why);
	lode_json_object(json, key);
	lode_json_string(json, "about", what);
	lode_json_string(json, "rule", lode_rule_name(why->rule));
	lode_json_string(json, "structure", lode_field_structure(why->field));
	lode_json_string(json, "field", lode_field_name(why->field));
	if (why->index != LODE_NO_INDEX)
		lode_json_number(json, "index", why->index);
	lode_json_hex(json, "value", why->value);
	if (why->offset != LODE_NO_OFFSET)
		lode_json_number(json, "offset", why->offset);
	lode_json_string(json, "text", text);
	lode_json_object_end(json);
}

static void put_finding(struct lode_json *json, const char *what, const struct lode_diag *why)
{
	if (why->status != LODE_OK)
		put_diag(json, NULL, what, why);
}

static void begin(struct lode_json *json, const struct show *show)
{
	lode_json_begin(json, stdout);
	lode_json_object(json, NULL);
	lode_json_string(json, "format", "lode-show");
	lode_json_number(json, "version", JSON_VERSION);
	put_file(json, show);
	put_header(json, show);
}

void show_json_refused(const struct show *show)
{
	struct lode_json writer, *json = &writer;

	begin(json, show);
	put_segments(json, show);
	if (show->file.image.sections != NULL)
		put_sections(json, show);
	else
		lode_json_null(json, "sections");
	put_diag(json, "refused", "file", &show->file.why);
	lode_json_object_end(json);
	lode_json_end(json);
}

void show_json_print(const struct show *show)
{
	struct lode_json writer, *json = &writer;

	begin(json, show);
	lode_json_string(json, "interpreter", show->has_interpreter ? show->interpreter : NULL);
	put_segments(json, show);
	put_sections(json, show);
	put_dynamic(json, show);
	show_json_notes(json, show);
	show_json_relocations(json, show);
	show_json_symbols(json, show);
	put_sizes(json, show);
	put_plan(json, show);
	lode_json_array(json, "findings");
	put_finding(json, "sections", &show->file.sections_why);
	put_finding(json, "dynamic", &show->dynamic_why);
	put_finding(json, "plan made leniently", &show->strict_why);
	put_finding(json, "no plan", &show->plan_why);
	lode_json_array_end(json);
	lode_json_object_end(json);
	lode_json_end(json);
}
