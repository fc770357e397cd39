/* SPDX-License-Identifier: MIT */
/* Registers and memory of a guest that failed -> the likely reason. Rules are tried in order, and the first that holds counts. */
#include <stdio.h>
#include <string.h>

#include "explain.h"

#define CR0_EM UINT64_C(4)
#define CR0_PG UINT64_C(0x80000000)
#define CR4_OSFXSR UINT64_C(0x200)
#define CR4_OSXSAVE UINT64_C(0x40000)
#define EFER_LMA UINT64_C(0x400)

enum { PAGE = 4096, AROUND = 16, ENTRIES = 32, WORD = 8 };

/** What the rules look at. */
struct view {
	struct vmm *vm;
	struct lode_vmm_state *s;
	uint64_t rip; /* linear */
	struct vmm_page here;
	enum vmm_code code;
	uint64_t value; /* of the code */
};

static bool say(const struct view *v, enum lode_vmm_reason reason, uint64_t about)
{
	v->s->reason = reason;
	v->s->about = about;
	return true;
}

static bool is_memory(const struct vmm *vm, uint64_t phys)
{
	return lode_vmm_ram_at_(&vm->ram, phys, 1);
}

/* A stack grows down: a push writes below rsp. */
static bool can_write(const struct vmm *vm, uint64_t addr)
{
	struct vmm_page page = lode_vmm_walk_(vm, addr);

	return page.found == VMM_PAGE_THERE && page.write && is_memory(vm, page.phys);
}

/* The bytes before rip, by the page tables that there were at the start. */
static uint32_t before(unsigned char *bytes, const struct view *v, uint32_t size)
{
	struct lode_vmm_state now = *v->s;
	const struct lode_registers *begun = &v->vm->begun.registers;
	const unsigned char *at;
	struct vmm_page page;

	v->s->cr0 = begun->cr0;
	v->s->cr3 = begun->cr3;
	v->s->cr4 = begun->cr4;
	v->s->efer = begun->cr0 & CR0_PG ? begun->efer | EFER_LMA : begun->efer;
	page = lode_vmm_walk_(v->vm, v->rip - size);
	*v->s = now;
	at = page.found == VMM_PAGE_THERE ? lode_vmm_ram_at_(&v->vm->ram, page.phys, size) : NULL;
	if (at)
		memcpy(bytes, at, size);
	return at ? size : 0;
}

/* mov to CR0, CR3 or CR4 is the last instruction that was executed. */
static bool has_new_tables(const struct view *v)
{
	unsigned char bytes[3];

	return before(bytes, v, sizeof bytes) && bytes[0] == 0x0f && bytes[1] == 0x22;
}

static bool judge_tables(const struct view *v)
{
	return v->here.found == VMM_PAGE_NO_TABLE && say(v, LODE_VMM_REASON_CR3_OUTSIDE, v->here.phys);
}

static bool is_zeros(const struct lode_vmm_state *s)
{
	static const unsigned char zeros[sizeof s->code];

	return s->ncode >= WORD && memcmp(s->code, zeros, s->ncode) == 0;
}

static bool judge_fetch(const struct view *v)
{
	bool null = v->rip < PAGE && (v->here.found == VMM_PAGE_ABSENT || !v->here.execute || is_zeros(v->s));

	if (null)
		return say(v, LODE_VMM_REASON_NULL_JUMP, v->rip);
	if (v->here.found == VMM_PAGE_ABSENT)
		return say(v, has_new_tables(v) ? LODE_VMM_REASON_TABLES_WITHOUT_CODE : LODE_VMM_REASON_FETCH_UNMAPPED, v->rip);
	if (!v->here.execute)
		return say(v, LODE_VMM_REASON_FETCH_NO_EXECUTE, v->rip);
	if (!is_memory(v->vm, v->here.phys))
		return say(v, LODE_VMM_REASON_FETCH_OUTSIDE, v->rip);
	return is_zeros(v->s) && say(v, LODE_VMM_REASON_FETCH_ZEROS, v->rip);
}

static bool judge_width(const struct view *v)
{
	unsigned char around[AROUND + sizeof v->s->code];
	uint32_t n = before(around, v, AROUND);

	memcpy(around + n, v->s->code, v->s->ncode);
	if (v->s->mode == LODE_VMM_MODE_32 && v->vm->begun.wide && !(v->vm->begun.registers.cr0 & CR0_PG) &&
		lode_vmm_code_wide_(around, n + v->s->ncode) > 1)
		return say(v, LODE_VMM_REASON_CODE_64, v->rip);
	return v->code == VMM_CODE_NARROW && say(v, LODE_VMM_REASON_CODE_32, v->rip);
}

static bool judge_code(const struct view *v)
{
	const struct lode_vmm_state *s = v->s;

	switch (v->code) {
	case VMM_CODE_SSE: return (!(s->cr4 & CR4_OSFXSR) || (s->cr0 & CR0_EM)) && say(v, LODE_VMM_REASON_SSE_OFF, v->rip);
	case VMM_CODE_AVX: return !(s->cr4 & CR4_OSXSAVE) && say(v, LODE_VMM_REASON_AVX_OFF, v->rip);
	case VMM_CODE_UD2: return say(v, LODE_VMM_REASON_UD2, v->rip);
	case VMM_CODE_INT: return say(v, LODE_VMM_REASON_INTERRUPT, v->value);
	case VMM_CODE_MSR: return say(v, LODE_VMM_REASON_MSR, s->rcx & 0xffffffff);
	case VMM_CODE_STACK: return !can_write(v->vm, s->rsp - WORD) && say(v, LODE_VMM_REASON_STACK, s->rsp);
	default: return false;
	}
}

static bool judge_access(const struct view *v, uint64_t addr)
{
	struct vmm_page page = lode_vmm_walk_(v->vm, addr);

	if (page.found == VMM_PAGE_NO_TABLE)
		return say(v, LODE_VMM_REASON_CR3_OUTSIDE, page.phys);
	if (page.found == VMM_PAGE_THERE)
		return !page.write && say(v, LODE_VMM_REASON_READ_ONLY, addr);
	if (addr < PAGE)
		return say(v, LODE_VMM_REASON_ACCESS_NULL, addr);
	return say(v, is_memory(v->vm, addr) ? LODE_VMM_REASON_ACCESS_UNMAPPED_RAM : LODE_VMM_REASON_ACCESS_UNMAPPED, addr);
}

/* Looking for a handler can be what faults, and then CR2 tells of that. */
static bool is_of_handlers(const struct lode_vmm_state *s, uint64_t addr)
{
	return s->mode != LODE_VMM_MODE_16 && s->idtr.limit > 0 && addr - s->idtr.base <= s->idtr.limit;
}

/* CR2 is 0 as long as there was no page fault; addresses that are none make another exception, which does not tell of them. */
static bool judge_operand(const struct view *v)
{
	uint64_t addr, top;
	bool known = lode_vmm_code_operand_(&addr, v->s);
	uint32_t bits = v->s->cr4 & 0x1000 ? 57 : 48;

	if (!(v->s->cr0 & CR0_PG))
		return false;
	top = known ? addr >> (bits - 1) : 0;
	if (top != 0 && top != UINT64_MAX >> (bits - 1))
		return say(v, LODE_VMM_REASON_NO_ADDRESS, addr);
	if (v->s->cr2 != 0 && !is_of_handlers(v->s, v->s->cr2))
		return judge_access(v, v->s->cr2);
	return known && (addr == 0 || v->s->cr2 != 0) && judge_access(v, addr);
}

static bool judge_loads(const struct view *v)
{
	if (v->code == VMM_CODE_CONTROL)
		return say(v, LODE_VMM_REASON_CONTROL, v->rip);
	return v->code == VMM_CODE_SEGMENT && say(v, LODE_VMM_REASON_SEGMENT, v->rip);
}

/* One that was never loaded has the base and limit that processors have after reset, or none. */
static bool has_handlers(const struct lode_vmm_state *s)
{
	uint64_t entry = s->efer & EFER_LMA ? 16 : s->mode == LODE_VMM_MODE_16 ? 4 : 8;

	if (s->mode != LODE_VMM_MODE_16 && s->idtr.base == 0 && s->idtr.limit == 0xffff)
		return false;
	return s->idtr.limit + UINT64_C(1) >= entry * ENTRIES;
}

/* What an exception needs before its handler runs. */
static bool judge_handlers(const struct view *v)
{
	if (!v->s->handlers)
		return say(v, LODE_VMM_REASON_NO_HANDLERS, v->s->idtr.limit);
	if (lode_vmm_walk_(v->vm, v->s->idtr.base).found != VMM_PAGE_THERE)
		return say(v, LODE_VMM_REASON_TABLE_UNMAPPED, v->s->idtr.base);
	return !can_write(v->vm, v->s->rsp - WORD) && say(v, LODE_VMM_REASON_STACK, v->s->rsp);
}

static bool is_at_entry(const struct view *v)
{
	return v->s->rip == v->vm->begun.registers.rip && v->s->cr3 == v->vm->begun.registers.cr3;
}

static void judge_fault(const struct view *v)
{
	if (v->s->lost)
		say(v, LODE_VMM_REASON_LOST, 0);
	else if (!judge_tables(v) && !judge_fetch(v) && !judge_width(v) && !judge_code(v) && !judge_operand(v) && !judge_loads(v) &&
		!judge_handlers(v) && is_at_entry(v))
		say(v, LODE_VMM_REASON_AT_ENTRY, v->rip);
}

/* The engine says itself what it could not do. */
static void judge_error(const struct view *v)
{
	if (!judge_tables(v) && !judge_fetch(v) && !judge_width(v) && is_at_entry(v))
		say(v, LODE_VMM_REASON_AT_ENTRY, v->rip);
}

/* A processor that halts stands behind the hlt. */
static bool is_behind_hlt(const struct view *v)
{
	const unsigned char *last = v->here.phys > 0 ? lode_vmm_ram_at_(&v->vm->ram, v->here.phys - 1, 1) : NULL;

	return last && *last == 0xf4;
}

static void judge_waiting(const struct view *v)
{
	if (v->here.found != VMM_PAGE_THERE || judge_width(v))
		return;
	if (!is_memory(v->vm, v->here.phys))
		say(v, LODE_VMM_REASON_FETCH_OUTSIDE, v->rip);
	else if (is_zeros(v->s))
		say(v, LODE_VMM_REASON_FETCH_ZEROS, v->rip);
	else if (is_behind_hlt(v) || v->code == VMM_CODE_HALT)
		say(v, LODE_VMM_REASON_HALTED, v->rip);
	else if (v->code == VMM_CODE_LOOP)
		say(v, LODE_VMM_REASON_LOOP, v->rip);
	else if (is_at_entry(v))
		say(v, LODE_VMM_REASON_AT_ENTRY, v->rip);
}

void lode_vmm_judge_(struct vmm *vm)
{
	struct lode_vmm_state *s = &vm->state;
	struct view view = {.vm = vm, .s = s, .rip = s->mode == LODE_VMM_MODE_64 ? s->rip : (s->rip + s->cs_base) & 0xffffffff};

	s->handlers = has_handlers(s);
	view.here = lode_vmm_walk_(vm, view.rip);
	view.code = lode_vmm_code_(&view.value, s->code, s->ncode, s->mode);
	switch (vm->end) {
	case LODE_VMM_TRIPLE_FAULT: judge_fault(&view); break;
	case LODE_VMM_ERROR: judge_error(&view); break;
	case LODE_VMM_TIME: judge_waiting(&view); break;
	default: break;
	}
}

static const char *const names[] = {
#define WORD_OF(name, word, text) word,
	LODE_VMM_REASONS(WORD_OF)
};
static const char *const texts[] = {
#define TEXT_OF(name, word, text) text,
	LODE_VMM_REASONS(TEXT_OF)
};

const char *lode_vmm_reason_name(enum lode_vmm_reason reason)
{
	return reason < LODE_VMM_REASONS_ ? names[reason] : "";
}

void lode_vmm_reason_text(char *buf, size_t size, const struct lode_vmm_state *state)
{
	const char *text = state->reason < LODE_VMM_REASONS_ ? texts[state->reason] : "";
	const size_t before_it = strcspn(text, "@");

	if (text[before_it])
		snprintf(buf, size, "%.*s%llx%s", (int)before_it, text, (unsigned long long)state->about, text + before_it + 1);
	else
		snprintf(buf, size, "%s", text);
}
