// Loops over libgomp's threads without -fopenmp: clang would link its own runtime, whose threads would fight with the
// ones that oneDNN already keeps spinning.
#pragma once
#include <stddef.h>

extern void GOMP_parallel(void (*body)(void *), void *data, unsigned threads, unsigned flags);
extern int omp_get_thread_num(void);
extern int omp_get_num_threads(void);
extern int omp_get_max_threads(void);

struct tmdne_loop {
    void (*body)(const void *context, size_t begin, size_t end);
    const void *context;
    size_t count;
};

static inline void tmdne_loop_thread(void *data) {
    const struct tmdne_loop *loop = data;
    size_t thread = (size_t)omp_get_thread_num(), threads = (size_t)omp_get_num_threads();
    size_t begin = loop->count * thread / threads, end = loop->count * (thread + 1) / threads;
    if (begin < end) loop->body(loop->context, begin, end);
}

// Calls body over 0 ..< count in contiguous pieces, one a thread. Waking the team costs about a microsecond, so that
// `work`, the number of floats touched, decides whether it pays.
static inline void tmdne_parallel(
    size_t count, size_t work, void (*body)(const void *, size_t, size_t), const void *context) {
    if (count < 2 || work < 8192) {
        body(context, 0, count);
        return;
    }
    struct tmdne_loop loop = {body, context, count};
    GOMP_parallel(tmdne_loop_thread, &loop, 0, 0);
}
