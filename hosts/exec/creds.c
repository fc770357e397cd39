/* SPDX-License-Identifier: MIT */
/* The program's mode and capabilities, this process's identity -> what exec changes, or a refusal where only the kernel can. */
#include "state.h"

static bool no_new_privileges(void)
{
	return call6(NR_prctl, PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0, 0) == 1;
}

static bool mounted_nosuid(int64_t fd)
{
	struct kernel_statfs statfs;

	return !failed(call3(NR_fstatfs, (uint64_t)fd, address(&statfs), 0)) && (statfs.flags & ST_NOSUID);
}

static void read_caps(struct kernel_cap_data caps[2])
{
	struct kernel_cap_header header = {.version = CAP_VERSION_3};

	if (failed(call3(NR_capget, address(&header), address(caps), 0)))
		memset(caps, 0, 2 * sizeof *caps);
}

static bool has_cap(const struct kernel_cap_data caps[2], uint32_t cap)
{
	return caps[cap / 32].effective & (1u << cap % 32);
}

static int refuse(struct exec_state *state, const char *name, const char *reason)
{
	return lode_exec_fail_(state, EPERM, LODE_EXEC_STEP_PRIVILEGE, name, reason);
}

/* The kernel ignores the set-id bits under no_new_privs and on nosuid mounts. */
static bool ignored(const struct exec_state *state)
{
	if (no_new_privileges() || mounted_nosuid(state->program.file.fd))
		return true;
	if (!(state->flags & LODE_EXEC_NO_SETID))
		return false;
	lode_exec_differs_(state, "the program runs without the privilege that its file grants");
	return true;
}

/* For others than root execve would raise the permitted capabilities, or drop them, also those that change identities. */
static bool may_change(const struct exec_state *state, uint32_t cap)
{
	struct kernel_cap_data caps[2];

	read_caps(caps);
	return state->host.euid == 0 && has_cap(caps, cap);
}

/* Root does what the kernel would do; for anybody else nobody but the kernel can. */
static int set_id(struct exec_state *state, const char *name)
{
	const struct exec_file *file = &state->program.file;
	struct exec_creds *creds = &state->creds;

	creds->set_uid = (file->mode & S_ISUID) && file->uid != state->host.euid;
	creds->set_gid = (file->mode & S_ISGID) && (file->mode & S_IXGRP) && file->gid != state->host.egid;
	if (!creds->set_uid && !creds->set_gid)
		return 0;
	if (ignored(state)) {
		creds->set_uid = creds->set_gid = false;
		return 0;
	}
	if (creds->set_uid && !may_change(state, CAP_SETUID))
		return refuse(state, name, "setuid: only execve can change the user");
	if (creds->set_gid && !may_change(state, CAP_SETGID))
		return refuse(state, name, "setgid: only execve can change the group");
	creds->uid = file->uid;
	creds->gid = file->gid;
	return 0;
}

static bool has_file_caps(const struct exec_state *state)
{
	return state->program.file.fd >= 0 &&
		call4(NR_fgetxattr, (uint64_t)state->program.file.fd, address("security.capability"), 0, 0) > 0;
}

/* Capabilities of a process that is not root shrink to the ambient set. */
static void shrink_caps(struct exec_creds *creds)
{
	struct kernel_cap_data *caps = creds->caps;

	read_caps(caps);
	for (uint32_t cap = 0; cap < 64; cap++) {
		uint32_t bit = 1u << cap % 32;

		if ((caps[cap / 32].permitted & bit) && call6(NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, cap, 0, 0, 0) != 1) {
			caps[cap / 32].permitted &= ~bit;
			creds->set_caps = true;
		}
	}
	caps[0].effective = caps[0].permitted;
	caps[1].effective = caps[1].permitted;
}

static int capabilities(struct exec_state *state, const char *name)
{
	if (state->host.euid == 0 || state->host.ruid == 0)
		return 0;
	if (has_file_caps(state) && !ignored(state))
		return refuse(state, name, "file capabilities: only execve can raise capabilities");
	shrink_caps(&state->creds);
	return 0;
}

static int64_t write_file(const char *path, const char *text)
{
	enum { WRITE_ONLY = 1 };
	int64_t fd = linux_open(path, O_CLOEXEC | WRITE_ONLY), result;

	if (failed(fd))
		return fd;
	result = call3(NR_write, (uint64_t)fd, address(text), string_length(text));
	linux_close(fd);
	return result;
}

/* "ID ID 1": the identity as the only mapping. */
static int64_t write_map(const char *path, uint32_t id)
{
	char text[64], *end = put_decimal(text, id);

	*end++ = ' ';
	end = put_decimal(end, id);
	memcpy(end, " 1\n", 4);
	return write_file(path, text);
}

int64_t lode_exec_map_identity_(const struct exec_state *state)
{
	int64_t result = write_file("/proc/self/setgroups", "deny");

	if (!failed(result))
		result = write_map("/proc/self/uid_map", state->host.euid);
	return failed(result) ? result : write_map("/proc/self/gid_map", state->host.egid);
}

/* Whether a user namespace can be had, and the caller's identity in it, is tried in a child, which leaves no trace here. */
static bool namespace_possible(const struct exec_state *state)
{
	enum { WAIT_CLONE = (int)0x80000000 };
	int64_t child = call6(NR_clone, 0, 0, 0, 0, 0, 0);
	uint32_t status = 1;

	if (child == 0)
		for (;;)
			call3(NR_exit_group,
				failed(call3(NR_unshare, CLONE_NEWUSER, 0, 0)) || failed(lode_exec_map_identity_(state)), 0, 0);
	if (failed(child))
		return false;
	while (call4(NR_wait4, (uint64_t)child, address(&status), (uint32_t)WAIT_CLONE, 0) == -EINTR)
		;
	return status == 0;
}

static bool may_set_exe(void)
{
	struct kernel_cap_data caps[2];

	read_caps(caps);
	return has_cap(caps, CAP_SYS_ADMIN) || has_cap(caps, CAP_CHECKPOINT_RESTORE);
}

static int own_exe(struct exec_state *state, const char *name)
{
	if (!(state->flags & LODE_EXEC_OWN_EXE)) {
		if (state->trace && state->program.file.fd >= 0 && !may_set_exe())
			lode_exec_differs_(state,
				"/proc/self/exe stays the caller's, the file may be written to: it takes CAP_SYS_ADMIN or own exe");
		return 0;
	}
	if (state->program.file.fd < 0)
		return refuse(state, name, "own exe: a program in memory has no file");
	if (may_set_exe())
		return 0;
	if (!namespace_possible(state))
		return refuse(state, name, "own exe: no CAP_SYS_ADMIN, and no user namespace with this identity can be made");
	lode_exec_note_(state, "a new user namespace makes /proc/self/exe the program");
	state->creds.own_exe = true;
	return 0;
}

/* The first bytes of a small file, terminated; "" if it cannot be read. */
static void read_text(char *buf, uint64_t size, const char *path)
{
	int64_t fd = linux_open(path, O_CLOEXEC), n = failed(fd) ? 0 : linux_read(fd, buf, size - 1);

	buf[n > 0 ? n : 0] = 0;
	if (!failed(fd))
		linux_close(fd);
}

/* A domain that execve might leave, or has been told to. */
static void note_domain(const struct exec_state *state)
{
	char text[32];

	read_text(text, sizeof text, "/proc/self/attr/current");
	if (*text && !string_starts(text, "unconfined") && !string_starts(text, "kernel"))
		lode_exec_differs_(state, "a security module confines this process: its domain stays, execve might change it");
	read_text(text, sizeof text, "/proc/self/attr/exec");
	if (*text)
		lode_exec_differs_(state, "a security domain for the next execve is set: it is not entered");
}

/* For root execve fills the permitted set up to the bounding set, unless securebits forbid it: then it empties it. */
static void note_root(const struct exec_state *state)
{
	enum { SETS = 64 };
	struct kernel_cap_data caps[2];
	bool reduced = false;

	if (state->host.euid && state->host.ruid)
		return;
	if (call6(NR_prctl, PR_GET_SECUREBITS, 0, 0, 0, 0, 0) & SECBIT_NOROOT) {
		lode_exec_differs_(state, "securebits deny root its privilege: capabilities stay, execve would compute them anew");
		return;
	}
	read_caps(caps);
	for (uint32_t cap = 0; cap < SETS; cap++)
		reduced |= call6(NR_prctl, PR_CAPBSET_READ, cap, 0, 0, 0, 0) == 1 && !has_cap(caps, cap);
	if (reduced)
		lode_exec_differs_(state, "root without all of its bounding set: capabilities stay, execve would raise them");
}

int lode_exec_privilege_(struct exec_state *state, const char *name)
{
	const struct exec_host *host = &state->host;
	struct exec_creds *creds = &state->creds;
	int status = set_id(state, name);

	if (status == 0)
		status = capabilities(state, name);
	if (status == 0)
		status = own_exe(state, name);
	creds->secure = (creds->set_uid ? creds->uid : host->euid) != host->ruid;
	creds->secure |= (creds->set_gid ? creds->gid : host->egid) != host->rgid;
	if (status == 0 && state->trace) {
		note_domain(state);
		note_root(state);
	}
	return status;
}
