#include "shim.h"
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/// Bytes before the first growth: most images of 128 x 128 pixels fit.
static const size_t initial_capacity = 64 * 1024;

struct output {
    uint8_t *bytes;
    size_t length, capacity;
};

static void append(png_structp png, png_bytep data, size_t count) {
    struct output *output = png_get_io_ptr(png);
    if (count > output->capacity - output->length) {
        size_t capacity = output->capacity ? output->capacity : initial_capacity;
        while (capacity - output->length < count) {
            if (capacity > SIZE_MAX / 2) png_error(png, "the file is too long");
            capacity *= 2;
        }
        uint8_t *bytes = realloc(output->bytes, capacity);
        if (!bytes) png_error(png, "out of memory");
        output->bytes = bytes;
        output->capacity = capacity;
    }
    memcpy(output->bytes + output->length, data, count);
    output->length += count;
}

static void flush(png_structp png) {
    (void)png;
}

static void set_texts(png_structp png, png_infop info, const struct cpng_text *texts, int count) {
    for (int i = 0; i < count; i++) {
        png_text text = {
            .compression = texts[i].is_unicode ? PNG_ITXT_COMPRESSION_NONE : PNG_TEXT_COMPRESSION_NONE,
            .key = (png_charp)texts[i].keyword,
            .text = (png_charp)texts[i].text,
            .text_length = texts[i].is_unicode ? 0 : texts[i].length,
            .itxt_length = texts[i].is_unicode ? texts[i].length : 0,
        };
        png_set_text(png, info, &text, 1);
    }
}

/// All that may jump, in a frame whose own variables do not change after `setjmp`.
static bool write_all(
    png_structp png, png_infop info, uint32_t width, uint32_t height, const uint8_t *rgb, const struct cpng_text *texts,
    int text_count
) {
    if (setjmp(png_jmpbuf(png))) return false;
    png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
    png_set_IHDR(
        png, info, width, height, 8, PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
        PNG_FILTER_TYPE_DEFAULT);
    // PNGImage.encode documents the measurement behind these three.
    png_set_filter(png, PNG_FILTER_TYPE_BASE, PNG_FILTER_PAETH);
    png_set_compression_strategy(png, Z_RLE);
    png_set_compression_level(png, 1);
    set_texts(png, info, texts, text_count);
    png_write_info(png, info);
    for (uint32_t row = 0; row < height; row++) png_write_row(png, rgb + (size_t)row * width * 3);
    png_write_end(png, info);
    return true;
}

uint8_t *cpng_write(
    uint32_t width, uint32_t height, const uint8_t *rgb, const struct cpng_text *texts, int text_count, size_t *length,
    char reason[CPNG_REASON_BYTES]
) {
    strcpy(reason, "out of memory");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, reason, cpng_fail, cpng_ignore);
    if (!png) return NULL;
    struct output output = {NULL, 0, 0};
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(png, &output, append, flush);
    bool is_written = info && write_all(png, info, width, height, rgb, texts, text_count);
    png_destroy_write_struct(&png, &info);
    if (!is_written) {
        free(output.bytes);
        return NULL;
    }
    *length = output.length;
    return output.bytes;
}
