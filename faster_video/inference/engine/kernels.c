/* Clip networks on a processor: float32 maps with the channels last, convolutions as matrix products.
 *
 * A convolution reads its input where it lies: for every place of the output there is one pointer per tap of the
 * kernel, and behind each pointer `run` numbers that the weights are multiplied with. Nothing is copied first.
 * ROWS places times COLS channels of the output are held in registers at a time. Taps that lie outside the map for all
 * of these places are passed over.
 *
 * Kernels of 3×3 in space without stride go by Winograd's F(4×4, 3×3) (Lavin and Gray, 2015): tiles of 6×6 inputs become
 * 36 numbers per channel, so that 4×4 outputs take 36 products per pair of channels and not 144.
 *
 * Shapes: T H W places of a map, C its channels, K channels of the output, P taps of a kernel.
 */
#ifdef _OPENMP
#include <omp.h>
#endif
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#ifdef __AVX512F__
enum { LANES = 16, ROWS = 12 };
#else
enum { LANES = 8, ROWS = 6 };
#endif
enum { COLS = 2 * LANES, GROUPS = 17, MOST_TAPS = 64, SPINS = 4000, TILE = 4, SIDE = 6, SPOTS = 36 };
/* 17 groups: the 98 places of two 7×7 maps go through at once, so that their layer's weights are fetched once. */
enum { MOST_THREADS = 256 };
enum { CONVOLVE, WINOGRAD, MAXIMUM };

typedef float vec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));

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
    const float *weights; /* [K / COLS][P][run][COLS], or of Winograd [K / COLS][SPOTS][kernel_t][C][COLS] */
    const float *bias;    /* K, rounded up to COLS */
} Layer;

/* How a layer is cut into pieces of work: blocks of places (or tiles) times blocks of panels of COLS channels. */
typedef struct {
    long places, place_blocks, panels, panel_blocks;
} Cut;

int lanes(void) { return LANES; }
long layer_size(void) { return sizeof(Layer); }

static const float ZEROS[16384];

static long up(long value, long step) { return (value + step - 1) / step; }
static long least(long a, long b) { return a < b ? a : b; }

/* ROWS places times COLS channels; `at` holds the pointers of a tap side by side, `used` which taps are inside. */
static inline __attribute__((always_inline)) void multiply(
    const float *const *at, const char *used, long taps, long run, const float *weights, vec sum[ROWS][2]) {
    for (long tap = 0; tap < taps; tap++, at += ROWS) {
        if (!used[tap]) {
            weights += run * COLS;
            continue;
        }
        for (long k = 0; k < run; k++, weights += COLS) {
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

/* Sums of COLS channels become outputs: something added, negative ones to 0; `wide` of them are there. */
static inline void finish(const Layer *l, const float *sums, long to, long wide) {
    float *out = l->out + to;
    const float *added = l->added ? l->added + to : ZEROS;
    float floor = l->relu ? 0 : -__builtin_inff();
    if (wide == COLS) {
        for (long k = 0; k < COLS; k++) {
            float value = sums[k] + added[k];
            out[k] = floor > value ? floor : value; /* NaN stays NaN */
        }
    } else
        for (long k = 0; k < wide; k++) {
            float value = sums[k] + added[k];
            out[k] = floor > value ? floor : value; /* NaN stays NaN */
        }
}

/* Where the input of each of the places first … first + count lies: at[group][tap][row]; and used[group][tap]. */
static void find_inputs(const Layer *l, long first, long count, const float **at, char *used, long taps) {
    long plane = l->out_h * l->out_w;
    memset(used, 0, up(count, ROWS) * taps);
    for (long place = 0; place < up(count, ROWS) * ROWS; place++) {
        const float **to = at + place / ROWS * taps * ROWS + place % ROWS;
        char *use = used + place / ROWS * taps;
        long number = first + place;
        int there = place < count;
        long t0 = number / plane * l->stride_t - l->pad_t;
        long y0 = number % plane / l->out_w * l->stride_h - l->pad_h;
        long x0 = number % l->out_w * l->stride_w - l->pad_w;
        for (long t = t0; t < t0 + l->kernel_t; t++)
            for (long y = y0; y < y0 + l->kernel_h; y++)
                for (long x = x0; x < x0 + l->kernel_w; x++, to += ROWS, use++) {
                    int inside = there && t >= 0 && t < l->in_t && y >= 0 && y < l->in_h && x >= 0 && x < l->in_w;
                    *to = inside ? l->in + ((t * l->in_h + y) * l->in_w + x) * l->in_c : ZEROS;
                    *use |= inside;
                }
    }
}

static void convolve(const Layer *l, long first, long count, long panel, long last_panel) {
    const float *at[GROUPS * ROWS * MOST_TAPS];
    char used[GROUPS * MOST_TAPS];
    long taps = l->kernel_t * l->kernel_h * l->kernel_w;
    find_inputs(l, first, count, at, used, taps);
    for (; panel < last_panel; panel++) {
        long channel = panel * COLS, wide = least(l->out_c - channel, COLS);
        const float *weights = l->weights + channel * taps * l->run;
        for (long place = 0; place < count; place += ROWS) {
            vec sum[ROWS][2];
#pragma GCC unroll 12
            for (int row = 0; row < ROWS; row++) {
                sum[row][0] = *(const vec *)(l->bias + channel);
                sum[row][1] = *(const vec *)(l->bias + channel + LANES);
            }
            multiply(at + place * taps, used + place / ROWS * taps, taps, l->run, weights, sum);
            for (int row = 0; row < ROWS && place + row < count; row++)
                finish(l, (const float *)sum[row], (first + place + row) * l->out_c + channel, wide);
        }
    }
}

/* One line of Winograd's two transforms. */
static inline __attribute__((always_inline)) void transform_in(vec d[SIDE], vec *b, long step) {
    b[0 * step] = 4 * d[0] - 5 * d[2] + d[4];
    b[1 * step] = d[4] + d[3] - 4 * (d[2] + d[1]);
    b[2 * step] = d[4] - d[3] - 4 * (d[2] - d[1]);
    b[3 * step] = d[4] - d[2] + 2 * (d[3] - d[1]);
    b[4 * step] = d[4] - d[2] - 2 * (d[3] - d[1]);
    b[5 * step] = 4 * d[1] - 5 * d[3] + d[5];
}
static inline __attribute__((always_inline)) void transform_out(vec m[SIDE], vec *y, long step) {
    vec p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
    y[0 * step] = m[0] + p + r;
    y[1 * step] = q + 2 * s;
    y[2 * step] = p + 4 * r;
    y[3 * step] = q + 8 * s + m[5];
}

/* The 36 numbers of one tile, all channels: to[spot * step + channel]. */
static void read_tile(const Layer *l, long t, long y0, long x0, float *to, long step) {
    const float *at[SPOTS];
    for (long y = 0; y < SIDE; y++)
        for (long x = 0; x < SIDE; x++) {
            long v = y0 + y, u = x0 + x;
            int inside = v >= 0 && v < l->in_h && u >= 0 && u < l->in_w;
            at[y * SIDE + x] = inside ? l->in + ((t * l->in_h + v) * l->in_w + u) * l->in_c : ZEROS;
        }
    for (long channel = 0; channel < l->in_c; channel += LANES) {
        vec lines[SPOTS], done[SPOTS], d[SIDE];
        for (long y = 0; y < SIDE; y++) {
            for (long x = 0; x < SIDE; x++) d[x] = *(const vec *)(at[y * SIDE + x] + channel);
            transform_in(d, lines + y * SIDE, 1);
        }
        for (long x = 0; x < SIDE; x++) {
            for (long y = 0; y < SIDE; y++) d[y] = lines[y * SIDE + x];
            transform_in(d, done + x, SIDE);
        }
        for (long spot = 0; spot < SPOTS; spot++) *(vec *)(to + spot * step + channel) = done[spot];
    }
}

/* The 4×4 outputs of one tile, COLS channels: from[spot * step]. */
static void write_tile(const Layer *l, long t, long y0, long x0, const float *from, long step, long channel, long wide) {
    float sums[TILE * TILE][COLS];
    for (long half = 0; half < COLS; half += LANES) {
        vec lines[SIDE * TILE], done[TILE * TILE], m[SIDE];
        for (long y = 0; y < SIDE; y++) {
            for (long x = 0; x < SIDE; x++) m[x] = *(const vec *)(from + (y * SIDE + x) * step + half);
            transform_out(m, lines + y * TILE, 1);
        }
        for (long x = 0; x < TILE; x++) {
            for (long y = 0; y < SIDE; y++) m[y] = lines[y * TILE + x];
            transform_out(m, done + x, TILE);
        }
        vec bias = *(const vec *)(l->bias + channel + half);
        for (long spot = 0; spot < TILE * TILE; spot++) *(vec *)(sums[spot] + half) = done[spot] + bias;
    }
    for (long y = 0; y < TILE && y0 + y < l->out_h; y++)
        for (long x = 0; x < TILE && x0 + x < l->out_w; x++)
            finish(l, sums[y * TILE + x], ((t * l->out_h + y0 + y) * l->out_w + x0 + x) * l->out_c + channel, wide);
}

/* Floats that a thread needs for Winograd's numbers of `count` tiles in every frame. */
static long scratch_size(const Layer *l, long count) {
    long rows = up(l->out_t * count, ROWS) * ROWS;
    return SPOTS * ((rows + (l->kernel_t - 1) * count) * l->in_c + rows * COLS);
}

/* Tiles first … first + count of every frame: one tile of all T frames after another, so that time needs no table. */
static void winograd(const Layer *l, long first, long count, long panel, long last_panel, float *scratch) {
    long across = up(l->out_w, TILE), rows = l->out_t * count, groups = up(rows, ROWS);
    long frames = l->in_t + 2 * l->pad_t, step = (groups * ROWS + (l->kernel_t - 1) * count) * l->in_c;
    float *products = scratch + SPOTS * step;
    for (long t = 0; t < frames; t++)
        for (long tile = 0; tile < count; tile++) {
            float *to = scratch + (t * count + tile) * l->in_c;
            long from = t - l->pad_t, y = (first + tile) / across * TILE - 1, x = (first + tile) % across * TILE - 1;
            if (from >= 0 && from < l->in_t) read_tile(l, from, y, x, to, step);
            else for (long spot = 0; spot < SPOTS; spot++) memset(to + spot * step, 0, l->in_c * sizeof(float));
        }
    for (; panel < last_panel; panel++) {
        long channel = panel * COLS, wide = least(l->out_c - channel, COLS);
        for (long spot = 0; spot < SPOTS; spot++) {
            const float *weights = l->weights + (panel * SPOTS + spot) * l->kernel_t * l->in_c * COLS;
            for (long group = 0; group < groups; group++) {
                const float *at[3 * ROWS];
                char used[3];
                for (long tap = 0; tap < l->kernel_t; tap++) {
                    long earliest = group * ROWS / count + tap - l->pad_t; /* frames of the first row and of the last */
                    long latest = least((group + 1) * ROWS, rows) - 1;
                    latest = latest / count + tap - l->pad_t;
                    used[tap] = latest >= 0 && earliest < l->in_t;
                    for (long row = 0; row < ROWS; row++)
                        at[tap * ROWS + row] = scratch + spot * step + (group * ROWS + row + tap * count) * l->in_c;
                }
                vec sum[ROWS][2] = {0};
                multiply(at, used, l->kernel_t, l->in_c, weights, sum);
                memcpy(products + (spot * groups + group) * ROWS * COLS, sum, sizeof sum);
            }
        }
        for (long row = 0; row < rows; row++) {
            long tile = first + row % count;
            write_tile(l, row / count, tile / across * TILE, tile % across * TILE, products + row * COLS,
                       groups * ROWS * COLS, channel, wide);
        }
    }
}

static void maximum(const Layer *l, long first, long count) {
    long plane = l->out_h * l->out_w;
    for (long number = first; number < first + count; number++) {
        long t = number / plane, y0 = number % plane / l->out_w * l->stride_h - l->pad_h,
             x0 = number % l->out_w * l->stride_w - l->pad_w;
        float *out = l->out + number * l->out_c;
        int begun = 0;
        for (long y = y0 < 0 ? 0 : y0; y < y0 + l->kernel_h && y < l->in_h; y++)
            for (long x = x0 < 0 ? 0 : x0; x < x0 + l->kernel_w && x < l->in_w; x++) {
                const float *in = l->in + ((t * l->in_h + y) * l->in_w + x) * l->in_c;
                if (!begun) memcpy(out, in, l->out_c * sizeof(float));
                else for (long c = 0; c < l->out_c; c++) out[c] = in[c] > out[c] || in[c] != in[c] ? in[c] : out[c];
                begun = 1;
            }
    }
}

/* Large enough to pay, small enough that every thread gets several. */
static Cut cut(const Layer *l, int threads) {
    long all = l->kind == WINOGRAD ? up(l->out_h, TILE) * up(l->out_w, TILE) : l->out_t * l->out_h * l->out_w;
    long most = l->kind == WINOGRAD ? up(8 * ROWS, l->out_t) : GROUPS * ROWS;
    Cut cut = {.places = least(all, most), .panels = up(l->out_c, COLS)};
    long panels = cut.panels;
    if (l->kind != WINOGRAD && cut.places < all) cut.places = up(cut.places, ROWS) * ROWS;
    cut.place_blocks = up(all, cut.places);
    cut.places = up(all, cut.place_blocks);
    if (l->kind == CONVOLVE) cut.places = up(cut.places, ROWS) * ROWS;
    cut.place_blocks = up(all, cut.places);
    while (l->kind != MAXIMUM && cut.place_blocks * up(panels, cut.panels) < 4 * threads && cut.panels > 1)
        cut.panels = up(cut.panels, 2);
    cut.panel_blocks = l->kind == MAXIMUM ? 1 : up(panels, cut.panels);
    return cut;
}

/* The threads that share the pieces of every layer out among themselves. */
typedef struct {
    const Layer *layers;
    long num_layers;
    int threads;
    atomic_long next; /* pieces begun, of all layers so far */
    atomic_long done; /* how often a thread has come to the end of a layer */
    atomic_int ready; /* whether it is known how many threads there are */
} Work;

static void meet(Work *work, long layer) {
    long all = (layer + 1) * work->threads;
    if (atomic_fetch_add(&work->done, 1) + 1 == all) return;
    for (long spins = 0; atomic_load(&work->done) < all; spins++)
        if (spins > SPINS) sched_yield();
}

static void *take_part(void *shared) {
    Work *work = shared;
    while (!atomic_load(&work->ready)) sched_yield();
    float *scratch = NULL;
    long began = 0, room = 0; /* pieces of the layers before; floats of scratch */
    for (long number = 0; number < work->num_layers; number++) {
        const Layer *l = work->layers + number;
        Cut c = cut(l, work->threads);
        long all = l->kind == WINOGRAD ? up(l->out_h, TILE) * up(l->out_w, TILE) : l->out_t * l->out_h * l->out_w;
        long pieces = c.place_blocks * c.panel_blocks, panels = up(l->out_c, COLS);
        if (l->kind == WINOGRAD && room < scratch_size(l, c.places)) {
            free(scratch);
            room = scratch_size(l, c.places);
            scratch = aligned_alloc(64, up(room * sizeof(float), 64) * 64);
        }
        for (;;) {
            long piece = atomic_fetch_add(&work->next, 1) - began;
            if (piece >= pieces) break;
            long first = piece / c.panel_blocks * c.places, count = least(all - first, c.places);
            long panel = piece % c.panel_blocks * c.panels, last = least(panel + c.panels, panels);
            if (l->kind == CONVOLVE) convolve(l, first, count, panel, last);
            else if (l->kind == WINOGRAD) winograd(l, first, count, panel, last, scratch);
            else maximum(l, first, count);
        }
        meet(work, number);
        began += pieces + work->threads; /* every thread has asked once too often */
    }
    free(scratch);
    return NULL;
}

/* All layers, one after the other, by this many threads. */
void run(const Layer *layers, long num_layers, int threads) {
    Work work = {.layers = layers, .num_layers = num_layers, .threads = threads};
#ifdef _OPENMP
    /* PyTorch's own threads: others would have to share the cores with them while they wait for work. */
#pragma omp parallel num_threads(threads)
    {
#pragma omp single
        {
            work.threads = omp_get_num_threads(); /* may be fewer */
            atomic_store(&work.ready, 1);
        }
        take_part(&work);
    }
#else
    pthread_t others[MOST_THREADS];
    int made = 1;
    while (made < least(threads, MOST_THREADS) && !pthread_create(others + made, NULL, take_part, &work)) made++;
    work.threads = made;
    atomic_store(&work.ready, 1);
    take_part(&work);
    for (int thread = 1; thread < made; thread++) pthread_join(others[thread], NULL);
#endif
}
