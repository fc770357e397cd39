/* SPDX-License-Identifier: MIT */
/* Mode and extended attributes of a file -> the privilege that execve gives it. Ref: Linux include/uapi/linux/capability.h. */
#include "show.h"
#include "input.h"
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

/* struct vfs_cap_data: magic_etc, then permitted and inheritable bits, 32 of each at a time; twice from revision 2 on. */
enum { REVISION_1 = 1, EFFECTIVE = 1, SIZE_1 = 12, SIZE_2 = 20 };

struct privilege {
	bool set_user, set_group, capabilities;
	bool effective, decoded; /* the capabilities */
	uint32_t user, group;
	uint64_t permitted, inheritable;
};

static void decode(struct privilege *privilege, const unsigned char *data, size_t size)
{
	bool wide = size >= SIZE_2 && data[3] > REVISION_1;

	if (size < SIZE_1)
		return;
	privilege->decoded = true;
	privilege->effective = data[0] & EFFECTIVE;
	privilege->permitted = le32(data + 4) | (wide ? (uint64_t)le32(data + 12) << 32 : 0);
	privilege->inheritable = le32(data + 8) | (wide ? (uint64_t)le32(data + 16) << 32 : 0);
}

/* Of the file itself, not of what was taken out of one. Without the bit for the group's execution set-group-ID means something
 * else. */
static struct privilege read_privilege(const struct show *show)
{
	const struct input *input = &show->file.input;
	struct privilege privilege = {.set_user = false};
	unsigned char data[64];
	struct stat st;
	ssize_t size;

	if (input->fd < 0 || file_inside(&show->file) || fstat(input->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return privilege;
	privilege.set_user = st.st_mode & S_ISUID;
	privilege.set_group = (st.st_mode & S_ISGID) && (st.st_mode & S_IXGRP);
	privilege.user = st.st_uid;
	privilege.group = st.st_gid;
	size = fgetxattr(input->fd, "security.capability", data, sizeof data);
	privilege.capabilities = size > 0;
	if (size > 0)
		decode(&privilege, data, (size_t)size);
	return privilege;
}

static size_t add(char *text, size_t size, size_t at, const char *format, ...) __attribute__((format(printf, 4, 5)));
static size_t add(char *text, size_t size, size_t at, const char *format, ...)
{
	va_list args;

	if (at > 0)
		at += (size_t)snprintf(text + at, size - at, ", ");
	va_start(args, format);
	at += (size_t)vsnprintf(text + at, size - at, format, args);
	va_end(args);
	return at;
}

void show_privilege_print(const struct show *show)
{
	const struct privilege privilege = read_privilege(show);
	char text[256] = "";
	size_t at = 0;

	if (privilege.set_user)
		at = add(text, sizeof text, at, "set-user-ID (user %u)", privilege.user);
	if (privilege.set_group)
		at = add(text, sizeof text, at, "set-group-ID (group %u)", privilege.group);
	if (privilege.capabilities)
		at = add(text, sizeof text, at, "file capabilities");
	if (privilege.decoded)
		snprintf(text + at, sizeof text - at, " (permitted 0x%" PRIx64 ", inheritable 0x%" PRIx64 "%s)",
			privilege.permitted, privilege.inheritable, privilege.effective ? ", effective" : "");
	if (text[0] == '\0')
		return;
	printf("  %-13s ", "privilege");
	put_wrapped(text, show->width, 16, 16);
	putchar('\n');
}

static void put_id(struct json *json, const char *key, bool set, uint32_t id)
{
	if (set)
		json_number(json, key, id);
	else
		json_null(json, key);
}

void show_privilege_json(struct json *json, const struct show *show)
{
	const struct privilege privilege = read_privilege(show);

	put_id(json, "set_user_id", privilege.set_user, privilege.user);
	put_id(json, "set_group_id", privilege.set_group, privilege.group);
	if (!privilege.capabilities) {
		json_null(json, "capabilities");
		return;
	}
	json_object(json, "capabilities");
	if (privilege.decoded) {
		json_hex(json, "permitted", privilege.permitted);
		json_hex(json, "inheritable", privilege.inheritable);
		json_bool(json, "effective", privilege.effective);
	}
	json_object_end(json);
}
