/* SPDX-License-Identifier: MIT */
/* The record that the QEMU engine leaves for its ROM and its stage: offsets, for C and assembler. Lies at VMM_STAGE + 4096. */
#ifndef LODE_HOSTS_VMM_STAGE_H
#define LODE_HOSTS_VMM_STAGE_H

#define STAGE_CODE 0x80000
#define STAGE_RECORD 0x81000
#define STAGE_SHIM 0x82000   /* two pages: the last instruction before the kernel's first */
#define STAGE_TABLES 0x84000 /* up to 0x9c000 */
#define STAGE_TABLES_END 0x9c000
#define STAGE_OTHERS 0x9c000 /* where the other processors begin */

#define RECORD_RAX 0
#define RECORD_RBX 8
#define RECORD_RCX 16
#define RECORD_RDX 24
#define RECORD_RSI 32
#define RECORD_RDI 40
#define RECORD_RBP 48
#define RECORD_RSP 56
#define RECORD_R8 64
#define RECORD_RIP 128
#define RECORD_RFLAGS 136
#define RECORD_CR0 144
#define RECORD_CR3 152
#define RECORD_CR4 160
#define RECORD_EFER 168
#define RECORD_PAT 176
#define RECORD_GDTR 190 /* limit, then base at 192 */
#define RECORD_CS 200
#define RECORD_DS 208
#define RECORD_ES 216
#define RECORD_FS 224
#define RECORD_GS 232
#define RECORD_SS 240
#define RECORD_TR 248
#define RECORD_STAGE_CR3 256
#define RECORD_JUMP 264    /* where the last part of the stage is seen under the kernel's tables; with a shim: under the stage's */
#define RECORD_LONG 272
#define RECORD_SHIM 276
#define RECORD_OTHERS 280  /* processors that are to be started */
#define RECORD_ARRIVED 284 /* how many have come */
#define RECORD_OTHER_RIP 288
#define RECORD_OTHER_RDI 296
#define RECORD_OTHER_RDI_STEP 304
#define RECORD_OTHER_RSP 312
#define RECORD_OTHER_RSP_STEP 320
#define RECORD_NPORTS 328
#define RECORD_PORTS 336   /* port and size, 2 bytes each; value, 4 bytes */
#define RECORD_PORTS_MOST 64
#define RECORD_IDTR (RECORD_PORTS + 8 * RECORD_PORTS_MOST + 6) /* as RECORD_GDTR */
#define RECORD_SIZE (RECORD_IDTR + 10)

#ifndef __ASSEMBLER__
#include <stdint.h>

/* The ROM ends at 4 GiB; the stage is copied to STAGE_CODE, the other processors' first code to STAGE_OTHERS. */
extern const unsigned char lode_vmm_rom_[], lode_vmm_rom_end_[], lode_vmm_stage_[], lode_vmm_stage_end_[], lode_vmm_last_[];
extern const unsigned char lode_vmm_other_[], lode_vmm_other_end_[];
#endif

#endif
