/* SPDX-License-Identifier: MIT */
/* argv, envp, auxv -> the bytes of a process's initial stack and the addresses of its parts, laid out as Linux does. */
#include <lode/start.h>

void *memset(void *dst, int byte, size_t size);

/* Linux leaves one zero pointer of its own at the very top; a 64-bit kernel does so for 32-bit programs too. */
enum { TOP_ZEROS = 8, RANDOM_SIZE = 16, STACK_ALIGN = 16 };

/* Parts whose addresses a layout does not carry; 0: not there. */
struct parts {
	uint64_t platform, base_platform, random;
};

/* The next address to take from, downwards; is_short: a part did not fit, `want` is what it asked for and `p` stays as it was. */
struct room {
	uint64_t p, want;
	bool is_short;
};

static uint64_t string_size(const char *s)
{
	uint64_t size = 1;

	while (s[size - 1])
		size++;
	return size;
}

static bool take(struct room *room, uint64_t size)
{
	room->is_short |= size > room->p;
	if (room->is_short)
		room->want = room->want ? room->want : size;
	else
		room->p -= size;
	return !room->is_short;
}

static void align(struct room *room)
{
	if (!room->is_short)
		room->p &= ~(uint64_t)(STACK_ALIGN - 1);
}

static uint64_t take_string(struct room *room, const char *string)
{
	return string && take(room, string_size(string)) ? room->p : 0;
}

static void take_strings(struct room *room, const char *const *strings, uint32_t n)
{
	for (uint32_t i = 0; i < n && take(room, string_size(strings[i])); i++)
		continue;
}

/* The part between the strings and the table of words: gap, platform strings, random bytes. */
static void take_parts(struct parts *parts, struct room *room, const struct lode_stack *stack)
{
	take(room, stack->gap);
	align(room);
	parts->platform = take_string(room, stack->platform);
	parts->base_platform = take_string(room, stack->base_platform);
	parts->random = stack->random && take(room, RANDOM_SIZE) ? room->p : 0;
}

/* argc, argv and its NULL, envp and its NULL, auxv and its AT_NULL. */
static void take_words(struct lode_stack_layout *layout, struct room *room, const struct lode_stack *stack)
{
	uint64_t vectors = (uint64_t)stack->argc + stack->envc + 3;

	layout->auxv_size = ((uint64_t)stack->nauxv + 1) * 2 * stack->word;
	take(room, layout->auxv_size);
	take(room, vectors * stack->word);
	align(room);
	layout->sp = room->p;
	layout->auxv = room->p + vectors * stack->word;
}

static int refuse(struct lode_diag *why, uint64_t size, uint64_t room)
{
	struct lode_diag place = lode_diag_of(LODE_RULE_STACK_TOO_LARGE, LODE_FIELD_STACK, size, room);

	if (why)
		*why = place;
	return place.status;
}

int lode_stack_measure(struct lode_stack_layout *layout, const struct lode_stack *stack, uint64_t top, struct lode_diag *why)
{
	const uint64_t end = (uint64_t)UINT32_MAX + 1;
	struct room room = {.p = top};
	struct parts parts;
	uint64_t used;

	if (stack->word != 8 && top > end)
		return refuse(why, top, end);
	take(&room, TOP_ZEROS);
	take_string(&room, stack->execfn);
	layout->env_end = room.p;
	take_strings(&room, stack->envp, stack->envc);
	layout->env_start = room.p;
	layout->arg_end = room.p;
	take_strings(&room, stack->argv, stack->argc);
	layout->arg_start = room.p;
	take_parts(&parts, &room, stack);
	take_words(layout, &room, stack);
	layout->top = top;
	layout->size = used = top - room.p;
	if (room.is_short)
		return refuse(why, room.want > UINT64_MAX - used ? UINT64_MAX : used + room.want, top);
	return LODE_OK;
}

/* Where the next word goes, and what turns addresses of the destination into places of the buffer. */
struct writer {
	const struct lode_stack *stack;
	const struct lode_stack_layout *layout;
	unsigned char *buf;
	unsigned char *word;
};

/* What the image leaves out. */
static uint64_t left_out(const struct lode_stack *stack)
{
	return stack->compact ? stack->gap : 0;
}

static unsigned char *place(const struct writer *w, uint64_t addr)
{
	return w->buf + (addr - w->layout->sp - (addr >= w->layout->arg_start ? left_out(w->stack) : 0));
}

static void put_word(struct writer *w, uint64_t value)
{
	uint32_t n = w->stack->word;

	for (uint32_t i = 0; i < n; i++)
		w->word[w->stack->big ? n - 1 - i : i] = (unsigned char)(value >> (8 * i));
	w->word += n;
}

/* Copy a string to an address, NUL included; returns the address behind it. */
static uint64_t put_string(const struct writer *w, uint64_t addr, const char *s)
{
	unsigned char *to = place(w, addr);
	uint64_t size = 0;

	do
		to[size] = (unsigned char)s[size];
	while (s[size++]);
	return addr + size;
}

static void put_vector(struct writer *w, uint64_t addr, const char *const *strings, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		put_word(w, addr);
		addr = put_string(w, addr, strings[i]);
	}
	put_word(w, 0);
}

static uint64_t auxv_value(const struct lode_auxv *entry, const struct lode_stack_layout *layout, const struct parts *parts)
{
	switch (entry->type) {
	case LODE_AT_PLATFORM:
		return parts->platform;
	case LODE_AT_BASE_PLATFORM:
		return parts->base_platform;
	case LODE_AT_RANDOM:
		return parts->random;
	case LODE_AT_EXECFN:
		return layout->env_end;
	default:
		return entry->value;
	}
}

void lode_stack_build(unsigned char *buf, const struct lode_stack_layout *layout, const struct lode_stack *stack)
{
	struct writer w = {.stack = stack, .layout = layout, .buf = buf, .word = buf};
	struct parts parts = {0};
	struct room room = {.p = layout->arg_start};

	take_parts(&parts, &room, stack);
	memset(buf, 0, (size_t)(layout->size - left_out(stack)));
	put_word(&w, stack->argc);
	put_vector(&w, layout->arg_start, stack->argv, stack->argc);
	put_vector(&w, layout->env_start, stack->envp, stack->envc);
	for (uint32_t i = 0; i < stack->nauxv; i++) {
		put_word(&w, stack->auxv[i].type);
		put_word(&w, auxv_value(&stack->auxv[i], layout, &parts));
	}
	put_word(&w, LODE_AT_NULL);
	put_word(&w, 0);
	put_string(&w, layout->env_end, stack->execfn);
	if (stack->platform)
		put_string(&w, parts.platform, stack->platform);
	if (stack->base_platform)
		put_string(&w, parts.base_platform, stack->base_platform);
	for (int i = 0; stack->random && i < RANDOM_SIZE; i++)
		place(&w, parts.random)[i] = stack->random[i];
}
