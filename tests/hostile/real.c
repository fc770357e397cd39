/* SPDX-License-Identifier: MIT */
/* A number comes in, a small file that this machine's compiler and linker made goes out. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hostile.h"

static const char program[] =
	"static int here = 3; extern int outside(int) __attribute__((weak));\n"
	"int *pointers[] = {&here, &here, 0, &here}; int (*weak)(int) = outside; char zeros[5000];\n"
	"__attribute__((visibility(\"default\"))) int shown(int a) { return a + here; }\n"
	"void _start(void) { zeros[1] = (char)shown(*pointers[0]); for (;;) ; }\n";
static const char threads[] =
	"static __thread int counter = 7; static __thread char block[40]; const char text[] = \"hello\";\n"
	"int first(void) { return counter++; } char *second(void) { return block; }\n"
	"int shared(void) { return first() + second()[3]; } void _start(void) { for (;;) shared(); }\n";

static const struct recipe {
	const char *name, *flags;
	const char *source;
} recipes[] = {
	{"static-pie", "-static-pie -fPIE -Wl,-z,pack-relative-relocs", program},
	{"static", "-static -no-pie -fno-pie -Wl,-z,noseparate-code", program},
	{"shared", "-shared -fPIC -Wl,--hash-style=both -Wl,-soname,libsmall.so -Wl,--version-script=V", program},
	{"omagic", "-static -no-pie -fno-pie -Wl,-N", program},
	{"threads", "-pie -fPIE -Wl,-z,relro,-z,now -Wl,--hash-style=sysv", threads},
	{"pie-32", "-m32 -static-pie -fPIE -Wl,-z,relro", program},
	{"object", "-c -fPIC -ffunction-sections -g", threads},
};

static bool write_text(const char *dir, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	file = fopen(path, "w");
	return file != NULL && fputs(text, file) >= 0 && fclose(file) == 0;
}

static bool compile(const char *dir, const struct recipe *recipe)
{
	char command[512];

	snprintf(command, sizeof command, "cd %s && ${CC:-cc} -O1 -nostdlib -fno-stack-protector -w %s -o out x.c >/dev/null 2>&1",
		dir, recipe->flags);
	return write_text(dir, "x.c", recipe->source) && write_text(dir, "V", "SMALL_1 { global: shown; local: *; };\n") &&
		system(command) == 0;
}

static bool load(struct hostile_seed *seed, const char *dir)
{
	unsigned char *bytes;
	char path[128];
	struct stat st;
	FILE *file;
	bool ok;

	snprintf(path, sizeof path, "%s/out", dir);
	file = fopen(path, "rb");
	if (file == NULL || fstat(fileno(file), &st) != 0)
		abort();
	bytes = malloc((size_t)st.st_size);
	ok = fread(bytes, 1, (size_t)st.st_size, file) == (size_t)st.st_size;
	fclose(file);
	hostile_locate(&seed->out, bytes, ok ? (size_t)st.st_size : 0);
	return ok;
}

static void clean(const char *dir)
{
	static const char *const names[] = {"x.c", "V", "out"};
	char path[128];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

bool hostile_real_seed(struct hostile_seed *seed, uint32_t index, bool *made)
{
	char dir[] = "/tmp/lode-hostile-XXXXXX";

	*made = false;
	memset(seed, 0, sizeof *seed);
	if (index >= sizeof recipes / sizeof *recipes)
		return false;
	snprintf(seed->name, sizeof seed->name, "cc %s", recipes[index].name);
	if (mkdtemp(dir) == NULL)
		return true;
	*made = compile(dir, &recipes[index]) && load(seed, dir);
	clean(dir);
	return true;
}
