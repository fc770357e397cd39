/* SPDX-License-Identifier: MIT */
/* Signal and si_code, as Linux numbers them on most machines -> the code's name; NULL where there is none. */
#include "show.h"

struct codes {
	uint32_t signal;
	unsigned n;
	const char *const *names; /* from code 1 on */
};

static const char *const ill[] = {"ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLADR", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG", "ILL_COPROC",
	"ILL_BADSTK", "ILL_BADIADDR"};
static const char *const trap[] = {"TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT", "TRAP_UNK", "TRAP_PERF"};
static const char *const bus[] = {"BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO"};
static const char *const fpe[] = {"FPE_INTDIV", "FPE_INTOVF", "FPE_FLTDIV", "FPE_FLTOVF", "FPE_FLTUND", "FPE_FLTRES", "FPE_FLTINV",
	"FPE_FLTSUB", NULL, NULL, NULL, NULL, NULL, "FPE_FLTUNK", "FPE_CONDTRAP"};
static const char *const segv[] = {"SEGV_MAPERR", "SEGV_ACCERR", "SEGV_BNDERR", "SEGV_PKUERR", "SEGV_ACCADI", "SEGV_ADIDERR",
	"SEGV_ADIPERR", "SEGV_MTEAERR", "SEGV_MTESERR", "SEGV_CPERR"};
static const char *const sys[] = {"SYS_SECCOMP", "SYS_USER_DISPATCH"};
static const char *const sent[] = {"SI_USER", "SI_QUEUE", "SI_TIMER", "SI_MESGQ", "SI_ASYNCIO", "SI_SIGIO", "SI_TKILL",
	"SI_DETHREAD"};

#define CODES(signal, names) {signal, sizeof(names) / sizeof *(names), names}
static const struct codes codes[] = {CODES(4, ill), CODES(5, trap), CODES(7, bus), CODES(8, fpe), CODES(11, segv), CODES(31, sys)};

static const char *kernel_code(uint32_t signal, uint32_t code)
{
	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (codes[i].signal == signal && code <= codes[i].n)
			return codes[i].names[code - 1];
	return NULL;
}

const char *show_siginfo_code(const struct show *show, const struct show_siginfo *info)
{
	if (!show_signal_name(show, info->signal))
		return NULL;
	if (info->code == 0x80)
		return "SI_KERNEL";
	if (info->code > 0)
		return kernel_code(info->signal, (uint32_t)info->code);
	return info->code > -(int)(sizeof sent / sizeof *sent) ? sent[-info->code] : NULL;
}
