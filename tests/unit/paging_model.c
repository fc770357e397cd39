/* SPDX-License-Identifier: MIT */
/* Random changes of page tables, each format -> a list of stretches, a naive walker and the library agree everywhere; a change that
 * fails, for want of each frame in turn or for anything else, leaves every byte as it was. */
#include "file.h"
#include "frames.h"

enum { OPS = 1200, GIBS = 2, EDGES = 13, WINDOW = EDGES * GIBS + 1, POINTS = 4 * WINDOW };
#define GIB UINT64_C(0x40000000)
#define MIB2 UINT64_C(0x200000)

/** What is mapped from points[i] to points[i + 1]. */
struct stretch {
	bool mapped;
	uint64_t frame;
	uint32_t attr;
};

static struct frames f;
static struct lode_paging paging;
static uint64_t points[POINTS];
static struct stretch model[POINTS];
static uint32_t npoints;
static uint64_t seed;
static uint32_t done[3], wanting;
static int rounds; /* of each format */

/** Page edges at which something may change, in windows of some GiB; a window's end is the next one's begin or a gap. */
static void add_window(uint64_t base)
{
	static const uint64_t in_gib[EDGES] = {0, 0x1000, 0x2000, MIB2 - 0x1000, MIB2, MIB2 + 0x1000, 2 * MIB2, 3 * MIB2 + 0x5000,
		GIB / 2, GIB - 2 * MIB2, GIB - MIB2, GIB - MIB2 + 0x1000, GIB - 0x1000};

	for (uint64_t g = 0; g < GIBS; g++)
		for (size_t i = 0; i < EDGES; i++)
			points[npoints++] = base + g * GIB + in_gib[i];
	points[npoints++] = base + GIBS * GIB;
}

static void make_points(void)
{
	const struct lode_range low = lode_paging_half(&paging, false), high = lode_paging_half(&paging, true);
	const uint64_t size = GIBS * GIB;

	npoints = 0;
	if (low.size) {
		add_window(0);
		add_window(low.size - size);
	}
	if (high.size) {
		add_window(high.addr);
		add_window(0 - size);
	}
	memset(model, 0, sizeof model);
}

/** Two different points of one window: a GiB or two, neighbours, or any. */
static void choose(uint32_t *first, uint32_t *last, int kind)
{
	uint32_t window = (uint32_t)random_below(&seed, npoints / WINDOW) * WINDOW;

	*first = window + (uint32_t)random_below(&seed, WINDOW - 1);
	*last = *first + 1 + (uint32_t)random_below(&seed, random_below(&seed, 3) ? 4 : WINDOW);
	if (kind == 0 && random_below(&seed, 2)) {
		*first = window + (uint32_t)random_below(&seed, GIBS) * EDGES;
		*last = *first + (1 + (uint32_t)random_below(&seed, GIBS)) * EDGES;
	}
	if (*last >= window + WINDOW)
		*last = window + WINDOW - 1;
}

static uint32_t choose_attr(void)
{
	static const uint32_t prots[] = {4, 5, 6, 7, 4, 6, 0};
	uint32_t attr = prots[random_below(&seed, 7)];

	attr |= random_below(&seed, 4) ? 0 : LODE_PAGE_USER;
	attr |= random_below(&seed, 4) ? 0 : LODE_PAGE_GLOBAL;
	return attr | LODE_PAGE_TYPE(random_below(&seed, 3) ? 0 : random_below(&seed, paging.format < LODE_PAGING_SV39 ? 8 : 3));
}

static bool any(uint32_t first, uint32_t last, bool mapped)
{
	while (first < last && model[first].mapped != mapped)
		first++;
	return first < last;
}

/** One address: library, walker and model say the same. */
static bool agree(uint64_t addr, const struct stretch *s, uint64_t frame)
{
	struct walked w = {0};
	struct lode_mapping page = {0};
	bool seen = walk_naively(&w, &f, &paging, addr), said = lode_paging_query(&page, &paging, addr);
	bool present = s->mapped && s->attr & 7;

	if (seen != present || said != s->mapped)
		return false;
	if (!said)
		return true;
	if (page.attr != s->attr || page.frame + (addr - page.addr) != frame || addr - page.addr >= page.size)
		return false;
	return !seen || (w.frame == frame && w.size == page.size && w.r == !!(s->attr & 4) && w.w == !!(s->attr & 2) &&
				w.x == !!(s->attr & 1) && w.user == !!(s->attr & LODE_PAGE_USER) &&
				w.global == !!(s->attr & LODE_PAGE_GLOBAL) && w.type == s->attr >> 8);
}

static bool agree_along(uint32_t i)
{
	const struct stretch *s = &model[i];
	uint64_t size = points[i + 1] - points[i], middle = random_below(&seed, size >> 12) << 12, last = size - 0x1000;

	return agree(points[i], s, s->frame) && agree(points[i] + middle, s, s->frame + middle) &&
		agree(points[i] + last, s, s->frame + last);
}

static void check_everywhere(void)
{
	const struct stretch none = {.mapped = false};

	for (uint32_t i = 0; i < npoints; i++) {
		bool last = (i + 1) % WINDOW == 0, hole = points[i] == lode_paging_half(&paging, false).size || points[i] == 0;

		if (!CHECK(last ? (hole && i > 0) || agree(points[i], &none, 0) : agree_along(i)))
			return;
	}
}

/** Tables that are reachable; none but the top one is empty. */
static uint32_t count_tables(uint64_t table, uint32_t level)
{
	uint32_t n = 1, used = 0;
	bool riscv = paging.format >= LODE_PAGING_SV39;

	for (uint32_t i = 0; i < 512; i++) {
		uint64_t e = walker_entry(&f, table, i);
		bool leaf = level == 0 || (paging.format <= LODE_PAGING_X86_64_5 ? e & 0x80 : riscv ? e & 0xe : !(e & 2));

		used += e != 0;
		if (e & 1 && !leaf)
			n += count_tables(riscv ? (e >> 10) << 12 : e & UINT64_C(0xfffffffff000), level - 1);
	}
	CHECK(used > 0 || table == paging.root);
	return n;
}

static uint32_t levels_of(void)
{
	static const uint32_t levels[FORMATS] = {4, 5, 4, 4, 3, 4, 5};

	return levels[paging.format];
}

struct op {
	int kind; /* 0 map, 1 unmap, 2 protect */
	uint32_t first, last;
	uint64_t frame, max_page;
	uint32_t attr;
};

static int run(const struct op *op, struct lode_diag *why)
{
	const struct lode_range range = {points[op->first], points[op->last] - points[op->first]};
	const struct lode_mapping mapping = {range.addr, op->frame, range.size, op->attr};

	switch (op->kind) {
	case 0: return lode_paging_map(&paging, &mapping, op->max_page, why);
	case 1: return lode_paging_unmap(&paging, &range, why);
	default: return lode_paging_protect(&paging, &range, op->attr, why);
	}
}

static void imagine(const struct op *op)
{
	for (uint32_t i = op->first; i < op->last; i++) {
		if (op->kind == 2)
			model[i].attr = op->attr;
		else
			model[i] = (struct stretch){op->kind == 0, op->frame + (points[i] - points[op->first]), op->attr};
	}
}

/** The page at an address of what was just mapped is the largest that fits. */
static void check_largest(const struct op *op)
{
	uint64_t begin = points[op->first], size = points[op->last] - begin, at = begin + (random_below(&seed, size >> 12) << 12);
	uint64_t most = op->max_page ? op->max_page : paging.format >= LODE_PAGING_SV39 ? UINT64_C(1) << 39 : GIB, want = 0x1000;
	struct lode_mapping page = {0};

	for (uint64_t s = 0x1000; s <= most && s <= size; s <<= 9)
		if (((begin ^ op->frame) & (s - 1)) == 0 && (at & ~(s - 1)) - begin < size && (at | (s - 1)) - begin < size)
			want = s;
	CHECK(lode_paging_query(&page, &paging, at));
	CHECK_EQ(page.size, want);
}

/** The change with every allocation failing in turn, until one goes through; then it succeeds or is refused as the model says. */
static void try_op(const struct op *op)
{
	struct lode_diag why = {.rule = LODE_RULE_NONE};
	enum lode_rule want = LODE_RULE_NONE;
	int status;

	if (op->kind == 0 && any(op->first, op->last, true))
		want = LODE_RULE_PAGE_MAPPED;
	if (op->kind == 2 && any(op->first, op->last, false))
		want = LODE_RULE_PAGE_UNMAPPED;
	frames_remember(&f);
	for (uint32_t fail = 0;; fail++) {
		f.asked = 0;
		f.fail_at = fail;
		status = run(op, &why);
		if (status == LODE_OK || why.rule != LODE_RULE_PAGE_FRAMES)
			break;
		wanting++;
		if (!CHECK(frames_same(&f)))
			return;
		if (f.asked <= fail) /* no more frames at all */
			return;
	}
	f.fail_at = UINT32_MAX;
	if (!CHECK_EQ(status == LODE_OK ? LODE_RULE_NONE : why.rule, want))
		return;
	if (status != LODE_OK) {
		CHECK(frames_same(&f));
		return;
	}
	done[op->kind]++;
	imagine(op);
	if (op->kind == 0)
		check_largest(op);
}

static struct op random_op(void)
{
	static const uint64_t max_pages[] = {0, 0, 0x1000, MIB2, 0x300000, UINT64_C(0x200000000)};
	static const int kinds[] = {0, 0, 0, 1, 1, 2, 2};
	struct op op = {.kind = kinds[random_below(&seed, 7)], .attr = choose_attr()};
	static const uint64_t shifts[] = {0, 0, MIB2, 0x1000, 5 * MIB2 + 0x3000};

	choose(&op.first, &op.last, op.kind);
	op.frame = UINT64_C(0x100000000) + random_below(&seed, 64) * GIB + (points[op.first] & (GIB - 1)) +
		shifts[random_below(&seed, 5)];
	op.max_page = max_pages[random_below(&seed, 6)];
	/* small pages only where there are enough frames for their tables */
	if (points[op.last] - points[op.first] > 16 * MIB2 && op.max_page == 0x1000)
		op.max_page = MIB2;
	if (points[op.last] - points[op.first] > 16 * MIB2 && op.frame & (MIB2 - 1) && op.frame != points[op.first])
		op.frame -= ((op.frame ^ points[op.first]) & (MIB2 - 1));
	if ((op.frame ^ points[op.first]) & 0xfff)
		op.frame = points[op.first] & (GIB - 1);
	return op;
}

static void test_format(enum lode_paging_format format, bool flush)
{
	frames_begin(&f);
	paging = frames_paging(&f, format);
	if (flush)
		paging.flush = frames_flush;
	seed = format * 2 + flush;
	CHECK_EQ(lode_paging_init(&paging, NULL), LODE_OK);
	make_points();
	for (int i = 0; i < rounds; i++) {
		struct op op = random_op();

		try_op(&op);
		if (i % 8 == 0)
			check_everywhere();
		if (i % 64 == 0)
			CHECK_EQ(count_tables(paging.root, levels_of() - 1), f.count);
		if (check_state_.failures) {
			printf("  op %d kind %d [%" PRIx64 ", %" PRIx64 ") frame %" PRIx64 " max %" PRIx64 " attr %x\n", i, op.kind,
				points[op.first], points[op.last], op.frame, op.max_page, op.attr);
			break;
		}
	}
	check_everywhere();
	CHECK_EQ(count_tables(paging.root, levels_of() - 1), f.count);
	CHECK_EQ(lode_paging_release(&paging, NULL), LODE_OK);
	CHECK_EQ(f.count, 0);
	frames_end(&f);
}

int main(void)
{
	rounds = check_rounds(OPS);
	for (int i = 0; i < FORMATS; i++)
		for (int flush = 0; flush < 2; flush++) {
			check_case("%s%s", format_names[i], flush ? ", in use" : "");
			test_format((enum lode_paging_format)i, flush);
		}
	printf("%u mappings, %u unmappings, %u protections, %u times without a frame\n", done[0], done[1], done[2], wanting);
	return check_done();
}
