/* SPDX-License-Identifier: MIT */
/* ACPI tables as bytes: what they tell of. */
#ifndef LODE_HOSTS_VMM_ACPI_H
#define LODE_HOSTS_VMM_ACPI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A virtio device behind registers in memory. */
struct acpi_virtio {
	uint32_t addr, size, gsi;
};

/** The hardware that is described. */
struct acpi_hardware {
	const uint32_t *apic_ids;
	uint32_t ncpus;
	uint16_t pm_base;    /* PM1a event block; control block at +4, timer at +8 */
	uint32_t timer_gsi;  /* where the PIT's interrupt arrives */
	bool pci;            /* a host bridge with configuration space at VMM_PCI_CONFIG */
	uint32_t pci_first, pci_last; /* memory that it passes on */
	const struct acpi_virtio *virtio;
	uint32_t nvirtio;
};

struct aml;

enum { ACPI_RSDP_SIZE = 36, ACPI_SCI = 9 };

/**
 * RSDP (at @bytes), XSDT, FADT, FACS, MADT, MCFG (with PCI) and DSDT for the guest-physical address @addr, a multiple of 64.
 * Bytes used, or 0 if @size is too small. Ref: ACPI 6.5 chapter 5.2.
 */
size_t lode_acpi_build_(unsigned char *bytes, size_t size, uint64_t addr, const struct acpi_hardware *hardware);
/** What stands in the DSDT (acpi_devices.c). */
void lode_acpi_devices_(struct aml *out, const struct acpi_hardware *hardware);

#endif
