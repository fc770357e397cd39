/* SPDX-License-Identifier: MIT */
/* Accesses to the registers of a virtio-mmio transport (version 2) -> features, status and queues of a device. */
#include "virtio.h"

enum {
	REG_MAGIC = 0x00,
	REG_VERSION = 0x04,
	REG_DEVICE = 0x08,
	REG_VENDOR = 0x0c,
	REG_FEATURES = 0x10,
	REG_FEATURES_WORD = 0x14,
	REG_DRIVER_FEATURES = 0x20,
	REG_DRIVER_WORD = 0x24,
	REG_QUEUE = 0x30,
	REG_QUEUE_MOST = 0x34,
	REG_QUEUE_SIZE = 0x38,
	REG_QUEUE_READY = 0x44,
	REG_NOTIFY = 0x50,
	REG_INTERRUPTS = 0x60,
	REG_ACK = 0x64,
	REG_STATUS = 0x70,
	REG_QUEUE_DESC = 0x80,
	REG_QUEUE_DRIVER = 0x90,
	REG_QUEUE_DEVICE = 0xa0,
	REG_SHM_SIZE = 0xb0,
	REG_SHM_BASE = 0xb8,
	REG_GENERATION = 0xfc,
	REG_CONFIG = 0x100,

	MAGIC = 0x74726976,  /* "virt" */
	VENDOR = 0x45444f4c, /* "LODE" */
	VERSION = 2,
	TRANSPORT = 0x1000, /* bytes from one to the next */
};

void lode_vmm_virtio_interrupt_(struct virtio *virtio, uint32_t cause)
{
	virtio->interrupts |= cause;
	lode_vmm_irq_(virtio->device->vm, virtio->device->irq, true);
}

void lode_vmm_virtio_broken_(struct virtio *virtio, const char *why)
{
	virtio->broken = why;
	virtio->status |= VIRTIO_NEEDS_RESET;
	if (virtio->status & VIRTIO_DRIVER_OK)
		lode_vmm_virtio_interrupt_(virtio, VIRTIO_IRQ_CONFIG);
}

static struct virtio_queue *chosen(struct virtio *virtio)
{
	return virtio->queue_index < virtio->type->nqueues ? &virtio->queues[virtio->queue_index] : NULL;
}

static uint32_t read_register(struct virtio *virtio, uint64_t offset)
{
	const struct virtio_queue *queue = chosen(virtio);

	switch (offset) {
	case REG_MAGIC: return MAGIC;
	case REG_VERSION: return VERSION;
	case REG_DEVICE: return virtio->type->id;
	case REG_VENDOR: return VENDOR;
	case REG_FEATURES: return virtio->features_word < 2 ? (uint32_t)(virtio->features >> 32 * virtio->features_word) : 0;
	case REG_QUEUE_MOST: return queue ? VIRTIO_QUEUE_SIZE : 0;
	case REG_QUEUE_READY: return queue && queue->ready;
	case REG_INTERRUPTS: return virtio->interrupts;
	case REG_STATUS: return virtio->status;
	case REG_SHM_SIZE:
	case REG_SHM_SIZE + 4:
	case REG_SHM_BASE:
	case REG_SHM_BASE + 4: return UINT32_MAX; /* there is no such region */
	case REG_GENERATION: /* the configuration never changes */
	default: return 0;
	}
}

static void read_virtio(struct vmm_device *device, uint64_t offset, unsigned char *bytes, uint32_t size)
{
	struct virtio *virtio = device->state;

	lode_vmm_put_(bytes, 0, size);
	if (offset >= REG_CONFIG) {
		for (uint32_t i = 0; i < size; i++)
			bytes[i] = offset - REG_CONFIG + i < virtio->config_size ? virtio->config[offset - REG_CONFIG + i] : 0;
	} else if (size == 4 && offset % 4 == 0) {
		lode_vmm_put_(bytes, read_register(virtio, offset), 4);
	}
}

static void reset(struct virtio *virtio)
{
	virtio->driver_features = 0;
	virtio->status = virtio->interrupts = 0;
	virtio->features_word = virtio->driver_word = virtio->queue_index = 0;
	for (uint32_t i = 0; i < VIRTIO_QUEUES_MOST; i++)
		virtio->queues[i] = (struct virtio_queue){.size = VIRTIO_QUEUE_SIZE};
	lode_vmm_irq_(virtio->device->vm, virtio->device->irq, false);
}

static bool features_agree(const struct virtio *virtio)
{
	return !(virtio->driver_features & ~virtio->features) && (virtio->driver_features & VIRTIO_F_VERSION_1);
}

/* Each step needs the one before it; a step that was taken stays. What a driver skips it sees when it reads the status back. */
static void set_status(struct virtio *virtio, uint32_t value)
{
	uint32_t *status = &virtio->status;

	if (!value) {
		reset(virtio);
		return;
	}
	*status |= value & (VIRTIO_ACKNOWLEDGE | VIRTIO_FAILED);
	if (*status & VIRTIO_ACKNOWLEDGE)
		*status |= value & VIRTIO_DRIVER;
	if ((*status & VIRTIO_DRIVER) && features_agree(virtio))
		*status |= value & VIRTIO_FEATURES_OK;
	if (*status & VIRTIO_FEATURES_OK)
		*status |= value & VIRTIO_DRIVER_OK;
}

static void set_features(struct virtio *virtio, uint32_t value)
{
	const uint32_t shift = virtio->driver_word * 32;

	if (virtio->status & VIRTIO_FEATURES_OK)
		return;
	if (virtio->driver_word < 2)
		virtio->driver_features = (virtio->driver_features & ~((uint64_t)UINT32_MAX << shift)) | (uint64_t)value << shift;
}

static void set_half(uint64_t *whole, uint64_t offset, uint32_t value)
{
	*whole = offset & 4 ? (*whole & UINT32_MAX) | (uint64_t)value << 32 : (*whole & ~(uint64_t)UINT32_MAX) | value;
}

static void set_ready(struct virtio *virtio, struct virtio_queue *queue, bool ready)
{
	const char *wrong = ready ? lode_vmm_queue_open_(queue, &virtio->device->vm->ram) : NULL;

	queue->ready = ready && !wrong;
	if (wrong)
		lode_vmm_virtio_broken_(virtio, wrong);
}

/* A queue's areas are what they were when it became ready. */
static void set_queue(struct virtio *virtio, struct virtio_queue *queue, uint64_t offset, uint32_t value)
{
	if (offset == REG_QUEUE_READY && queue->ready != (value & 1)) {
		set_ready(virtio, queue, value & 1);
		return;
	}
	if (queue->ready)
		return;
	switch (offset & ~UINT64_C(4)) {
	case REG_QUEUE_SIZE: queue->size = offset == REG_QUEUE_SIZE ? value : queue->size; break;
	case REG_QUEUE_DESC: set_half(&queue->desc_addr, offset, value); break;
	case REG_QUEUE_DRIVER: set_half(&queue->driver_addr, offset, value); break;
	case REG_QUEUE_DEVICE: set_half(&queue->device_addr, offset, value); break;
	default: break;
	}
}

static void notify(struct virtio *virtio, uint32_t index)
{
	const uint32_t must = VIRTIO_DRIVER_OK, must_not = VIRTIO_NEEDS_RESET | VIRTIO_FAILED;

	if ((virtio->status & (must | must_not)) == must && index < virtio->type->nqueues && virtio->queues[index].ready)
		virtio->type->notify(virtio, &virtio->queues[index]);
}

static void acknowledge(struct virtio *virtio, uint32_t causes)
{
	virtio->interrupts &= ~causes;
	if (!virtio->interrupts)
		lode_vmm_irq_(virtio->device->vm, virtio->device->irq, false);
}

static void write_register(struct virtio *virtio, uint64_t offset, uint32_t value)
{
	struct virtio_queue *queue = chosen(virtio);

	switch (offset) {
	case REG_FEATURES_WORD: virtio->features_word = value; break;
	case REG_DRIVER_FEATURES: set_features(virtio, value); break;
	case REG_DRIVER_WORD: virtio->driver_word = value; break;
	case REG_QUEUE: virtio->queue_index = value; break;
	case REG_NOTIFY: notify(virtio, value); break;
	case REG_ACK: acknowledge(virtio, value); break;
	case REG_STATUS: set_status(virtio, value); break;
	default:
		if (queue && (virtio->status & VIRTIO_FEATURES_OK))
			set_queue(virtio, queue, offset, value);
	}
}

/* What serving requests relies on changes when none is served. A reset does not wait for the rest of a long one. */
static void wait_for_requests(struct virtio *virtio, bool cancel)
{
	struct vmm *vm = virtio->device->vm;

	while (virtio->busy) {
		virtio->cancelled |= cancel;
		pthread_cond_wait(&vm->idle, &vm->lock);
	}
}

/* No device has a configuration that the driver may write. */
static void write_virtio(struct vmm_device *device, uint64_t offset, const unsigned char *bytes, uint32_t size)
{
	const uint32_t value = (uint32_t)lode_vmm_get_(bytes, size);

	if (offset >= REG_CONFIG || size != 4 || offset % 4 != 0)
		return;
	if (offset != REG_NOTIFY && offset != REG_ACK)
		wait_for_requests(device->state, offset == REG_STATUS && value == 0);
	write_register(device->state, offset, value);
}

void lode_vmm_virtio_release_(struct virtio *virtio)
{
	pthread_mutex_unlock(&virtio->device->vm->lock);
}

bool lode_vmm_virtio_regain_(struct virtio *virtio)
{
	const struct vmm *vm = virtio->device->vm;

	pthread_mutex_lock(&virtio->device->vm->lock);
	return !virtio->cancelled && __atomic_load_n(&vm->end, __ATOMIC_ACQUIRE) == LODE_VMM_NONE;
}

void lode_vmm_virtio_later_(struct virtio *virtio)
{
	virtio->device->timer = lode_vmm_now_();
	lode_vmm_wake_(virtio->device->vm);
}

static void go_on(struct vmm_device *device)
{
	struct virtio *virtio = device->state;

	device->timer = 0;
	for (uint32_t i = 0; i < virtio->type->nqueues; i++)
		notify(virtio, i);
}

static const struct vmm_device_type mmio = {.name = "virtio-mmio", .read = read_virtio, .write = write_virtio, .ready = go_on};

static uint32_t count_transports(const struct vmm *vm)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < vm->ndevices; i++)
		n += vm->devices[i].type == &mmio;
	return n;
}

void *lode_vmm_virtio_add_(struct vmm *vm, const struct virtio_type *type, size_t size)
{
	const uint32_t number = count_transports(vm);
	struct vmm_device *device = lode_vmm_device_add_(vm, &mmio, size);
	struct virtio *virtio;

	if (!device)
		return NULL;
	device->registers = (struct lode_range){vm->engine->board->mmio + number * TRANSPORT, TRANSPORT};
	device->irq = vm->engine->board->mmio_gsi + number;
	virtio = device->state;
	virtio->type = type;
	virtio->device = device;
	virtio->features = VIRTIO_F_VERSION_1 | VIRTIO_F_INDIRECT;
	for (uint32_t i = 0; i < VIRTIO_QUEUES_MOST; i++)
		virtio->queues[i].size = VIRTIO_QUEUE_SIZE;
	return virtio;
}
