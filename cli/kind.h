/* SPDX-License-Identifier: MIT */
/* What a file is: decided by its bytes, said in words. */
#ifndef LODE_CLI_KIND_H
#define LODE_CLI_KIND_H

#include "cli.h"
#include "protocols.h"

enum kind_id {
	KIND_UNKNOWN, KIND_EMPTY, KIND_TEXT, KIND_SCRIPT, KIND_ARCHIVE, KIND_PE, KIND_FOREIGN, KIND_BITCODE, KIND_FLAT,
	KIND_BZIMAGE, KIND_PACKED,
	KIND_PROGRAM, KIND_STATIC, KIND_STATIC_PIE, KIND_INTERPRETER, KIND_LIBRARY, KIND_KERNEL, KIND_OBJECT,
	KIND_MODULE, KIND_CORE, KIND_DEBUG, KIND_ELF,
};

struct kind {
	enum kind_id id;
	struct protocols offers; /* of what may be a kernel: programs without interpreter */
	bool xen, linux_kernel;  /* likewise */
	const char *article; /* of the words: "a ", "an ", "" */
	char words[160]; /* "position-independent program, dynamically linked" */
};

/* Of text in any encoding: control characters but those of layout and escape are none of it. */
bool is_text_byte(unsigned char byte);
/* Of bytes that are no ELF file. */
struct kind kind_of_bytes(const struct lode_source *source);
/* Of an opened ELF file. peeled: what was taken off to get at it, as struct input has it. */
struct kind kind_of_image(const struct lode_image *image, const char *peeled);
/* Of a regular file as it lies there, packed or not; KIND_UNKNOWN also of what cannot be read, and of broken ELF files. */
struct kind kind_of_file(const char *path);
/* The same of one that was refused by a rule: false if that says more than the kind does. */
bool kind_of_refused(struct kind *kind, const char *path, enum lode_rule rule);
/* The boot protocols whose marks an image bears. Those of Limine are mere constants, which tools of a boot loader hold as
 * well: they count where a kernel of Limine can lie. */
void kind_offers(struct protocols *offers, const struct lode_image *image);
/* Linked without pages in mind, to be copied to its place, as firmware is: no system with pages could map it. */
bool kind_unpaged(const struct lode_image *image);

#endif
