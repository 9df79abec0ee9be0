/* What the kernels share. Shapes: T H W places of a map, C its channels, K channels of the output, P taps of a kernel. */
#include <stdint.h>
#include <string.h>
#ifdef __AVX__
#include <immintrin.h>
#endif

#ifdef __AVX512F__
enum { LANES = 16, ROWS = 12 };
#else
enum { LANES = 8, ROWS = 6 };
#endif
enum { COLS = 2 * LANES, LINE = 16, LARGE = 24 << 20 };
/* LINE: steps of a product in which one line of the next weights is fetched. LARGE: bytes that stay in no cache. */
enum { CONVOLVE, WINOGRAD, WINOGRAD_IN_TIME, MAXIMUM, SPREAD };

typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));
typedef int bits __attribute__((vector_size(LANES * sizeof(int))));

/* One layer. Sizes are of maps [T, H, W, C]. */
typedef struct {
    long kind;
    long in_t, in_h, in_w, in_c;
    long out_t, out_h, out_w, out_c;
    long kernel_t, kernel_h, kernel_w;
    long stride_t, stride_h, stride_w;
    long pad_t, pad_h, pad_w;
    long run; /* floats behind one pointer */
    long relu;
    const float *in;
    float *out;
    const float *added;   /* [T, H, W, K], added before the ReLU; may be NULL */
    const float *weights; /* [K / COLS][P][run][COLS], or of Winograd [K / COLS][spots][taps][C][COLS] */
    const float *bias;    /* K, rounded up to COLS */
} Layer;

static const float ZEROS[16384];

static long up(long value, long step) { return (value + step - 1) / step; }
static long least(long a, long b) { return a < b ? a : b; }

/* ROWS places times COLS channels; `at` holds the pointers of a tap side by side, `used` which taps are inside.
 * A share of the weights that come next is fetched on the way, from `next` on. */
static inline __attribute__((always_inline)) void multiply(
    const float *const *at, const char *used, long taps, long run, const float *weights, const float *next,
    vec sum[ROWS][2]) {
    for (long tap = 0; tap < taps; tap++, at += ROWS) {
        if (!used[tap]) {
            weights += run * COLS;
            continue;
        }
        for (long k = 0; k < run; next += COLS) {
            __builtin_prefetch(next, 0, 2);
            for (long end = least(k + LINE, run); k < end; k++, weights += COLS) {
                vec left = *(const vec *)weights, right = *(const vec *)(weights + LANES);
#pragma GCC unroll 12
                for (int row = 0; row < ROWS; row++) {
                    vec x = at[row][k] - (vec){0};
                    sum[row][0] += x * left;
                    sum[row][1] += x * right;
                }
            }
        }
    }
}

/* Whether the output is written past the caches: it would only push out what is still needed. */
static int is_streamed(const Layer *l) {
    long all = l->out_t * l->out_h * l->out_w * l->out_c * sizeof(float);
    return all > LARGE && l->out_c % COLS == 0 && (uintptr_t)l->out % sizeof(vec) == 0;
}

static inline __attribute__((always_inline)) void store(float *to, vec value, int streamed) {
#ifdef __AVX512F__
    if (streamed) _mm512_stream_ps(to, (__m512)value);
#elif defined __AVX__
    if (streamed) _mm256_stream_ps(to, (__m256)value);
#else
    streamed = 0;
#endif
    if (!streamed) *(vec *)to = value;
}

/* Written past the caches, all of it is there for other threads. */
static void end_streaming(void) {
#ifdef __AVX__
    _mm_sfence();
#endif
}

/* LANES sums become outputs: something added, negative ones to 0; NaN stays NaN. */
static inline __attribute__((always_inline)) vec finished(const Layer *l, vec sum, const float *added) {
    vec value = sum + *(const vec *)added, floor = (vec){0} + (l->relu ? 0 : -__builtin_inff());
    return (vec)((bits)value & ~(value < floor));
}

static inline const float *added_to(const Layer *l, long to) { return l->added ? l->added + to : ZEROS; }

/* The same for COLS channels of one place, of which `wide` are there. */
static inline void finish(const Layer *l, const float *sums, long to, long wide, int streamed) {
    const float *added = added_to(l, to);
    if (wide == COLS) {
        for (long half = 0; half < COLS; half += LANES)
            store(l->out + to + half, finished(l, *(const vec *)(sums + half), added + half), streamed);
    } else
        for (long k = 0; k < wide; k++) {
            float value = sums[k] + added[k];
            l->out[to + k] = l->relu && value < 0 ? 0 : value;
        }
}
