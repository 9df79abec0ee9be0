/* Convolutions that read their input where it lies: for every place of the output there is one pointer per tap of the
 * kernel, and behind each pointer `run` numbers that the weights are multiplied with. Nothing is copied first.
 * ROWS places times COLS channels of the output are held in registers at a time. Taps that lie outside the map for all
 * of these places are passed over. And the two layers without weights. */

enum { GROUPS = 17, MOST_TAPS = 64 };
/* 17 groups: the 98 places of two 7×7 maps go through at once, so that their layer's weights are fetched once. */

/* Where the input of each of the places first … first + count lies: at[group][tap][row]; and used[group][tap]. */
static void find_inputs(const Layer *l, long first, long count, const float **at, char *used, long taps) {
    memset(used, 0, up(count, ROWS) * taps);
    long t = first / (l->out_h * l->out_w), y = first / l->out_w % l->out_h, x = first % l->out_w;
    for (long place = 0; place < up(count, ROWS) * ROWS; place++) {
        const float **to = at + place / ROWS * taps * ROWS + place % ROWS;
        char *use = used + place / ROWS * taps;
        int there = place < count;
        long t0 = t * l->stride_t - l->pad_t, y0 = y * l->stride_h - l->pad_h, x0 = x * l->stride_w - l->pad_w;
        for (long v = t0; v < t0 + l->kernel_t; v++)
            for (long u = y0; u < y0 + l->kernel_h; u++)
                for (long w = x0; w < x0 + l->kernel_w; w++, to += ROWS, use++) {
                    int inside = there && v >= 0 && v < l->in_t && u >= 0 && u < l->in_h && w >= 0 && w < l->in_w;
                    *to = inside ? l->in + ((v * l->in_h + u) * l->in_w + w) * l->in_c : ZEROS;
                    *use |= inside;
                }
        if (++x == l->out_w) {
            x = 0;
            if (++y == l->out_h) y = 0, t++;
        }
    }
}

static void convolve(const Layer *l, long first, long count, long panel, long last_panel) {
    const float *at[GROUPS * ROWS * MOST_TAPS];
    char used[GROUPS * MOST_TAPS];
    long taps = l->kernel_t * l->kernel_h * l->kernel_w;
    int streamed = is_streamed(l);
    find_inputs(l, first, count, at, used, taps);
    for (; panel < last_panel; panel++) {
        long channel = panel * COLS, wide = least(l->out_c - channel, COLS);
        const float *weights = l->weights + channel * taps * l->run, *next = weights + COLS * taps * l->run;
        for (long place = 0; place < count; place += ROWS) {
            vec sum[ROWS][2];
#pragma GCC unroll 12
            for (int row = 0; row < ROWS; row++) {
                sum[row][0] = *(const vec *)(l->bias + channel);
                sum[row][1] = *(const vec *)(l->bias + channel + LANES);
            }
            const float *share = next + place / ROWS * up(taps * l->run, LINE) * COLS;
            for (int row = 0; row < ROWS && place + row < count; row++) {
                long to = (first + place + row) * l->out_c + channel;
                if (!streamed) __builtin_prefetch(l->out + to, 1, 3);
                if (l->added) __builtin_prefetch(l->added + to, 0, 3);
            }
            multiply(at + place * taps, used + place / ROWS * taps, taps, l->run, weights, share, sum);
            if (wide == COLS && place + ROWS <= count) {
#pragma GCC unroll 12
                for (int row = 0; row < ROWS; row++) {
                    long to = (first + place + row) * l->out_c + channel;
                    const float *added = added_to(l, to);
                    store(l->out + to, finished(l, sum[row][0], added), streamed);
                    store(l->out + to + LANES, finished(l, sum[row][1], added + LANES), streamed);
                }
            } else
                for (int row = 0; row < ROWS && place + row < count; row++)
                    finish(l, (const float *)sum[row], (first + place + row) * l->out_c + channel, wide, streamed);
        }
    }
}

/* The largest value of every window. */
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

/* The pixels of a stride side by side, and then channels of one place: [T, H, W, C] to [T/s, H/2, W/2, s·2·2·C]. Where
 * the input has no such pixel, and in channels past the last one, the output is left as it is, which is 0. */
static void spread(const Layer *l, long first, long count) {
    long plane = l->out_h * l->out_w;
    for (long number = first; number < first + count; number++) {
        long t0 = number / plane * l->stride_t, y0 = number % plane / l->out_w * l->stride_h,
             x0 = number % l->out_w * l->stride_w;
        float *out = l->out + number * l->out_c;
        for (long t = t0; t < t0 + l->stride_t; t++)
            for (long y = y0; y < y0 + l->stride_h; y++, out += l->stride_w * l->in_c) {
                const float *in = l->in + ((t * l->in_h + y) * l->in_w + x0) * l->in_c;
                if (y < l->in_h)
                    for (long k = 0; k < least(l->stride_w, l->in_w - x0) * l->in_c; k++) out[k] = in[k];
            }
    }
}
