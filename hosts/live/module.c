/* SPDX-License-Identifier: MIT */
/* Files come in, a module of this process goes out: linked, protected, started, and taken away again. */
#define _GNU_SOURCE
#include "live.h"
#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>

int __cxa_atexit(void (*function)(void *), void *argument, void *module);
void __cxa_finalize(void *module);

/* Modules that are linked, for those who ask whose an address is: code of any module, in any thread. */
static struct lode_live *modules;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct lode_live *lode_live_at(const void *address)
{
	struct lode_live *live;

	pthread_mutex_lock(&lock);
	for (live = modules; live && (uintptr_t)address - (uintptr_t)live->span_ >= live->span_size_;)
		live = live->next_;
	pthread_mutex_unlock(&lock);
	return live;
}

void lode_live_each_(void (*each)(const struct lode_live *live))
{
	pthread_mutex_lock(&lock);
	for (const struct lode_live *live = modules; live; live = live->next_)
		each(live);
	pthread_mutex_unlock(&lock);
}

void lode_live_begin(struct lode_live *live, const struct lode_live_options *options)
{
	*live = (struct lode_live){.error = 0};
	if (options)
		live->options_ = *options;
}

int lode_live_add(struct lode_live *live, const char *name)
{
	live->error = live->nfiles_ < LODE_LIVE_FILES ? lode_live_map_file_(&live->files_[live->nfiles_], name) : ENFILE;
	if (live->error != 0)
		return LODE_ERR_IO;
	live->nfiles_++;
	return LODE_OK;
}

static uint16_t own_machine(void)
{
#if defined(__x86_64__)
	return LODE_EM_X86_64;
#elif defined(__aarch64__)
	return LODE_EM_AARCH64;
#elif defined(__riscv) && __riscv_xlen == 64
	return LODE_EM_RISCV;
#else
	return 0; /* lode_link_begin refuses it */
#endif
}

/* On AArch64 resolvers are told of the processor: bit 62 says that there is a second argument. */
static int call_ifunc(void *host, uint64_t *value, uint64_t address)
{
	const uint64_t capabilities[3] = {sizeof capabilities, getauxval(AT_HWCAP), getauxval(AT_HWCAP2)};

	(void)host;
	*value = ((uint64_t (*)(uint64_t, const uint64_t *))(uintptr_t)address)(capabilities[1] | UINT64_C(1) << 62, capabilities);
	return 0;
}

static int keep(void *host, uint64_t *addr, const struct lode_link_datum *datum)
{
	struct lode_live *live = host;
	int result = lode_swap_keep(live->options_.swap, addr, datum);

	live->new_tls_ |= datum->thread_local_ && result != 0;
	return result;
}

static int resolve(void *host, struct lode_link_answer *answer, const struct lode_link_symbol *symbol)
{
	const struct lode_swap *swap = ((struct lode_live *)host)->options_.swap;

	if (swap && lode_swap_resolve(swap, answer, symbol) == 0)
		return 0;
	/* Hidden ones are not those of libraries. */
	return symbol->visibility == 0 || symbol->visibility == 3 ? lode_live_resolve_(host, answer, symbol) : -1;
}

static uint64_t anchor(const struct lode_live *live)
{
	const struct lode_swap *swap = live->options_.swap;

	return swap ? swap->program->index->span.addr + swap->program->bias : lode_live_anchor_();
}

static int begin_link(struct lode_live *live, struct lode_diag *why)
{
	struct lode_link_options options = {
		.memory = live->memory_,
		.memory_size = live->memory_size_,
		.names = live->options_.names,
		.host = &live->host_,
		.page_size = lode_live_page_(),
		.flags = live->options_.no_frames ? 0 : LODE_LINK_EH_FRAME,
		.machine = own_machine(),
	};
	uint32_t nfiles = live->nfiles_;
	int status;

	live->host_ = (struct lode_link_host){.host = live, .resolve = resolve, .member = lode_live_map_member_,
		.tls = lode_live_tls_, .keep = live->options_.swap ? keep : NULL, .ifunc = call_ifunc};
	live->anchor_ = anchor(live);
	status = lode_link_begin(&live->link, &options, why);
	for (uint32_t i = 0; i < nfiles && status == LODE_OK; i++)
		status = lode_link_add(&live->link, live->files_[i].name, live->files_[i].bytes, live->files_[i].size, why);
	if (status == LODE_OK && live->options_.entry)
		status = lode_link_want(&live->link, live->options_.entry, why);
	return status;
}

static int fail(struct lode_diag *why)
{
	if (why) {
		*why = lode_diag_of(LODE_RULE_NONE, LODE_FIELD_NONE, 0, 0);
		why->status = LODE_ERR_IO;
	}
	return LODE_ERR_IO;
}

static void list(struct lode_live *live)
{
	pthread_mutex_lock(&lock);
	live->next_ = modules;
	modules = live;
	pthread_mutex_unlock(&lock);
}

/* The text is executable from here on; what is only read takes writes until the slots of ifuncs are filled. */
static int place(struct lode_live *live, struct lode_diag *why)
{
	struct lode_link_place there;
	int status;

	if (lode_live_map_span_(live) != 0)
		return fail(why);
	there = (struct lode_link_place){.addr = (uint64_t)(uintptr_t)live->span_, .view = live->span_};
	status = lode_link_place(&live->link, &there, why);
	if (status != LODE_OK)
		return status;
	live->error = lode_live_tls_fill_(live);
	if (live->error != 0 || lode_live_protect_(live, LODE_REGION_TEXT) != 0)
		return fail(why);
	__builtin___clear_cache((char *)live->span_, (char *)live->span_ + live->link.runs[LODE_REGION_TEXT].size);
	live->error = lode_live_observe_(live);
	if (live->error != 0)
		return fail(why);
	lode_live_frames_register_(live);
	live->linked_ = true;
	list(live);
	return LODE_OK;
}

static void unmap_span(struct lode_live *live)
{
	lode_live_tls_release_(live);
	if (live->span_)
		munmap(live->span_, live->span_size_);
	live->span_ = NULL;
}

static int link_all(struct lode_live *live, struct lode_diag *why)
{
	int status;

	if (lode_live_map_work_(live) != 0)
		return fail(why);
	status = begin_link(live, why);
	if (status == LODE_OK)
		status = lode_link_resolve(&live->link, why);
	if (status == LODE_OK)
		status = lode_link_plan(&live->link, why);
	/* What does not fit the program says more than what comes of it. */
	if (live->options_.swap && (status == LODE_OK || lode_swap_check(live->options_.swap, NULL) != LODE_OK))
		status = lode_swap_check(live->options_.swap, why);
	return status == LODE_OK ? place(live, why) : status;
}

int lode_live_link(struct lode_live *live, struct lode_diag *why)
{
	int status;

	if (live->memory_) {
		if (why)
			*why = lode_diag_of(LODE_RULE_LINK_USE, LODE_FIELD_LINK_STAGE, 0, 0);
		return LODE_ERR_USE;
	}
	status = link_all(live, why);
	if (status != LODE_OK)
		unmap_span(live);
	return status;
}

/* Resolvers are the module's own code. */
int lode_live_ready_(struct lode_live *live, struct lode_diag *why)
{
	int status;

	if (!live->linked_ || live->started_) {
		if (why)
			*why = lode_diag_of(LODE_RULE_LINK_USE, LODE_FIELD_LINK_STAGE, 0, 0);
		return LODE_ERR_USE;
	}
	status = lode_link_ifuncs(&live->link, why);
	if (status != LODE_OK)
		return status;
	if (lode_live_protect_(live, LODE_REGION_RODATA) != 0 || lode_live_protect_(live, LODE_REGION_LARGE_RODATA) != 0)
		return fail(why);
	return LODE_OK;
}

static void call(const struct lode_link_call *calls, uint32_t count, int argc, char **const vectors[2])
{
	for (uint32_t i = 0; i < count; i++)
		((void (*)(int, char **, char **))(uintptr_t)calls[i].addr)(argc, vectors[0], vectors[1]);
}

static void run_fini(void *data)
{
	struct lode_live *live = data;
	char **const none[2] = {NULL, NULL};

	call(live->link.fini, live->link.nfini, 0, none);
}

/* Finalisers run behind all that the module registers from here on, at its end or at the process's. */
int lode_live_start(struct lode_live *live, const struct lode_live_arguments *arguments, struct lode_diag *why)
{
	static char *none[] = {NULL};
	char **const vectors[2] = {arguments ? arguments->argv : none, arguments ? arguments->envp : none};
	int argc = arguments ? arguments->argc : 0, status = lode_live_ready_(live, why);

	if (status != LODE_OK)
		return status;
	live->started_ = true;
	__cxa_atexit(run_fini, live, live->span_);
	call(live->link.preinit, live->link.npreinit, argc, vectors);
	call(live->link.init, live->link.ninit, argc, vectors);
	lode_link_publish(&live->link);
	return LODE_OK;
}

void *lode_live_symbol(const struct lode_live *live, const char *name)
{
	const struct lode_link_symbol *symbol = lode_link_find(&live->link, name);

	return symbol ? (void *)(uintptr_t)symbol->value : NULL;
}

static void unlist(struct lode_live *live)
{
	struct lode_live **at = &modules;

	pthread_mutex_lock(&lock);
	while (*at && *at != live)
		at = &(*at)->next_;
	if (*at)
		*at = live->next_;
	pthread_mutex_unlock(&lock);
}

/* A thread may still have to destroy an object of its own: then code and thread-local block stay. */
static void unmap(struct lode_live *live)
{
	if (__atomic_load_n(&live->nthread_exits_, __ATOMIC_RELAXED) == 0)
		unmap_span(live);
	if (live->memory_)
		munmap(live->memory_, live->memory_size_);
	for (uint32_t i = 0; i < live->nfiles_; i++)
		if (live->files_[i].bytes)
			munmap(live->files_[i].bytes, live->files_[i].size);
	live->span_ = live->memory_ = NULL;
	live->nfiles_ = 0;
}

int lode_live_end(struct lode_live *live, struct lode_diag *why)
{
	int status = lode_link_withdraw(&live->link, why);

	if (status != LODE_OK)
		return status;
	if (live->started_)
		__cxa_finalize(live->span_);
	if (live->linked_) {
		lode_live_observe_end_(live);
		lode_live_frames_withdraw_(live);
		unlist(live);
	}
	live->linked_ = live->started_ = false;
	unmap(live);
	return LODE_OK;
}
