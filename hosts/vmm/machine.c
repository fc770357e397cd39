/* SPDX-License-Identifier: MIT */
/* Request + board -> the machine that the guest will find: memory map, modules, processors, where the ACPI tables lie.
 *
 *   0           usable RAM. [VMM_STAGE, VMM_EBDA) of it is the engine's until the guest runs
 *   VMM_EBDA    reserved up to 1 MiB; copies of the RSDP for those who look for it there and at VMM_BIOS
 *   1 MiB       usable up to the ACPI tables, which end at the hole
 *   low         the hole: devices. A framebuffer if one is asked for
 *   4 GiB       the rest of the RAM, usable
 */
#include <string.h>
#include <time.h>

#include "acpi.h"
#include "vmm.h"

enum { SCREEN_WIDTH = 1024, SCREEN_HEIGHT = 768 };
#define MIB (UINT64_C(1) << 20)

static void add(struct lode_machine *machine, struct lode_vmm_layout *layout, struct lode_range range, enum lode_memory_type type)
{
	if (range.size > 0)
		layout->memory[machine->nmemory++] = (struct lode_memory_entry){range.addr, range.size, type};
}

static void lay_memory(struct lode_machine *machine, struct lode_vmm_layout *layout, const struct vmm_board *board, uint64_t size)
{
	uint64_t low = lode_vmm_ram_low_(board, size), tables = low - VMM_ACPI_SIZE;

	machine->nmemory = 0;
	add(machine, layout, (struct lode_range){0, VMM_EBDA}, LODE_MEMORY_USABLE);
	add(machine, layout, (struct lode_range){VMM_EBDA, MIB - VMM_EBDA}, LODE_MEMORY_RESERVED);
	add(machine, layout, (struct lode_range){MIB, tables - MIB}, LODE_MEMORY_USABLE);
	add(machine, layout, (struct lode_range){tables, VMM_ACPI_SIZE}, LODE_MEMORY_ACPI);
	if (board->pci)
		add(machine, layout, (struct lode_range){VMM_PCI_CONFIG, VMM_PCI_CONFIG_SIZE}, LODE_MEMORY_RESERVED);
	add(machine, layout, (struct lode_range){VMM_4G, size - low}, LODE_MEMORY_USABLE);
	layout->reserved[0] = (struct lode_range){VMM_STAGE, VMM_EBDA - VMM_STAGE};
	machine->memory = layout->memory;
	machine->reserved = layout->reserved;
	machine->nreserved = board->stage ? 1 : 0;
	machine->rsdp = tables;
}

static void add_screen(struct lode_machine *machine, struct lode_vmm_layout *layout, const struct vmm_board *board, uint32_t width,
	uint32_t height)
{
	layout->screen = (struct lode_framebuffer){
		.addr = board->framebuffer, .width = width, .height = height, .pitch = width * 4, .bpp = 32,
		.red = {8, 16}, .green = {8, 8}, .blue = {8, 0},
	};
	machine->framebuffer = &layout->screen;
}

void lode_vmm_machine_screen_(struct vmm *vm, bool wanted)
{
	const struct lode_vmm_request *request = vm->request;
	const struct vmm_board *board = vm->engine->board;

	if (request->width != 0 && request->height != 0)
		add_screen(&vm->machine, &vm->layout, board, request->width, request->height);
	else if (wanted)
		add_screen(&vm->machine, &vm->layout, board, SCREEN_WIDTH, SCREEN_HEIGHT);
}

void lode_vmm_describe(struct lode_machine *machine, struct lode_vmm_layout *layout, enum lode_vmm_engine engine, uint64_t memory)
{
	const struct vmm_board *board = engine == LODE_VMM_QEMU ? lode_vmm_qemu_.board : lode_vmm_kvm_.board;

	*machine = (struct lode_machine){.ncpus = 1, .no_bios = true};
	lay_memory(machine, layout, board, memory);
	add_screen(machine, layout, board, SCREEN_WIDTH, SCREEN_HEIGHT);
}

static void list_modules(struct vmm *vm)
{
	for (uint32_t i = 0; i < vm->nmodules; i++) {
		const struct lode_vmm_file *wish = lode_vmm_module_(vm->request, i);

		vm->places[i] = (struct lode_module){vm->modules[i].size, LODE_ANYWHERE, wish->cmdline, wish->path};
	}
	vm->machine.modules = vm->places;
	vm->machine.nmodules = vm->nmodules;
}

static uint32_t processors(const struct lode_vmm_request *request)
{
	return request->cpus == 0 ? 1 : request->cpus;
}

static void put_word(unsigned char *to, uint32_t value)
{
	to[0] = (unsigned char)value;
	to[1] = (unsigned char)(value >> 8);
}

static uint32_t list_virtio(struct acpi_virtio *list, const struct vmm *vm)
{
	const struct vmm_board *board = vm->engine->board;
	uint32_t n = 0;

	for (uint32_t i = 0; board->mmio && i < vm->ndevices; i++)
		if (!vm->devices[i].ports && vm->devices[i].registers.addr >= board->mmio)
			list[n++] = (struct acpi_virtio){(uint32_t)vm->devices[i].registers.addr,
				(uint32_t)vm->devices[i].registers.size,
				vm->devices[i].irq};
	return n;
}

/* The tables end the low memory. Kernels that are not told where the RSDP is look in the EBDA, whose segment stands at 40Eh, and in
 * the BIOS, which is all that a guest of Xen sees. */
static int make_acpi(struct vmm *vm)
{
	const struct vmm_board *board = vm->engine->board;
	struct acpi_virtio virtio[VMM_DEVICES_MOST];
	struct acpi_hardware hardware = {
		.apic_ids = vm->apic_ids, .ncpus = vm->machine.ncpus, .pm_base = board->pm_base, .timer_gsi = board->timer_gsi,
		.pci = board->pci, .pci_first = VMM_PCI_FIRST, .pci_last = VMM_PCI_LAST, .virtio = virtio,
	};
	unsigned char *tables = lode_vmm_ram_at_(&vm->ram, vm->machine.rsdp, VMM_ACPI_SIZE), *low = vm->ram.bytes;

	hardware.nvirtio = list_virtio(virtio, vm);
	if (!tables || lode_acpi_build_(tables, VMM_ACPI_SIZE, vm->machine.rsdp, &hardware) == 0)
		return lode_vmm_fail_(vm, 0, "the ACPI tables do not fit their %u KiB", VMM_ACPI_SIZE / 1024);
	put_word(low + 0x40e, VMM_EBDA >> 4);
	low[VMM_EBDA] = 1; /* its size in KiB */
	memcpy(low + VMM_EBDA + 16, tables, ACPI_RSDP_SIZE);
	memcpy(low + VMM_BIOS, tables, ACPI_RSDP_SIZE);
	memcpy(vm->rsdp, tables, ACPI_RSDP_SIZE);
	vm->machine.rsdp_bytes = vm->rsdp;
	vm->machine.rsdp_size = ACPI_RSDP_SIZE;
	return 0;
}

int lode_vmm_machine_make_(struct vmm *vm)
{
	const struct lode_vmm_request *request = vm->request;
	struct lode_machine *machine = &vm->machine;

	if (vm->nmodules > VMM_MODULES_MOST)
		return lode_vmm_fail_(vm, 0, "%u modules: at most %u are passed on", vm->nmodules, VMM_MODULES_MOST);
	*machine = (struct lode_machine){
		.cmdline = request->cmdline, .path = request->kernel.path, .date = time(NULL), .no_bios = true,
		.ncpus = processors(request), .apic_ids = vm->apic_ids,
		.random = vm->random, .nrandom = sizeof vm->random,
	};
	for (uint32_t i = 0; i < machine->ncpus; i++)
		vm->apic_ids[i] = i;
	lay_memory(machine, &vm->layout, vm->engine->board, vm->ram.size);
	list_modules(vm);
	return make_acpi(vm);
}
