// The loops that oneDNN 2.6 does not have, or does not fuse: norms over NHWC with activation, attention without the
// score matrix in memory, gated GELU, and copies. Single precision, row-major, last dimension fastest.
//
// All of them run on libgomp's threads, which oneDNN uses too; each thread that calls them has a team of its own. Every output
// element is computed in an order that depends on its own row or image alone: neither the batch nor the number of threads
// changes a bit. Pointers must not be null and must not overlap unless said; sizes are positive.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum tmdne_activation {
    TMDNE_IDENTITY = 0,
    TMDNE_SILU = 1,
    TMDNE_QUICK_GELU = 2,
    TMDNE_GELU = 3,
    TMDNE_RELU = 4,
};

// Group normalisation of x[images][pixels][channels] over pixels and the channels of a group (Wu and He 2018). `shift`, or
// NULL, is added to x before: shift_rows is 1 or images, each row has `channels` values. `scratch` holds
// tmdne_group_norm_scratch() doubles, among them the result: for each image a factor for each channel, then an offset for
// each.
size_t tmdne_group_norm_scratch(size_t images, size_t pixels, size_t channels, size_t groups);
const double *tmdne_group_statistics(
    const float *x, const float *shift, size_t shift_rows, const float *scale, const float *bias, double *scratch,
    size_t images, size_t pixels, size_t channels, size_t groups, float epsilon);

// y = activation(x * factor + offset), with the statistics of the images; `pixels` may be some of those that they are of.
// Here and below, y is of bfloat16 if `is_narrow`.
void tmdne_group_apply(
    const float *x, const double *statistics, void *y, size_t images, size_t pixels, size_t channels,
    enum tmdne_activation activation, int is_narrow);

// Layer normalisation of x[rows][channels] over the channels (Ba et al. 2016).
void tmdne_layer_norm(
    const float *x, const float *scale, const float *bias, void *y, size_t rows, size_t channels, float epsilon,
    int is_narrow);

// Scaled dot-product attention (Vaswani et al. 2017) with an online softmax (Milakov and Gimelshein 2018), in blocks of keys.
// q[batch][queries][heads * width], rows q_stride apart; k and v[batch / repeat][keys][heads * width], rows kv_stride
// apart: `repeat` neighbours in the batch share keys and values. y[batch][queries][heads * width], dense. If causal,
// query i sees keys 0...i. `scratch` holds tmdne_attention_scratch() floats, aligned to 64 bytes.
//
// tmdne_attend_bfloats takes queries, or keys and values, of bfloat16 where they are narrow, and gives such a result.
struct tmdne_attention {
    const void *q, *k, *v;
    void *y;
    float *scratch;
    size_t batch, repeat, heads, width, queries, keys, q_stride, kv_stride;
    float scale;
    int causal, narrow_q, narrow_kv, narrow_y;
};
size_t tmdne_attention_scratch(size_t key_batch, size_t heads, size_t width, size_t keys);
void tmdne_attend(const struct tmdne_attention *a);
// The widest head that tmdne_attend takes.
size_t tmdne_attention_widest(void);

// Weights in panels of 16 outputs: [outputs / 16, rounded up][inputs][16], of weights[outputs][inputs].
size_t tmdne_panel_floats(size_t inputs, size_t outputs);
void tmdne_pack_panels(const float *weights, float *panels, size_t inputs, size_t outputs);
// y[matrices][rows][outputs] = activation(x[matrices][rows][inputs] weights[matrices] + bias + residual); bias and residual,
// of y's shape, may be NULL; the residual may not be y, where sums of slices are stored. Scratch memory and all after the
// activation is for tmdne_multiply_bfloats alone.
struct tmdne_product {
    const void *x, *panels;
    const float *bias, *residual;
    void *y;
    float *scratch;
    size_t matrices, rows, inputs, outputs;
    enum tmdne_activation activation;
    int narrow_x, narrow_y, gated;
};
void tmdne_multiply(const struct tmdne_product *p);

// y[rows][inner] = x[rows][0 ..< inner] * gelu(x[rows][inner ..< 2 * inner]), the exact (erf) GELU (Shazeer 2020).
void tmdne_gated_gelu(const float *x, void *y, size_t rows, size_t inner, int is_narrow);

// y = activation(x), element by element; y may be x.
void tmdne_activate(const float *x, float *y, size_t count, enum tmdne_activation activation);

// Nearest-neighbour resize of x[images][height][width][channels]: source row = row * height / out_height, rounded down.
void tmdne_resize_nearest(
    const float *x, float *y, size_t images, size_t height, size_t width, size_t out_height, size_t out_width,
    size_t channels);

// y[rows][a_channels + b_channels] = a beside b.
void tmdne_concatenate(const float *a, size_t a_channels, const float *b, size_t b_channels, float *y, size_t rows);

// Winograd's F(4x4, 3x3) or F(2x2, 3x3) (Lavin and Gray 2016), by the side of a `tile`, around a product that the caller makes:
// a 3x3 convolution of stride 1 and padding 1 over x[images][height][width][channels] with 1/4 or 4/9 of the
// multiplications. Tiles are counted through all images; both channel counts are multiples of 16.
//
// Points of a transformed tile: 36 or 16.
size_t tmdne_winograd_points(size_t tile);
size_t tmdne_winograd_tiles(size_t tile, size_t images, size_t height, size_t width);
// u[points][inputs][outputs], or of each point's matrix the panels that tmdne_multiply takes, of weights[outputs][inputs][3][3].
void tmdne_winograd_weights(
    size_t tile, const float *weights, float *u, size_t outputs, size_t inputs, int in_panels);
// v[points][rows][channels] of the tiles first ..< first + rows.
void tmdne_winograd_input(
    size_t tile, const float *x, float *v, size_t height, size_t width, size_t channels, size_t first, size_t rows);
// y, where the tiles lie, from m[points][rows][channels] = v u; adds the bias and, unless NULL, a residual of y's shape.
void tmdne_winograd_output(
    size_t tile, const float *m, const float *bias, const float *residual, float *y, size_t height, size_t width,
    size_t channels, size_t first, size_t rows);

// y[count] of half-precision (IEEE 754) or bfloat16 numbers, little-endian and not aligned.
void tmdne_widen_halves(const void *x, float *y, size_t count);
void tmdne_widen_bfloats(const void *x, float *y, size_t count);

// The same in bfloat16, sums in single precision; on processors without its instructions no faster than single precision.
//
// Whether the processor has AVX-512; besides, AVX512-BF16, which is used; and AMX, which the system lets this process use. Each is
// 0 where oneDNN's own limit, ONEDNN_MAX_CPU_ISA, leaves it out, the second also where it is slower than AVX-512 alone and the
// limit does not name it.
int tmdne_has_wide_vectors(void);
int tmdne_has_bfloats(void);
int tmdne_has_amx(void);
// Whether either of the last is faster than single precision.
int tmdne_is_fast_in_bfloats(void);
// Weights in panels of bfloat16: [outputs / 16, rounded up][taps][inputs / 2, rounded up][16][2], of weights[outputs][inputs][taps];
// those of a product have one tap, those of a convolution a tap for each pixel of its kernel.
size_t tmdne_bfloat_panel_numbers(size_t inputs, size_t outputs);
void tmdne_pack_bfloat_panels(const float *weights, uint16_t *panels, size_t inputs, size_t outputs, size_t taps);
// As tmdne_multiply with these panels. x is of floats, which are rounded when they are read, or of bfloat16, with an even number
// of inputs. `scratch` holds tmdne_bfloat_product_scratch() floats, if any, for an x of floats.
//
// Where tmdne_narrows_products() says so, y may be of bfloat16, an x of bfloat16 is read up to a multiple of 32 rows, and a
// product may be gated: y[rows][outputs / 2] is then the first half of the outputs times the GELU of the second, half of them
// a multiple of 16, without activation and residual.
size_t tmdne_bfloat_product_scratch(size_t rows, size_t inputs);
int tmdne_narrows_products(size_t inputs);
void tmdne_multiply_bfloats(const struct tmdne_product *p);
// The same without the processor's own instructions, nor what is said last.
void tmdne_multiply_bfloats_plainly(const struct tmdne_product *p);
// As tmdne_attend; queries, keys, values and weights are rounded. The scratch memory is counted in floats.
size_t tmdne_bfloat_attention_scratch(size_t key_batch, size_t heads, size_t width, size_t keys);
void tmdne_attend_bfloats(const struct tmdne_attention *a);
// As tmdne_winograd_weights, into such panels for each point, and as tmdne_winograd_input.
void tmdne_winograd_bfloat_weights(
    size_t tile, const float *weights, uint16_t *panels, size_t outputs, size_t inputs);
void tmdne_winograd_bfloat_input(
    size_t tile, const float *x, uint16_t *v, size_t height, size_t width, size_t channels, size_t first, size_t rows);

// A 3x3 convolution with a padding of 1 over x[images][height][width][inputs], in bfloat16 on AMX: for processors that have it
// (tmdne_has_amx) and inputs that are a multiple of 32. Weights are panels of nine taps.
//
// Before it is rounded, the picture can be doubled, by the nearest neighbour, so that height and width are twice those of x, and
// with the `statistics` of tmdne_group_statistics normalised, then activated where `silu` says so. Bias and residual, of y's
// shape, may be NULL. `scratch` holds tmdne_bfloat_convolution_scratch() floats, aligned to 64 bytes.
struct tmdne_convolution {
    const float *x;
    const double *statistics;
    int silu, doubled;
    const void *panels;
    const float *bias, *residual;
    float *y, *scratch;
    size_t images, height, width, inputs, outputs, stride;
};
size_t tmdne_bfloat_convolution_scratch(const struct tmdne_convolution *c);
void tmdne_convolve_bfloats(const struct tmdne_convolution *c);

// Threads that the loops above, and oneDNN, use when the calling thread runs them; and from now on so many.
int tmdne_thread_count(void);
void tmdne_use_threads(int count);
