/* SPDX-License-Identifier: MIT */
/* A module's .eh_frame comes in and is known to the unwinder of this process, if it has one loaded, until it is withdrawn. */
#define _GNU_SOURCE
#include "live.h"
#include <dlfcn.h>

/* False: nothing is there that unwinds. */
static bool tell_unwinder(const struct lode_live *live, const char *function)
{
	void *library = dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD), *at;

	if (!library)
		return false;
	at = dlsym(library, function);
	if (at)
		((void (*)(void *))(uintptr_t)at)((void *)(uintptr_t)live->link.eh_frame.addr);
	dlclose(library);
	return at;
}

void lode_live_frames_register_(struct lode_live *live)
{
	live->framed_ = live->link.eh_frame.size > 0 && tell_unwinder(live, "__register_frame");
}

void lode_live_frames_withdraw_(struct lode_live *live)
{
	if (live->framed_)
		tell_unwinder(live, "__deregister_frame");
	live->framed_ = false;
}
