/* Batch norm in training, the shortcut's addition and ReLU in two passes over a map where PyTorch makes three to six.
 *
 * Threads have the same part of the work at every call, so that results repeat bit for bit.
 * Shapes: M places of all maps of a batch, C channels.
 */
#include <omp.h>
#include <stdlib.h>

enum { NORM_RUN = 512, FLUSH = 32 };
/* Maps are gone through NORM_RUN floats at a time, or a row of C if that is more; after FLUSH of them sums in float32 go
 * into sums in float64. */

/* Batch norm of x [M, C], then what is added, then ReLU: y, and all gradients from that of y. */
typedef struct {
    long m, c, relu;
    double momentum, eps;
    const float *x, *added, *weight, *bias; /* `added` may be NULL */
    float *y, *mean, *inverse, *running_mean, *running_variance;
    const float *of_y;
    float *of_x, *of_added, *of_weight, *of_bias; /* `of_added` may be NULL; without ReLU it is `of_y` itself */
} Norm;

/* This thread's share of so many things. */
static void share(long all, long *first, long *last) {
    long each = up(all, omp_get_num_threads());
    *first = least(all, each * omp_get_thread_num());
    *last = least(all, *first + each);
}

static void repeat(float *values, long c, long run) {
    for (long k = c; k < run; k++) values[k] = values[k - c];
}

/* sums[k] += a sum of c channels that lies `run` floats wide, run a multiple of c. */
static void fold(double *sums, const float *part, long c, long run) {
    for (long k = 0; k < run; k += c)
        for (long channel = 0; channel < c; channel++) sums[channel] += part[k + channel];
}

/* part[0] += x − shift, part[1] += its square. */
static void add_moments(const float *restrict x, const float *restrict shift, float *restrict part, long run, long n) {
    for (long k = 0; k < n; k++) {
        float value = x[k] - shift[k];
        part[k] += value;
        part[run + k] += value * value;
    }
}

static void add_gradients(
    const float *restrict g, const float *restrict x, const float *restrict y, const float *restrict mean,
    float *restrict part, long run, long n) {
    for (long k = 0; k < n; k++) {
        float value = !y || y[k] > 0 ? g[k] : 0;
        part[k] += value;
        part[run + k] += value * (x[k] - mean[k]);
    }
}

static void put_out(
    const float *restrict x, const float *restrict added, const float *restrict scale, const float *restrict offset,
    float *restrict y, float floor, long n) {
    for (long k = 0; k < n; k++) {
        float value = x[k] * scale[k] + offset[k] + (added ? added[k] : 0);
        y[k] = floor > value ? floor : value; /* NaN stays NaN */
    }
}

static void put_gradient(
    const float *restrict g, const float *restrict x, const float *restrict y, const float *restrict factors,
    float *restrict of_x, float *restrict of_added, long run, long n) {
    const float *scale = factors, *tilt = factors + run, *offset = factors + 2 * run;
    for (long k = 0; k < n; k++) {
        float value = !y || y[k] > 0 ? g[k] : 0;
        if (of_added) of_added[k] = value;
        of_x[k] = value * scale[k] + x[k] * tilt[k] + offset[k];
    }
}

/* All of a row's channels, over rows first … last: the sums of one thread, per channel two. */
static double *sums_of(const Norm *l, int gradient, long first, long last, long run) {
    double *sums = calloc(2 * l->c, sizeof(double));
    float *part = calloc(2 * run, sizeof(float)), *middle = malloc(run * sizeof(float));
    memcpy(middle, gradient ? l->mean : l->x, l->c * sizeof(float));
    repeat(middle, l->c, run);
    long runs = 0;
    for (long at = first * l->c; at < last * l->c; at += run) {
        long n = least(run, last * l->c - at);
        if (gradient) add_gradients(l->of_y + at, l->x + at, l->relu ? l->y + at : NULL, middle, part, run, n);
        else add_moments(l->x + at, middle, part, run, n);
        if (++runs % FLUSH == 0 || at + run >= last * l->c) {
            fold(sums, part, l->c, run);
            fold(sums + l->c, part + run, l->c, run);
            memset(part, 0, 2 * run * sizeof(float));
        }
    }
    free(part);
    free(middle);
    return sums;
}

/* mean, inverse deviation and the running statistics, from the sums of x − its first row, and of the square of that. */
static void take_statistics(const Norm *l, const double *sums) {
    for (long k = 0; k < l->c; k++) {
        double mean = sums[k] / l->m, variance = sums[l->c + k] / l->m - mean * mean;
        variance = variance < 0 ? 0 : variance;
        l->mean[k] = l->x[k] + mean;
        l->inverse[k] = 1 / __builtin_sqrt(variance + l->eps);
        l->running_mean[k] += l->momentum * (l->mean[k] - l->running_mean[k]);
        l->running_variance[k] += l->momentum * (variance * l->m / (l->m - 1) - l->running_variance[k]);
    }
}

/* What a channel's numbers are multiplied with: of the output two factors, of the gradient three. */
static float *factors_of(const Norm *l, int gradient, long run) {
    float *factors = malloc(3 * run * sizeof(float));
    for (long k = 0; k < l->c; k++) {
        float scale = l->weight[k] * l->inverse[k];
        float tilt = gradient ? -scale * l->inverse[k] * l->of_weight[k] / l->m : 0;
        factors[k] = scale;
        factors[run + k] = gradient ? tilt : l->bias[k] - l->mean[k] * scale;
        factors[2 * run + k] = gradient ? -scale * l->of_bias[k] / l->m - l->mean[k] * tilt : 0;
    }
    for (int each = 0; each < 3; each++) repeat(factors + each * run, l->c, run);
    return factors;
}

static void pass(const Norm *l, int gradient, int threads) {
    long run = l->c * (l->c < NORM_RUN ? NORM_RUN / l->c : 1);
    double *sums[MOST_THREADS] = {0};
#pragma omp parallel num_threads(least(threads, MOST_THREADS))
    {
        long first, last;
        share(l->m, &first, &last);
        sums[omp_get_thread_num()] = sums_of(l, gradient, first, last, run);
#pragma omp barrier
#pragma omp single
        {
            for (int thread = 1; thread < omp_get_num_threads(); thread++)
                for (long k = 0; k < 2 * l->c; k++) sums[0][k] += sums[thread][k];
            if (!gradient) take_statistics(l, sums[0]);
            else
                for (long k = 0; k < l->c; k++) {
                    l->of_bias[k] = sums[0][k];
                    l->of_weight[k] = sums[0][l->c + k] * l->inverse[k];
                }
        }
        float *factors = factors_of(l, gradient, run), floor = l->relu ? 0 : -__builtin_inff();
        for (long at = first * l->c; at < last * l->c; at += run) {
            long n = least(run, last * l->c - at);
            if (gradient)
                put_gradient(
                    l->of_y + at, l->x + at, l->relu ? l->y + at : NULL, factors, l->of_x + at,
                    l->of_added ? l->of_added + at : NULL, run, n);
            else
                put_out(l->x + at, l->added ? l->added + at : NULL, factors, factors + run, l->y + at, floor, n);
        }
        free(factors);
        free(sums[omp_get_thread_num()]);
    }
}

/* y, with the statistics of this batch; mean and inverse are for the gradient. */
void norm(const Norm *layer, int threads) { pass(layer, 0, threads); }

/* of_x, of_added, of_weight and of_bias. */
void norm_gradient(const Norm *layer, int threads) { pass(layer, 1, threads); }

