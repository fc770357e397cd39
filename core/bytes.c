/* SPDX-License-Identifier: MIT */
/* Bytes of either order come in, integers go out, and back. */
#include "core.h"

uint8_t lode_take8_(struct lode_cursor *cursor)
{
	return *cursor->at++;
}

/* Spelt out so that compilers make one load of it where the machine allows that. */
static uint32_t little32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t big32(const unsigned char *p)
{
	return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

uint16_t lode_take16_(struct lode_cursor *cursor)
{
	const unsigned char *p = cursor->at;

	cursor->at += 2;
	return (uint16_t)(cursor->big ? (uint32_t)p[0] << 8 | p[1] : (uint32_t)p[1] << 8 | p[0]);
}

uint32_t lode_take32_(struct lode_cursor *cursor)
{
	const unsigned char *p = cursor->at;

	cursor->at += 4;
	return cursor->big ? big32(p) : little32(p);
}

uint64_t lode_take64_(struct lode_cursor *cursor)
{
	const unsigned char *p = cursor->at;

	cursor->at += 8;
	return cursor->big ? (uint64_t)big32(p) << 32 | big32(p + 4) : little32(p) | (uint64_t)little32(p + 4) << 32;
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
