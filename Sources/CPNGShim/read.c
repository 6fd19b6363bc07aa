#include "shim.h"
#include <stdlib.h>
#include <string.h>

/// Our own files have two text chunks of a few kilobytes; a foreign one has little reason for more than this.
static const png_uint_32 maximum_chunks = 32;
static const png_alloc_size_t maximum_chunk_bytes = 1024 * 1024;

struct cpng_reader {
    png_structp png;
    png_infop info;
    const uint8_t *bytes;
    size_t length, offset;
    char reason[CPNG_REASON_BYTES];
};

static void take(png_structp png, png_bytep data, size_t count) {
    struct cpng_reader *reader = png_get_io_ptr(png);
    if (count > reader->length - reader->offset) png_error(png, "it ends too early");
    memcpy(data, reader->bytes + reader->offset, count);
    reader->offset += count;
}

static bool read_header(struct cpng_reader *reader, uint32_t maximum_side) {
    png_structp png = reader->png;
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_user_limits(png, maximum_side, maximum_side);
    png_set_chunk_cache_max(png, maximum_chunks);
    png_set_chunk_malloc_max(png, maximum_chunk_bytes);
    png_set_crc_action(png, PNG_CRC_ERROR_QUIT, PNG_CRC_ERROR_QUIT);
    png_set_benign_errors(png, 0);
    png_read_info(png, reader->info);
    return true;
}

static bool read_image(struct cpng_reader *reader, uint8_t *rgb, size_t capacity) {
    png_structp png = reader->png;
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_strip_alpha(png);
    png_set_gray_to_rgb(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, reader->info);
    size_t row_bytes = png_get_rowbytes(png, reader->info);
    uint32_t height = cpng_height(reader);
    if (row_bytes != (size_t)cpng_width(reader) * 3 || capacity / row_bytes < height) {
        png_error(png, "its rows have an unexpected length");
    }
    for (int pass = 0; pass < passes; pass++) {
        for (uint32_t row = 0; row < height; row++) png_read_row(png, rgb + row_bytes * row, NULL);
    }
    png_read_end(png, reader->info);
    if (reader->offset != reader->length) png_error(png, "bytes follow its end");
    return true;
}

cpng_reader *cpng_open(
    const uint8_t *bytes, size_t length, uint32_t maximum_side, char reason[CPNG_REASON_BYTES]
) {
    strcpy(reason, "out of memory");
    struct cpng_reader *reader = calloc(1, sizeof *reader);
    if (!reader) return NULL;
    reader->bytes = bytes;
    reader->length = length;
    reader->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, reader->reason, cpng_fail, cpng_ignore);
    if (reader->png) reader->info = png_create_info_struct(reader->png);
    if (reader->info) {
        png_set_read_fn(reader->png, reader, take);
        if (read_header(reader, maximum_side)) return reader;
        memcpy(reason, reader->reason, CPNG_REASON_BYTES);
    }
    cpng_close(reader);
    return NULL;
}

bool cpng_read(cpng_reader *reader, uint8_t *rgb, size_t capacity, char reason[CPNG_REASON_BYTES]) {
    if (read_image(reader, rgb, capacity)) return true;
    memcpy(reason, reader->reason, CPNG_REASON_BYTES);
    return false;
}

uint32_t cpng_width(const cpng_reader *reader) {
    return png_get_image_width(reader->png, reader->info);
}

uint32_t cpng_height(const cpng_reader *reader) {
    return png_get_image_height(reader->png, reader->info);
}

int cpng_text_count(const cpng_reader *reader) {
    return png_get_text(reader->png, reader->info, NULL, NULL);
}

struct cpng_text cpng_text_at(const cpng_reader *reader, int index) {
    png_textp texts = NULL;
    png_get_text(reader->png, reader->info, &texts, NULL);
    bool is_unicode = texts[index].compression >= PNG_ITXT_COMPRESSION_NONE;
    struct cpng_text text = {
        .keyword = texts[index].key,
        .text = texts[index].text,
        .length = is_unicode ? texts[index].itxt_length : texts[index].text_length,
        .is_unicode = is_unicode,
    };
    return text;
}

void cpng_close(cpng_reader *reader) {
    png_destroy_read_struct(&reader->png, &reader->info, NULL);
    free(reader);
}
