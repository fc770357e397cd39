/* SPDX-License-Identifier: MIT */
/* Requests and a machine -> the answers that take a few words each, the descriptor table, and the pages they lie in. */
#include "limine.h"

enum { V_SMBIOS_PHYSICAL = 3, V_SMBIOS_VIRTUAL = 5 };

static const uint64_t gdt[LODE_LIMINE_GDT_SIZE_ / 8] = {
	0, 0x00009b000000ffff, 0x000093000000ffff, LODE_CODE32_, LODE_DATA32_, LODE_LIMINE_CODE64_, LODE_LIMINE_DATA64_};

uint64_t lode_limine_answer_(struct lode_form_ *form, struct lode_limine_state_ *s, enum lode_limine_request id, uint64_t size)
{
	s->answers[id] = lode_form_room_(form, size, 8);
	return s->answers[id];
}

/* An answer of words behind the revision, if it was asked for. */
static void put_words(struct lode_form_ *form, struct lode_limine_state_ *s, enum lode_limine_request id, uint64_t first,
	uint64_t second)
{
	uint64_t at;

	if (!lode_limine_asked_(s, id))
		return;
	at = lode_limine_answer_(form, s, id, 24);
	lode_form_put_(form, at + 8, 8, first);
	lode_form_put_(form, at + 16, 8, second);
}

static uint64_t put_text(struct lode_form_ *form, const struct lode_limine_state_ *s, const char *text)
{
	return s->hhdm + lode_form_string_(form, text);
}

static void put_tables(struct lode_form_ *form, struct lode_limine_state_ *s)
{
	const struct lode_machine *machine = s->b->machine;
	uint64_t revision = s->limine->revision, bias = revision == LODE_LIMINE_RSDP_PHYSICAL ? 0 : s->hhdm;

	if (machine->rsdp != 0)
		put_words(form, s, LODE_LIMINE_RSDP, machine->rsdp + bias, 0);
	bias = revision >= V_SMBIOS_PHYSICAL && revision < V_SMBIOS_VIRTUAL ? 0 : s->hhdm;
	if (machine->smbios32 != 0 || machine->smbios64 != 0)
		put_words(form, s, LODE_LIMINE_SMBIOS, machine->smbios32 != 0 ? machine->smbios32 + bias : 0,
			machine->smbios64 != 0 ? machine->smbios64 + bias : 0);
}

static void put_times(struct lode_form_ *form, struct lode_limine_state_ *s)
{
	const struct lode_machine *machine = s->b->machine;

	if (machine->date != 0)
		put_words(form, s, LODE_LIMINE_DATE, (uint64_t)machine->date, 0);
	if (machine->tsc_hz != 0)
		put_words(form, s, LODE_LIMINE_TSC_FREQUENCY, machine->tsc_hz, 0);
}

/* As many words as the machine has. */
static void put_entropy(struct lode_form_ *form, struct lode_limine_state_ *s)
{
	const struct lode_machine *machine = s->b->machine;
	uint64_t count = s->limine->requests[LODE_LIMINE_ENTROPY].words[0], list;

	if (!lode_limine_asked_(s, LODE_LIMINE_ENTROPY) || machine->nrandom < 8)
		return;
	count = count < machine->nrandom / 8 ? count : machine->nrandom / 8;
	list = lode_form_room_(form, 8 * count, 8);
	lode_form_copy_(form, list, machine->random, 8 * count);
	put_words(form, s, LODE_LIMINE_ENTROPY, count, count > 0 ? s->hhdm + list : 0);
}

static void put_simple(struct lode_form_ *form, struct lode_limine_state_ *s)
{
	put_words(form, s, LODE_LIMINE_HHDM, s->hhdm, 0);
	put_words(form, s, LODE_LIMINE_ADDRESS, s->image, s->kernel->plan->span.addr);
	put_words(form, s, LODE_LIMINE_STACK_SIZE, 0, 0);
	put_words(form, s, LODE_LIMINE_ENTRY, 0, 0);
	put_words(form, s, LODE_LIMINE_FIRMWARE, 0, 0);
	put_words(form, s, LODE_LIMINE_PAGING_MODE, s->b->start->levels - 4, 0);
	if (lode_limine_asked_(s, LODE_LIMINE_BOOTLOADER)) {
		uint64_t name = put_text(form, s, "Lode"), version = put_text(form, s, LODE_VERSION);

		put_words(form, s, LODE_LIMINE_BOOTLOADER, name, version);
	}
	if (lode_limine_asked_(s, LODE_LIMINE_CMDLINE))
		put_words(form, s, LODE_LIMINE_CMDLINE, put_text(form, s, s->b->machine->cmdline), 0);
}

void lode_limine_compose_(struct lode_form_ *form, void *context)
{
	struct lode_limine_state_ *s = context;

	s->gdt = lode_form_room_(form, LODE_LIMINE_GDT_SIZE_, 8);
	for (uint32_t i = 0; i < LODE_LIMINE_GDT_SIZE_ / 8; i++)
		lode_form_put_(form, s->gdt + 8 * i, 8, gdt[i]);
	put_simple(form, s);
	put_tables(form, s);
	put_times(form, s);
	put_entropy(form, s);
	lode_limine_memory_(form, s);
	lode_limine_screen_(form, s);
	lode_limine_files_(form, s);
	lode_limine_processors_(form, s);
}
