/* SPDX-License-Identifier: MIT */
/* KVM's registers of a processor <-> the block of the debugger's `g` packet, and its description. Ref: GDB manual, G.5. */
#include "gdb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

struct state {
	struct kvm_regs regs;
	struct kvm_sregs sregs;
	struct kvm_fpu fpu;
};

/** Where a register lies in struct state, how large it is there, and how large it is shown. */
struct place {
	const char *name, *type;
	uint32_t offset, kept, shown;
};

#define AT(field) (uint32_t) offsetof(struct state, field)
#define WHOLE(name, field) {name, "int64", AT(field), 8, 8}
#define SEGMENT(name) {#name, "int32", AT(sregs.name.selector), 2, 4}
#define X87(n) {"st" #n, "i387_ext", AT(fpu.fpr[n]), 10, 10}
#define CONTROL(name, field, size) {name, "int", AT(fpu.field), size, 4}
#define XMM(n) {"xmm" #n, "uint128", AT(fpu.xmm[n]), 16, 16}

/* The order is the protocol's; features end where `first` of the next one stands. */
static const struct place places[] = {
	WHOLE("rax", regs.rax), WHOLE("rbx", regs.rbx), WHOLE("rcx", regs.rcx), WHOLE("rdx", regs.rdx),
	WHOLE("rsi", regs.rsi), WHOLE("rdi", regs.rdi), WHOLE("rbp", regs.rbp), WHOLE("rsp", regs.rsp),
	WHOLE("r8", regs.r8), WHOLE("r9", regs.r9), WHOLE("r10", regs.r10), WHOLE("r11", regs.r11),
	WHOLE("r12", regs.r12), WHOLE("r13", regs.r13), WHOLE("r14", regs.r14), WHOLE("r15", regs.r15),
	{"rip", "code_ptr", AT(regs.rip), 8, 8}, {"eflags", "int32", AT(regs.rflags), 4, 4},
	SEGMENT(cs), SEGMENT(ss), SEGMENT(ds), SEGMENT(es), SEGMENT(fs), SEGMENT(gs),
	X87(0), X87(1), X87(2), X87(3), X87(4), X87(5), X87(6), X87(7),
	CONTROL("fctrl", fcw, 2), CONTROL("fstat", fsw, 2), CONTROL("ftag", ftwx, 1), {"fiseg", "int", 0, 0, 4},
	CONTROL("fioff", last_ip, 4), {"foseg", "int", 0, 0, 4}, CONTROL("fooff", last_dp, 4), CONTROL("fop", last_opcode, 2),
	XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7),
	XMM(8), XMM(9), XMM(10), XMM(11), XMM(12), XMM(13), XMM(14), XMM(15),
	CONTROL("mxcsr", mxcsr, 4),
	WHOLE("fs_base", sregs.fs.base), WHOLE("gs_base", sregs.gs.base),
	WHOLE("cr0", sregs.cr0), WHOLE("cr2", sregs.cr2), WHOLE("cr3", sregs.cr3), WHOLE("cr4", sregs.cr4),
	WHOLE("efer", sregs.efer),
};

enum { PLACES = sizeof places / sizeof *places };

static const struct {
	const char *first, *name;
} features[] = {
	{"rax", "org.gnu.gdb.i386.core"}, {"xmm0", "org.gnu.gdb.i386.sse"}, {"fs_base", "org.gnu.gdb.i386.segments"},
	{"cr0", "lode.control"}, {NULL, NULL},
};

static bool get(struct state *state, const struct vmm_cpu *cpu)
{
	return ioctl(cpu->fd, KVM_GET_REGS, &state->regs) == 0 && ioctl(cpu->fd, KVM_GET_SREGS, &state->sregs) == 0 &&
		ioctl(cpu->fd, KVM_GET_FPU, &state->fpu) == 0;
}

uint32_t lode_gdb_registers_get_(unsigned char *bytes, const struct vmm_cpu *cpu)
{
	struct state state;
	uint32_t n = 0;

	if (!get(&state, cpu))
		return 0;
	for (uint32_t i = 0; i < PLACES; n += places[i++].shown) {
		memset(bytes + n, 0, places[i].shown);
		memcpy(bytes + n, (const unsigned char *)&state + places[i].offset, places[i].kept);
	}
	return n;
}

/* Special registers only if they change: KVM is strict about them. */
bool lode_gdb_registers_set_(const struct vmm_cpu *cpu, const unsigned char *bytes)
{
	struct state old, new;

	if (!get(&old, cpu))
		return false;
	new = old;
	for (uint32_t i = 0, n = 0; i < PLACES; n += places[i++].shown)
		memcpy((unsigned char *)&new + places[i].offset, bytes + n, places[i].kept);
	return ioctl(cpu->fd, KVM_SET_REGS, &new.regs) == 0 &&
		(!memcmp(&old.sregs, &new.sregs, sizeof old.sregs) || ioctl(cpu->fd, KVM_SET_SREGS, &new.sregs) == 0) &&
		(!memcmp(&old.fpu, &new.fpu, sizeof old.fpu) || ioctl(cpu->fd, KVM_SET_FPU, &new.fpu) == 0);
}

bool lode_gdb_register_find_(uint32_t *offset, uint32_t *size, uint32_t number)
{
	*offset = 0;
	if (number >= PLACES)
		return false;
	for (uint32_t i = 0; i < number; i++)
		*offset += places[i].shown;
	*size = places[number].shown;
	return true;
}

char *lode_gdb_registers_describe_(void)
{
	char *text = NULL;
	size_t size, feature = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	fprintf(out, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
		"<target><architecture>i386:x86-64</architecture>\n");
	for (uint32_t i = 0; i < PLACES; i++) {
		if (features[feature].first && !strcmp(features[feature].first, places[i].name)) {
			fprintf(out, "%s<feature name=\"%s\">\n", feature ? "</feature>\n" : "", features[feature].name);
			feature++;
		}
		fprintf(out, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\"/>\n", places[i].name, places[i].shown * 8,
			places[i].type);
	}
	fprintf(out, "</feature>\n</target>\n");
	return fclose(out) ? NULL : text;
}
