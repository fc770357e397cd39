/* SPDX-License-Identifier: MIT */
/* The writer of test files -> its bytes compared with <elf.h>'s structures, read in the straightforward way. */
#include <elf.h>

#include "check.h"
#include "mkelf.h"

static void test_file_header(void)
{
	struct mkelf_out out = {0};
	Elf64_Ehdr header;
	Elf64_Phdr phdr;

	mkelf_make(&out, "static", ELFCLASS64, ELFDATA2LSB, 0);
	CHECK(out.size > sizeof header);
	memcpy(&header, out.bytes, sizeof header);
	CHECK_MEM(header.e_ident, ELFMAG, SELFMAG);
	CHECK_EQ(mkelf_get(&out, MKELF_EHDR, 0, "e_entry"), 0x400800);
	CHECK_EQ(mkelf_get(&out, MKELF_EHDR, 0, "e_phnum"), 3);
	CHECK_EQ(mkelf_get(&out, MKELF_PHDR, 1, "p_vaddr"), 0x403400);
	CHECK_EQ(mkelf_at(&out, MKELF_PHDR, 1, "p_filesz"),
		out.parts[MKELF_PHDR].offset + sizeof phdr + offsetof(Elf64_Phdr, p_filesz));
	CHECK_EQ(mkelf_get(&out, MKELF_PHDR, 1, "p_offset") % 0x1000, 0x400);
	CHECK_EQ(mkelf_get(&out, MKELF_PHDR, 1, "p_memsz") - mkelf_get(&out, MKELF_PHDR, 1, "p_filesz"), 0x2001);
	mkelf_free(&out);
}

/** One description, four encodings: the same values behind the same names. */
static void test_encodings(void)
{
	struct mkelf_out little = {0}, out = {0};

	for (size_t i = 0; i < mkelf_nsamples; i++)
		for (unsigned k = 0; k < 4; k++) {
			uint8_t class_ = k & 1 ? ELFCLASS64 : ELFCLASS32, data = k & 2 ? ELFDATA2MSB : ELFDATA2LSB;

			mkelf_make(&little, mkelf_samples[i].name, class_, ELFDATA2LSB, 0);
			mkelf_make(&out, mkelf_samples[i].name, class_, data, 0);
			CHECK_EQ(out.bytes[EI_CLASS], class_);
			CHECK_EQ(out.bytes[EI_DATA], data);
			CHECK_EQ(out.size, little.size);
			for (size_t f = 0; f < mkelf_nfields; f++) {
				const struct mkelf_field *field = &mkelf_fields[f];
				uint32_t index =
					strncmp(field->name, "vna", 3) == 0; /* entry 0 is a Verneed, entry 1 its Vernaux */

				if (!out.parts[field->structure].size ||
					(field->structure == MKELF_JMPREL && strcmp(field->name, "r_addend") == 0))
					continue;
				if (strcmp(field->name, "e_ident[EI_DATA]") != 0)
					CHECK_EQ(mkelf_get(&out, field->structure, index, field->name),
						mkelf_get(&little, field->structure, index, field->name));
			}
		}
	mkelf_free(&little);
	mkelf_free(&out);
}

/** A lie changes the field's bytes and nothing else. */
static void test_lies(void)
{
	static const struct mkelf_segment segments[] = {
		{.type = PT_LOAD, .flags = PF_R, .vaddr = 0x1000, .align = 0x1000, .size = 16, .bytes = "0123456789abcdef"}};
	static const struct mkelf_lie lies[] = {{MKELF_PHDR, 0, "p_memsz", 0x11223344}};
	struct mkelf elf = {
		.class_ = ELFCLASS32, .data = ELFDATA2MSB, .segments = segments, .nsegments = 1, .tables = MKELF_NOWHERE};
	struct mkelf_out good = {0}, bad = {0};
	uint64_t at;

	mkelf_write(&good, &elf);
	elf.lies = lies;
	elf.nlies = 1;
	mkelf_write(&bad, &elf);
	at = mkelf_at(&bad, MKELF_PHDR, 0, "p_memsz");
	CHECK_EQ(good.size, bad.size);
	CHECK_MEM(bad.bytes + at, "\x11\x22\x33\x44", 4);
	CHECK_MEM(bad.bytes, good.bytes, at);
	CHECK_MEM(bad.bytes + at + 4, good.bytes + at + 4, good.size - at - 4);
	CHECK_MEM(good.bytes + good.size - 16, "0123456789abcdef", 16);
	mkelf_free(&good);
	mkelf_free(&bad);
}

/** RELR decoded by the words of the proposal gives the addresses that went in. */
static void test_relr(void)
{
	static const uint64_t want[] = {0x3000, 0x3008, 0x3018, 0x3200, 0x3280};
	struct mkelf_out out = {0};

	for (unsigned k = 0; k < 2; k++) {
		unsigned word = k ? 8 : 4, found = 0;
		uint64_t where = 0;

		mkelf_make(&out, "relocatable", k ? ELFCLASS64 : ELFCLASS32, ELFDATA2LSB, 0);
		for (uint32_t i = 0; i < out.parts[MKELF_RELR].count; i++) {
			uint64_t entry = mkelf_get(&out, MKELF_RELR, i, "word");

			if (!(entry & 1)) {
				CHECK(found < 5 && entry == want[found]);
				found++;
				where = entry + word;
				continue;
			}
			for (unsigned bit = 1; bit < 8 * word; bit++)
				if (entry >> bit & 1) {
					CHECK(found < 5 && where + (bit - 1) * word == want[found]);
					found++;
				}
			where += (8 * word - 1) * word;
		}
		CHECK_EQ(found, 5);
	}
	mkelf_free(&out);
}

static void test_hashes(void)
{
	CHECK_EQ(mkelf_sysv_hash(""), 0);
	CHECK_EQ(mkelf_sysv_hash("printf"), 0x077905a6);
	CHECK_EQ(mkelf_gnu_hash(""), 0x1505);
	CHECK_EQ(mkelf_gnu_hash("printf"), 0x156b2bb8);
}

int main(void)
{
	CASE(test_file_header);
	CASE(test_encodings);
	CASE(test_lies);
	CASE(test_relr);
	CASE(test_hashes);
	return check_done();
}
