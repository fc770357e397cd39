/* SPDX-License-Identifier: MIT */
/* A module's .eh_frame comes in and is known to the unwinder of this process, if it has one loaded, until it is withdrawn. */
#define _GNU_SOURCE
#include "live.h"
#include <dlfcn.h>

static void call(struct lode_live *live, const char *name)
{
	void *library = dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD), *at;

	if (!library)
		return;
	at = dlsym(library, name);
	if (at)
		((void (*)(void *))(uintptr_t)at)((void *)(uintptr_t)live->link.eh_frame.addr);
	live->framed_ = at;
	dlclose(library);
}

void live_frames_register(struct lode_live *live)
{
	if (live->link.eh_frame.size > 0)
		call(live, "__register_frame");
}

void live_frames_withdraw(struct lode_live *live)
{
	if (live->framed_)
		call(live, "__deregister_frame");
	live->framed_ = false;
}
