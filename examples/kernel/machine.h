/* SPDX-License-Identifier: MIT */
/* What this kernel needs from its machine. The example runs on Linux's system calls, so that it runs anywhere; on bare
 * metal machine_put is a serial port and machine_protect writes page table entries. */
#ifndef MACHINE_H
#define MACHINE_H

#include <stdbool.h>
#include <stddef.h>

void machine_put(const char *text, size_t size);
_Noreturn void machine_halt(int status);
/* prot: 1 read, 2 write, 4 execute. 0 if done. */
int machine_protect(void *pages, size_t size, unsigned int prot);
/* True if the byte at p can be written. It keeps its value. */
bool machine_writable(void *p);

#endif
