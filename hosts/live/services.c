/* SPDX-License-Identifier: MIT */
/* Functions of the C library that register something for the caller's module: what they registered ends with that module. */
#define _GNU_SOURCE
#include "live.h"
#include <string.h>

int __cxa_atexit(void (*function)(void *), void *argument, void *module);
int __cxa_at_quick_exit(void (*function)(void *), void *module);
int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void), void *module);
int __cxa_thread_atexit_impl(void (*function)(void *), void *object, void *module);

/* The C library tells modules apart by an address in them. */
static void *module_of(const void *caller)
{
	struct lode_live *live = lode_live_at(caller);

	return live ? live->span_ : NULL;
}

static int service_atexit(void (*function)(void))
{
	return __cxa_atexit((void (*)(void *))(uintptr_t)function, NULL, module_of(__builtin_return_address(0)));
}

static int service_at_quick_exit(void (*function)(void))
{
	return __cxa_at_quick_exit((void (*)(void *))(uintptr_t)function, module_of(__builtin_return_address(0)));
}

static int service_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
	return __register_atfork(prepare, parent, child, module_of(__builtin_return_address(0)));
}

/* Any thread may end later than the module: its text has to stay. */
static int service_thread_exit(void (*function)(void *), void *object, void *module)
{
	struct lode_live *live = lode_live_at((const void *)(uintptr_t)function);

	if (live)
		__atomic_fetch_add(&live->nthread_exits_, 1, __ATOMIC_RELAXED);
	return __cxa_thread_atexit_impl(function, object, module);
}

void *lode_live_service_(const char *name)
{
	static const struct {
		const char *name;
		uintptr_t function;
	} services[] = {
		{"atexit", (uintptr_t)service_atexit},
		{"at_quick_exit", (uintptr_t)service_at_quick_exit},
		{"pthread_atfork", (uintptr_t)service_atfork},
		{"__cxa_thread_atexit_impl", (uintptr_t)service_thread_exit},
		{"__cxa_thread_atexit", (uintptr_t)service_thread_exit},
	};

	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (strcmp(name, services[i].name) == 0)
			return (void *)services[i].function;
	return NULL;
}
