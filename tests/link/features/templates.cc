/* SPDX-License-Identifier: MIT */
/* Inline functions, templates and their statics are in both objects and become one; static constructors, virtual functions. */
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
template <typename T> T &only()
{
	static T value{};
	return value;
}
inline int inline_counter()
{
	static int n;
	return ++n;
}
struct base {
	virtual int f() const { return 1; }
	virtual ~base() {}
};
struct derived : base {
	int f() const override { return 2; }
};
extern int other_counter();
extern base *other_make();
extern int &other_only();
static std::map<std::string, int> table{{"a", 1}, {"b", 2}};
struct announcer {
	announcer() { std::puts("static constructor"); }
	~announcer() { std::puts("static destructor"); }
} static a;
static thread_local std::string per_thread = "thread";
int main()
{
	only<int>() = 4;
	inline_counter();
	std::printf("%d %d\n", other_counter(), &only<int>() == &other_only());
	base *b = other_make();
	std::printf("%d %d\n", b->f(), dynamic_cast<derived *>(b) == nullptr);
	delete b;
	std::ostringstream out;
	out << table.size() << ' ' << table["b"] << ' ' << per_thread;
	std::cout << out.str() << std::endl;
	return 0;
}
