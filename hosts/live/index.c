/* SPDX-License-Identifier: MIT */
/* A program's file, or a file that `lode index` wrote, comes in, the index of the program goes out. */
#define _GNU_SOURCE
#include "live.h"
#include <errno.h>
#include <sys/mman.h>

static int io(struct lode_live_index *index, int error, struct lode_diag *why)
{
	index->error = error;
	if (why)
		*why = (struct lode_diag){.status = LODE_ERR_IO, .rule = LODE_RULE_NONE};
	return LODE_ERR_IO;
}

/* Pages that are not touched cost nothing. @of_program: room for the tables of its headers too, which may be all of the file. */
static int begin(struct lode_live_index *index, const char *name, bool of_program, struct lode_diag *why)
{
	int error;

	*index = (struct lode_live_index){.error = 0};
	error = lode_live_copy_file_(&index->file_, name);
	if (error != 0) {
		index->file_.bytes = NULL;
		return io(index, error, why);
	}
	index->memory_size_ = of_program ? LODE_INDEX_MEMORY(index->file_.size) + 4 * index->file_.size :
		LODE_INDEX_FILE_MEMORY(index->file_.size);
	index->memory_ = mmap(NULL, index->memory_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		-1, 0);
	if (index->memory_ != MAP_FAILED)
		return LODE_OK;
	index->memory_ = NULL;
	return io(index, errno, why);
}

static size_t round_up(size_t size)
{
	return (size + 15) & ~(size_t)15;
}

/* The tables lie in the memory, which is the index's from there on. */
static int open_image(struct lode_live_index *index, struct lode_diag *why)
{
	struct lode_image *image = &index->image_;
	struct lode_open_options options = {.flags = LODE_OPEN_SECTIONS};
	int status = lode_open(image, &index->source_, &options, NULL);

	if (status != LODE_OK && status != LODE_ERR_ROOM)
		return lode_open(image, &index->source_, &options, why);
	options.segments = index->memory_;
	options.max_segments = image->nsegments;
	index->taken_ = round_up(image->nsegments * sizeof *options.segments);
	options.sections = (void *)((char *)index->memory_ + index->taken_);
	options.max_sections = image->nsections;
	index->taken_ += round_up(image->nsections * sizeof *options.sections);
	return lode_open(image, &index->source_, &options, why);
}

int lode_live_index_open_(struct lode_live_index *index, const char *program, struct lode_diag *why)
{
	int status = begin(index, program, true, why);

	if (status != LODE_OK)
		return status;
	index->source_ = (struct lode_source){.bytes = index->file_.bytes, .size = index->file_.size};
	return open_image(index, why);
}

int lode_live_index_fill_(struct lode_live_index *index, struct lode_diag *why)
{
	return lode_index_make(&index->index, &index->image_, (char *)index->memory_ + index->taken_,
		index->memory_size_ - index->taken_, why);
}

int lode_live_index_make(struct lode_live_index *index, const char *program, struct lode_diag *why)
{
	int status = lode_live_index_open_(index, program, why);

	return status == LODE_OK ? lode_live_index_fill_(index, why) : status;
}

int lode_live_index_read(struct lode_live_index *index, const char *name, struct lode_diag *why)
{
	struct lode_index_bytes bytes;
	int status = begin(index, name, false, why);

	if (status != LODE_OK)
		return status;
	bytes = (struct lode_index_bytes){.bytes = index->file_.bytes, .size = index->file_.size};
	return lode_index_read(&index->index, &bytes, index->memory_, index->memory_size_, why);
}

int lode_live_index_is_of_(const struct lode_live_index *index, const struct lode_live_index *program, struct lode_diag *why)
{
	uint64_t code = lode_index_code(&program->image_);

	if (code == index->index.code)
		return LODE_OK;
	if (why)
		*why = lode_diag_of(LODE_RULE_SWAP_FILE, LODE_FIELD_INDEX_CODE, index->index.code, code);
	return LODE_ERR_MALFORMED;
}

int lode_live_index_check(const struct lode_live_index *index, const char *program, struct lode_diag *why)
{
	struct lode_live_index other;
	int status = lode_live_index_open_(&other, program, why);

	if (status == LODE_OK)
		status = lode_live_index_is_of_(index, &other, why);
	lode_live_index_end(&other);
	return status;
}

void lode_live_index_end(struct lode_live_index *index)
{
	if (index->memory_)
		munmap(index->memory_, index->memory_size_);
	if (index->file_.bytes)
		munmap(index->file_.bytes, index->file_.size);
	index->memory_ = index->file_.bytes = NULL;
}
