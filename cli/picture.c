/* SPDX-License-Identifier: MIT */
/* Bands of memory -> their picture in the terminal. */
#include "show.h"
#include <inttypes.h>
#include <string.h>

enum { BANDS_MOST = 48, ROWS_MOST = 8 };

/* Characters of the picture. */
struct glyphs {
	const char *cells[4], *left, *top, *between, *bottom, *gap, *line;
};
static const struct glyphs unicode = {{"█", "░", "▒", "▓"}, "│", "┌┐", "├┤", "└┘", "┊", "─"};
static const struct glyphs ascii = {{"#", ".", "+", "%"}, "|", "++", "++", "++", ":", "-"};

struct canvas {
	const struct show *show;
	const struct glyphs *glyphs;
	int digits, columns;
};

static const char *mark_sgr(const struct show *show, enum band_mark mark)
{
	static const char *const codes[] = {
		[MARK_FIRST] = "",
		[MARK_FILE] = "\033[2m",
		[MARK_SECTIONS] = "",
		[MARK_ENTRY] = "\033[1;32m",
		[MARK_RELRO] = "\033[36m",
		[MARK_TLS] = "\033[35m",
		[MARK_OTHER] = "\033[2m",
		[MARK_WARN] = "\033[1;31m",
	};

	return show_sgr(show, codes[mark]);
}

/* The words that fit into the rest of the line; text is escaped already and may hold characters of several bytes. */
static void put_text(const struct canvas *canvas, const char *text)
{
	int room = canvas->show->width - canvas->digits - canvas->columns - 9, column = 0;
	const char *at = text, *end = NULL;

	for (; *at && column < room; column++) {
		if (*at == ' ')
			end = at;
		do
			at++;
		while (((unsigned char)*at & 0xc0) == 0x80);
	}
	/* A word that is longer than the line is cut. */
	if (!*at || *at == ' ' || !end)
		end = at;
	printf("%.*s", (int)(end - text), text);
}

/* Coloured by sgr, which is "" for none. */
static void put_label(const struct canvas *canvas, const char *sgr, const char *text)
{
	fputs(sgr, stdout);
	put_text(canvas, text);
	if (*sgr)
		fputs(show_sgr(canvas->show, "\033[0m"), stdout);
}

static void put_line(const struct canvas *canvas, const char *ends)
{
	size_t half = strlen(ends) / 2;

	printf("  %*s %s%.*s", canvas->digits + 2, "", show_sgr(canvas->show, "\033[2m"), (int)half, ends);
	for (int i = 0; i < canvas->columns; i++)
		fputs(canvas->glyphs->line, stdout);
	printf("%s%s\n", ends + half, show_sgr(canvas->show, "\033[0m"));
}

static void put_cells(const struct canvas *canvas, const struct band *band, uint64_t begin, uint64_t end)
{
	const char *before = "";
	uint64_t size = end - begin;
	uint64_t columns = (uint64_t)canvas->columns;

	for (uint64_t i = 0; i < columns; i++) {
		/* size * i cannot wrap below 2^58; beyond it the picture is that coarse that the order of the two does not matter.
		 * */
		uint64_t from = begin + (size >> 58 ? size / columns * i : size * i / columns);
		uint64_t to = begin + (size >> 58 ? size / columns * (i + 1) : size * (i + 1) / columns);
		enum cell cell = picture_cell(band, canvas->show, from, to > from ? to - from : 1);
		const char *sgr = cell == CELL_REST ? show_sgr(canvas->show, "\033[90m") :
			show_prot_sgr(canvas->show, cell == CELL_RELRO ? (uint32_t)LODE_PF_R : band->run->prot);

		if (sgr != before && strcmp(sgr, before) != 0)
			fputs(sgr, stdout);
		before = sgr;
		fputs(canvas->glyphs->cells[cell], stdout);
	}
	fputs(show_sgr(canvas->show, "\033[0m"), stdout);
}

/* Taller the larger it is, by powers of four pages, and as tall as its labels. */
static unsigned rows_of(const struct band *band, const struct show *show)
{
	uint64_t pages = band->size / show->policy.page_size;
	unsigned rows = 1;

	while (pages > 4 && rows < ROWS_MOST) {
		pages >>= 2;
		rows++;
	}
	return rows > band->nlabels ? rows : band->nlabels;
}

static void put_band(const struct canvas *canvas, const struct band *band)
{
	const struct show *show = canvas->show;
	const char *edge = canvas->glyphs->left, *dim = show_sgr(show, "\033[2m"), *off = show_sgr(show, "\033[0m");
	unsigned rows = rows_of(band, show);
	uint64_t step = band->size / rows;

	for (unsigned row = 0; row < rows; row++) {
		uint64_t begin = band->addr + step * row, end = row + 1 == rows ? band->addr + band->size : begin + step;

		if (row == 0)
			printf("  0x%0*" PRIx64 " ", canvas->digits, band->addr);
		else
			printf("  %*s ", canvas->digits + 2, "");
		printf("%s%s%s", dim, edge, off);
		put_cells(canvas, band, begin, end);
		printf("%s%s%s", dim, edge, off);
		if (row < band->nlabels) {
			putchar(' ');
			put_label(canvas, row == 0 ? show_prot_sgr(show, band->run->prot) :
				mark_sgr(show, band->labels[row].mark), band->labels[row].text);
		}
		putchar('\n');
	}
}

static void put_gap(const struct canvas *canvas, const struct band *band)
{
	const char *edge = canvas->glyphs->gap, *dim = show_sgr(canvas->show, "\033[2m"), *off = show_sgr(canvas->show, "\033[0m");

	printf("  0x%0*" PRIx64 " %s%s%*s%s %s%s\n", canvas->digits, band->addr, dim, edge, canvas->columns, "", edge,
		band->labels[0].text, off);
}

static void put_legend(const struct canvas *canvas)
{
	const struct glyphs *g = canvas->glyphs;
	int indent = canvas->digits + 5;
	char text[160];
	size_t used = (size_t)snprintf(text, sizeof text, "%s file  %s zeros  %s rest of a page", g->cells[CELL_FILE],
		g->cells[CELL_ZERO], g->cells[CELL_REST]);

	if (canvas->show->plan.relro.size > 0)
		snprintf(text + used, sizeof text - used, "  %s read-only once relocated", g->cells[CELL_RELRO]);
	printf("%*s", indent, "");
	put_wrapped(text, canvas->show->width, (size_t)indent, (size_t)indent);
	putchar('\n');
}

static int hex_digits(uint64_t value)
{
	int digits = 1;

	while (value >>= 4)
		digits++;
	return digits;
}

static void put_bands(const struct canvas *canvas)
{
	struct band band;
	uint32_t next = 0, drawn = 0;
	bool after_gap = true;

	while (picture_next_band(&band, canvas->show, &next)) {
		if (drawn++ == BANDS_MOST) {
			put_line(canvas, canvas->glyphs->between);
			printf("  %*s ... %u runs in all; see --plan\n", canvas->digits + 2, "", canvas->show->plan.nruns);
			return;
		}
		if (band.gap) {
			put_line(canvas, canvas->glyphs->bottom);
			put_gap(canvas, &band);
		} else {
			put_line(canvas, after_gap ? canvas->glyphs->top : canvas->glyphs->between);
			put_band(canvas, &band);
		}
		after_gap = band.gap;
	}
	put_line(canvas, canvas->glyphs->bottom);
}

void picture_print(const struct show *show)
{
	const struct lode_plan *plan = &show->plan;
	struct canvas canvas = {.show = show, .glyphs = show->ascii ? &ascii : &unicode};
	uint64_t end = plan->span.addr + plan->span.size;
	char size[64];

	canvas.digits = hex_digits(end - 1);
	if (canvas.digits < 6)
		canvas.digits = 6;
	canvas.columns = canvas.digits > 12 ? 16 : 24;
	show_head(show, "Memory of a %s: %s%s, %" PRIu64 " KiB pages, %s from 0x%" PRIx64 " to 0x%" PRIx64,
		show->policy.use == LODE_USE_KERNEL ? "kernel" : "process",
		show->policy.domain == LODE_PHYSICAL ? "physical addresses, " : "", picture_extent(size, show),
		show->policy.page_size >> 10,
		show->file.image.type == LODE_ET_DYN && !show->wishes.base_given ? "as linked," : "addresses", plan->span.addr,
		end);
	put_bands(&canvas);
	printf("  0x%0*" PRIx64 " end\n", canvas.digits, end);
	put_legend(&canvas);
}
