/* SPDX-License-Identifier: MIT */
/* Boards and sizes -> RAM's addresses, memory maps and ACPI tables, as a kernel would walk them; what iasl says. */
#include <acpi.h>
#include <vmm.h>

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

static struct lode_vmm_request request;
static struct vmm *vm;
static struct vmm_engine engine;

static uint64_t get(const unsigned char *from, uint32_t size)
{
	uint64_t value = 0;

	for (uint32_t i = size; i-- > 0;)
		value = value << 8 | from[i];
	return value;
}

static void begin(const struct vmm_engine *like, uint64_t size)
{
	vm = calloc(1, sizeof *vm);
	engine = (struct vmm_engine){.name = "test", .board = like->board};
	vm->request = &request;
	vm->engine = &engine;
	CHECK_EQ(lode_vmm_ram_create_(vm, size, false), 0);
}

static void end(void)
{
	lode_vmm_ram_destroy_(vm);
	free(vm);
}

static const struct vmm_engine *const likes[] = {&lode_vmm_kvm_, &lode_vmm_qemu_};

/*
 * RAM
 */

static bool is_at(uint64_t addr, uint64_t size, uint64_t offset)
{
	return lode_vmm_ram_at_(&vm->ram, addr, size) == vm->ram.bytes + offset;
}

static bool is_nowhere(uint64_t addr, uint64_t size)
{
	return !lode_vmm_ram_at_(&vm->ram, addr, size);
}

static void test_ram_low(void)
{
	for (size_t i = 0; i < 2; i++) {
		begin(likes[i], 256 * MIB);
		CHECK_EQ(vm->ram.low, 256 * MIB);
		CHECK(is_at(0, 1, 0) && is_at(0, 256 * MIB, 0) && is_at(256 * MIB - 1, 1, 256 * MIB - 1));
		CHECK(is_nowhere(0, 256 * MIB + 1) && is_nowhere(1, 256 * MIB) && is_nowhere(256 * MIB, 1));
		CHECK(is_nowhere(VMM_4G, 1) && is_nowhere(VMM_4G - 1, 2) && is_nowhere(UINT64_MAX, 1) && is_nowhere(1, UINT64_MAX));
		end();
	}
}

static void test_ram_high(void)
{
	for (size_t i = 0; i < 2; i++) {
		uint64_t low = likes[i]->board->low_most, high = 6144 * MIB - low;

		begin(likes[i], 6144 * MIB);
		CHECK_EQ(vm->ram.low, low);
		CHECK(is_at(low - 1, 1, low - 1) && is_at(VMM_4G, high, low) && is_at(VMM_4G + high - 1, 1, 6144 * MIB - 1));
		CHECK(is_nowhere(low - 1, 2) && is_nowhere(low, 1) && is_nowhere(VMM_4G - 1, 1) && is_nowhere(VMM_4G, high + 1));
		CHECK(is_nowhere(VMM_4G + high, 1) && is_nowhere(low - 1, VMM_4G - low + 2) && is_nowhere(UINT64_MAX - 4, 8));
		end();
	}
}

/* QEMU's own rule for a q35: from B0000000h on all but 2 GiB lie above 4 GiB. */
static void test_ram_q35(void)
{
	begin(&lode_vmm_qemu_, 0xb0000000 - MIB);
	CHECK_EQ(vm->ram.low, 0xb0000000 - MIB);
	end();
	begin(&lode_vmm_qemu_, 0xb0000000);
	CHECK_EQ(vm->ram.low, 0x80000000);
	end();
}

static void test_ram_too_large(void)
{
	vm = calloc(1, sizeof *vm);
	vm->request = &request;
	vm->engine = &lode_vmm_kvm_;
	CHECK_EQ(lode_vmm_ram_create_(vm, UINT64_C(1) << 60, false), -1);
	CHECK(vm->error.error != 0 && strstr(vm->error.text, "memory"));
	end();
}

/*
 * The memory map
 */

static void check_map(uint64_t size)
{
	uint64_t at = 0, usable = 0, tables = 0;

	for (uint32_t i = 0; i < vm->machine.nmemory; i++) {
		const struct lode_memory_entry *e = &vm->machine.memory[i];

		CHECK(e->addr >= at && e->size > 0 && e->addr + e->size > e->addr);
		at = e->addr + e->size;
		usable += e->type == LODE_MEMORY_USABLE ? e->size : 0;
		tables += e->type == LODE_MEMORY_ACPI ? e->size : 0;
		if (e->type == LODE_MEMORY_USABLE || e->type == LODE_MEMORY_ACPI)
			CHECK(lode_vmm_ram_at_(&vm->ram, e->addr, e->size) != NULL);
	}
	CHECK_EQ(tables, VMM_ACPI_SIZE);
	CHECK_EQ(usable + tables + (MIB - VMM_EBDA), size);
	CHECK(vm->machine.rsdp >= MIB && lode_vmm_ram_at_(&vm->ram, vm->machine.rsdp, ACPI_RSDP_SIZE) != NULL);
}

static void test_memory_maps(void)
{
	static const uint64_t sizes[] = {2, 16, 256, 2047, 2048, 2815, 2816, 3071, 3072, 4096, 6144, 65536};

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
			begin(likes[i], sizes[k] * MIB);
			CHECK_EQ(lode_vmm_machine_make_(vm), 0);
			check_map(sizes[k] * MIB);
			end();
		}
}

/* Nothing lies where RAM is: devices, configuration space, a screen of any size. */
static void test_framebuffer(void)
{
	for (size_t i = 0; i < 2; i++) {
		const struct vmm_board *board = likes[i]->board;

		const struct lode_framebuffer *screen;

		begin(likes[i], 6144 * MIB);
		screen = &vm->layout.screen;
		CHECK_EQ(lode_vmm_machine_make_(vm), 0);
		lode_vmm_machine_screen_(vm, false);
		CHECK(!vm->machine.framebuffer);
		lode_vmm_machine_screen_(vm, true);
		CHECK(vm->machine.framebuffer && screen->width == 1024 && screen->height == 768 && screen->pitch == 4096);
		CHECK_EQ(screen->addr, board->framebuffer);
		CHECK(screen->addr >= vm->ram.low && screen->addr + 4096u * 4096 * 4 <= 0xfec00000);
		CHECK(board->pci ? screen->addr >= VMM_PCI_FIRST && !board->mmio : board->mmio >= vm->ram.low);
		end();
	}
}

/* What is described without a guest is what one gets. */
static void test_described(void)
{
	static const enum lode_vmm_engine names[] = {LODE_VMM_KVM, LODE_VMM_QEMU};
	struct lode_machine machine;
	struct lode_vmm_layout layout;

	for (size_t i = 0; i < 2; i++) {
		const struct lode_memory_entry *mine = layout.memory, *theirs;

		begin(likes[i], 6144 * MIB);
		CHECK_EQ(lode_vmm_machine_make_(vm), 0);
		lode_vmm_machine_screen_(vm, true);
		theirs = vm->machine.memory;
		lode_vmm_describe(&machine, &layout, names[i], 6144 * MIB);
		CHECK_EQ(machine.nmemory, vm->machine.nmemory);
		CHECK_EQ(machine.nreserved, vm->machine.nreserved);
		CHECK_EQ(machine.rsdp, vm->machine.rsdp);
		CHECK(machine.memory == mine && machine.reserved == layout.reserved && machine.framebuffer == &layout.screen);
		for (uint32_t k = 0; k < machine.nmemory; k++)
			CHECK(mine[k].addr == theirs[k].addr && mine[k].size == theirs[k].size && mine[k].type == theirs[k].type);
		CHECK_EQ(layout.reserved[0].addr, vm->layout.reserved[0].addr);
		CHECK_EQ(layout.reserved[0].size, vm->layout.reserved[0].size);
		CHECK(layout.screen.addr == vm->layout.screen.addr && layout.screen.pitch == vm->layout.screen.pitch);
		end();
	}
}

static void test_too_many_modules(void)
{
	begin(&lode_vmm_kvm_, 16 * MIB);
	vm->nmodules = VMM_MODULES_MOST + 1;
	CHECK_EQ(lode_vmm_machine_make_(vm), -1);
	CHECK(strstr(vm->error.text, "65 modules") != NULL);
	end();
}

/*
 * ACPI
 */

static unsigned sum(const unsigned char *bytes, size_t n)
{
	unsigned total = 0;

	while (n-- > 0)
		total += bytes[n];
	return total & 0xff;
}

static const unsigned char *table_at(uint64_t addr)
{
	const unsigned char *table = lode_vmm_ram_at_(&vm->ram, addr, 36);

	CHECK(table && lode_vmm_ram_at_(&vm->ram, addr, get(table + 4, 4)) != NULL);
	CHECK(addr >= vm->machine.rsdp && addr + get(table + 4, 4) <= vm->machine.rsdp + VMM_ACPI_SIZE);
	return table;
}

/* By the root table, as a kernel goes; NULL if it has none of this signature. */
static const unsigned char *find_table(const char *signature)
{
	const unsigned char *rsdp = lode_vmm_ram_at_(&vm->ram, vm->machine.rsdp, ACPI_RSDP_SIZE), *root, *table;

	root = table_at(get(rsdp + 24, 8));
	for (uint64_t at = 36; at < get(root + 4, 4); at += 8) {
		table = table_at(get(root + at, 8));
		if (memcmp(table, signature, 4) == 0)
			return table;
	}
	return NULL;
}

static void check_rsdp(const unsigned char *rsdp)
{
	CHECK(rsdp && memcmp(rsdp, "RSD PTR ", 8) == 0 && rsdp[15] == 2 && get(rsdp + 20, 4) == 36);
	CHECK_EQ(sum(rsdp, 20) | sum(rsdp, 36), 0);
}

/* Both root tables name the same, each with a sum of 0; copies where those look who are not told. */
static void check_roots(void)
{
	const unsigned char *rsdp = lode_vmm_ram_at_(&vm->ram, vm->machine.rsdp, ACPI_RSDP_SIZE), *old, *wide;
	uint64_t n;

	check_rsdp(rsdp);
	check_rsdp(vm->rsdp);
	check_rsdp(vm->ram.bytes + VMM_BIOS);
	check_rsdp(vm->ram.bytes + (get(vm->ram.bytes + 0x40e, 2) << 4) + 16);
	old = table_at(get(rsdp + 16, 4));
	wide = table_at(get(rsdp + 24, 8));
	n = (get(wide + 4, 4) - 36) / 8;
	CHECK(memcmp(old, "RSDT", 4) == 0 && memcmp(wide, "XSDT", 4) == 0 && get(old + 4, 4) == 36 + 4 * n);
	CHECK_EQ(sum(old, get(old + 4, 4)) | sum(wide, get(wide + 4, 4)), 0);
	for (uint64_t i = 0; i < n; i++) {
		const unsigned char *table = table_at(get(wide + 36 + 8 * i, 8));

		CHECK_EQ(get(old + 36 + 4 * i, 4), get(wide + 36 + 8 * i, 8));
		CHECK_EQ(sum(table, get(table + 4, 4)), 0);
	}
}

static void check_fadt(void)
{
	const unsigned char *fadt = find_table("FACP"), *dsdt;

	CHECK(fadt && get(fadt + 4, 4) == 276 && fadt[8] == 6);
	CHECK_EQ(get(fadt + 46, 2), 9);
	CHECK_EQ(get(fadt + 56, 4), 0x600);
	CHECK_EQ(get(fadt + 64, 4), 0x604);
	CHECK_EQ(get(fadt + 76, 4), 0x608);
	CHECK_EQ(get(fadt + 112, 4) & 1 << 10, 1 << 10);
	CHECK_EQ(get(fadt + 120, 8), 0xcf9);
	CHECK_EQ(fadt[128], 6);
	CHECK_EQ(get(fadt + 40, 4), get(fadt + 140, 8));
	CHECK(get(fadt + 36, 4) % 64 == 0 && memcmp(lode_vmm_ram_at_(&vm->ram, get(fadt + 36, 4), 64), "FACS", 4) == 0);
	dsdt = table_at(get(fadt + 40, 4));
	CHECK_EQ(sum(dsdt, get(dsdt + 4, 4)), 0);
}

static void check_madt(uint32_t cpus)
{
	const unsigned char *madt = find_table("APIC");
	uint32_t local = 0, io = 0;

	CHECK(madt && get(madt + 36, 4) == 0xfee00000);
	for (uint64_t at = 44; at < get(madt + 4, 4); at += madt[at + 1]) {
		if (!CHECK(madt[at + 1] >= 2 && at + madt[at + 1] <= get(madt + 4, 4)))
			return;
		if (madt[at] == 0)
			CHECK_EQ(madt[at + 3], local++);
		io += madt[at] == 1 && get(madt + at + 4, 4) == 0xfec00000;
	}
	CHECK_EQ(local, cpus);
	CHECK_EQ(io, 1);
}

/* A machine with two virtio devices where the board has them. */
static void make(const struct vmm_engine *like, uint32_t cpus)
{
	begin(like, 256 * MIB);
	request.cpus = cpus;
	for (uint32_t i = 0; like->board->mmio && i < 2; i++)
		vm->devices[vm->ndevices++] = (struct vmm_device){.registers = {like->board->mmio + i * 4096, 4096},
			.irq = like->board->mmio_gsi + i};
	CHECK_EQ(lode_vmm_machine_make_(vm), 0);
	vm->ndevices = 0;
	request.cpus = 0;
}

static void test_acpi(void)
{
	static const uint32_t cpus[] = {1, 2, 7, 255};

	for (size_t i = 0; i < 2; i++)
		for (size_t k = 0; k < 4; k++) {
			make(likes[i], cpus[k]);
			check_roots();
			check_fadt();
			check_madt(cpus[k]);
			CHECK_EQ(find_table("MCFG") != NULL, likes[i]->board->pci);
			end();
		}
}

/* Too small by any number of bytes: nothing is written behind the end. */
static void test_acpi_room(void)
{
	static const uint32_t ids[] = {0, 1};
	const struct acpi_hardware hardware = {.apic_ids = ids, .ncpus = 2, .pm_base = 0x600, .pci = true};
	unsigned char bytes[8192];
	size_t need = lode_acpi_build_(bytes, sizeof bytes, 0x10000, &hardware);

	CHECK(need > 500 && need < sizeof bytes);
	for (size_t size = 36; size < need; size++) {
		memset(bytes, 0xa5, sizeof bytes);
		CHECK_EQ(lode_acpi_build_(bytes, size, 0x10000, &hardware), 0);
		CHECK_EQ(bytes[size], 0xa5);
	}
}

static void write_table(const char *folder, const char *name, const unsigned char *table)
{
	char path[256];
	int fd;

	snprintf(path, sizeof path, "%s/%s.aml", folder, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	CHECK_EQ(write(fd, table, get(table + 4, 4)), (ssize_t)get(table + 4, 4));
	close(fd);
}

/* Taken apart and, the DSDT, put together again: neither complains. */
static int judge(const char *folder)
{
	char line[1024];

	snprintf(line, sizeof line, "cd %s && for t in *.aml; do iasl -d $t >$t.log 2>&1 || exit 1; done && "
		"cp DSDT.dsl again.dsl && iasl -ve again.dsl >again.log 2>&1 && ! grep -i -e warning -e error *.aml.log && "
		"grep -q ' 0 Errors, 0 Warnings' again.log", folder);
	return system(line); // NOLINT(cert-env33-c)
}

static void test_iasl(void)
{
	static const char *const names[] = {"FACP", "APIC", "MCFG"};

	if (system("command -v iasl >/dev/null") != 0) { // NOLINT(cert-env33-c)
		check_skip("acpica-tools is not installed");
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		char folder[] = "/tmp/lode-acpi-XXXXXX", line[64];

		make(likes[i], 3);
		CHECK(mkdtemp(folder) != NULL);
		for (size_t k = 0; k < 3; k++)
			if (find_table(names[k]))
				write_table(folder, names[k], find_table(names[k]));
		write_table(folder, "DSDT", table_at(get(find_table("FACP") + 40, 4)));
		CHECK_EQ(judge(folder), 0);
		snprintf(line, sizeof line, "rm -rf %s", folder);
		CHECK_EQ(system(line), 0); // NOLINT(cert-env33-c)
		end();
	}
}

int main(void)
{
	CASE(test_ram_low);
	CASE(test_ram_high);
	CASE(test_ram_q35);
	CASE(test_ram_too_large);
	CASE(test_memory_maps);
	CASE(test_framebuffer);
	CASE(test_described);
	CASE(test_too_many_modules);
	CASE(test_acpi);
	CASE(test_acpi_room);
	CASE(test_iasl);
	return check_done();
}
