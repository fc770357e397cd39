/* SPDX-License-Identifier: MIT */
/* A framebuffer as a picture. */
#ifndef LODE_CLI_PNG_H
#define LODE_CLI_PNG_H

#include <lode/machine.h>

/** Pixels of @screen (pitch * height bytes, which may change meanwhile) as a PNG file, from where @fd stands. 0, or an errno. */
int png_write(int fd, const struct lode_framebuffer *screen, const unsigned char *pixels);

#endif
