/* SPDX-License-Identifier: MIT */
/* Bytes of either order come in, integers go out, and back. */
#include "core.h"

uint8_t lode_take8_(struct lode_cursor *cursor)
{
	return *cursor->at++;
}

uint16_t lode_take16_(struct lode_cursor *cursor)
{
	const unsigned char *p = cursor->at;

	cursor->at += 2;
	return cursor->big ? (uint16_t)(p[0] << 8 | p[1]) : (uint16_t)(p[1] << 8 | p[0]);
}

uint32_t lode_take32_(struct lode_cursor *cursor)
{
	uint32_t first = lode_take16_(cursor);
	uint32_t second = lode_take16_(cursor);

	return cursor->big ? first << 16 | second : second << 16 | first;
}

uint64_t lode_take64_(struct lode_cursor *cursor)
{
	uint64_t first = lode_take32_(cursor);
	uint64_t second = lode_take32_(cursor);

	return cursor->big ? first << 32 | second : second << 32 | first;
}

uint64_t lode_take_word_(struct lode_cursor *cursor)
{
	return cursor->wide ? lode_take64_(cursor) : lode_take32_(cursor);
}

void lode_store_(unsigned char *dst, uint64_t value, uint32_t width, bool big)
{
	for (uint32_t i = 0; i < width; i++) {
		dst[big ? width - 1 - i : i] = (unsigned char)value;
		value >>= 8;
	}
}

/* Digit by digit, 16 bits each, in 32-bit steps. */
uint64_t lode_divide_(uint64_t n, uint32_t d)
{
	uint64_t quotient = 0;
	uint32_t rest = 0;

	for (int shift = 48; shift >= 0; shift -= 16) {
		uint32_t part = (rest << 16) | (uint32_t)(n >> shift & 0xffff);

		quotient = quotient << 16 | part / d;
		rest = part % d;
	}
	return quotient;
}
