/* SPDX-License-Identifier: MIT */
/* A 16550A at 3F8h, interrupt 4 -> the terminal. Ref: PC16550D data sheet, sections 8.0 to 8.6. */
#include "vmm.h"

#include <string.h>
#include <unistd.h>

enum {
	DATA = 0,    /* DLAB: divisor low */
	IER = 1,     /* DLAB: divisor high */
	IIR_FCR = 2, /* read: what interrupts; write: FIFO control */
	LCR = 3,
	MCR = 4,
	LSR = 5,
	MSR = 6,
	SCR = 7,

	PORT = 0x3f8,
	IRQ = 4,
	FIFO = 16,
	POLLS = 16, /* so many looks at the line without sending: the guest waits for input */
};

enum {
	IER_RECEIVED = 1, IER_EMPTY = 2, IER_MODEM = 8,
	IIR_NONE = 1, IIR_MODEM = 0, IIR_EMPTY = 2, IIR_RECEIVED = 4, IIR_TIMEOUT = 12, IIR_FIFOS = 0xc0,
	FCR_ENABLE = 1, FCR_CLEAR_RECEIVER = 2,
	LCR_DLAB = 0x80,
	MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16,
	LSR_READY = 1, LSR_OVERRUN = 2, LSR_IDLE = 0x60,
	MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80,
};

struct serial {
	unsigned char ier, fcr, lcr, mcr, scr, divisor[2];
	unsigned char lines; /* bits 4 to 7 of MSR */
	unsigned char delta; /* bits 0 to 3 of MSR: which lines changed since it was read */
	unsigned char fifo[FIFO];
	uint32_t first, count;
	uint32_t polls;
	bool overrun;
	bool empty; /* the interrupt for an empty transmitter is due */
	bool line;
};

static uint32_t room(const struct serial *s)
{
	uint32_t size = s->fcr & FCR_ENABLE ? FIFO : 1;

	return size > s->count ? size - s->count : 0;
}

static void receive(struct serial *s, unsigned char byte)
{
	if (!room(s)) {
		s->overrun = true;
		return;
	}
	s->fifo[(s->first + s->count++) % FIFO] = byte;
}

static unsigned char received(struct serial *s)
{
	unsigned char byte;

	if (!s->count)
		return 0;
	byte = s->fifo[s->first];
	s->first = (s->first + 1) % FIFO;
	s->count--;
	return byte;
}

/* Below the trigger level a byte is announced as one that waited too long: nothing is gained by letting it wait. */
static unsigned char received_cause(const struct serial *s)
{
	static const unsigned char levels[] = {1, 4, 8, 14};

	if (!(s->fcr & FCR_ENABLE) || s->count >= levels[s->fcr >> 6])
		return IIR_RECEIVED;
	return IIR_TIMEOUT;
}

static unsigned char cause(const struct serial *s)
{
	if ((s->ier & IER_RECEIVED) && s->count)
		return received_cause(s);
	if ((s->ier & IER_EMPTY) && s->empty)
		return IIR_EMPTY;
	if ((s->ier & IER_MODEM) && s->delta)
		return IIR_MODEM;
	return IIR_NONE;
}

/* Drivers empty the receiver when they begin: what was typed before is not for nothing, it waits until they listen. */
static bool listens(const struct serial *s)
{
	return (s->ier & IER_RECEIVED) || s->polls >= POLLS;
}

/* Line and watched input follow from the registers. Input that has no room waits where it is. */
static void settle(struct vmm_device *device)
{
	struct serial *s = device->state;
	bool line = cause(s) != IIR_NONE;
	int fd = listens(s) && room(s) && !device->vm->console.ended ? STDIN_FILENO : -1;

	if (line != s->line)
		lode_vmm_irq_(device->vm, device->irq, line);
	s->line = line;
	if (fd != device->fd) {
		device->fd = fd;
		lode_vmm_wake_(device->vm);
	}
}

/* The other end is always there; in loopback the outputs are the inputs. */
static unsigned char modem_lines(const struct serial *s)
{
	if (!(s->mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	return (unsigned char)((s->mcr & MCR_RTS ? MSR_CTS : 0) | (s->mcr & MCR_DTR ? MSR_DSR : 0) |
		(s->mcr & MCR_OUT1 ? MSR_RI : 0) | (s->mcr & MCR_OUT2 ? MSR_DCD : 0));
}

static void set_modem(struct serial *s, unsigned char value)
{
	unsigned char changed;

	s->mcr = value & 0x1f;
	changed = s->lines ^ modem_lines(s);
	s->lines = modem_lines(s);
	/* RI is reported when it ends, the others when they change. */
	s->delta |= (unsigned char)((changed & ~MSR_RI) >> 4) | (unsigned char)((changed & MSR_RI & ~s->lines) >> 4);
}

static unsigned char modem_status(struct serial *s)
{
	unsigned char value = s->lines | s->delta;

	s->delta = 0;
	return value;
}

static unsigned char line_status(struct serial *s)
{
	unsigned char value = (unsigned char)(LSR_IDLE | (s->count ? LSR_READY : 0) | (s->overrun ? LSR_OVERRUN : 0));

	s->overrun = false;
	s->polls += s->polls < POLLS;
	return value;
}

static unsigned char interrupt_cause(struct serial *s)
{
	unsigned char value = cause(s);

	if (value == IIR_EMPTY)
		s->empty = false;
	return (unsigned char)(value | (s->fcr & FCR_ENABLE ? IIR_FIFOS : 0));
}

static unsigned char read_register(struct serial *s, uint64_t offset)
{
	bool dlab = s->lcr & LCR_DLAB;

	switch (offset) {
	case DATA: return dlab ? s->divisor[0] : received(s);
	case IER: return dlab ? s->divisor[1] : s->ier;
	case IIR_FCR: return interrupt_cause(s);
	case LCR: return s->lcr;
	case MCR: return s->mcr;
	case LSR: return line_status(s);
	case MSR: return modem_status(s);
	default: return s->scr;
	}
}

static void serial_read(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	memset(bytes, 0xff, size);
	bytes[0] = read_register(device->state, offset);
	settle(device);
}

static void transmit(struct vmm_device *device, unsigned char byte)
{
	struct serial *s = device->state;

	if (s->mcr & MCR_LOOP)
		receive(s, byte);
	else
		lode_vmm_console_write_(device->vm, &byte, 1);
	s->empty = true;
	s->polls = 0;
}

static void set_interrupts(struct serial *s, unsigned char value)
{
	if (value & ~s->ier & IER_EMPTY)
		s->empty = true;
	s->ier = value & 0xf;
}

static void set_fifos(struct serial *s, unsigned char value)
{
	if (value & FCR_CLEAR_RECEIVER)
		s->count = 0;
	s->fcr = value & FCR_ENABLE ? value & 0xc9 : 0;
}

static void write_register(struct vmm_device *device, uint64_t offset, unsigned char value)
{
	struct serial *s = device->state;

	if ((s->lcr & LCR_DLAB) && offset <= IER)
		s->divisor[offset] = value;
	else if (offset == DATA)
		transmit(device, value);
	else if (offset == IER)
		set_interrupts(s, value);
	else if (offset == IIR_FCR)
		set_fifos(s, value);
	else if (offset == LCR)
		s->lcr = value;
	else if (offset == MCR)
		set_modem(s, value);
	else if (offset == SCR)
		s->scr = value;
}

static void serial_write(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	(void)size;
	write_register(device, offset, bytes[0]);
	settle(device);
}

static void serial_ready(struct vmm_device *device)
{
	struct serial *s = device->state;
	unsigned char bytes[FIFO];
	uint32_t got = room(s) ? lode_vmm_console_read_(device->vm, bytes, room(s)) : 0;

	for (uint32_t i = 0; i < got; i++)
		receive(s, bytes[i]);
	settle(device);
}

static const struct vmm_device_type type = {"serial", serial_read, serial_write, serial_ready};

int lode_vmm_serial_(struct vmm *vm)
{
	struct vmm_device *device = lode_vmm_device_add_(vm, &type, sizeof(struct serial));
	struct serial *s;

	if (!device)
		return -1;
	device->registers = (struct lode_range){PORT, 8};
	device->ports = true;
	device->irq = IRQ;
	s = device->state;
	s->divisor[0] = 12; /* 9600 */
	s->lines = modem_lines(s);
	return 0;
}
