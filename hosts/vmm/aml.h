/* SPDX-License-Identifier: MIT */
/* A writer of ACPI machine language, as far as a DSDT of ours goes. Ref: ACPI 6.5 chapter 20. */
#ifndef LODE_HOSTS_VMM_AML_H
#define LODE_HOSTS_VMM_AML_H

#include <stddef.h>
#include <stdint.h>

/** Bytes written so far; what does not fit is not written, and @full says so. */
struct aml {
	unsigned char *bytes;
	size_t size, used;
	_Bool full;
};

void lode_aml_byte_(struct aml *aml, uint32_t value);
void lode_aml_word_(struct aml *aml, uint32_t value);
void lode_aml_dword_(struct aml *aml, uint32_t value);

/** A package's length stands before it: begin returns where, end fills it in. */
size_t lode_aml_scope_(struct aml *aml, const char *name);
size_t lode_aml_device_(struct aml *aml, const char *name);
void lode_aml_end_(struct aml *aml, size_t begun);

/** Name(NAME, ...) of a number, a string, or an EISA id ("PNP0501"). */
void lode_aml_name_number_(struct aml *aml, const char *name, uint32_t value);
void lode_aml_name_string_(struct aml *aml, const char *name, const char *value);
void lode_aml_name_eisa_(struct aml *aml, const char *name, const char *id);
/** Name(NAME, Package {...}) of small numbers. */
void lode_aml_name_package_(struct aml *aml, const char *name, const uint8_t *values, uint32_t n);

/** Name(_CRS, ResourceTemplate {...}): begin, resources, end. */
struct aml_resources {
	size_t size_at, begun, package;
};
struct aml_resources lode_aml_crs_(struct aml *aml);
void lode_aml_crs_end_(struct aml *aml, const struct aml_resources *resources);
void lode_aml_io_(struct aml *aml, uint16_t port, uint8_t size);
void lode_aml_irq_(struct aml *aml, uint32_t line);
void lode_aml_memory_(struct aml *aml, uint32_t addr, uint32_t size);
/** A global interrupt: level, active high. */
void lode_aml_interrupt_(struct aml *aml, uint32_t gsi);
/** What a PCI bridge passes on: buses, ports, memory. [first, last]. */
enum aml_window { AML_BUSES, AML_PORTS, AML_MEMORY };
void lode_aml_window_(struct aml *aml, enum aml_window kind, uint32_t first, uint32_t last);

#endif
