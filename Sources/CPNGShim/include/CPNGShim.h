// libpng reports errors with longjmp, which must not cross a Swift frame. These few functions keep every jump inside C:
// they return, with a reason, whatever happens.
#ifndef CPNG_SHIM_H
#define CPNG_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Room for a reason, its terminating zero included.
#define CPNG_REASON_BYTES 160

/// A text chunk. The pointers are the caller's when writing and the reader's, until it is closed, when reading.
struct cpng_text {
    /// Latin-1, zero-terminated.
    const char *keyword;
    /// UTF-8 in an iTXt chunk, Latin-1 in a tEXt or zTXt chunk; zero-terminated.
    const char *text;
    /// Bytes of `text` without the terminating zero.
    size_t length;
    /// iTXt rather than tEXt.
    bool is_unicode;
};

/// Writes 8-bit RGB rows, `3 * width * height` bytes, as a PNG file in memory, the texts before the image data.
///
/// Returns a buffer that the caller frees with `free` and sets `length`, or returns NULL and fills in `reason`.
uint8_t *cpng_write(
    uint32_t width, uint32_t height, const uint8_t *rgb, const struct cpng_text *texts, int text_count, size_t *length,
    char reason[CPNG_REASON_BYTES]);

typedef struct cpng_reader cpng_reader;

/// Reads the chunks before the image data. The bytes must outlive the reader.
///
/// Returns NULL and fills in `reason` if they are not the beginning of a PNG file of at most `maximum_side` pixels
/// each way.
cpng_reader *cpng_open(
    const uint8_t *bytes, size_t length, uint32_t maximum_side, char reason[CPNG_REASON_BYTES]);

uint32_t cpng_width(const cpng_reader *reader);
uint32_t cpng_height(const cpng_reader *reader);

/// Reads the image as 8-bit RGB, `3 * width * height` bytes (alpha dropped, grey and palettes expanded), and the rest
/// of the file, which must end with the IEND chunk.
bool cpng_read(cpng_reader *reader, uint8_t *rgb, size_t capacity, char reason[CPNG_REASON_BYTES]);

/// The number of text chunks; complete after `cpng_read`.
int cpng_text_count(const cpng_reader *reader);
/// The text at `index`, which must be below `cpng_text_count`.
struct cpng_text cpng_text_at(const cpng_reader *reader, int index);

void cpng_close(cpng_reader *reader);

/// Image data that is decompressed as it comes, looked at and thrown away.
typedef struct cpng_data cpng_data;

/// Begins to check the image data of an 8-bit RGB image without interlacing. Returns NULL when memory runs out.
cpng_data *cpng_data_open(uint32_t width, uint32_t height);

/// Takes the next bytes of the IDAT chunks, at most 2^32 - 1.
///
/// Returns what is wrong as a constant string, and nothing may be added after that, or NULL.
const char *cpng_data_add(cpng_data *data, const uint8_t *bytes, size_t length);

/// Whether every row has come and the compressed data has ended, its checksum included.
bool cpng_data_is_whole(const cpng_data *data);

void cpng_data_close(cpng_data *data);

#endif
