// Loops over libgomp's threads without -fopenmp: clang would link its own runtime, whose threads would fight with the
// ones that oneDNN already keeps spinning.
#pragma once
#include <stdatomic.h>
#include <stddef.h>

extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_max_threads(void);
extern void omp_set_num_threads(int threads);

struct tmdne_loop {
    void (*body)(const void *context, size_t begin, size_t end);
    const void *context;
    size_t count, pieces;
    atomic_size_t next;
};

static inline void tmdne_loop_thread(void *data) {
    struct tmdne_loop *loop = data;
    size_t piece;
    while ((piece = atomic_fetch_add_explicit(&loop->next, 1, memory_order_relaxed)) < loop->pieces) {
        size_t begin = loop->count * piece / loop->pieces, end = loop->count * (piece + 1) / loop->pieces;
        if (begin < end) loop->body(loop->context, begin, end);
    }
}

// Calls body over 0 ..< count in contiguous pieces. Threads take pieces as they are free, several each, so that one which
// other work on the machine keeps from its core does not hold up all. Waking the team costs about a microsecond, so that
// `work`, the number of floats touched, decides whether it pays.
static inline void tmdne_parallel(
    size_t count, size_t work, void (*body)(const void *, size_t, size_t), const void *context) {
    if (count < 2 || work < 8192) {
        body(context, 0, count);
        return;
    }
    size_t pieces = (size_t)omp_get_max_threads() * 8;
    struct tmdne_loop loop = {body, context, count, pieces < count ? pieces : count, 0};
    GOMP_parallel(tmdne_loop_thread, &loop, 0, 0);
}
