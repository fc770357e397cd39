/* SPDX-License-Identifier: MIT */
/* Variables and functions of every kind of type; -DCHANGE=N changes one thing each. Behind IS(N) stands what is said of it, or
 * "nothing": then it is no change of the type. */
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifndef CHANGE
#define CHANGE 0
#endif
#define IS(n) (CHANGE == (n))

struct opaque;

#if IS(1) /* pair.b: member.offset is 0, was 4 */
struct pair { int b, a; };
#else
struct pair { int a, b; };
#endif

#if IS(19) /* list->other: member.name at offset is 8, was 0 */
struct node { struct node *next; long other; };
#define value other
#elif IS(2) /* list->: structure.members is 3, was 2 */
struct node { struct node *next; int value; int more; };
#else
struct node { struct node *next; long value; };
#endif

#if IS(3) /* flags.ready: bit-field.bits is 2, was 1 */
struct bits { unsigned kind : 3, ready : 2, rest : 27; };
#elif IS(4) /* flags.rest: member.offset is 0, was 0 */
struct bits { unsigned kind : 3, rest : 28, ready : 1; };
#else
struct bits { unsigned kind : 3, ready : 1, rest : 28; };
#endif

#if IS(5) /* colour.BLUE: enumerator.value is 3, was 2 */
enum colour { RED, GREEN, WHITE, BLUE, COLOURS };
#elif IS(100) /* nothing: the number of them is no value */
enum colour { RED, GREEN, BLUE, WHITE, COLOURS };
#else
enum colour { RED, GREEN, BLUE, COLOURS };
#endif

#if IS(6) /* matrix[][]: type.encoding is 4, was 5 */
typedef float cell;
#else
typedef int cell;
#endif

#if IS(7) /* matrix: array.elements is 3, was 2 */
typedef cell row[2];
enum { ROWS = 3 };
#else
typedef cell row[3];
enum { ROWS = 2 };
#endif

#if IS(8) /* handler->: function.parameters is 2, was 1 */
typedef int (*handle)(struct pair *, int);
#elif IS(9) /* handler->: function.parameters is 1, was 1 */
typedef int (*handle)(struct pair *, ...);
#else
typedef int (*handle)(struct pair *);
#endif

union either {
#if IS(10) /* either.number: type.encoding is 4, was 5 */
	double number;
#else
	long number;
#endif
	const char *text;
};

#if IS(11) /* owner->inner.middle: member.offset is 4, was 8 */
struct inner { int first, middle, deep, more; };
#else
struct inner { int first, deep, middle, more; };
#endif

struct outer {
	struct inner inner;
	struct opaque *hidden;
	struct {
		short x, y;
	};
	struct outer *up, *down;
	va_list *arguments;
	FILE *file;
	volatile uint8_t *registers;
	const struct pair *const pairs[4];
	bool done;
	long double wide;
	_Complex double wave;
	char tail[];
};

#if IS(12) /* counter: type.encoding is 7, was 5 */
unsigned long counter;
#elif IS(101) /* nothing: const, and another name for it */
typedef long whole;
volatile whole counter;
#elif IS(102) /* nothing: an enumeration is a number */
enum { NO = -1, HUGE_ = 1L << 40 } counter;
#else
long counter;
#endif

#if IS(13) /* per_thread.more: structure.members is 3, was 2 */
__thread struct { short a, more; int b; } per_thread;
#else
__thread struct { int a, b; } per_thread;
#endif

#if IS(103) /* nothing: it is declared only, on one side */
struct opaque { int known, now; };
#endif

struct pair pair = {1, 2};
struct node *list;
struct bits flags;
enum colour colour;
row matrix[ROWS];
handle handler;
union either either;
struct outer *owner;
static struct node nodes[3];
#if IS(14) /* anything: type.kind is 4, was 2 */
int *anything;
#else
long anything;
#endif
#if IS(104) /* nothing: a pointer to anything */
void *pointer;
#else
struct pair *pointer;
#endif
#if IS(15) /* packed: type.size is 6, was 12 */
struct { char a; int b; char c; } __attribute__((packed)) packed; char spare[6];
#else
struct { char a; int b; char c; } packed;
#endif
#if IS(105) /* nothing: as long */
long long as_long;
#else
long as_long;
#endif

#if IS(16) /* called(): type.kind is 1, was 2 */
void called(int x, struct pair *p)
#elif IS(17) /* called(): type.size is 8, was 4 */
int called(long x, struct pair *p)
#elif IS(18) /* called: function.parameters is 1, was 2 */
int called(int x)
#else
int called(int x, struct pair *p)
#endif
{
	static int calls;

	calls += (int)x;
#if !IS(18)
	pair.a += p ? p->a : 0;
#endif
#if !IS(16)
	return calls + (int)nodes[calls & 1].value;
#endif
}

int reader(struct opaque *o, int (*each)(void *, int), ...)
{
	nodes[1].value = o != NULL;
	return each(o, 1);
}
