/* SPDX-License-Identifier: MIT */
/* Throws. */
#include <stdexcept>
#include <string>
void thrower(int n)
{
	if (n == 0)
		throw std::runtime_error("zero");
	if (n == 1)
		throw std::string("one");
	throw 2.0;
}
