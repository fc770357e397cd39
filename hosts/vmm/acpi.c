/* SPDX-License-Identifier: MIT */
/* Hardware -> ACPI tables. */
#include "acpi.h"

#include <string.h>

#include "aml.h"
#include "vmm.h"

enum { HEADER = 36, RESET_PORT = 0xcf9, RESET_VALUE = 6 };
enum { MADT_LAPIC = 0, MADT_IOAPIC = 1, MADT_OVERRIDE = 2, MADT_NMI = 4, MADT_X2APIC = 9 };
#define LOCAL_APIC 0xfee00000u
#define IO_APIC 0xfec00000u

/* Tables are written one behind the other; addresses of those that others point at are kept. */
struct tables {
	struct aml out;
	uint64_t addr;
	uint64_t dsdt, facs, entries[4];
	uint32_t nentries;
};

static void put64(struct aml *out, uint64_t value)
{
	lode_aml_dword_(out, (uint32_t)value);
	lode_aml_dword_(out, (uint32_t)(value >> 32));
}

static void put_zeros(struct aml *out, size_t n)
{
	while (n-- > 0)
		lode_aml_byte_(out, 0);
}

static void put_text(struct aml *out, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		lode_aml_byte_(out, (unsigned char)text[i]);
}

static void align_table(struct aml *out)
{
	while (!out->full && out->used % 64 != 0)
		lode_aml_byte_(out, 0);
}

static size_t begin_table(struct tables *t, const char *signature, uint32_t revision)
{
	size_t begun;

	align_table(&t->out);
	begun = t->out.used;
	put_text(&t->out, signature, 4);
	lode_aml_dword_(&t->out, 0);
	lode_aml_byte_(&t->out, revision);
	lode_aml_byte_(&t->out, 0);
	put_text(&t->out, "LODE  ", 6);
	put_text(&t->out, "LODEBOOT", 8);
	lode_aml_dword_(&t->out, 1);
	put_text(&t->out, "LODE", 4);
	lode_aml_dword_(&t->out, 1);
	return begun;
}

static void set_sum(unsigned char *bytes, size_t size, size_t at)
{
	unsigned char sum = 0;

	bytes[at] = 0;
	for (size_t i = 0; i < size; i++)
		sum = (unsigned char)(sum + bytes[i]);
	bytes[at] = (unsigned char)(0u - sum);
}

static uint64_t end_table(struct tables *t, size_t begun)
{
	size_t size = t->out.used - begun;

	if (t->out.full)
		return 0;
	for (int i = 0; i < 4; i++)
		t->out.bytes[begun + 4 + (size_t)i] = (unsigned char)(size >> 8 * i);
	set_sum(t->out.bytes + begun, size, 9);
	return t->addr + begun;
}

static void list_table(struct tables *t, size_t begun)
{
	t->entries[t->nentries++] = end_table(t, begun);
}

static void put_dsdt(struct tables *t, const struct acpi_hardware *hardware)
{
	size_t table = begin_table(t, "DSDT", 2);

	lode_acpi_devices_(&t->out, hardware);
	t->dsdt = end_table(t, table);
}

static void put_facs(struct tables *t)
{
	align_table(&t->out);
	t->facs = t->addr + t->out.used;
	put_text(&t->out, "FACS", 4);
	lode_aml_dword_(&t->out, 64);
	put_zeros(&t->out, 24);
	lode_aml_byte_(&t->out, 2);
	put_zeros(&t->out, 31);
}

/* Generic address structure of ports. */
static void put_ports(struct aml *out, uint16_t port, uint32_t size)
{
	lode_aml_byte_(out, 1);
	lode_aml_byte_(out, size * 8);
	lode_aml_byte_(out, 0);
	lode_aml_byte_(out, size == 1 ? 1 : size == 2 ? 2 : 3);
	put64(out, port);
}

static void put_fadt_legacy(struct aml *out, const struct tables *t, uint16_t pm)
{
	lode_aml_dword_(out, (uint32_t)t->facs);
	lode_aml_dword_(out, (uint32_t)t->dsdt);
	lode_aml_byte_(out, 0);
	lode_aml_byte_(out, 0); /* preferred profile: unspecified */
	lode_aml_word_(out, ACPI_SCI);
	put_zeros(out, 8); /* no SMI command port: ACPI is on */
	lode_aml_dword_(out, pm);
	lode_aml_dword_(out, 0);
	lode_aml_dword_(out, pm + 4u);
	lode_aml_dword_(out, 0);
	lode_aml_dword_(out, 0);
	lode_aml_dword_(out, pm + 8u);
	put_zeros(out, 8); /* no general purpose events */
	lode_aml_byte_(out, 4);
	lode_aml_byte_(out, 2);
	lode_aml_byte_(out, 0);
	lode_aml_byte_(out, 4);
	put_zeros(out, 4);
	lode_aml_word_(out, 0xfff); /* C2 and C3 are not there */
	lode_aml_word_(out, 0xfff);
	put_zeros(out, 4);          /* cache flushing by size: not used with WBINVD */
	put_zeros(out, 4);
	lode_aml_byte_(out, 0x32);  /* CMOS: century */
}

static void put_fadt(struct tables *t, const struct acpi_hardware *hardware)
{
	enum { LEGACY = 1, KEYBOARD = 2, NO_VGA = 4, WBINVD = 1, NO_BUTTONS = 0x30, RESET = 1 << 10 };
	struct aml *out = &t->out;
	size_t table = begin_table(t, "FACP", 6);

	put_fadt_legacy(out, t, hardware->pm_base);
	lode_aml_word_(out, hardware->pci ? LEGACY | KEYBOARD : LEGACY | NO_VGA);
	lode_aml_byte_(out, 0);
	lode_aml_dword_(out, WBINVD | NO_BUTTONS | RESET);
	put_ports(out, RESET_PORT, 1);
	lode_aml_byte_(out, RESET_VALUE);
	lode_aml_word_(out, 0);
	lode_aml_byte_(out, 5);
	put64(out, 0); /* the 32-bit field has it, and only one may */
	put64(out, t->dsdt);
	put_ports(out, hardware->pm_base, 4);
	put_zeros(out, 12);
	put_ports(out, (uint16_t)(hardware->pm_base + 4), 2);
	put_zeros(out, 12);
	put_zeros(out, 12);
	put_ports(out, (uint16_t)(hardware->pm_base + 8), 4);
	put_zeros(out, 24);
	put_zeros(out, 24); /* sleep registers of machines without the above */
	put_zeros(out, 8);
	list_table(t, table);
}

static void put_processor(struct aml *out, uint32_t uid, uint32_t apic_id)
{
	if (apic_id < 255 && uid < 255) {
		lode_aml_byte_(out, MADT_LAPIC);
		lode_aml_byte_(out, 8);
		lode_aml_byte_(out, uid);
		lode_aml_byte_(out, apic_id);
		lode_aml_dword_(out, 1);
		return;
	}
	lode_aml_byte_(out, MADT_X2APIC);
	lode_aml_byte_(out, 16);
	lode_aml_word_(out, 0);
	lode_aml_dword_(out, apic_id);
	lode_aml_dword_(out, 1);
	lode_aml_dword_(out, uid);
}

static void put_override(struct aml *out, uint32_t irq, uint32_t gsi, uint32_t flags)
{
	lode_aml_byte_(out, MADT_OVERRIDE);
	lode_aml_byte_(out, 10);
	lode_aml_byte_(out, 0);
	lode_aml_byte_(out, irq);
	lode_aml_dword_(out, gsi);
	lode_aml_word_(out, flags);
}

static void put_madt(struct tables *t, const struct acpi_hardware *hardware)
{
	enum { PC_AT = 1, LEVEL_HIGH = 0xd, EVERY = 0xff };
	struct aml *out = &t->out;
	size_t table = begin_table(t, "APIC", 5);

	lode_aml_dword_(out, LOCAL_APIC);
	lode_aml_dword_(out, PC_AT);
	for (uint32_t i = 0; i < hardware->ncpus; i++)
		put_processor(out, i, hardware->apic_ids[i]);
	lode_aml_byte_(out, MADT_IOAPIC);
	lode_aml_byte_(out, 12);
	lode_aml_word_(out, 0);
	lode_aml_dword_(out, IO_APIC);
	lode_aml_dword_(out, 0);
	if (hardware->timer_gsi != 0)
		put_override(out, 0, hardware->timer_gsi, 0);
	put_override(out, ACPI_SCI, ACPI_SCI, LEVEL_HIGH);
	lode_aml_byte_(out, MADT_NMI);
	lode_aml_byte_(out, 6);
	lode_aml_byte_(out, EVERY);
	lode_aml_word_(out, 0);
	lode_aml_byte_(out, 1);
	list_table(t, table);
}

static void put_mcfg(struct tables *t)
{
	size_t table = begin_table(t, "MCFG", 1);

	put_zeros(&t->out, 8);
	put64(&t->out, VMM_PCI_CONFIG);
	lode_aml_word_(&t->out, 0);
	lode_aml_byte_(&t->out, 0);
	lode_aml_byte_(&t->out, 255);
	lode_aml_dword_(&t->out, 0);
	list_table(t, table);
}

static uint64_t put_root(struct tables *t, bool wide)
{
	size_t table = begin_table(t, wide ? "XSDT" : "RSDT", 1);

	for (uint32_t i = 0; i < t->nentries; i++)
		wide ? put64(&t->out, t->entries[i]) : lode_aml_dword_(&t->out, (uint32_t)t->entries[i]);
	return end_table(t, table);
}

static void put_rsdp(unsigned char *bytes, uint64_t rsdt, uint64_t xsdt)
{
	struct aml out = {.bytes = bytes, .size = ACPI_RSDP_SIZE};

	put_text(&out, "RSD PTR ", 8);
	lode_aml_byte_(&out, 0);
	put_text(&out, "LODE  ", 6);
	lode_aml_byte_(&out, 2);
	lode_aml_dword_(&out, (uint32_t)rsdt);
	lode_aml_dword_(&out, ACPI_RSDP_SIZE);
	put64(&out, xsdt);
	lode_aml_dword_(&out, 0);
	set_sum(bytes, 20, 8);
	set_sum(bytes, ACPI_RSDP_SIZE, 32);
}

size_t lode_acpi_build_(unsigned char *bytes, size_t size, uint64_t addr, const struct acpi_hardware *hardware)
{
	struct tables t = {.out = {.bytes = bytes, .size = size}, .addr = addr};
	uint64_t rsdt, xsdt;

	put_zeros(&t.out, ACPI_RSDP_SIZE);
	put_dsdt(&t, hardware);
	put_facs(&t);
	put_fadt(&t, hardware);
	put_madt(&t, hardware);
	if (hardware->pci)
		put_mcfg(&t);
	rsdt = put_root(&t, false);
	xsdt = put_root(&t, true);
	if (t.out.full)
		return 0;
	put_rsdp(bytes, rsdt, xsdt);
	return t.out.used;
}
