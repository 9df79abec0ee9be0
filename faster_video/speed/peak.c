/* The most multiply-adds a second that the processor can do: float32, all operands in registers, no memory. */
#ifdef __AVX512F__
enum { LANES = 16 };
#else
enum { LANES = 8 };
#endif
enum { SUMS = 12 };

typedef float vec __attribute__((vector_size(LANES * sizeof(float))));

/* Does steps · SUMS · LANES of them, SUMS of which do not wait for each other. */
float spin(long steps) {
    vec sums[SUMS], factor = (vec){0} + 0.999f, term = (vec){0} + 1e-3f, all = {0};
    for (int i = 0; i < SUMS; i++) sums[i] = factor * (float)(i + 1);
    for (long step = 0; step < steps; step++)
#pragma GCC unroll 12
        for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * factor + term;
    for (int i = 0; i < SUMS; i++) all += sums[i];
    return all[0];
}

long multiply_adds_per_step(void) { return SUMS * LANES; }
