/* SPDX-License-Identifier: MIT */
/* kvm-cut LODE KERNEL...: boots kernels of cut.S, whose file is cut off while they run -> how lode boot ends, and what it says. */
#include <check.h>

#include <elf.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXT = 8192, PATIENCE_MS = 30000, FAILED = 125, TRIPLE_FAULT = 122 };

static const char *const copy = "/tmp/lode-cut", *const place = "/tmp/lode-cut-gdb", *const option = "unix:/tmp/lode-cut-gdb";
static const char *lode;

struct guest {
	pid_t pid;
	int in, out;
	char text[TEXT];
	size_t used;
};

/* The kernel's bytes into a file of its own -> where its last segment lies there, and in memory. */
static bool prepare(Elf64_Phdr *gone, const char *kernel)
{
	static unsigned char bytes[1 << 20];
	int from = open(kernel, O_RDONLY | O_CLOEXEC), to = open(copy, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = read(from, bytes, sizeof bytes);
	Elf64_Ehdr head;

	if (!CHECK(n > (ssize_t)sizeof head) || !CHECK_EQ(write(to, bytes, (size_t)n), n))
		return false;
	memcpy(&head, bytes, sizeof head);
	for (uint32_t i = 0; i < head.e_phnum; i++) {
		memcpy(gone, bytes + head.e_phoff + i * sizeof *gone, sizeof *gone);
		if (gone->p_type == PT_LOAD && (gone->p_flags & PF_W))
			break;
	}
	close(from);
	close(to);
	return CHECK(gone->p_filesz >= 0x3000 && gone->p_offset % 4096 == 0);
}

/* In the core of a guest that fails by itself the first thread looks at what is gone. */
static bool start(struct guest *guest, const char *debugger)
{
	const char *words[] = {lode, "boot", "--engine=kvm", "--time-limit=20", "--dump-core=/tmp/lode-cut-core", copy,
		debugger ? "--gdb" : NULL, debugger, NULL};
	int in[2], out[2];

	*guest = (struct guest){.pid = 0};
	if (!CHECK_EQ(pipe2(in, O_CLOEXEC), 0) || !CHECK_EQ(pipe2(out, O_CLOEXEC), 0))
		return false;
	guest->pid = fork();
	if (guest->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		execv(lode, (char *const *)(uintptr_t)words);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	guest->in = in[1];
	guest->out = out[0];
	return CHECK(guest->pid > 0);
}

/* Until it has said @word, or nothing for long; NULL: until its end. */
static bool listen_for(struct guest *guest, const char *word)
{
	struct pollfd polled = {.fd = guest->out, .events = POLLIN};
	ssize_t n;

	while (!word || !strstr(guest->text, word)) {
		if (poll(&polled, 1, PATIENCE_MS) != 1)
			return false;
		n = read(guest->out, guest->text + guest->used, TEXT - 1 - guest->used);
		if (n <= 0)
			return !word;
		guest->used += (size_t)n;
	}
	return true;
}

static void finish(struct guest *guest, int status, bool told)
{
	int got = 0;

	close(guest->in);
	if (!listen_for(guest, NULL))
		kill(guest->pid, SIGKILL);
	CHECK_EQ(waitpid(guest->pid, &got, 0), guest->pid);
	close(guest->out);
	CHECK(WIFEXITED(got));
	CHECK_EQ(WEXITSTATUS(got), status);
	CHECK_EQ(strstr(guest->text, "/tmp/lode-cut: it became shorter while its pages were the guest's memory") != NULL, told);
	if (check_state_.failures)
		printf("%s\n", guest->text);
}

/* With the segment, or only with what stands behind it. */
static void test_kernel(const char *kernel, int status, bool segment)
{
	struct guest guest;
	Elf64_Phdr gone;
	uint64_t size;

	check_case("%s%s", strrchr(kernel, '/') + 1, segment ? "" : ", behind the segment");
	if (!prepare(&gone, kernel) || !start(&guest, NULL))
		return;
	size = gone.p_offset + (segment ? 0 : gone.p_filesz);
	if (CHECK(listen_for(&guest, "up\n")) && CHECK_EQ(truncate(copy, (off_t)size), 0))
		CHECK_EQ(write(guest.in, "x", 1), 1);
	finish(&guest, status, segment);
}

static int join(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), tries = PATIENCE_MS;

	strcpy(addr.sun_path, place);
	while (connect(fd, (struct sockaddr *)&addr, sizeof addr) && tries-- > 0)
		usleep(1000);
	return fd;
}

static void say(int fd, const char *text)
{
	unsigned char sum = 0;
	char packet[64];
	int n;

	for (const char *c = text; *c; c++)
		sum = (unsigned char)(sum + (unsigned char)*c);
	n = snprintf(packet, sizeof packet, "$%s#%02x", text, sum);
	CHECK_EQ(write(fd, packet, (size_t)n), n);
}

/* The thread that a debugger speaks with looks at what is gone. */
static void test_debugger(const char *kernel)
{
	struct guest guest;
	Elf64_Phdr gone;
	char text[64];
	int fd;

	check_case("a debugger, %s", strrchr(kernel, '/') + 1);
	unlink(place);
	if (!prepare(&gone, kernel) || !start(&guest, option))
		return;
	fd = join();
	say(fd, "c");
	if (CHECK(listen_for(&guest, "up\n")) && CHECK_EQ(truncate(copy, (off_t)gone.p_offset), 0)) {
		CHECK_EQ(write(fd, "\3", 1), 1);
		snprintf(text, sizeof text, "m%llx,8", (unsigned long long)gone.p_vaddr);
		say(fd, text);
	}
	finish(&guest, FAILED, true);
	close(fd);
}

int main(int argc, char **argv)
{
	lode = argv[1];
	signal(SIGPIPE, SIG_IGN);
	for (int i = 2; i < argc; i++)
		if (strstr(argv[i], "waits"))
			test_debugger(argv[i]);
		else
			test_kernel(argv[i], strstr(argv[i], "fault") ? TRIPLE_FAULT : FAILED, true);
	for (int i = 2; i < argc; i++)
		if (strstr(argv[i], "fault"))
			test_kernel(argv[i], TRIPLE_FAULT, false);
	return check_done();
}
