// All that is compiled three times: see bfloat.h.
#pragma once
#include "bfloat_attention.h"
#include "bfloat_dispatch.h"
#include "bfloat_product.h"
#include "winograd_tiles.h"

TMDNE_NUMBERS void narrow_input_of_4(const void *pass, size_t begin, size_t end) {
    transform_input(4, 1, pass, begin, end);
}

TMDNE_NUMBERS void narrow_input_of_2(const void *pass, size_t begin, size_t end) {
    transform_input(2, 1, pass, begin, end);
}

void TMDNE_NAME(tmdne_winograd_bfloat_input)(
    size_t tile, const float *x, uint16_t *v, size_t height, size_t width, size_t channels, size_t first, size_t rows) {
    struct pass pass = tiles_of(tile, x, height, width, channels, first, rows);
    pass.narrow = v;
    size_t work = rows * channels * tmdne_winograd_points(tile);
    tmdne_parallel(rows, work, tile == 4 ? narrow_input_of_4 : narrow_input_of_2, &pass);
}

TMDNE_NUMBERS void narrow_weights_of_4(const void *pass, size_t begin, size_t end) {
    transform_weights(4, 1, pass, begin, end);
}

TMDNE_NUMBERS void narrow_weights_of_2(const void *pass, size_t begin, size_t end) {
    transform_weights(2, 1, pass, begin, end);
}

void TMDNE_NAME(tmdne_winograd_bfloat_weights)(
    size_t tile, const float *weights, uint16_t *panels, size_t outputs, size_t inputs) {
    struct weights_pass pass = {.weights = weights, .narrow = panels, .outputs = outputs, .inputs = inputs};
    size_t work = outputs * inputs * tmdne_winograd_points(tile);
    tmdne_parallel(outputs / LANES, work, tile == 4 ? narrow_weights_of_4 : narrow_weights_of_2, &pass);
}
