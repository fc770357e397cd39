/* SPDX-License-Identifier: MIT */
/* Setup header of a bzImage, and a vmlinux -> what boot loaders and VMMs will say. */
#include "check.h"
#include "input.h"
#include <lode/linux.h>
#include <string.h>

enum { V205 = 0x205, V208 = 0x208, V212 = 0x20c };

static struct check_place at(const char *field, uint64_t value, uint64_t offset)
{
	return check_at("setup header", LODE_NO_INDEX, field, value, offset);
}

/* Length of the file as the header announces it against what is there. */
static void check_length(struct check *c, const unsigned char *head)
{
	uint64_t sectors = head[LODE_LINUX_SETUP_SECTS] != 0 ? head[LODE_LINUX_SETUP_SECTS] : 4, setup = (sectors + 1) * 512;
	uint64_t system = 16 * (uint64_t)le32(head + LODE_LINUX_SYSSIZE);
	uint64_t payload = le32(head + LODE_LINUX_PAYLOAD), length = le32(head + LODE_LINUX_PAYLOAD_SIZE);
	uint64_t size = c->source.size;

	/* syssize counts paragraphs: the last one need not be full. */
	if (setup > size || (system > 15 && system - 15 > size - setup))
		check_add(c, CHECK_BZIMAGE_TRUNCATED, at("syssize", le32(head + LODE_LINUX_SYSSIZE), LODE_LINUX_SYSSIZE),
			"setup and system need 0x%llx bytes, the file has 0x%llx", (unsigned long long)(setup + system),
			(unsigned long long)size);
	else if (le16(head + LODE_LINUX_VERSION) >= V208 && length > 0 && !check_within(payload, length, size - setup))
		check_add(c, CHECK_BZIMAGE_TRUNCATED, at("payload_length", length, LODE_LINUX_PAYLOAD_SIZE), NULL);
}

static void check_payload(struct check *c, const unsigned char *head)
{
	uint64_t sectors = head[LODE_LINUX_SETUP_SECTS] != 0 ? head[LODE_LINUX_SETUP_SECTS] : 4, setup = (sectors + 1) * 512;
	uint64_t payload = setup + le32(head + LODE_LINUX_PAYLOAD);
	unsigned char magic[9];

	if (le16(head + LODE_LINUX_VERSION) < V208 || le32(head + LODE_LINUX_PAYLOAD_SIZE) == 0)
		return;
	if (check_read(c, magic, payload, sizeof magic) && !packed_name(magic, sizeof magic) &&
		memcmp(magic, "\177ELF", 4) != 0)
		check_add(c, CHECK_BZIMAGE_PAYLOAD, at("payload_offset", le32(head + LODE_LINUX_PAYLOAD), payload),
			"it begins with %02x %02x %02x %02x", magic[0], magic[1], magic[2], magic[3]);
}

/* The source is the file itself here, not what was unpacked from it. */
void check_bzimage(struct check *c)
{
	unsigned char head[INPUT_HEAD] = {0};
	uint16_t version, xloadflags;

	if (!check_read(c, head, 0, sizeof head) || memcmp(head + LODE_LINUX_MAGIC, "HdrS", 4) != 0)
		return;
	version = le16(head + LODE_LINUX_VERSION);
	xloadflags = le16(head + LODE_LINUX_XLOADFLAGS);
	check_add_seen(c, "Linux boot protocol %u.%02u, %s", version >> 8, version & 0xff,
		version >= V212 && (xloadflags & LODE_LINUX_KERNEL_64) ? "64-bit entry" : "no 64-bit entry");
	check_length(c, head);
	if (!(head[LODE_LINUX_LOADFLAGS] & LODE_LINUX_LOADED_HIGH))
		check_add(c, CHECK_BZIMAGE_LOW, at("loadflags", head[LODE_LINUX_LOADFLAGS], LODE_LINUX_LOADFLAGS), NULL);
	if (version < V212)
		check_add(c, CHECK_BZIMAGE_OLD, at("version", version, LODE_LINUX_VERSION),
			"it is %u.%02u", version >> 8, version & 0xff);
	else if (!(xloadflags & LODE_LINUX_KERNEL_64))
		check_add(c, CHECK_BZIMAGE_16BIT, at("xloadflags", xloadflags, LODE_LINUX_XLOADFLAGS), NULL);
	if (version >= V205 && head[LODE_LINUX_RELOCATABLE] == 0)
		check_add(c, CHECK_BZIMAGE_FIXED, at("relocatable_kernel", 0, LODE_LINUX_RELOCATABLE), NULL);
	check_payload(c, head);
	check_start_bzimage(c);
}

void check_linux(struct check *c)
{
	if (!(c->targets & FOR_LINUX) || c->image.nload == 0)
		return;
	if (!c->bzimage && !c->kind.offers.pvh)
		check_add(c, CHECK_LINUX_NO_PVH, check_at_file(LODE_NO_OFFSET), NULL);
}
