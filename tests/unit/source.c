/* SPDX-License-Identifier: MIT */
/* Reading through a callback: the same image as from memory, no byte twice, in the order of the file; and every read that fails. */
#include "file.h"
#include "tape.h"

static const struct lode_open_options *options_of(struct file *f, uint32_t flags)
{
	static struct lode_open_options options;

	options = (struct lode_open_options){.flags = flags,
		.segments = f->segments,
		.max_segments = FILE_ENTRIES,
		.sections = f->sections,
		.max_sections = FILE_ENTRIES};
	return &options;
}

static uint64_t header_bytes(const struct lode_image *image, uint32_t flags)
{
	uint64_t size = image->class_ == LODE_CLASS64 ? 64 : 52;

	size += (uint64_t)image->nsegments * image->phentsize;
	if (flags & LODE_OPEN_SECTIONS)
		size += (uint64_t)image->nsections * image->shentsize;
	return size;
}

/** Bytes and callback give one image; each byte of header and tables is read once, and nothing else is. */
static void test_once(void)
{
	static struct file f, g;
	struct tape tape;

	for (size_t s = 0; s < mkelf_nsamples; s++)
		for (unsigned k = 0; k < 8; k++) {
			uint32_t flags = k & 4 ? LODE_OPEN_SECTIONS : 0;
			bool extended = strcmp(mkelf_samples[s].name, "extended") == 0;

			check_case("%s read once, encoding %u%s", mkelf_samples[s].name, k & 3, flags ? " with sections" : "");
			file_sample(&f, mkelf_samples[s].name, encoding_class(k), encoding_data(k), 0);
			CHECK_EQ(file_open(&f, flags), LODE_OK);
			g.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
			CHECK_EQ(lode_open(&g.image, &g.source, options_of(&g, flags), NULL), LODE_OK);
			CHECK_EQ(tape_twice(&tape), 0);
			CHECK_EQ(tape_bytes(&tape), header_bytes(&g.image, flags) + (extended && !flags ? g.image.shentsize : 0));
			CHECK(tape.longest <= 64);
			CHECK_EQ(g.image.nsegments, f.image.nsegments);
			CHECK_EQ(g.image.nload, f.image.nload);
			CHECK_EQ(g.image.nsections, f.image.nsections);
			CHECK_EQ(g.image.entry, f.image.entry);
			for (uint32_t i = 0; i < g.image.nsegments; i++) {
				CHECK_EQ(g.segments[i].vaddr, f.segments[i].vaddr);
				CHECK_EQ(g.segments[i].filesz, f.segments[i].filesz);
				CHECK_EQ(g.segments[i].by_vaddr, f.segments[i].by_vaddr);
			}
			for (uint32_t i = 0; flags && i < g.image.nsections; i++) {
				CHECK_EQ(g.sections[i].offset, f.sections[i].offset);
				CHECK_EQ(g.sections[i].type, f.sections[i].type);
			}
			tape_end(&tape);
		}
	file_free(&f);
}

/** A number of the ELF header: as it is, or moved to section header 0. */
enum moved { AS_IT_IS, SHNUM, SHSTRNDX, MOVES };

static void move(struct mkelf_out *out, enum moved what)
{
	if (what == SHNUM) {
		mkelf_set(out, MKELF_SHDR, 0, "sh_size", mkelf_get(out, MKELF_EHDR, 0, "e_shnum"));
		mkelf_set(out, MKELF_EHDR, 0, "e_shnum", 0);
	} else if (what == SHSTRNDX) {
		mkelf_set(out, MKELF_SHDR, 0, "sh_link", mkelf_get(out, MKELF_EHDR, 0, "e_shstrndx"));
		mkelf_set(out, MKELF_EHDR, 0, "e_shstrndx", LODE_SHN_XINDEX);
	}
}

/** Whether reading in the order of the contract goes back anywhere. */
static bool goes_back(const struct mkelf_out *out, bool sections)
{
	const struct mkelf_part *ehdr = &out->parts[MKELF_EHDR], *phdr = &out->parts[MKELF_PHDR], *shdr = &out->parts[MKELF_SHDR];
	bool many_sections =
		mkelf_get(out, MKELF_EHDR, 0, "e_shnum") == 0 || mkelf_get(out, MKELF_EHDR, 0, "e_shstrndx") == LODE_SHN_XINDEX;
	bool many_segments = mkelf_get(out, MKELF_EHDR, 0, "e_phnum") == LODE_PN_XNUM;
	bool zero = shdr->count > 0 && (many_segments || (sections && many_sections)), back = false;
	uint64_t at = ehdr->offset + ehdr->size;

	if (zero) {
		back = shdr->offset < at;
		at = shdr->offset + shdr->entsize;
	}
	if (phdr->count > 0) {
		back |= phdr->offset < at;
		at = phdr->offset + phdr->size;
	}
	return back || (sections && shdr->count > zero && shdr->offset + zero * shdr->entsize < at);
}

static unsigned pipe_reads(struct file *f, uint32_t flags)
{
	bool back = goes_back(&f->out, flags);
	struct tape tape;

	f->source = tape_begin(&tape, f->out.bytes, f->out.size, false);
	CHECK_EQ(lode_open(&f->image, &f->source, options_of(f, flags), &f->why), LODE_OK);
	CHECK_EQ(tape.backwards, back);
	tape_end(&tape);
	f->source = tape_begin(&tape, f->out.bytes, f->out.size, false);
	tape.forward_only = true;
	CHECK_EQ(lode_open(&f->image, &f->source, options_of(f, flags), &f->why), back ? LODE_ERR_IO : LODE_OK);
	CHECK_EQ(tape.backwards, back);
	tape_end(&tape);
	return back;
}

/** A pipe: nothing can be read again, the size is not known. Taken if the order of reads, which is the contract's, goes forward. */
static void test_forward_only(void)
{
	unsigned forward = 0, back = 0;
	static struct file f;

	for (size_t s = 0; s < mkelf_nsamples; s++)
		for (unsigned k = 0; k < 8 * MOVES; k++) {
			uint32_t flags = k & 4 ? LODE_OPEN_SECTIONS : 0;

			check_case("%s through a pipe, encoding %u%s, %u", mkelf_samples[s].name, k & 3,
				flags ? " with sections" : "", k / 8);
			file_sample(&f, mkelf_samples[s].name, encoding_class(k), encoding_data(k), 0);
			if (f.out.parts[MKELF_SHDR].count > 0 && mkelf_get(&f.out, MKELF_EHDR, 0, "e_shnum") != 0)
				move(&f.out, k / 8);
			if (pipe_reads(&f, flags))
				back++;
			else
				forward++;
		}
	check_case("%s", "ways through a pipe, and ways back");
	CHECK(forward > 20 && back > 20);
	file_free(&f);
}

/** Each read in turn fails: a refusal that says where, never a result. */
static void test_failing_reads(void)
{
	static struct file f;
	struct tape tape;
	uint64_t reads;

	for (unsigned k = 0; k < 4; k++) {
		for (size_t s = 0; s < mkelf_nsamples; s++) {
			file_sample(&f, mkelf_samples[s].name, encoding_class(k), encoding_data(k), 0);
			f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
			CHECK_EQ(lode_open(&f.image, &f.source, options_of(&f, LODE_OPEN_SECTIONS), &f.why), LODE_OK);
			reads = tape.reads;
			tape_end(&tape);
			for (uint64_t i = 0; i < reads; i++) {
				f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
				tape.fail_at = i;
				CHECK_EQ(lode_open(&f.image, &f.source, options_of(&f, LODE_OPEN_SECTIONS), &f.why), LODE_ERR_IO);
				CHECK_EQ(f.why.rule, LODE_RULE_SOURCE_READ);
				CHECK(f.why.offset < f.out.size);
				CHECK_EQ(tape.reads, i + 1);
				tape_end(&tape);
			}
		}
	}
	file_free(&f);
}

/** Bytes that change while they are read: some refusal or another image, but nothing that the tables do not prove. */
static void test_changing(void)
{
	static struct file f;
	struct tape tape;

	for (uint64_t i = 0; i < 12; i++) {
		int status;

		file_sample(&f, "dynamic", LODE_CLASS64, LODE_DATA2LSB, 0);
		f.source = tape_begin(&tape, f.out.bytes, f.out.size, true);
		tape.change_at = i;
		status = lode_open(&f.image, &f.source, options_of(&f, 0), &f.why);
		CHECK(status == LODE_OK || f.why.status == status);
		for (uint32_t k = 0; status == LODE_OK && k < f.image.nload; k++) {
			const struct lode_segment *segment = &f.segments[f.segments[k].by_vaddr];

			CHECK(segment->filesz <= f.out.size && segment->offset <= f.out.size - segment->filesz);
		}
		tape_end(&tape);
	}
	file_free(&f);
}

/** lode_source_read: bounds by subtraction, whatever the numbers. */
static void test_bounds(void)
{
	static const unsigned char bytes[16] = "0123456789abcdef";
	const struct lode_source memory = {.bytes = bytes, .size = 16};
	struct lode_source pipe;
	struct lode_diag why;
	struct tape tape;
	char to[16] = "";

	CHECK_EQ(lode_source_read(to, &memory, 0, 16, NULL), LODE_OK);
	CHECK_MEM(to, bytes, 16);
	CHECK_EQ(lode_source_read(to, &memory, 16, 0, NULL), LODE_OK);
	CHECK_EQ(lode_source_read(to, &memory, 15, 1, NULL), LODE_OK);
	CHECK_EQ(to[0], 'f');
	CHECK_EQ(lode_source_read(to, &memory, 15, 2, &why), LODE_ERR_MALFORMED);
	CHECK_WHY(why, "source-past-end", LODE_FIELD_FILE, LODE_NO_INDEX, 16, 17, 15);
	CHECK_EQ(lode_source_read(to, &memory, 17, 0, &why), LODE_ERR_MALFORMED);
	CHECK_EQ(lode_source_read(to, &memory, UINT64_MAX, 1, &why), LODE_ERR_MALFORMED);
	CHECK_WHY(why, "source-past-end", LODE_FIELD_FILE, LODE_NO_INDEX, 16, UINT64_MAX, UINT64_MAX);
	CHECK_EQ(lode_source_read(to, &memory, UINT64_MAX - 3, 8, NULL), LODE_ERR_MALFORMED);
	pipe = tape_begin(&tape, bytes, 16, false);
	CHECK_EQ(lode_source_read(to, &pipe, 4, 4, NULL), LODE_OK);
	CHECK_MEM(to, "4567", 4);
	CHECK_EQ(lode_source_read(to, &pipe, 12, 8, &why), LODE_ERR_IO);
	CHECK_WHY(why, "source-read", LODE_FIELD_FILE, LODE_NO_INDEX, LODE_SIZE_UNKNOWN, 0, 12);
	CHECK_EQ(lode_source_read(to, &pipe, UINT64_MAX, 1, &why), LODE_ERR_MALFORMED);
	tape_end(&tape);
}

int main(void)
{
	test_once();
	test_forward_only();
	CASE(test_failing_reads);
	CASE(test_changing);
	CASE(test_bounds);
	return check_done();
}
