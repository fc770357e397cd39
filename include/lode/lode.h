/* SPDX-License-Identifier: MIT */
/* Everything of the core in one include: open, plan, place. */
#ifndef LODE_H
#define LODE_H

#include <lode/base.h>
#include <lode/dynamic.h>
#include <lode/elf.h>
#include <lode/image.h>
#include <lode/note.h>
#include <lode/plan.h>
#include <lode/space.h>

#endif
