/* SPDX-License-Identifier: MIT */
/* More of them. */
typedef float v4 __attribute__((vector_size(16)));
v4 other(v4 v)
{
	return v + (v4){0.5f, 0.25f, 0.125f, 1};
}
