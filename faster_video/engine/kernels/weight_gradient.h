/* The gradient of a convolution's weights; reads the maps where they lie.
 *
 * ROWS channels of the input times COLS of the output are held in registers at a time, while a block of places passes.
 * Shapes: T H W places of a map, C channels of the input, K of the output.
 */
enum { BLOCK_PLACES = 128 };
/* Of a block, in whole lines. */

/* A convolution of maps [frames, H, W, C] that lie one after the other, T frames each. */
typedef struct {
    long maps, in_t, in_h, in_w, in_c;
    long out_t, out_h, out_w, out_c;
    long kernel_t, kernel_h, kernel_w;
    long stride_t, stride_h, stride_w;
    long pad_t, pad_h, pad_w;
} Convolution;

/* Of one line of the output what a tap of the kernel sees: `count` places, from `x` on, at `place` of the block. */
typedef struct {
    const float *x;
    long place, count;
} Line;

/* For lines first … last of the output: the places where the tap lies inside the input. */
static long find_lines(const Convolution *l, const float *in, long tap, long first, long last, Line *lines) {
    long kx = tap % l->kernel_w, ky = tap / l->kernel_w % l->kernel_h, kt = tap / l->kernel_w / l->kernel_h, found = 0;
    long from = kx < l->pad_w ? up(l->pad_w - kx, l->stride_w) : 0;
    long to = least(l->out_w, up(l->in_w + l->pad_w - kx, l->stride_w));
    for (long line = first; line < last && from < to; line++) {
        long y = line % l->out_h * l->stride_h - l->pad_h + ky;
        long t = line / l->out_h % l->out_t * l->stride_t - l->pad_t + kt;
        long map = line / l->out_h / l->out_t;
        if (y < 0 || y >= l->in_h || t < 0 || t >= l->in_t) continue;
        long x = from * l->stride_w - l->pad_w + kx;
        lines[found++] = (Line){
            .x = in + (((map * l->in_t + t) * l->in_h + y) * l->in_w + x) * l->in_c,
            .place = (line - first) * l->out_w + from,
            .count = to - from};
    }
    return found;
}

/* sum[row][COLS] += x[row]·g over the places of all lines. */
static inline __attribute__((always_inline)) void add_products(
    const Line *lines, long num_lines, long step, const float *g, float *sum, const int rows) {
    vec s[ROWS][2];
    for (int row = 0; row < rows; row++) {
        s[row][0] = *(const vec *)(sum + row * COLS);
        s[row][1] = *(const vec *)(sum + row * COLS + LANES);
    }
    for (const Line *line = lines; line < lines + num_lines; line++) {
        const float *x = line->x, *at = g + line->place * COLS;
        for (long place = 0; place < line->count; place++, x += step, at += COLS) {
            vec left = *(const vec *)at, right = *(const vec *)(at + LANES);
#pragma GCC unroll 12
            for (int row = 0; row < rows; row++) {
                vec value = x[row] - (vec){0};
                s[row][0] += value * left;
                s[row][1] += value * right;
            }
        }
    }
    for (int row = 0; row < rows; row++) {
        *(vec *)(sum + row * COLS) = s[row][0];
        *(vec *)(sum + row * COLS + LANES) = s[row][1];
    }
}

#define CASE(rows) case rows: add_products(lines, num_lines, step, g, sum, rows); break;
static void add_rows(const Line *lines, long num_lines, long step, const float *g, float *sum, long rows) {
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#ifdef __AVX512F__
        CASE(7) CASE(8) CASE(9) CASE(10) CASE(11) CASE(12)
#endif
    }
}

/* The gradient of the weights [K, taps, C], from that of the output and from the input. Threads share the rows of it. */
void weight_gradient(const Convolution *l, const float *in, const float *of_out, float *of_weight, int threads) {
    long taps = l->kernel_t * l->kernel_h * l->kernel_w, chunks = up(l->in_c, ROWS), panels = up(l->out_c, COLS);
    long all_lines = l->maps * l->out_t * l->out_h, lines_at_once = BLOCK_PLACES > l->out_w ? BLOCK_PLACES / l->out_w : 1;
#pragma omp parallel num_threads(threads)
    {
        long first, last;
        share(panels * taps * chunks, &first, &last);
        float *sums = aligned_alloc(64, up(taps * l->in_c * COLS * sizeof(float), 64) * 64);
        float *g = aligned_alloc(64, up(lines_at_once * l->out_w * COLS * sizeof(float), 64) * 64);
        Line *lines = malloc(lines_at_once * sizeof(Line));
        for (long panel = first / (taps * chunks); panel * taps * chunks < last; panel++) {
            long channel = panel * COLS, wide = least(l->out_c - channel, COLS);
            long begin = panel * taps * chunks > first ? 0 : first - panel * taps * chunks;
            long end = least(last - panel * taps * chunks, taps * chunks);
            memset(sums, 0, taps * l->in_c * COLS * sizeof(float));
            for (long line = 0; line < all_lines; line += lines_at_once) {
                long until = least(line + lines_at_once, all_lines), places = (until - line) * l->out_w;
                for (long place = 0; place < places; place++) {
                    const float *from = of_out + (line * l->out_w + place) * l->out_c + channel;
                    for (long k = 0; k < wide; k++) g[place * COLS + k] = from[k];
                    for (long k = wide; k < COLS; k++) g[place * COLS + k] = 0;
                }
                for (long tap = begin / chunks; tap * chunks < end; tap++) {
                    long chunk = tap * chunks > begin ? 0 : begin - tap * chunks;
                    long found = find_lines(l, in + chunk * ROWS, tap, line, until, lines);
                    for (; chunk < least(end - tap * chunks, chunks); chunk++) {
                        long c = chunk * ROWS;
                        add_rows(
                            lines, found, l->stride_w * l->in_c, g, sums + (tap * l->in_c + c) * COLS,
                            least(ROWS, l->in_c - c));
                        for (long k = 0; k < found; k++) lines[k].x += ROWS;
                    }
                }
            }
            for (long item = begin; item < end; item++) {
                long row = item / chunks * l->in_c + item % chunks * ROWS, rows = least(ROWS, l->in_c - item % chunks * ROWS);
                for (long k = 0; k < wide; k++)
                    for (long r = 0; r < rows; r++)
                        of_weight[(channel + k) * taps * l->in_c + row + r] = sums[(row + r) * COLS + k];
            }
        }
        free(sums);
        free(g);
        free(lines);
    }
}
