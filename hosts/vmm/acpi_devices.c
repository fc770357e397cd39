/* SPDX-License-Identifier: MIT */
/* Hardware -> what the DSDT says of it, as AML: devices with their resources, and how the machine is switched off. */
#include "acpi.h"

#include <stdio.h>

#include "aml.h"
#include "vmm.h"

static void put_serial(struct aml *out)
{
	size_t device = lode_aml_device_(out, "COM1");
	struct aml_resources crs;

	lode_aml_name_eisa_(out, "_HID", "PNP0501");
	lode_aml_name_number_(out, "_UID", 1);
	crs = lode_aml_crs_(out);
	lode_aml_io_(out, 0x3f8, 8);
	lode_aml_irq_(out, 4);
	lode_aml_crs_end_(out, &crs);
	lode_aml_end_(out, device);
}

static void put_clock(struct aml *out)
{
	size_t device = lode_aml_device_(out, "RTC0");
	struct aml_resources crs;

	lode_aml_name_eisa_(out, "_HID", "PNP0B00");
	crs = lode_aml_crs_(out);
	lode_aml_io_(out, 0x70, 2);
	lode_aml_irq_(out, 8);
	lode_aml_crs_end_(out, &crs);
	lode_aml_end_(out, device);
}

static void put_bridge(struct aml *out, const struct acpi_hardware *hardware)
{
	size_t device = lode_aml_device_(out, "PCI0");
	struct aml_resources crs;

	lode_aml_name_eisa_(out, "_HID", "PNP0A08");
	lode_aml_name_eisa_(out, "_CID", "PNP0A03");
	lode_aml_name_number_(out, "_UID", 0);
	lode_aml_name_number_(out, "_SEG", 0);
	lode_aml_name_number_(out, "_BBN", 0);
	crs = lode_aml_crs_(out);
	lode_aml_window_(out, AML_BUSES, 0, 255);
	lode_aml_io_(out, 0xcf8, 8);
	lode_aml_window_(out, AML_PORTS, 0x1000, 0xffff);
	lode_aml_window_(out, AML_MEMORY, hardware->pci_first, hardware->pci_last);
	lode_aml_crs_end_(out, &crs);
	lode_aml_end_(out, device);
}

/* The configuration space is memory that nobody else may take: a device of the motherboard says so. */
static void put_motherboard(struct aml *out)
{
	size_t device = lode_aml_device_(out, "MB00");
	struct aml_resources crs;

	lode_aml_name_eisa_(out, "_HID", "PNP0C02");
	lode_aml_name_number_(out, "_UID", 1);
	crs = lode_aml_crs_(out);
	lode_aml_memory_(out, (uint32_t)VMM_PCI_CONFIG, (uint32_t)VMM_PCI_CONFIG_SIZE);
	lode_aml_crs_end_(out, &crs);
	lode_aml_end_(out, device);
}

static void put_virtio(struct aml *out, const struct acpi_virtio *virtio, uint32_t number)
{
	char name[16];
	size_t device;
	struct aml_resources crs;

	snprintf(name, sizeof name, "VR%02X", number & 0xff);
	device = lode_aml_device_(out, name);
	lode_aml_name_string_(out, "_HID", "LNRO0005");
	lode_aml_name_number_(out, "_UID", number);
	lode_aml_name_number_(out, "_CCA", 1);
	crs = lode_aml_crs_(out);
	lode_aml_memory_(out, virtio->addr, virtio->size);
	lode_aml_interrupt_(out, virtio->gsi);
	lode_aml_crs_end_(out, &crs);
	lode_aml_end_(out, device);
}

void lode_acpi_devices_(struct aml *out, const struct acpi_hardware *hardware)
{
	static const uint8_t soft_off[] = {0, 0, 0, 0};
	size_t scope = lode_aml_scope_(out, "\\_SB_");

	put_serial(out);
	put_clock(out);
	if (hardware->pci) {
		put_bridge(out, hardware);
		put_motherboard(out);
	}
	for (uint32_t i = 0; i < hardware->nvirtio; i++)
		put_virtio(out, &hardware->virtio[i], i);
	lode_aml_end_(out, scope);
	lode_aml_name_package_(out, "\\_S5_", soft_off, sizeof soft_off);
}
