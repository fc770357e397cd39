/* SPDX-License-Identifier: MIT */
/* The unit that is replaced: classes, templates, exceptions, objects that are constructed once. */
#include "shapes.h"
#include <typeinfo>

static int globals;
static thread_local int living;
static int threads;

struct Global {
	Global() { globals++; }
};
static Global global;

struct Thread {
	Thread() : number(100 + next_number()) { __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED); }
	~Thread() { __atomic_fetch_sub(&threads, 1, __ATOMIC_RELAXED); }
	int number;
};
static thread_local Thread thread;

namespace {
struct Hidden : Shape {
	int version() const override { return 30 * V; }
	int sides() const override { return -1; }
};

struct Secret {
	int code;
};
}

Shape::~Shape() = default;
Square::~Square() = default;

int Shape::version() const
{
	return 1000 * V;
}

#ifdef MORE
int Shape::more() const
{
	return V;
}
#endif

int Shape::plain() const
{
	return id + V;
}

int Square::version() const
{
	return V;
}

int Square::sides() const
{
	return 400;
}

Shape *make_square()
{
	return new Square;
}

Shape *make_dot()
{
	return new Dot;
}

Shape *make_hidden()
{
	return new Hidden;
}

Label *make_label()
{
	return new Label;
}

std::function<int()> make_callback(int x)
{
	return [x] { return x + V; };
}

bool is_square(const Shape *shape)
{
	return dynamic_cast<const Square *>(shape);
}

bool is_dot(const Shape *shape)
{
	return dynamic_cast<const Dot *>(shape);
}

bool is_hidden(const Shape *shape)
{
	return dynamic_cast<const Hidden *>(shape);
}

bool is_label(const Shape *shape)
{
	return typeid(*shape) == typeid(Label);
}

Named *as_named(Shape *shape)
{
	return dynamic_cast<Named *>(shape);
}

bool same_type(const Shape *a, const Shape *b)
{
	return typeid(*a) == typeid(*b);
}

/* The compiler knows what is called. */
int devirtualised()
{
	Square square;
	const Shape *shape = &square;

	return shape->version();
}

int inlined()
{
	return inline_version() + scaled<3>(5) + inline_static();
}

int number_of_static()
{
	static Global own;
	static int number = next_number();

	return number;
}

int number_of_shared()
{
	return Shared<int>::value;
}

void fail(int code)
{
	Alive here(living);

	throw Oops(code + V);
}

int catch_own(int code)
{
	Alive here(living);

	try {
		fail(code);
	} catch (const Oops &oops) {
		return oops.code;
	}
	return -1;
}

int catch_hidden(int code)
{
	try {
		Alive here(living);

		throw Secret{code + V};
	} catch (const Secret &secret) {
		return secret.code;
	}
}

/* Not caught here, but something is to be done on the way. */
int let_through(int (*call)(int), int x)
{
	Alive here(living);

	return call(x) + V;
}

std::exception_ptr keep_oops(int code)
{
	return std::make_exception_ptr(Oops(code));
}

std::exception_ptr keep_hidden(int code)
{
	return std::make_exception_ptr(Secret{code});
}

int catch_kept(const std::exception_ptr &kept)
{
	try {
		std::rethrow_exception(kept);
	} catch (const Secret &secret) {
		return 10 * secret.code + V;
	} catch (const Oops &oops) {
		return 100 * oops.code + V;
	} catch (...) {
		return -1;
	}
}

int alive()
{
	return living;
}

int threads_alive()
{
	return threads;
}

int per_thread()
{
	return thread.number;
}

int constructed_globals()
{
	return globals;
}
