/* SPDX-License-Identifier: MIT */
/* Bytes come in, libzstd compresses them and takes them out again. */
#include <stdio.h>
#include <string.h>
#include <zstd.h>

static unsigned char in[100000], out[200000], back[100000];

int main(void)
{
	size_t size, back_size;

	for (unsigned i = 0; i < sizeof in; i++)
		in[i] = (unsigned char)(i * i >> 7);
	size = ZSTD_compress(out, sizeof out, in, sizeof in, 19);
	back_size = ZSTD_decompress(back, sizeof back, out, size);
	printf("%zu %d\n", back_size, memcmp(in, back, sizeof in));
	return 0;
}
