/* SPDX-License-Identifier: MIT */
/* Bytes come in, libz compresses them and takes them out again. */
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static unsigned char in[100000], out[100000], back[100000];

int main(void)
{
	uLongf size = sizeof out, back_size = sizeof back;
	int there, again;

	for (unsigned i = 0; i < sizeof in; i++)
		in[i] = (unsigned char)(i * i >> 7);
	there = compress2(out, &size, in, sizeof in, 9);
	again = uncompress(back, &back_size, out, size);
	printf("%d %d %d %08lx\n", there, again, memcmp(in, back, sizeof in), crc32(0, in, sizeof in));
	return 0;
}
