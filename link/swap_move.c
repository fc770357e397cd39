/* SPDX-License-Identifier: MIT */
/* Variables whose size or type has changed come in, and the hooks of the new code that know what becomes of their values; each
 * begins anew, and gets its value before anything refers to it. */
#include "types.h"

/* struct lode_live_hook of <lode/live.h>: addresses of the variable and of the function. */
enum { HOOK_SIZE = 16, HOOK_FUNCTION = 8 };

static bool names(const struct lode_link_unit *unit, const struct link_rela *rela, uint32_t index)
{
	struct link_sym datum = lode_unit_symbol_(unit, index), symbol;

	if (rela->type != R_64 || rela->symbol >= unit->nsymbols)
		return false;
	symbol = lode_unit_symbol_(unit, rela->symbol);
	return rela->symbol == index ? rela->addend == 0 :
		symbol.type == LODE_STT_SECTION && !datum.reserved && symbol.shndx == datum.shndx &&
		symbol.value + rela->addend == datum.value;
}

bool lode_unit_is_hooks_(const struct lode_link_unit *unit, uint32_t section)
{
	struct lode_link_text name = lode_unit_section_name_(unit, section);
	uint8_t class_ = unit->sections[section].class_;

	return (class_ == CLASS_DATA || class_ == CLASS_RODATA) && TEXT_IS(&name, LODE_SWAP_HOOKS);
}

/* Of the hook for a symbol: where it is in its section. */
static bool find_hook(uint64_t *at, uint32_t *section, const struct lode_link_unit *unit, uint32_t index)
{
	struct link_table table = {.bytes = NULL};

	for (uint32_t i = 1; i < unit->image.nsections; i++) {
		const struct lode_link_section *relas = unit->sections[i].relas;
		uint64_t count;

		if (!relas || !lode_unit_is_hooks_(unit, i))
			continue;
		table.rela = (const unsigned char *)unit->source.bytes + unit->image.sections[relas->index].offset;
		count = lode_divide_(unit->image.sections[relas->index].size, RELA_SIZE);
		for (uint64_t k = 0; k < count; k++) {
			struct link_rela rela = rela_at(&table, k);

			if ((rela.offset & (HOOK_SIZE - 1)) != 0 || !within(rela.offset, HOOK_SIZE, unit->image.sections[i].size) ||
				!names(unit, &rela, index))
				continue;
			*at = rela.offset;
			*section = i;
			return true;
		}
	}
	return false;
}

bool lode_swap_has_hook_(const struct lode_link_datum *datum)
{
	uint32_t section;
	uint64_t at;

	return find_hook(&at, &section, datum->unit_, datum->index_);
}

bool lode_swap_add_move_(struct lode_swap *swap, const struct lode_link_datum *datum, const struct lode_range *before)
{
	struct lode_swap_move *move;

	if (!swap->program->host.migrate)
		return false;
	move = lode_link_take_(swap->link, sizeof *move, NULL);
	if (!move)
		return false;
	*move = (struct lode_swap_move){.name = datum->name, .before = *before, .now = {.size = datum->size}, .next_ = swap->moves_,
		.unit_ = datum->unit_, .symbol_ = datum->index_};
	swap->moves_ = move;
	swap->account.nmigrated++;
	return true;
}

static int refuse(struct lode_swap *swap, const struct lode_swap_move *move, struct lode_diag place, struct lode_diag *why)
{
	swap->account.datum = move->name;
	return lode_refuse_(why, LODE_RULE_SWAP_MIGRATE, place);
}

/* The function is of the new code. */
static int find_function(struct lode_swap *swap, struct lode_swap_move *move, struct lode_diag *why)
{
	const struct lode_link *link = swap->link;
	const struct lode_link_run *text = &link->runs[LODE_REGION_TEXT];
	uint32_t section = 0;
	uint64_t at = 0;

	move->now.addr = move->unit_->values[move->symbol_];
	if (find_hook(&at, &section, move->unit_, move->symbol_))
		move->function = le64(link->view_ + move->unit_->sections[section].addr + at + HOOK_FUNCTION);
	if (move->function - text->addr < text->size)
		return LODE_OK;
	return refuse(swap, move, lode_nowhere_(LODE_FIELD_SWAP_FUNCTION, move->function, 0), why);
}

/* Only those that other units can name. */
const struct lode_swap_move *lode_swap_moved_at_(const struct lode_swap *swap, uint64_t addr)
{
	const struct lode_swap_move *move = swap->moves_;

	while (move && (move->symbol_ < move->unit_->nlocals || addr - move->before.addr >= max_u64(move->before.size, 1)))
		move = move->next_;
	return move;
}

/* Other units would go on with the old one. */
static int check_uses(struct lode_swap *swap, struct lode_diag *why)
{
	const struct lode_program *program = swap->program;
	const struct lode_swap_host *host = &program->host;

	for (uint64_t i = 0; i < program->index->nuses; i++) {
		struct lode_site site = program->index->uses[i];
		const struct lode_swap_move *move;
		unsigned char bytes[8];

		site.addr += program->bias;
		if (lode_swap_is_old_(swap, site.addr))
			continue;
		if (host->read(host->host, bytes, site.addr, site_width(site.kind)) != 0)
			return lode_refuse_(why, LODE_RULE_SWAP_READ, lode_nowhere_(LODE_FIELD_SWAP_SITE, site.addr, 0));
		move = lode_swap_moved_at_(swap, lode_swap_target_(&site, bytes) - (uint64_t)site.addend);
		if (move)
			return refuse(swap, move, lode_nowhere_(LODE_FIELD_SWAP_SITE, site.addr, 0), why);
	}
	return LODE_OK;
}

int lode_swap_moves_plan_(struct lode_swap *swap, struct lode_diag *why)
{
	int status = LODE_OK;

	for (struct lode_swap_move *move = swap->moves_; move && status == LODE_OK; move = move->next_)
		status = find_function(swap, move, why);
	return status == LODE_OK && swap->moves_ ? check_uses(swap, why) : status;
}

/* What they write is theirs alone until it is referred to: nothing has to be taken back. */
int lode_swap_moves_run_(struct lode_swap *swap, struct lode_diag *why)
{
	const struct lode_swap_host *host = &swap->program->host;

	for (const struct lode_swap_move *move = swap->moves_; move; move = move->next_)
		if (host->migrate(host->host, move) != 0)
			return refuse(swap, move, lode_nowhere_(LODE_FIELD_SWAP_FUNCTION, move->function, 0), why);
	return LODE_OK;
}
