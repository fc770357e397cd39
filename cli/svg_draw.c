/* SPDX-License-Identifier: MIT */
/* A layout of file parts and memory bands -> SVG text. */
#include "svg.h"
#include <inttypes.h>
#include <string.h>

enum { WIDTH = 1120, FILE_X = 120, FILE_W = 150, MEMORY_X = 480, MEMORY_W = 200 };
enum { LABEL_X = MEMORY_X + MEMORY_W + 34, LABEL = 17, BAR_H = 22 };

static void put_xml(const struct svg *svg, const char *safe)
{
	for (const char *at = safe; *at; at++) {
		if (*at == '&')
			fputs("&amp;", svg->out);
		else if (*at == '<')
			fputs("&lt;", svg->out);
		else if (*at == '>')
			fputs("&gt;", svg->out);
		else
			putc(*at, svg->out);
	}
}

/* Text of any bytes as XML character data. */
static void put_text(const struct svg *svg, const char *text)
{
	char safe[4 * NAME_PIECE + 1];

	for (size_t left = strlen(text), piece; left > 0; left -= piece, text += piece) {
		piece = name_piece(text, left);
		escape_bytes(safe, sizeof safe, text, piece);
		put_xml(svg, safe);
	}
}

static const char *prot_class(uint32_t prot)
{
	bool w = prot & LODE_PF_W, x = prot & LODE_PF_X;

	return w && x ? "wx" : x ? "x" : w ? "w" : prot & LODE_PF_R ? "r" : "n";
}

static void put_style(const struct svg *svg)
{
	fputs("<style>\n"
		"text{font-family:ui-sans-serif,system-ui,'DejaVu Sans',sans-serif;font-size:13px;fill:#1f2328}\n"
		".mono{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:12px}\n"
		".title{font-size:21px;font-weight:600}.head{font-weight:600}.dim{fill:#656d76}\n"
		".end{text-anchor:end}.mid{text-anchor:middle}\n"
		".bg{fill:#fff}.frame{fill:none;stroke:#8c959f;stroke-width:1}.gap{fill:none;stroke:#8c959f;stroke-dasharray:3 4}\n"
		".rest{fill:#e7eaee}.idle{fill:#d0d7de}.r{fill:#4f83e3}.x{fill:#2f9e64}.w{fill:#e09b20}.wx{fill:#d1453b}.n{fill:#"
		"8c959f}\n"
		".ribbon{opacity:.2}.zero{opacity:.28}.hatch{stroke:#fff;stroke-width:2.5}.lead{fill:none;stroke:#8c959f;stroke-"
		"width:1}\n"
		".b0{fill:#17768a}.b1{fill:#b07aa1}.b2{fill:#76b7b2}.b3{fill:#9c755f}.b4{fill:#ff9da7}.b5{fill:#7f8fa6}\n"
		".entry{fill:#14804a}.relro{fill:#2f5fc4}.tls{fill:#8a3ffc}.warn{fill:#cf222e}.file{fill:#656d76}\n"
		"@media (prefers-color-scheme:dark){text{fill:#e6edf3}.bg{fill:#0d1117}.dim,.file{fill:#9198a1}.rest{fill:#2a313a}"
		".idle{fill:#3d444d}.hatch{stroke:#0d1117}\n"
		".entry{fill:#4cc38a}.relro{fill:#79a7ff}.tls{fill:#be95ff}.warn{fill:#ff7b72}}\n"
		"</style>\n"
		"<defs><pattern id=\"hatch\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" "
		"patternTransform=\"rotate(45)\">"
		"<line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"7\"/></pattern></defs>\n",
		svg->out);
}

static void put_title(const struct svg *svg)
{
	const struct show *show = svg->show;
	const struct lode_image *image = &show->file.image;
	const char *machine = machine_name(image->machine);
	size_t letters = escape_bytes(NULL, 0, show->file.input.name, strlen(show->file.input.name));
	char size[24], span[64];

	fputs("<title>", svg->out);
	put_text(svg, show->file.input.name);
	fputs(" in memory</title>\n<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n", svg->out);
	/* Long paths in smaller letters, so that they end before the picture does. */
	fprintf(svg->out, "<text class=\"title\" x=\"24\" y=\"40\" style=\"font-size:%zupx\">",
		letters <= 75    ? 21
		: letters >= 175 ? 9
			: 21 * 75 / letters);
	put_text(svg, show->file.input.name);
	fprintf(svg->out, "</text>\n<text class=\"dim\" x=\"24\" y=\"63\">%s, ELF%d %s, %s", show->kind.words,
		image->class_ == LODE_CLASS64 ? 64 : 32, machine ? machine : "of another machine",
		show_size(size, image->source->size));
	if (show->file.input.peeled[0] != '\0') {
		fputs(", out of a ", svg->out);
		put_text(svg, show->file.input.peeled);
	}
	fprintf(svg->out,
		"</text>\n<text class=\"head mid\" x=\"%d\" y=\"98\">file</text>\n<text class=\"head mid\" x=\"%d\" "
		"y=\"98\">memory of a %s</text>\n"
		"<text class=\"dim\" x=\"%d\" y=\"98\">%s, %" PRIu64 " KiB pages</text>\n",
		FILE_X + FILE_W / 2, MEMORY_X + MEMORY_W / 2, show->policy.use == LODE_USE_KERNEL ? "kernel" : "process", LABEL_X,
		picture_extent(span, show), show->policy.page_size >> 10);
}

/* Where columns of the picture stand. */
static const struct column {
	double x, width;
} file_column = {FILE_X, FILE_W}, memory_column = {MEMORY_X, MEMORY_W}, mark_column = {MEMORY_X + MEMORY_W + 1, 6};

static void put_rect(const struct svg *svg, const char *class_, struct column column, double y, double height)
{
	fprintf(svg->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>", class_, column.x, y,
		column.width, height);
}

/* Height of a piece: never so thin that it vanishes. */
static double piece_height(const struct svg *svg, const struct svg_piece *piece)
{
	const struct band *band = &svg->bands[piece->band];
	double height = svg_band_height(svg, piece->band) * ((double)piece->size / (double)band->size);

	return height < 1.5 ? 1.5 : height;
}

static void put_ribbon(const struct svg *svg, const struct svg_part *part)
{
	const struct svg_piece *piece = &svg->pieces[part->piece];
	double left = FILE_X + FILE_W, right = MEMORY_X, middle = (left + right) / 2;
	double top = svg_y(svg, piece->band, piece->addr), bottom = top + piece_height(svg, piece), end = part->y + part->height;

	fprintf(svg->out,
		"<path class=\"%s ribbon\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1fL%.1f %.1fC%.1f %.1f %.1f %.1f %.1f "
		"%.1fZ\"/>\n",
		prot_class(svg->bands[piece->band].run->prot), left, part->y, middle, part->y, middle, top, right, top, right,
		bottom, middle, bottom, middle, end, left, end);
}

static void put_part(const struct svg *svg, const struct svg_part *part)
{
	const char *class_ = part->loaded ? prot_class(svg->bands[svg->pieces[part->piece].band].run->prot) : "idle";
	char size[24];

	put_rect(svg, class_, file_column, part->y, part->height);
	if (part->height < 13) {
		putc('\n', svg->out);
		return;
	}
	fprintf(svg->out, "<text class=\"mono dim end\" x=\"%d\" y=\"%.1f\">0x%" PRIx64 "</text>", FILE_X - 8, part->y + 11,
		part->offset);
	fprintf(svg->out, "<text class=\"mid%s\" x=\"%d\" y=\"%.1f\"%s>%s%s</text>\n", part->loaded ? "" : " dim",
		FILE_X + FILE_W / 2, part->y + part->height / 2 + 4.5, part->loaded ? " style=\"fill:#fff\"" : "",
		show_size(size, part->size), part->loaded ? "" : " not loaded");
}

static void put_piece(const struct svg *svg, const struct svg_piece *piece)
{
	const char *class_ = prot_class(svg->bands[piece->band].run->prot);
	double y = svg_y(svg, piece->band, piece->addr), height = piece_height(svg, piece);
	char zero[16];

	if (!piece->zero) {
		put_rect(svg, class_, memory_column, y, height);
		return;
	}
	snprintf(zero, sizeof zero, "%s zero", class_);
	put_rect(svg, zero, memory_column, y, height);
	fprintf(svg->out, "<rect fill=\"url(#hatch)\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>", MEMORY_X, y, MEMORY_W,
		height);
}

static const char *mark_class(enum band_mark mark)
{
	static const char *const classes[] = {
		[MARK_FIRST] = "head",
		[MARK_FILE] = "file",
		[MARK_SECTIONS] = "mono",
		[MARK_ENTRY] = "entry",
		[MARK_RELRO] = "relro",
		[MARK_TLS] = "tls",
		[MARK_OTHER] = "file",
		[MARK_WARN] = "warn",
	};

	return classes[mark];
}

/* A bar along the band's edge for ranges inside it: RELRO, the TLS template. */
static void put_extent(const struct svg *svg, uint32_t i, const char *class_, uint64_t addr, uint64_t size)
{
	const struct band *band = &svg->bands[i];
	double top = svg_y(svg, i, addr), bottom = svg->tops[i] + svg_band_height(svg, i);

	if (size < band->size - (addr - band->addr))
		bottom = svg_y(svg, i, addr + size);
	put_rect(svg, class_, mark_column, top, bottom - top < 2 ? 2 : bottom - top);
}

static void put_labels(const struct svg *svg, uint32_t i)
{
	const struct band *band = &svg->bands[i];
	double right = MEMORY_X + MEMORY_W;

	for (uint32_t k = 0; k < band->nlabels; k++) {
		double text = svg->tops[i] + 16 + k * (double)LABEL, place = svg_y(svg, i, band->labels[k].addr);
		enum band_mark mark = band->labels[k].mark;

		if (mark == MARK_ENTRY || mark == MARK_RELRO || mark == MARK_TLS || mark == MARK_WARN) {
			fprintf(svg->out, "<path class=\"lead\" d=\"M%.1f %.1fL%.1f %.1fL%d %.1f\"/>", right + 8, place, right + 20,
				text - 4, LABEL_X - 6, text - 4);
			if (mark == MARK_RELRO)
				put_extent(svg, i, "relro", svg->show->plan.relro.addr, svg->show->plan.relro.size);
			else if (mark == MARK_TLS)
				put_extent(svg, i, "tls", svg->show->plan.tls.addr, svg->show->plan.tls.mem_size);
			else
				fprintf(svg->out, "<path class=\"%s\" d=\"M%.1f %.1fl9 -5v10z\"/>", mark_class(mark), right + 1,
					place);
		}
		fprintf(svg->out, "<text class=\"%s\" x=\"%d\" y=\"%.1f\">", mark_class(mark), LABEL_X, text);
		put_text(svg, band->labels[k].text);
		fputs("</text>\n", svg->out);
	}
}

static void put_tooltip(const struct svg *svg, uint32_t i)
{
	const struct band *band = &svg->bands[i];

	fprintf(svg->out,
		"<rect fill=\"transparent\" x=\"%d\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"><title>0x%" PRIx64 " to 0x%" PRIx64
		"\n",
		MEMORY_X, svg->tops[i], MEMORY_W, svg_band_height(svg, i), band->addr, band->addr + band->size);
	for (uint32_t k = 0; k < band->nlabels; k++) {
		put_text(svg, band->labels[k].text);
		putc('\n', svg->out);
	}
	fputs("</title></rect>\n", svg->out);
}

static void put_address(const struct svg *svg, double y, uint64_t addr)
{
	fprintf(svg->out, "<text class=\"mono end\" x=\"%d\" y=\"%.1f\">0x%" PRIx64 "</text>\n", MEMORY_X - 8, y, addr);
}

static void put_band(const struct svg *svg, uint32_t i)
{
	const struct band *band = &svg->bands[i];
	double top = svg->tops[i], height = svg_band_height(svg, i);
	char size[24];

	if (band->gap) {
		put_rect(svg, "gap", memory_column, top, height);
		fprintf(svg->out, "<text class=\"dim mid\" x=\"%d\" y=\"%.1f\">gap of %s</text>\n", MEMORY_X + MEMORY_W / 2,
			top + height / 2 + 4.5, show_size(size, band->size));
		put_address(svg, top + 12, band->addr);
		return;
	}
	put_rect(svg, "rest", memory_column, top, height);
	for (uint32_t k = 0; k < svg->npieces; k++)
		if (svg->pieces[k].band == i)
			put_piece(svg, &svg->pieces[k]);
	put_rect(svg, "frame", memory_column, top, height);
	putc('\n', svg->out);
	put_address(svg, top + 12, band->addr);
	put_labels(svg, i);
	put_tooltip(svg, i);
}

struct share {
	const char *class_, *name;
	uint64_t bytes;
};

/* A bar of shares, and its legend below. Its colours are none of those that tell permissions. */
static double put_bar(const struct svg *svg, double y, const char *title, const struct share *shares, size_t n)
{
	double x = 24, left = 24, width = WIDTH - 48, whole = 0;
	char size[24];

	for (size_t i = 0; i < n; i++)
		whole += (double)shares[i].bytes;
	fprintf(svg->out, "<text class=\"head\" x=\"24\" y=\"%.1f\">%s</text>\n", y, title);
	y += 10;
	for (size_t i = 0; i < n && whole > 0; i++) {
		double w = width * (double)shares[i].bytes / whole;

		if (shares[i].bytes == 0)
			continue;
		fprintf(svg->out, "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>", shares[i].class_, x, y,
			w < 1.5 ? 1.5 : w, BAR_H);
		x += w;
	}
	y += BAR_H + 18;
	for (size_t i = 0; i < n; i++) {
		double wide = 34 + 7.2 * (double)(strlen(shares[i].name) + 10);

		if (shares[i].bytes == 0)
			continue;
		if (left + wide > (double)WIDTH) {
			left = 24;
			y += 20;
		}
		fprintf(svg->out,
			"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\"/><text x=\"%.1f\" y=\"%.1f\">%s, "
			"%s</text>\n",
			shares[i].class_, left, y - 11, left + 18, y, shares[i].name, show_size(size, shares[i].bytes));
		left += wide;
	}
	return y + 36;
}

static double put_bars(const struct svg *svg, double y)
{
	static const char *const classes[BYTES_KINDS] = {"b0", "b1", "b2", "b3", "b4", "b5", "rest"};
	const struct show_sizes *sizes = &svg->show->sizes;
	struct share file[BYTES_KINDS];
	const struct share memory[] = {
		{"b0", "shared with the page cache", sizes->shared}, {"b1", "page cache until written", sizes->copied},
		{"b2", "private, from the file", sizes->own}, {"b3", "private zeros", sizes->zero},
	};

	for (size_t i = 0; i < BYTES_KINDS; i++)
		file[i] = (struct share){classes[i], show_bytes_names[i], sizes->file[i]};
	y = put_bar(svg, y, "Where the file's bytes go", file, BYTES_KINDS);
	return put_bar(svg, y, "What the memory costs", memory, sizeof memory / sizeof *memory);
}

static void put_legend(const struct svg *svg, double y)
{
	static const struct {
		const char *class_, *name;
	} colours[] = {{"r", "read"}, {"x", "execute"}, {"w", "write"}, {"wx", "write and execute"}, {"rest", "rest of a page"}};
	double x = 24;

	for (size_t i = 0; i < sizeof colours / sizeof *colours; i++) {
		fprintf(svg->out,
			"<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\"/><text class=\"dim\" x=\"%.1f\" "
			"y=\"%.1f\">%s</text>",
			colours[i].class_, x, y - 11, x + 18, y, colours[i].name);
		x += 46 + 7.2 * (double)strlen(colours[i].name);
	}
	fprintf(svg->out,
		"<rect class=\"w zero\" x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\"/><rect fill=\"url(#hatch)\" x=\"%.1f\" "
		"y=\"%.1f\" width=\"12\" height=\"12\"/>"
		"<text class=\"dim\" x=\"%.1f\" y=\"%.1f\">zeros</text>\n",
		x, y - 11, x, y - 11, x + 18, y);
}

/* Lines of the legends below the picture are known only once they are drawn; this is their most. */
static const double BELOW = 262;

void svg_draw(const struct svg *svg)
{
	double y = svg->bottom + 52;

	fprintf(svg->out,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 %d %.0f\" width=\"%d\" height=\"%.0f\">\n",
		WIDTH, svg->bottom + BELOW, WIDTH, svg->bottom + BELOW);
	put_style(svg);
	put_title(svg);
	for (uint32_t i = 0; i < svg->nparts; i++)
		if (svg->parts[i].loaded)
			put_ribbon(svg, &svg->parts[i]);
	for (uint32_t i = 0; i < svg->nparts; i++)
		put_part(svg, &svg->parts[i]);
	for (uint32_t i = 0; i < svg->nbands; i++)
		put_band(svg, i);
	if (svg->nbands > 0)
		put_address(svg, svg->tops[svg->nbands - 1] + svg_band_height(svg, svg->nbands - 1) + 14,
			svg->show->plan.span.addr + svg->show->plan.span.size);
	fprintf(svg->out, "<text class=\"mono dim end\" x=\"%d\" y=\"%.1f\">0x%" PRIx64 "</text>\n", FILE_X - 8,
		svg->file_bottom + 12, svg->show->file.image.source->size);
	y = put_bars(svg, y);
	put_legend(svg, y - 4);
	fputs("</svg>\n", svg->out);
}
