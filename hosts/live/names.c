/* SPDX-License-Identifier: MIT */
/* A symbol that the module lacks comes in, its address in the libraries of this process goes out. */
#define _GNU_SOURCE
#include "live.h"
#include <dlfcn.h>
#include <link.h>
#include <string.h>

static const unsigned char *thread_pointer(void)
{
	return __builtin_thread_pointer();
}

uint64_t lode_live_anchor_(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	void *at = libc ? dlsym(libc, "_IO_2_1_stdout_") : NULL;

	if (libc)
		dlclose(libc);
	return (uint64_t)(uintptr_t)(at ? at : dlsym(RTLD_DEFAULT, "malloc"));
}

/* Libraries of C++ come when the first name of theirs is wanted: a C program does not pay for them. */
static void load_runtime(const char *name)
{
	if (strncmp(name, "_Unwind_", 8) == 0)
		dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_GLOBAL);
	else if (strncmp(name, "_Z", 2) == 0 || strncmp(name, "__cxa_", 6) == 0 || strncmp(name, "__gxx_", 6) == 0 ||
		strcmp(name, "__dynamic_cast") == 0)
		dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_GLOBAL);
}

static void *find(const char *name)
{
	void *at = dlsym(RTLD_DEFAULT, name);

	if (at)
		return at;
	load_runtime(name);
	return dlsym(RTLD_DEFAULT, name);
}

/* A program that was not built with -fPIC has copies of the three streams' variables, far from the library. The library's own
 * hold the same pointers and are within reach; nobody assigns to them. Other variables may differ from their copies: those stay
 * far. */
static void *stream_of(const char *name)
{
	void *libc, *at;

	if (strcmp(name, "stdin") != 0 && strcmp(name, "stdout") != 0 && strcmp(name, "stderr") != 0)
		return NULL;
	libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	at = libc ? dlsym(libc, name) : NULL;
	if (libc)
		dlclose(libc);
	return at;
}

struct whose {
	uint64_t addr;
	bool code;
};

static int look(struct dl_phdr_info *info, size_t size, void *data)
{
	struct whose *whose = data;

	(void)size;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];

		if (phdr->p_type != PT_LOAD || whose->addr - (info->dlpi_addr + phdr->p_vaddr) >= phdr->p_memsz)
			continue;
		whose->code = phdr->p_flags & PF_X;
		return 1;
	}
	return 0;
}

/* Only functions may be reached through a stub. */
static uint8_t type_of(uint64_t addr)
{
	struct whose whose = {.addr = addr, .code = false};

	dl_iterate_phdr(look, &whose);
	return whose.code ? LODE_STT_FUNC : LODE_STT_OBJECT;
}

int lode_live_resolve_(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	void *at = lode_live_service_(symbol->name);

	(void)host;
	if (!at)
		at = stream_of(symbol->name);
	if (!at)
		at = find(symbol->name);
	if (!at)
		return -1;
	if (symbol->type == LODE_STT_TLS) {
		answer->value = (uint64_t)((uintptr_t)at - (uintptr_t)thread_pointer());
		return 0;
	}
	answer->value = (uint64_t)(uintptr_t)at;
	answer->type = type_of(answer->value);
	return 0;
}
