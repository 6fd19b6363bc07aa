#define _GNU_SOURCE  // strcasestr
#include "bfloat_dispatch.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

// Linux gives a process the state of AMX when it asks (arch_prctl(2): ARCH_REQ_XCOMP_PERM for XFEATURE_XTILEDATA).
static int may_use_amx(void) { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }
#else
static int may_use_amx(void) { return 0; }
#endif

enum { HAS_VECTORS = 1, HAS_BFLOATS = 2, HAS_AMX = 4 };

// oneDNN's own limit of instructions, by which hosts are made to compute alike; NULL if none is set.
static const char *limit_of_instructions(void) {
    const char *limit = getenv("ONEDNN_MAX_CPU_ISA");
    if (!limit) limit = getenv("DNNL_MAX_CPU_ISA");
    return !limit || !*limit || strcasestr(limit, "ALL") || strcasestr(limit, "DEFAULT") ? NULL : limit;
}

// Whether it leaves instructions whose names have one of these words in them.
static int are_within(const char *limit, const char *const *words) {
    if (!limit) return 1;
    for (; *words; words++)
        if (strcasestr(limit, *words)) return 1;
    return 0;
}

#if defined(__x86_64__)
// Intel's processors since Cooper Lake have AMX for this work, and where that is hidden from a virtual machine a VDPBF16PS takes
// twice as long as the two multiplications and additions of single precision that do the same: measured on an Emerald Rapids.
static int do_bfloats_pay(void) { return !__builtin_cpu_is("intel") || __builtin_cpu_is("cooperlake"); }
#else
static int do_bfloats_pay(void) { return 0; }
#endif

static int find_units(void) {
#if defined(__x86_64__)
    static const char *const with_vectors[] = {"AVX512", "AMX", "AVX10", 0}, *const with_amx[] = {"AMX", 0},
                            *const with_bfloats[] = {"BF16", "FP16", "AMX", "AVX10", 0};
    const char *limit = limit_of_instructions();
    if (!__builtin_cpu_supports("x86-64-v4") || !are_within(limit, with_vectors)) return 0;
    if (!__builtin_cpu_supports("avx512bf16") || !are_within(limit, with_bfloats)) return HAS_VECTORS;
    int has_amx = __builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") && are_within(limit, with_amx);
    if (has_amx && may_use_amx()) return HAS_VECTORS | HAS_BFLOATS | HAS_AMX;
    // A limit that names the instructions is to have them used.
    int are_used = do_bfloats_pay() || (limit && strcasestr(limit, "BF16"));
    return are_used ? HAS_VECTORS | HAS_BFLOATS : HAS_VECTORS;
#else
    return 0;
#endif
}

// What of them there is; asked once.
static int units(void) {
    static atomic_int known = -1;
    int found = atomic_load_explicit(&known, memory_order_relaxed);
    if (found < 0) atomic_store_explicit(&known, found = find_units(), memory_order_relaxed);
    return found;
}

int tmdne_has_wide_vectors(void) { return (units() & HAS_VECTORS) != 0; }
int tmdne_has_bfloats(void) { return (units() & HAS_BFLOATS) != 0; }
int tmdne_has_amx(void) { return (units() & HAS_AMX) != 0; }
int tmdne_is_fast_in_bfloats(void) { return tmdne_has_amx() || (tmdne_has_bfloats() && do_bfloats_pay()); }

#if defined(__x86_64__)
#define CALL(name, ...)                                            \
    (tmdne_has_bfloats()        ? name##_native(__VA_ARGS__)       \
     : tmdne_has_wide_vectors() ? name##_wide(__VA_ARGS__)         \
                                : name##_plain(__VA_ARGS__))
#define CALL_AMX(name, ...) name##_amx(__VA_ARGS__)
#else
#define CALL(name, ...) name##_plain(__VA_ARGS__)
#define CALL_AMX(name, ...) 0
#endif

// Whether a step of AMX fits the inputs.
static int suits_amx(size_t inputs) { return inputs % 32 == 0 && tmdne_has_amx(); }

size_t tmdne_bfloat_panel_numbers(size_t inputs, size_t outputs) {
    return (outputs + 15) / 16 * 16 * ((inputs + 1) / 2 * 2);
}

void tmdne_pack_bfloat_panels(const float *weights, uint16_t *panels, size_t inputs, size_t outputs, size_t taps) {
    struct bfloat_packing packing = {weights, panels, inputs, outputs, taps};
    CALL(tmdne_pack_bfloat_panels, &packing);
}

size_t tmdne_bfloat_product_scratch(size_t rows, size_t inputs) {
    return suits_amx(inputs) ? CALL_AMX(tmdne_bfloat_product_scratch, rows, inputs) : 0;
}

int tmdne_narrows_products(size_t inputs) { return suits_amx(inputs); }

void tmdne_multiply_bfloats(const struct tmdne_product *p) {
    // Of several matrices, as transformed tiles are, the rows are not filled up.
    if (p->matrices == 1 && suits_amx(p->inputs)) CALL_AMX(tmdne_multiply_bfloats, p);
    else CALL(tmdne_multiply_bfloats, p);
}

void tmdne_multiply_bfloats_plainly(const struct tmdne_product *p) { tmdne_multiply_bfloats_plain(p); }

size_t tmdne_bfloat_convolution_scratch(const struct tmdne_convolution *c) {
    return CALL_AMX(tmdne_bfloat_convolution_scratch, c);
}

void tmdne_convolve_bfloats(const struct tmdne_convolution *c) { CALL_AMX(tmdne_convolve_bfloats, c); }

size_t tmdne_bfloat_head(size_t width, size_t keys) {
    size_t panels = (keys + 15) / 16 * 16 * ((width + 1) / 2 * 2), pairs = (keys + 1) / 2 * 2 * ((width + 15) / 16 * 16);
    return (panels + pairs + 31) / 32 * 32;
}

size_t tmdne_bfloat_attention_scratch(size_t key_batch, size_t heads, size_t width, size_t keys) {
    if (tmdne_has_amx()) return CALL_AMX(tmdne_bfloat_attention_scratch, key_batch * heads, width, keys);
    return key_batch * heads * tmdne_bfloat_head(width, keys) / 2;
}

void tmdne_attend_bfloats(const struct tmdne_attention *a) {
    if (tmdne_has_amx()) CALL_AMX(tmdne_attend_bfloats, a);
    else CALL(tmdne_attend_bfloats, a);
}

void tmdne_winograd_bfloat_input(
    size_t tile, const float *x, uint16_t *v, size_t height, size_t width, size_t channels, size_t first, size_t rows) {
    CALL(tmdne_winograd_bfloat_input, tile, x, v, height, width, channels, first, rows);
}

void tmdne_winograd_bfloat_weights(
    size_t tile, const float *weights, uint16_t *panels, size_t outputs, size_t inputs) {
    CALL(tmdne_winograd_bfloat_weights, tile, weights, panels, outputs, inputs);
}
