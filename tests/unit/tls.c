/* SPDX-License-Identifier: MIT */
/* lode_tls_layout: the offsets that the linker wrote into code are the ones that it gives. */
#include "file.h"

static const struct vector {
	uint16_t machine;
	uint64_t vaddr, filesz, memsz, align, symbol;
	int64_t offset;
} vectors[] = {
#define TLS_VECTOR(machine, vaddr, filesz, memsz, align, symbol, offset) {machine, vaddr, filesz, memsz, align, symbol, offset},
#include "tls_vectors.h"
};

/** The template as linked, or moved by a bias that is no multiple of its alignment. */
static struct lode_tls tls_of(const struct vector *v, uint64_t bias)
{
	return (struct lode_tls){
		.addr = v->vaddr + bias, .bias = bias, .file_size = v->filesz, .mem_size = v->memsz, .align = v->align};
}

static bool below(uint16_t machine)
{
	return machine == LODE_EM_X86_64 || machine == LODE_EM_386;
}

static void test_linker(void)
{
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		static const uint64_t biases[] = {0, 1, 0x1008, 0x540000, UINT64_C(0) - 0x7fff3000};
		const struct vector *v = &vectors[i];

		if (i == 0 || v->machine != vectors[i - 1].machine)
			check_case("offsets of the linker for machine %u", v->machine);
		for (size_t b = 0; b < sizeof biases / sizeof biases[0]; b++) {
			const struct lode_tls tls = tls_of(v, biases[b]);
			struct lode_tls_layout layout;

			CHECK_EQ(lode_tls_layout(&layout, &tls, v->machine, NULL), LODE_OK);
			CHECK_EQ(layout.offset + v->symbol, v->offset);
			CHECK_EQ(layout.align, v->align);
			CHECK_EQ(layout.size, below(v->machine) ? 0 - layout.offset : layout.offset + v->memsz);
			/* a thread pointer aligned as wished puts the block congruent to its address in the image */
			CHECK_EQ((layout.offset - v->vaddr) % v->align, 0);
		}
	}
}

/** Templates that do not begin at a multiple of their alignment: still congruent, outside the thread control block, and no
 * further than needed. */
static void test_skewed(void)
{
	static const uint16_t machines[] = {LODE_EM_X86_64, LODE_EM_386, LODE_EM_AARCH64, LODE_EM_RISCV};

	for (unsigned m = 0; m < 4; m++)
		for (uint64_t align = 1; align <= 256; align *= 2)
			for (uint64_t addr = 0x1000; addr < 0x1000 + align; addr++)
				for (uint64_t size = 0; size < 40; size += 13) {
					const struct lode_tls tls = {.addr = addr, .mem_size = size, .align = align};
					struct lode_tls_layout layout;
					uint64_t least = machines[m] == LODE_EM_AARCH64 ? 16 : 0;

					CHECK_EQ(lode_tls_layout(&layout, &tls, machines[m], NULL), LODE_OK);
					CHECK_EQ((layout.offset - addr) % align, 0);
					if (below(machines[m]))
						CHECK(layout.size >= size && layout.size < size + align);
					else
						CHECK(layout.offset >= least && layout.offset < least + align);
				}
}

static void test_refused(void)
{
	const uint64_t limit = UINT64_C(1) << 62;
	struct lode_tls tls = {.align = 1};
	struct lode_tls_layout layout;
	struct lode_diag why;

	CHECK_EQ(lode_tls_layout(&layout, &tls, LODE_EM_S390, &why), LODE_ERR_UNSUPPORTED);
	CHECK_WHY(why, "machine-unsupported", LODE_FIELD_EHDR_MACHINE, LODE_NO_INDEX, LODE_EM_S390, 0, LODE_NO_OFFSET);
	tls.mem_size = limit;
	CHECK_EQ(lode_tls_layout(&layout, &tls, LODE_EM_X86_64, &why), LODE_OK);
	tls.mem_size++;
	CHECK_EQ(lode_tls_layout(&layout, &tls, LODE_EM_X86_64, &why), LODE_ERR_MALFORMED);
	CHECK_WHY(why, "tls-too-large", LODE_FIELD_PHDR_MEMSZ, LODE_NO_INDEX, limit + 1, limit, LODE_NO_OFFSET);
	tls.mem_size = 0;
	tls.align = limit;
	CHECK_EQ(lode_tls_layout(&layout, &tls, LODE_EM_AARCH64, &why), LODE_OK);
	tls.align = limit * 2;
	CHECK_EQ(lode_tls_layout(&layout, &tls, LODE_EM_AARCH64, &why), LODE_ERR_MALFORMED);
	tls.align = 0;
	CHECK_EQ(lode_tls_layout(&layout, &tls, LODE_EM_RISCV, &why), LODE_ERR_MALFORMED);
	tls.align = 24;
	CHECK_EQ(lode_tls_layout(&layout, &tls, LODE_EM_386, &why), LODE_ERR_MALFORMED);
	CHECK_WHY(why, "tls-too-large", LODE_FIELD_PHDR_ALIGN, LODE_NO_INDEX, 24, limit, LODE_NO_OFFSET);
}

int main(void)
{
	test_linker();
	CASE(test_skewed);
	CASE(test_refused);
	return check_done();
}
