/* SPDX-License-Identifier: MIT */
/* The unit that stays: it keeps objects that old code has made, and calls whatever code there is. */
#include "room.h"
#include "shapes.h"
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <typeinfo>

#define MUST(condition) \
	do { \
		if (!(condition)) \
			return __LINE__; \
	} while (0)

/* Derived here from what is replaced there. */
struct Cube : Square {
	int sides() const override { return 6 + Square::sides(); }
};

static struct {
	std::unique_ptr<Shape> square, dot, hidden, cube;
	std::unique_ptr<Label> label;
	std::function<int()> callback;
	std::exception_ptr oops, secret;
	int (Shape::*virtual_)() const;
	int (Shape::*plain)() const;
	int number_of_static, inline_static, shared, of_thread;
} kept;

int next_number()
{
	static int number;

	return ++number;
}

void room_begin()
{
	kept.square.reset(make_square());
	kept.dot.reset(make_dot());
	kept.hidden.reset(make_hidden());
	kept.cube.reset(new Cube);
	kept.label.reset(make_label());
	kept.callback = make_callback(5);
	kept.oops = keep_oops(5);
	kept.secret = keep_hidden(6);
	kept.virtual_ = &Shape::version;
	kept.plain = &Shape::plain;
	kept.number_of_static = number_of_static();
	kept.inline_static = inline_static();
	kept.shared = number_of_shared();
	kept.of_thread = per_thread();
}

int room_virtual(int v)
{
	std::unique_ptr<Shape> square(make_square()), dot(make_dot()), hidden(make_hidden()), cube(new Cube);
	std::unique_ptr<Label> label(make_label());
	Square here;

	MUST(kept.square->version() == v && square->version() == v);
	MUST(kept.square->sides() == 400 && square->sides() == 400);
	MUST(kept.cube->version() == v && cube->version() == v && kept.cube->sides() == 406);
	MUST(kept.dot->version() == 10 * v && dot->version() == 10 * v);
	MUST(kept.hidden->version() == 30 * v && hidden->version() == 30 * v && hidden->sides() == -1);
	MUST(kept.label->version() == 20 * v && label->version() == 20 * v);
	MUST(kept.square->Shape::version() == 1000 * v);
	/* Through the second base's part of the table. */
	MUST(kept.label->name() == "label " + std::to_string(v));
	MUST(static_cast<Named *>(kept.label.get())->name() == label->name());
	MUST(as_named(kept.label.get()) == kept.label.get() && as_named(label.get()) == label.get());
	MUST(as_named(kept.label.get())->tag == 3 && !as_named(kept.square.get()));
	MUST(here.version() == v && devirtualised() == v);
	return 0;
}

int room_types()
{
	std::unique_ptr<Shape> square(make_square()), dot(make_dot()), hidden(make_hidden());
	std::unique_ptr<Label> label(make_label());
	const Shape *const all[] = {kept.square.get(), kept.dot.get(), kept.hidden.get(), kept.label.get(), square.get(), dot.get(),
		hidden.get(), label.get()};

	for (int i = 0; i < 8; i++) {
		MUST(is_square(all[i]) == (i % 4 == 0 || i % 4 == 3));
		MUST(is_dot(all[i]) == (i % 4 == 1));
		MUST(is_hidden(all[i]) == (i % 4 == 2));
		MUST(is_label(all[i]) == (i % 4 == 3));
		MUST(!!dynamic_cast<const Label *>(all[i]) == (i % 4 == 3));
		MUST(!!dynamic_cast<const Dot *>(all[i]) == (i % 4 == 1));
		for (int k = 0; k < 8; k++)
			MUST(same_type(all[i], all[k]) == (i % 4 == k % 4));
	}
	MUST(is_square(kept.cube.get()) && !is_label(kept.cube.get()));
	return 0;
}

int room_inline(int v)
{
	MUST(inline_version() == v);
	MUST(scaled<3>(5) == 15 + v);
	MUST(inlined() == 15 + 2 * v + kept.inline_static);
	return 0;
}

int room_statics()
{
	MUST(number_of_static() == kept.number_of_static);
	MUST(inline_static() == kept.inline_static);
	MUST(number_of_shared() == kept.shared && Shared<int>::value == kept.shared);
	MUST(constructed_globals() == 2);
	return 0;
}

static int fail_here(int code)
{
	if (code < 0)
		throw std::string("here");
	fail(code);
	return 0;
}

int room_exceptions(int v)
{
	int before = alive(), code = 0;
	std::string text;

	MUST(catch_own(1) == 1 + v && catch_hidden(2) == 2 + v);
	try {
		fail(3);
	} catch (const std::exception &oops) {
		code = dynamic_cast<const Oops &>(oops).code;
		text = oops.what();
	}
	MUST(code == 3 + v && text == (v == 1 ? "one" : "more"));
	try {
		let_through(fail_here, -1);
	} catch (const std::string &where) {
		text = where;
	}
	MUST(text == "here");
	try {
		let_through(fail_here, 4);
	} catch (const Oops &oops) {
		code = oops.code;
	}
	MUST(code == 4 + v);
	MUST(catch_kept(kept.oops) == 500 + v && catch_kept(keep_oops(8)) == 800 + v);
	MUST(catch_kept(kept.secret) == 60 + v && catch_kept(keep_hidden(9)) == 90 + v);
	MUST(alive() == before);
	return 0;
}

int room_threads()
{
	int other = 0, during = 0, before = threads_alive();

	MUST(per_thread() == kept.of_thread);
	std::thread([&] {
		other = per_thread();
		if (other == per_thread())
			during = threads_alive();
	}).join();
	MUST(other > kept.of_thread && during == before + 1 && threads_alive() == before);
	return 0;
}

static std::atomic<unsigned long> thrown;

void room_throw()
{
	for (;;) {
		try {
			let_through(fail_here, 1);
		} catch (const Oops &) {
			thrown++;
		}
		std::this_thread::sleep_for(std::chrono::microseconds(100));
	}
}

static int wait_here(int seconds)
{
	std::this_thread::sleep_for(std::chrono::seconds(seconds));
	return 0;
}

void room_wait()
{
	let_through(wait_here, 3);
}

unsigned long room_thrown()
{
	return thrown;
}

int room_pointers(int v)
{
	MUST((kept.square.get()->*kept.virtual_)() == v);
	MUST((kept.square.get()->*kept.plain)() == 7 + v);
	MUST(kept.callback() == 5 + v);
	return 0;
}
