/* SPDX-License-Identifier: MIT */
/* Exceptions through both objects and through the C library, destructors on the way, types by name. */
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <vector>
struct guard {
	const char *name;
	~guard() { std::printf("~%s\n", name); }
};
extern void thrower(int n);
static int compare(const void *, const void *)
{
	throw 5;
}
int main()
{
	for (int n = 0; n < 3; n++) {
		try {
			guard g{"main"};
			thrower(n);
		} catch (const std::runtime_error &e) {
			std::printf("runtime_error %s\n", e.what());
		} catch (const std::string &s) {
			std::printf("string %s\n", s.c_str());
		} catch (...) {
			std::puts("other");
		}
	}
	try {
		int numbers[2] = {1, 2};
		std::qsort(numbers, 2, sizeof(int), compare);
	} catch (int i) {
		std::printf("int %d\n", i);
	}
	try {
		std::vector<int> v(3);
		std::printf("%d\n", v.at(7));
	} catch (const std::exception &e) {
		std::printf("%s\n", typeid(e).name());
	}
	return 0;
}
