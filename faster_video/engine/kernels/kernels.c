/* Clip networks on a processor: float32 maps with the channels last, layer by layer, shared out among threads. */
#ifdef _OPENMP
#include <omp.h>
#endif
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "common.h"
#include "convolve.h"
#include "winograd.h"

enum { SPINS = 4000, MOST_THREADS = 256 };

/* How a layer is cut into pieces of work: blocks of places (or tiles) times blocks of panels of COLS channels. */
typedef struct {
    long all, places, place_blocks, panels, panel_blocks;
} Cut;

int lanes(void) { return LANES; }
long layer_size(void) { return sizeof(Layer); }

static int is_winograd(const Layer *l) { return l->kind == WINOGRAD || l->kind == WINOGRAD_IN_TIME; }

/* Large enough to pay, small enough that every thread gets several. */
static Cut cut(const Layer *l, int threads) {
    long all = is_winograd(l) ? num_tiles(l) : l->out_t * l->out_h * l->out_w;
    long most = is_winograd(l) ? up(LEAST_ROWS, tiling(l, 1).frames) : GROUPS * ROWS;
    long panels = l->kind == CONVOLVE || is_winograd(l) ? up(l->out_c, COLS) : 1;
    Cut cut = {.all = all, .places = least(all, most), .panels = panels};
    if (!is_winograd(l) && cut.places < all) cut.places = up(cut.places, ROWS) * ROWS;
    cut.place_blocks = up(all, cut.places);
    cut.places = up(all, cut.place_blocks);
    if (l->kind == CONVOLVE) cut.places = up(cut.places, ROWS) * ROWS;
    cut.place_blocks = up(all, cut.places);
    while (cut.place_blocks * up(panels, cut.panels) < 4 * threads && cut.panels > 1) cut.panels = up(cut.panels, 2);
    cut.panel_blocks = up(panels, cut.panels);
    return cut;
}

/* The threads that share the pieces of every layer out among themselves. */
typedef struct {
    const Layer *layers;
    long num_layers;
    float *scratch;
    long room; /* floats of it that each thread has */
    int threads;
    atomic_int begun; /* threads so far */
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
    float *scratch = work->scratch + atomic_fetch_add(&work->begun, 1) * work->room;
    long began = 0; /* pieces of the layers before */
    for (long number = 0; number < work->num_layers; number++) {
        const Layer *l = work->layers + number;
        Cut c = cut(l, work->threads);
        long pieces = c.place_blocks * c.panel_blocks, panels = up(l->out_c, COLS);
        for (;;) {
            long piece = atomic_fetch_add(&work->next, 1) - began;
            if (piece >= pieces) break;
            long first = piece / c.panel_blocks * c.places, count = least(c.all - first, c.places);
            long panel = piece % c.panel_blocks * c.panels, last = least(panel + c.panels, panels);
            if (l->kind == CONVOLVE) convolve(l, first, count, panel, last);
            else if (l->kind == MAXIMUM) maximum(l, first, count);
            else if (l->kind == SPREAD) spread(l, first, count);
            else winograd(l, first, count, panel, last, scratch);
        }
        end_streaming();
        meet(work, number);
        began += pieces + work->threads; /* every thread has asked once too often */
    }
    return NULL;
}

/* Floats that each thread needs for these layers. */
long room(const Layer *layers, long num_layers) {
    long most = 0;
    for (const Layer *l = layers; l < layers + num_layers; l++) {
        long wanted = is_winograd(l) ? scratch_size(l, cut(l, 1).places) : 0;
        if (wanted > most) most = wanted;
    }
    return up(most, COLS) * COLS;
}

/* All layers, one after the other, by this many threads; `scratch` has room for all of them. */
void run(const Layer *layers, long num_layers, int threads, float *scratch) {
    Work work = {.layers = layers, .num_layers = num_layers, .threads = threads, .scratch = scratch};
    work.room = room(layers, num_layers);
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

#ifdef _OPENMP /* for training */
#include "norm.h"
#include "weight_gradient.h"
#endif
