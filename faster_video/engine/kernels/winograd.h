/* Winograd's algorithm (Lavin and Gray, 2015) on lines of 6 inputs, which 0, ±1, ±2 and infinity stand for: 4 outputs of
 * 3 taps or 3 outputs of 4 taps, with 6 products per pair of channels instead of 12.
 *
 * In space a tile is 6 lines of 6, its 36 numbers are its spots: 36 products for 16 outputs of 9 taps, or 9 outputs of
 * 16 taps, taps in time being summed up among the products. In time a tile is one line, with 6 spots. */

enum { SIDE = 6, SPOTS = SIDE * SIDE, MOST_TILE = 4, LEAST_ROWS = 8 * ROWS };

/* Sizes of a layer that is computed in tiles, and of a piece of it: rows are what is multiplied with the weights of a
 * spot, `count` of them for each frame or, in time, each tile of frames. */
typedef struct {
    int in_time;
    long tile, across, spots, taps, count, frames, rows, groups, step; /* step: floats from spot to spot */
} Tiling;

static long tiles_in_time(const Layer *l) { return up(l->out_t, SIDE + 1 - l->kernel_t); }

/* Tiles of a frame, or lines through all frames. */
static long num_tiles(const Layer *l) {
    if (l->kind == WINOGRAD_IN_TIME) return l->out_h * l->out_w;
    return up(l->out_h, SIDE + 1 - l->kernel_h) * up(l->out_w, SIDE + 1 - l->kernel_w);
}

static Tiling tiling(const Layer *l, long count) {
    Tiling s = {.in_time = l->kind == WINOGRAD_IN_TIME, .count = count};
    s.tile = SIDE + 1 - (s.in_time ? l->kernel_t : l->kernel_w);
    s.across = up(l->out_w, s.tile);
    s.spots = s.in_time ? SIDE : SPOTS;
    s.taps = s.in_time ? 1 : l->kernel_t;
    s.frames = s.in_time ? tiles_in_time(l) : l->out_t;
    s.rows = s.frames * count;
    s.groups = up(s.rows, ROWS);
    s.step = (s.groups * ROWS + (s.taps - 1) * count) * l->in_c;
    return s;
}

/* Floats that a thread needs for the numbers of `count` tiles in every frame. */
static long scratch_size(const Layer *l, long count) {
    Tiling s = tiling(l, count);
    return s.spots * (s.step + s.groups * ROWS * COLS);
}

static inline __attribute__((always_inline)) void transform_in(vec d[SIDE], vec *b, long step) {
    b[0 * step] = 4 * d[0] - 5 * d[2] + d[4];
    b[1 * step] = d[4] + d[3] - 4 * (d[2] + d[1]);
    b[2 * step] = d[4] - d[3] - 4 * (d[2] - d[1]);
    b[3 * step] = d[4] - d[2] + 2 * (d[3] - d[1]);
    b[4 * step] = d[4] - d[2] - 2 * (d[3] - d[1]);
    b[5 * step] = 4 * d[1] - 5 * d[3] + d[5];
}
static inline __attribute__((always_inline)) void transform_out(vec m[SIDE], vec *y, long step, long tile) {
    vec p = m[1] + m[2], q = m[1] - m[2], r = m[3] + m[4], s = m[3] - m[4];
    y[0 * step] = m[0] + p + r;
    y[1 * step] = q + 2 * s;
    if (tile == 3) y[2 * step] = p + 4 * r + m[5];
    else {
        y[2 * step] = p + 4 * r;
        y[3 * step] = q + 8 * s + m[5];
    }
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

/* The outputs of one tile, COLS channels: from[spot * step]. */
static inline __attribute__((always_inline)) void write_tile(
    const Layer *l, long tile, long t, long y0, long x0, const float *from, long step, long channel, long wide) {
    float sums[MOST_TILE * MOST_TILE][COLS];
    for (long half = 0; half < COLS; half += LANES) {
        vec lines[SIDE * MOST_TILE], done[MOST_TILE * MOST_TILE], m[SIDE];
        for (long y = 0; y < SIDE; y++) {
            for (long x = 0; x < SIDE; x++) m[x] = *(const vec *)(from + (y * SIDE + x) * step + half);
            transform_out(m, lines + y * tile, 1, tile);
        }
        for (long x = 0; x < tile; x++) {
            for (long y = 0; y < SIDE; y++) m[y] = lines[y * tile + x];
            transform_out(m, done + x, tile, tile);
        }
        vec bias = *(const vec *)(l->bias + channel + half);
        for (long spot = 0; spot < tile * tile; spot++) *(vec *)(sums[spot] + half) = done[spot] + bias;
    }
    for (long y = 0; y < tile && y0 + y < l->out_h; y++)
        for (long x = 0; x < tile && x0 + x < l->out_w; x++)
            finish(l, sums[y * tile + x], ((t * l->out_h + y0 + y) * l->out_w + x0 + x) * l->out_c + channel, wide, is_streamed(l));
}

/* The 6 numbers of one place in 6 frames from t0 on. */
static void read_line(const Layer *l, long t0, long place, float *to, long step) {
    long plane = l->in_h * l->in_w;
    const float *at[SIDE];
    for (long t = 0; t < SIDE; t++)
        at[t] = t0 + t >= 0 && t0 + t < l->in_t ? l->in + ((t0 + t) * plane + place) * l->in_c : ZEROS;
    for (long channel = 0; channel < l->in_c; channel += LANES) {
        vec done[SIDE], d[SIDE];
        for (long t = 0; t < SIDE; t++) d[t] = *(const vec *)(at[t] + channel);
        transform_in(d, done, 1);
        for (long spot = 0; spot < SIDE; spot++) *(vec *)(to + spot * step + channel) = done[spot];
    }
}

static void write_line(const Layer *l, long t0, long place, const float *from, long step, long channel, long wide) {
    float sums[MOST_TILE][COLS];
    for (long half = 0; half < COLS; half += LANES) {
        vec done[MOST_TILE], m[SIDE];
        for (long t = 0; t < SIDE; t++) m[t] = *(const vec *)(from + t * step + half);
        transform_out(m, done, 1, MOST_TILE);
        vec bias = *(const vec *)(l->bias + channel + half);
        for (long t = 0; t < MOST_TILE; t++) *(vec *)(sums[t] + half) = done[t] + bias;
    }
    for (long t = t0; t < least(t0 + MOST_TILE, l->out_t); t++)
        finish(l, sums[t - t0], (t * l->out_h * l->out_w + place) * l->out_c + channel, wide, is_streamed(l));
}

/* Everything that the weights are multiplied with: one tile of all frames after another, so that taps in time need no
 * table. */
static void read_all(const Layer *l, const Tiling *s, long first, float *scratch) {
    long frames = s->in_time ? s->frames : l->in_t + 2 * l->pad_t;
    for (long t = 0; t < frames; t++)
        for (long tile = first; tile < first + s->count; tile++, scratch += l->in_c) {
            long from = t - l->pad_t, y = tile / s->across * s->tile - l->pad_h, x = tile % s->across * s->tile - l->pad_w;
            if (s->in_time) read_line(l, t * s->tile - l->pad_t, tile, scratch, s->step);
            else if (from >= 0 && from < l->in_t) read_tile(l, from, y, x, scratch, s->step);
            else for (long spot = 0; spot < s->spots; spot++) memset(scratch + spot * s->step, 0, l->in_c * sizeof(float));
        }
}

/* The products of all rows with COLS channels: products[spot][row][COLS]. */
static void multiply_all(const Layer *l, const Tiling *s, const float *scratch, const float *weights, float *products) {
    long length = s->taps * l->in_c * COLS;
    for (long spot = 0; spot < s->spots; spot++, weights += length)
        for (long group = 0; group < s->groups; group++, products += ROWS * COLS) {
            const float *at[3 * ROWS];
            char used[3] = {1, 1, 1};
            for (long tap = 0; tap < s->taps; tap++) {
                long earliest = group * ROWS / s->count + tap - l->pad_t; /* frames of the first row and of the last */
                long latest = (least((group + 1) * ROWS, s->rows) - 1) / s->count + tap - l->pad_t;
                if (!s->in_time) used[tap] = latest >= 0 && earliest < l->in_t;
                for (long row = 0; row < ROWS; row++)
                    at[tap * ROWS + row] = scratch + spot * s->step + (group * ROWS + row + tap * s->count) * l->in_c;
            }
            vec sum[ROWS][2] = {0};
            const float *next = weights + length + group * up(s->taps * l->in_c, LINE) * COLS;
            multiply(at, used, s->taps, l->in_c, weights, next, sum);
            memcpy(products, sum, sizeof sum);
        }
}

/* Tiles first … first + count of every frame, or lines through them. */
static void winograd(const Layer *l, long first, long count, long panel, long last_panel, float *scratch) {
    Tiling s = tiling(l, count);
    float *products = scratch + s.spots * s.step;
    long step = s.groups * ROWS * COLS;
    read_all(l, &s, first, scratch);
    for (; panel < last_panel; panel++) {
        long channel = panel * COLS, wide = least(l->out_c - channel, COLS);
        multiply_all(l, &s, scratch, l->weights + panel * s.spots * s.taps * l->in_c * COLS, products);
        for (long row = 0; row < s.rows; row++) {
            long t = row / count, tile = first + row % count, y = tile / s.across * s.tile, x = tile % s.across * s.tile;
            const float *from = products + row * COLS;
            if (s.in_time) write_line(l, t * s.tile, tile, from, step, channel, wide);
            else if (s.tile == 3) write_tile(l, 3, t, y, x, from, step, channel, wide);
            else write_tile(l, 4, t, y, x, from, step, channel, wide);
        }
    }
}
