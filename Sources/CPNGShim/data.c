#include "shim.h"
#include <stdlib.h>
#include <zlib.h>

/// Bytes that are decompressed at a time; nothing more is ever held of an image.
#define PIECE_BYTES (16 * 1024)

/// The highest of the filters that begin a row (PNG specification, third edition, section 9.2).
static const uint8_t last_filter = 4;

struct cpng_data {
    z_stream stream;
    /// Of a row with its filter byte, and how many of the current one have come.
    uint64_t row_bytes, row_filled;
    uint64_t rows_left;
    bool has_ended;
    uint8_t piece[PIECE_BYTES];
};

cpng_data *cpng_data_open(uint32_t width, uint32_t height) {
    cpng_data *data = calloc(1, sizeof *data);
    if (!data) return NULL;
    data->row_bytes = (uint64_t)width * 3 + 1;
    data->rows_left = height;
    if (inflateInit(&data->stream) == Z_OK) return data;
    free(data);
    return NULL;
}

/// Looks at the next bytes of the rows.
static const char *take_rows(cpng_data *data, size_t count) {
    for (size_t index = 0; index < count;) {
        if (data->rows_left == 0) return "it decompresses to more than its pixels";
        if (data->row_filled == 0 && data->piece[index] > last_filter) return "a row has a filter that does not exist";
        uint64_t rest = data->row_bytes - data->row_filled;
        if (rest > count - index) {
            data->row_filled += count - index;
            return NULL;
        }
        index += rest;
        data->row_filled = 0;
        data->rows_left--;
    }
    return NULL;
}

const char *cpng_data_add(cpng_data *data, const uint8_t *bytes, size_t length) {
    z_stream *stream = &data->stream;
    stream->next_in = (Bytef *)bytes;
    stream->avail_in = (uInt)length;
    do {
        if (data->has_ended) return stream->avail_in == 0 ? NULL : "bytes follow its compressed data";
        stream->next_out = data->piece;
        stream->avail_out = PIECE_BYTES;
        int code = inflate(stream, Z_NO_FLUSH);
        // No progress: all input is used and all output is taken, so that the rest must come first.
        if (code == Z_BUF_ERROR) return NULL;
        if (code == Z_MEM_ERROR) return "out of memory";
        if (code != Z_OK && code != Z_STREAM_END) return "it can't be decompressed";
        const char *problem = take_rows(data, PIECE_BYTES - stream->avail_out);
        if (problem) return problem;
        data->has_ended = code == Z_STREAM_END;
    } while (stream->avail_in > 0 || stream->avail_out == 0);
    return NULL;
}

bool cpng_data_is_whole(const cpng_data *data) {
    return data->has_ended && data->rows_left == 0;
}

void cpng_data_close(cpng_data *data) {
    inflateEnd(&data->stream);
    free(data);
}
