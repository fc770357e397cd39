/* SPDX-License-Identifier: MIT */
/* The same templates again. */
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
struct third : base {
	int f() const override { return 3; }
};
int other_counter()
{
	return inline_counter();
}
base *other_make()
{
	return new third;
}
int &other_only()
{
	return only<int>();
}
