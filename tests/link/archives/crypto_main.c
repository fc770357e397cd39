/* SPDX-License-Identifier: MIT */
/* Three bytes come in, libcrypto prints two of their digests. */
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdio.h>

static void print(const unsigned char *bytes, unsigned size)
{
	for (unsigned i = 0; i < size; i++)
		printf("%02x", bytes[i]);
	puts("");
}

int main(void)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	unsigned size;

	if (SHA256((const unsigned char *)"abc", 3, digest) == NULL)
		return 1;
	print(digest, 32);
	EVP_DigestInit_ex(context, EVP_sha512(), NULL);
	EVP_DigestUpdate(context, "abc", 3);
	EVP_DigestFinal_ex(context, digest, &size);
	print(digest, size);
	EVP_MD_CTX_free(context);
	return 0;
}
