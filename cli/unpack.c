/* SPDX-License-Identifier: MIT */
/* A bzImage, an EFI zboot image or a compressed file -> the ELF image inside. */
#include "input.h"
#include <errno.h>
#include <lode/linux.h>
#include <stdlib.h>
#include <string.h>

enum { KERNEL_VERSION = 0x20e }; /* field of the setup header */

bool is_zboot(const unsigned char *head, size_t have)
{
	return have >= 0x3c && memcmp(head, "MZ", 2) == 0 && memcmp(head + 4, "zimg", 4) == 0;
}

bool is_bzimage(const unsigned char *head, size_t have)
{
	return have >= INPUT_HEAD && memcmp(head + LODE_LINUX_MAGIC, "HdrS", 4) == 0 && le16(head + LODE_LINUX_BOOT_FLAG) == 0xaa55;
}

/* The format of size bytes at offset. */
static const struct packed_format *find_format(const struct input *input, uint64_t offset, uint64_t size)
{
	unsigned char magic[9];

	return packed_format_of(magic, input_peek(input, magic, offset, size < sizeof magic ? (size_t)size : sizeof magic));
}

/* The unpacked bytes become the source. */
static void replace(struct input *input, const struct output *output)
{
	free(input->memory);
	input->memory = output->bytes;
	input->window = 0;
	input->source = (struct lode_source){.bytes = output->bytes, .size = output->size};
}

static bool begins_elf(const unsigned char *head, size_t have)
{
	return have >= 4 && memcmp(head, "\177ELF", 4) == 0;
}

static int refuse(struct input *input, const struct packed_format *format, struct output *output, const char *wrong)
{
	free(output->bytes);
	return input_fail(input, 0, "%s%s%s: %s", input->peeled, input->peeled[0] != '\0' ? ", " : "",
		packed_format_name(format), wrong);
}

/* size bytes at offset: an ELF image, or what is in a whole file, where a bzImage will do. */
static int unpack(struct input *input, const struct packed_format *format, uint64_t offset, uint64_t size)
{
	struct output output;
	const char *wrong = unpack_bytes(&output, input, format, offset, size);
	bool whole = size == input->source.size;

	if (!wrong && !begins_elf(output.bytes, output.size) && !(whole && is_bzimage(output.bytes, output.size)))
		wrong = whole ? "no ELF image in it, and no bzImage" : "no ELF image in it";
	if (wrong)
		return refuse(input, format, &output, wrong);
	replace(input, &output);
	return 0;
}

/* Ref: Linux drivers/firmware/efi/libstub/zboot-header.S: payload offset at 8, its size at 12. What is in it is mostly a flat
 * image: then the file stays what it is. */
static int unpack_zboot(struct input *input, const unsigned char *header)
{
	struct output output;
	uint64_t offset = le32(header + 8), length = le32(header + 12);
	const struct packed_format *format;
	const char *wrong;

	if (length > input->source.size || offset > input->source.size - length)
		return input_fail(input, 0,
			"EFI zboot: the payload (0x%llx bytes at 0x%llx) reaches past the end of the file: it is cut short",
			(unsigned long long)length, (unsigned long long)offset);
	format = find_format(input, offset, length);
	if (!format)
		return 0;
	wrong = unpack_bytes(&output, input, format, offset, length);
	if (wrong) {
		input_note(input, "EFI zboot");
		return refuse(input, format, &output, wrong);
	}
	if (!begins_elf(output.bytes, output.size)) {
		free(output.bytes);
		return 0;
	}
	replace(input, &output);
	input_note(input, "EFI zboot, %s payload", packed_format_name(format));
	return 0;
}

/* Ref: Linux Documentation/arch/x86/boot.rst, kernel_version: from 0x200 on, in the setup sectors; 0: none. */
static void read_version(struct input *input, const struct lode_linux *linux_)
{
	uint16_t at = le16(linux_->header + KERNEL_VERSION - LODE_LINUX_SETUP_SECTS);

	input->boot_protocol = linux_->version;
	if (at != 0 && at + UINT32_C(0x200) < linux_->setup_size)
		input_peek(input, input->kernel_version, at + UINT64_C(0x200), sizeof input->kernel_version - 1);
}

/* What else a file lacks that is cut short does not matter here. */
static int unpack_bzimage(struct input *input)
{
	struct lode_linux linux_;
	struct lode_diag why;
	int status = lode_linux_read(&linux_, &input->source, &why);
	uint64_t offset = linux_.payload.offset, length = linux_.payload.size;
	const struct packed_format *format;
	unsigned char elf[4];

	if (status != LODE_OK && why.rule != LODE_RULE_START_LINUX_TRUNCATED)
		return input_fail(input, 0, "bzImage: its setup header cannot be read whole");
	read_version(input, &linux_);
	input_note(input, "bzImage %u.%02u", linux_.version >> 8, linux_.version & 0xffu);
	if (length == 0)
		return input_fail(input, 0, "%s: its header names no payload, so there is no ELF image to be had",
			input->peeled);
	if (length > input->source.size || offset > input->source.size - length)
		return input_fail(input, 0,
			"%s: the payload (0x%llx bytes at 0x%llx) reaches past the end of the file: it is cut short", input->peeled,
			(unsigned long long)length, (unsigned long long)offset);
	format = find_format(input, offset, length);
	if (format) {
		if (unpack(input, format, offset, length) != 0)
			return -1;
		input_note(input, "%s payload", packed_format_name(format));
		return 0;
	}
	if (length < sizeof elf || !input_exact(input, elf, offset, sizeof elf) || memcmp(elf, "\177ELF", 4) != 0)
		return input_fail(input, 0, "%s: a payload of unknown kind", input->peeled);
	input_note(input, "payload not compressed");
	if (input->source.bytes)
		input->source.bytes = (const unsigned char *)input->source.bytes + offset;
	else
		input->window += offset;
	input->source.size = length;
	return 0;
}

int input_peel(struct input *input)
{
	unsigned char header[INPUT_HEAD];
	size_t have = input_peek(input, header, 0, sizeof header);
	const struct packed_format *format;

	if (begins_elf(header, have) || is_bzimage(header, have) || is_zboot(header, have))
		return 0;
	format = find_format(input, 0, input->source.size);
	if (!format)
		return 0;
	if (unpack(input, format, 0, input->source.size) != 0)
		return -1;
	input_note(input, "%s", packed_format_name(format));
	return 0;
}

int input_unpack(struct input *input)
{
	unsigned char header[INPUT_HEAD];
	size_t have;

	if (input_peel(input) != 0)
		return -1;
	have = input_peek(input, header, 0, sizeof header);
	if (begins_elf(header, have))
		return 0;
	if (is_bzimage(header, have))
		return unpack_bzimage(input);
	return is_zboot(header, have) ? unpack_zboot(input, header) : 0;
}
