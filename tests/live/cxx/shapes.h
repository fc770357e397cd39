/* SPDX-License-Identifier: MIT */
/* Classes that the units of the test program share. V is the version that a unit was compiled as. */
#ifndef LODE_TESTS_LIVE_SHAPES_H
#define LODE_TESTS_LIVE_SHAPES_H

#include <exception>
#include <functional>
#include <string>

#ifndef V
#define V 1
#endif

/* All callers call one copy: what was inlined into another unit is replaced with that. */
#define OUT_OF_LINE __attribute__((noinline))

/* Its table of virtual functions is that of shapes.cc. */
struct Shape {
	virtual ~Shape();
	virtual int version() const;
	virtual int sides() const = 0;
#ifdef MORE
	virtual int more() const;
#endif
	int plain() const;
	int id = 7;
};

struct Square : Shape {
	~Square() override;
	int version() const override;
	int sides() const override;
};

/* Every unit has a table for it, and the linker took one. */
struct Dot final : Shape {
	OUT_OF_LINE int version() const override { return 10 * V; }
	int sides() const override { return 0; }
};

/* Two ways to one object. */
struct Named {
	virtual ~Named() = default;
	OUT_OF_LINE virtual std::string name() const { return "named " + std::to_string(V); }
	int tag = 3;
};

struct Label : Square, Named {
	OUT_OF_LINE std::string name() const override { return "label " + std::to_string(V); }
	OUT_OF_LINE int version() const override { return 20 * V; }
};

struct Oops : std::exception {
	explicit Oops(int code) : code(code) {}
	OUT_OF_LINE const char *what() const noexcept override { return V == 1 ? "one" : "more"; }
	int code;
};

/* Counts those that are there. */
struct Alive {
	explicit Alive(int &count) : count(count) { count++; }
	~Alive() { count--; }
	Alive(const Alive &) = delete;
	int &count;
};

int next_number(); /* 1, 2, 3 */

template <int N> OUT_OF_LINE int scaled(int x)
{
	return N * x + V;
}

OUT_OF_LINE inline int inline_version()
{
	return V;
}

OUT_OF_LINE inline int inline_static()
{
	static int number = next_number();

	return number;
}

template <class T> struct Shared {
	static T value;
};
template <class T> T Shared<T>::value = T(next_number());

/* shapes.cc */
Shape *make_square();
Shape *make_dot();
Shape *make_hidden();
Label *make_label();
std::function<int()> make_callback(int x);
bool is_square(const Shape *shape);
bool is_dot(const Shape *shape);
bool is_hidden(const Shape *shape);
bool is_label(const Shape *shape);
Named *as_named(Shape *shape);
bool same_type(const Shape *a, const Shape *b);
int devirtualised();
int inlined();
int number_of_static();
int number_of_shared();
void fail(int code);
int catch_own(int code);
int catch_hidden(int code);
int let_through(int (*call)(int), int x);
std::exception_ptr keep_oops(int code);
std::exception_ptr keep_hidden(int code);
int catch_kept(const std::exception_ptr &kept);
int alive();
int threads_alive();
int per_thread();
int constructed_globals();

#endif
