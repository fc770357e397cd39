/* SPDX-License-Identifier: MIT */
/* A module's .eh_frame comes in and is known to the unwinders of this process, as far as there are any, until it is withdrawn. */
#define _GNU_SOURCE
#include "live.h"
#include <dlfcn.h>

/* The program's own, if libgcc was linked into it statically (and then exceptions of its code do not ask the shared one). */
void __register_frame(void *frames) __attribute__((weak));
void __deregister_frame(void *frames) __attribute__((weak));

enum { OWN = 1, SHARED = 2 };

typedef void (*tell)(void *frames);

static tell shared(const char *function)
{
	void *library = dlopen("libgcc_s.so.1", RTLD_LAZY | RTLD_NOLOAD), *at;

	if (!library)
		return NULL;
	at = dlsym(library, function);
	dlclose(library);
	return (tell)(uintptr_t)at;
}

void lode_live_frames_register_(struct lode_live *live)
{
	void *frames = (void *)(uintptr_t)live->link.eh_frame.addr;
	tell own = __register_frame, other = shared("__register_frame");

	if (live->link.eh_frame.size == 0)
		return;
	if (own)
		own(frames);
	if (other && other != own)
		other(frames);
	live->framed_ = (own ? OWN : 0) | (other && other != own ? SHARED : 0);
}

/* Only those that were told: one that was not, or that was loaded since, would abort. */
void lode_live_frames_withdraw_(struct lode_live *live)
{
	void *frames = (void *)(uintptr_t)live->link.eh_frame.addr;
	tell other = live->framed_ & SHARED ? shared("__deregister_frame") : NULL;

	if ((live->framed_ & OWN) && __deregister_frame)
		__deregister_frame(frames);
	if (other)
		other(frames);
	live->framed_ = 0;
}
