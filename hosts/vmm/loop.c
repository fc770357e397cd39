/* SPDX-License-Identifier: MIT */
/* The main thread while the guest runs: input, devices' timers, signals, the time limit -> vm->end. */
#include "hypervisor.h"
#include "sandbox.h"

#include <errno.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#define SECOND UINT64_C(1000000000)

enum {
	LOOK_MS = 500, /* how often it is asked whether anything can still happen */
	PAUSE_MS = 50,
	LOCK_TRIES = 20, /* of a ms */
	HELD_MS = 20,
};

struct loop {
	struct vmm *vm;
	struct vmm_kvm *kvm;
	uint64_t limit; /* ns; 0: none */
	uint64_t look;  /* ns */
	uint64_t exits; /* of all processors, when last looked at */
	struct pollfd polled[VMM_DEVICES_MOST + 3];
	struct vmm_device *devices[VMM_DEVICES_MOST + 3];
	nfds_t npolled;
};

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void set_of_ends(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		sigaddset(set, ends[i]);
}

/* Before any thread is made: they inherit the mask. */
int lode_vmm_loop_open_(struct vmm *vm, struct vmm_kvm *kvm)
{
	sigset_t set, kick;

	set_of_ends(&set);
	if (vm->picture_fd >= 0)
		sigaddset(&set, SIGUSR1);
	sigemptyset(&kick);
	sigaddset(&kick, VMM_KICK);
	kvm->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	kvm->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	kvm->kick_fd = signalfd(-1, &kick, SFD_CLOEXEC | SFD_NONBLOCK);
	if (kvm->wake_fd < 0 || kvm->signal_fd < 0 || kvm->kick_fd < 0)
		return lode_vmm_fail_(vm, errno, "making descriptors for events");
	sigaddset(&set, VMM_KICK);
	sigaddset(&set, SIGPIPE); /* who reads may go */
	pthread_sigmask(SIG_BLOCK, &set, &kvm->old_mask);
	kvm->signals_set = true;
	return 0;
}

void lode_vmm_loop_close_(struct vmm_kvm *kvm)
{
	if (kvm->signals_set)
		pthread_sigmask(SIG_SETMASK, &kvm->old_mask, NULL);
	if (kvm->kick_fd >= 0)
		close(kvm->kick_fd);
	if (kvm->wake_fd >= 0)
		close(kvm->wake_fd);
	if (kvm->signal_fd >= 0)
		close(kvm->signal_fd);
}

static void watch(struct loop *loop, int fd, struct vmm_device *device)
{
	loop->polled[loop->npolled] = (struct pollfd){.fd = fd, .events = POLLIN};
	loop->devices[loop->npolled++] = device;
}

static void earlier(uint64_t *time, uint64_t other)
{
	if (other && other < *time)
		*time = other;
}

/* A processor that waits for its console's reader has the lock of the devices. Signals and limits do not wait for that; who waits
 * for a lock with a time limit cannot be stopped and continued in the sandbox. */
static bool lock_devices(struct vmm *vm)
{
	const struct timespec little = {.tv_nsec = 1000000};

	for (int i = 0; i < LOCK_TRIES; i++) {
		if (pthread_mutex_trylock(&vm->lock) == 0)
			return true;
		ppoll(NULL, 0, &little, NULL);
	}
	return false;
}

/* What is to be watched -> the time at which something is due. */
static uint64_t prepare(struct loop *loop)
{
	struct vmm *vm = loop->vm;
	uint64_t due = loop->look;

	loop->npolled = 0;
	watch(loop, loop->kvm->wake_fd, NULL);
	watch(loop, loop->kvm->signal_fd, NULL);
	watch(loop, lode_vmm_gdb_fd_(loop->kvm), NULL);
	earlier(&due, loop->limit);
	if (!lock_devices(vm)) {
		earlier(&due, lode_vmm_now_() + HELD_MS * UINT64_C(1000000));
		return due;
	}
	for (uint32_t i = 0; i < vm->ndevices; i++) {
		struct vmm_device *device = &vm->devices[i];

		earlier(&due, device->timer);
		if (device->fd >= 0)
			watch(loop, device->fd, device);
	}
	pthread_mutex_unlock(&vm->lock);
	return due;
}

static void wait_until(struct loop *loop, uint64_t due)
{
	uint64_t now = lode_vmm_now_(), ns = due > now ? due - now : 0;
	struct timespec time = {.tv_sec = (time_t)(ns / SECOND), .tv_nsec = (long)(ns % SECOND)};

	if (ppoll(loop->polled, loop->npolled, &time, NULL) < 0)
		for (nfds_t i = 0; i < loop->npolled; i++)
			loop->polled[i].revents = 0;
}

static void ask_for_picture(struct vmm_kvm *kvm)
{
	pthread_mutex_lock(&kvm->gate);
	kvm->picture = true;
	pthread_cond_broadcast(&kvm->moved);
	pthread_mutex_unlock(&kvm->gate);
}

static void take_signal(struct loop *loop)
{
	struct signalfd_siginfo info;

	if (lode_vmm_read_(loop->kvm->signal_fd, &info, sizeof info) != (ssize_t)sizeof info)
		return;
	if (info.ssi_signo == SIGUSR1)
		ask_for_picture(loop->kvm);
	else
		lode_vmm_stop_(loop->vm, LODE_VMM_ESCAPE, 0);
}

/* A device may have changed since: what is ready is asked again by its own model. */
static void serve_devices(struct loop *loop)
{
	struct vmm *vm = loop->vm;
	uint64_t now = lode_vmm_now_();

	for (nfds_t i = 0; i < loop->npolled; i++)
		if (loop->polled[i].revents && loop->devices[i] && loop->devices[i]->fd == loop->polled[i].fd)
			loop->devices[i]->type->ready(loop->devices[i]);
	for (uint32_t i = 0; i < vm->ndevices; i++)
		if (vm->devices[i].timer && vm->devices[i].timer <= now)
			vm->devices[i].type->ready(&vm->devices[i]);
}

static uint64_t exits(const struct vmm_kvm *kvm)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < kvm->ncpus; i++)
		sum += __atomic_load_n(&kvm->cpus[i].exits, __ATOMIC_RELAXED);
	return sum;
}

/* Guests that stopped for ever (cli; hlt) are found out by looking, but only those that have been quiet for a while. */
static void look(struct loop *loop, bool free)
{
	uint64_t sum = exits(loop->kvm);
	bool quiet = sum == loop->exits;

	loop->exits = sum;
	loop->look = lode_vmm_now_() + LOOK_MS * UINT64_C(1000000);
	if (!free || !quiet || !lode_vmm_pause_(loop->kvm, PAUSE_MS))
		return;
	if (lode_vmm_all_halted_(loop->kvm))
		lode_vmm_stop_(loop->vm, LODE_VMM_HALT, 0);
	lode_vmm_resume_(loop->kvm);
}

static void turn(struct loop *loop)
{
	struct vmm *vm = loop->vm;
	uint64_t due, count;
	bool free;

	due = prepare(loop);
	wait_until(loop, due);
	if (loop->polled[0].revents && lode_vmm_read_(loop->kvm->wake_fd, &count, sizeof count) < 0)
		return;
	if (loop->polled[1].revents)
		take_signal(loop);
	if (loop->limit && lode_vmm_now_() >= loop->limit)
		lode_vmm_stop_(vm, LODE_VMM_TIME, 0);
	free = lode_vmm_gdb_turn_(loop->kvm, loop->polled[2].revents);
	if (lode_vmm_now_() >= loop->look)
		look(loop, free);
	if (!lock_devices(vm))
		return;
	serve_devices(loop);
	pthread_mutex_unlock(&vm->lock);
}

static void serve(struct vmm *vm)
{
	struct loop loop = {.vm = vm, .kvm = vmm_kvm_of(vm)};
	uint64_t now = lode_vmm_now_();

	loop.look = now + LOOK_MS * UINT64_C(1000000);
	loop.limit = vm->request->time_limit ? now + vm->request->time_limit * SECOND : 0;
	while (vmm_running(vm))
		turn(&loop);
}

void lode_vmm_loop_leave_(struct vmm *vm)
{
	struct vmm_kvm *kvm = vmm_kvm_of(vm);

	lode_vmm_kick_(kvm);
	lode_vmm_resume_(kvm);
	lode_vmm_gdb_end_(kvm);
	pthread_mutex_lock(&kvm->gate);
	kvm->loop_over = true;
	pthread_cond_broadcast(&kvm->moved);
	pthread_mutex_unlock(&kvm->gate);
}

void *lode_vmm_loop_main_(void *argument)
{
	struct vmm *vm = argument;
	bool confined = vm->confined;

	if (confined && lode_vmm_confine_run_(vm, vmm_kvm_of(vm)->gdb ? VMM_DEBUGGER : VMM_LOOP))
		lode_vmm_stop_(vm, LODE_VMM_ERROR, 0);
	else
		serve(vm);
	lode_vmm_loop_leave_(vm);
	/* From here on the machine may be gone. */
	if (confined)
		lode_vmm_rest_();
	return NULL;
}
