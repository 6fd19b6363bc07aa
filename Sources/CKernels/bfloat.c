#include "bfloat_dispatch.h"

int tmdne_has_bfloats(void) {
#if defined(__x86_64__)
    return __builtin_cpu_supports("x86-64-v4") && __builtin_cpu_supports("avx512bf16");
#else
    return 0;
#endif
}

#if defined(__x86_64__)
#define CALL(name, ...) (tmdne_has_bfloats() ? name##_native(__VA_ARGS__) : name##_plain(__VA_ARGS__))
#else
#define CALL(name, ...) name##_plain(__VA_ARGS__)
#endif

size_t tmdne_bfloat_panel_numbers(size_t inputs, size_t outputs) {
    return (outputs + 15) / 16 * 16 * ((inputs + 1) / 2 * 2);
}

void tmdne_pack_bfloat_panels(const float *weights, uint16_t *panels, size_t inputs, size_t outputs) {
    struct bfloat_packing packing = {weights, panels, inputs, outputs};
    CALL(tmdne_pack_bfloat_panels, &packing);
}

void tmdne_multiply_bfloats(const struct tmdne_product *p, int is_narrow) {
    CALL(tmdne_multiply_bfloats, p, is_narrow);
}

void tmdne_multiply_bfloats_plainly(const struct tmdne_product *p, int is_narrow) {
    tmdne_multiply_bfloats_plain(p, is_narrow);
}

size_t tmdne_bfloat_head(size_t width, size_t keys) {
    size_t panels = (keys + 15) / 16 * 16 * ((width + 1) / 2 * 2), pairs = (keys + 1) / 2 * 2 * ((width + 15) / 16 * 16);
    return (panels + pairs + 31) / 32 * 32;
}

size_t tmdne_bfloat_attention_scratch(size_t key_batch, size_t heads, size_t width, size_t keys) {
    return key_batch * heads * tmdne_bfloat_head(width, keys) / 2;
}

void tmdne_attend_bfloats(const struct tmdne_attention *a) { CALL(tmdne_attend_bfloats, a); }

void tmdne_winograd_bfloat_input(
    size_t tile, const float *x, uint16_t *v, size_t height, size_t width, size_t channels, size_t first, size_t rows) {
    CALL(tmdne_winograd_bfloat_input, tile, x, v, height, width, channels, first, rows);
}

void tmdne_winograd_bfloat_weights(
    size_t tile, const float *weights, uint16_t *panels, size_t outputs, size_t inputs) {
    CALL(tmdne_winograd_bfloat_weights, tile, weights, panels, outputs, inputs);
}
