/* SPDX-License-Identifier: MIT */
/* SHA-256 of bytes in memory. */
#ifndef LODE_HOSTS_VMM_SHA256_H
#define LODE_HOSTS_VMM_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };

/** Ref: FIPS 180-4. */
void lode_vmm_sha256_(unsigned char digest[SHA256_SIZE], const unsigned char *bytes, size_t size);

#endif
