// The layers of both networks, on planes of 28, 14 or 7 pixels a side, in float32 with SIMD.
//
// No fused multiply-add and no relaxed instruction: every engine then computes the same bits.

#include <wasm_simd128.h>

enum {
    SIDE = 28, // pixels along a side of the image
    PIXELS = SIDE * SIDE,
    WIDEST = 4,                        // dilation of a 7 x 7 kernel
    EDGE = 3 * WIDEST,                 // zeros around a plane
    WIDTH = SIDE + 2 * EDGE,           // of a plane; a multiple of 4, so that rows keep the alignment of the first
    PLANE = (SIDE + 2 * EDGE) * WIDTH, // numbers of a plane; a smaller image leaves some of them unused
    GROUPS = 4                         // of channels that are normalised together
};

typedef v128_t f4;
#define ADD wasm_f32x4_add
#define MUL wasm_f32x4_mul
#define SPLAT wasm_f32x4_splat
#define LOAD wasm_v128_load
#define STORE wasm_v128_store

#define ONCE static __attribute__((noinline)) // one copy of the code, however often it is called

// The pixel of row y and column x.
#define AT(plane, y, x) ((plane) + ((y) + EDGE) * WIDTH + EDGE + (x))

#define EACH_4(side)                                                                                                \
    for (int y = 0; y < (side); y++)                                                                                \
        for (int x = 0; x < (side); x += 4)

// Of the four pixels from column x on those of the image; the others are its edge, and stay zero.
static inline f4 within(f4 v, int x, int side) {
    return wasm_v128_and(v, wasm_i32x4_lt(wasm_i32x4_make(0, 1, 2, 3), wasm_i32x4_splat(side - x)));
}

// exp(x) for x <= 0: 2^n times a polynomial on [-1/2, 1/2], to about 2e-7 of the value.
static inline f4 exponential(f4 x) {
    f4 y = MUL(wasm_f32x4_max(x, SPLAT(-87.0f)), SPLAT(1.44269504f)); // log2(e)
    f4 n = wasm_f32x4_nearest(y), f = MUL(wasm_f32x4_sub(y, n), SPLAT(0.693147181f));
    f4 p = SPLAT(1.0f / 720);
    p = ADD(MUL(p, f), SPLAT(1.0f / 120));
    p = ADD(MUL(p, f), SPLAT(1.0f / 24));
    p = ADD(MUL(p, f), SPLAT(1.0f / 6));
    p = ADD(MUL(p, f), SPLAT(0.5f));
    p = ADD(MUL(p, f), SPLAT(1.0f));
    p = ADD(MUL(p, f), SPLAT(1.0f));
    f4 power = wasm_i32x4_shl(wasm_i32x4_add(wasm_i32x4_trunc_sat_f32x4(n), wasm_i32x4_splat(127)), 23);
    return MUL(p, power);
}

// x Phi(x), with erfc by Abramowitz & Stegun 7.1.26: its error is below 1.5e-7.
static inline f4 gelu(f4 x) {
    f4 z = MUL(wasm_f32x4_abs(x), SPLAT(0.707106781f));
    f4 t = wasm_f32x4_div(SPLAT(1.0f), ADD(MUL(z, SPLAT(0.3275911f)), SPLAT(1.0f)));
    f4 p = SPLAT(1.061405429f);
    p = ADD(MUL(p, t), SPLAT(-1.453152027f));
    p = ADD(MUL(p, t), SPLAT(1.421413741f));
    p = ADD(MUL(p, t), SPLAT(-0.284496736f));
    p = ADD(MUL(p, t), SPLAT(0.254829592f));
    f4 tail = MUL(MUL(MUL(p, t), exponential(wasm_f32x4_neg(MUL(z, z)))), SPLAT(0.5f)); // 1 - Phi(|x|)
    f4 below = wasm_f32x4_lt(x, SPLAT(0.0f));
    return MUL(x, wasm_v128_bitselect(tail, wasm_f32x4_sub(SPLAT(1.0f), tail), below));
}

// A size x size convolution, dilated, of `in` planes into the interior of one, onto what is there if `onto`. As the
// side is a constant wherever it is called, a row of sums stays in registers.
static inline __attribute__((always_inline)) void
convolve(const float *from, int in, const float *kernel, float bias, int size, int dilation, int side, int onto,
         float *to) {
    const int fours = (side + 3) / 4, first = EDGE - dilation * (size / 2);
    for (int y = 0; y < side; y++) {
        f4 all[7] = {0}; // a row of the output
        for (int i = 0; i < in; i++) {
            f4 sum[7] = {0}; // of one plane: sums of sums lose less to rounding
            const float *x = from + i * PLANE + (y + first) * WIDTH + first;
            for (int row = 0; row < size; row++, x += dilation * WIDTH) {
#pragma clang loop unroll(disable)
                for (int column = 0; column < size; column++) {
                    f4 weight = wasm_v128_load32_splat(kernel++);
                    for (int k = 0; k < fours; k++) sum[k] = ADD(sum[k], MUL(weight, LOAD(x + dilation * column + 4 * k)));
                }
            }
            for (int k = 0; k < fours; k++) all[k] = ADD(all[k], sum[k]);
        }
        kernel -= in * size * size;
        for (int k = 0; k < fours; k++) {
            float *at = AT(to, y, 4 * k);
            f4 found = ADD(all[k], SPLAT(bias));
            STORE(at, within(onto ? ADD(LOAD(at), found) : found, 4 * k, side));
        }
    }
}

static float total(f4 v) {
    return wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1) + wasm_f32x4_extract_lane(v, 2) +
           wasm_f32x4_extract_lane(v, 3);
}

// What normalises the pixels of n planes: their mean, 0 if not centred, and 1 / their deviation from it.
typedef struct {
    f4 mean, inverse;
} moments;

static inline moments measure(const float *planes, int n, int side, int centred) {
    f4 sum = SPLAT(0.0f), squares = SPLAT(0.0f), mean = SPLAT(0.0f);
    float pixels = (float)(n * side * side);
    if (centred) {
        for (int i = 0; i < n; i++) EACH_4(side) sum = ADD(sum, LOAD(AT(planes + i * PLANE, y, x)));
        mean = SPLAT(total(sum) / pixels);
    }
    for (int i = 0; i < n; i++) EACH_4(side) {
            f4 d = within(wasm_f32x4_sub(LOAD(AT(planes + i * PLANE, y, x)), mean), x, side);
            squares = ADD(squares, MUL(d, d));
        }
    return (moments){mean, SPLAT(1.0f / __builtin_sqrtf(total(squares) / pixels + 1e-5f))};
}

static inline f4 normal(f4 v, moments m) { return MUL(wasm_f32x4_sub(v, m.mean), m.inverse); }

// Of the study's network, in place: LayerNorm or, not centred, RMSNorm over a plane, with scale and shift of each
// pixel; GELU; and what the time encoding adds.
ONCE void finish(float *plane, int centred, const float *scale, const float *shift, float time) {
    moments m = measure(plane, 1, SIDE, centred);
    EACH_4(SIDE) {
        float *at = AT(plane, y, x);
        int p = y * SIDE + x;
        f4 scaled = ADD(MUL(normal(LOAD(at), m), LOAD(scale + p)), LOAD(shift + p));
        STORE(at, ADD(gelu(scaled), SPLAT(time)));
    }
}

// Of the U-Net: GroupNorm, with scale and shift of each channel; and GELU. `to` may be `from`.
ONCE void normalise(const float *from, int channels, int side, const float *scale, const float *shift, float *to) {
    int each = channels / GROUPS;
    for (int c = 0; c < channels; c += each) {
        moments m = measure(from + c * PLANE, each, side, 1);
        for (int i = c; i < c + each; i++) EACH_4(side) {
                f4 scaled = ADD(MUL(normal(LOAD(AT(from + i * PLANE, y, x)), m), SPLAT(scale[i])), SPLAT(shift[i]));
                STORE(AT(to + i * PLANE, y, x), within(gelu(scaled), x, side));
            }
    }
}

// The means of 2 x 2 pixels, `side` of them along a side.
ONCE void halve(const float *from, int channels, int side, float *to) {
    for (int i = 0; i < channels; i++, from += PLANE, to += PLANE)
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) {
                const float *a = AT(from, 2 * y, 2 * x), *b = a + WIDTH;
                *AT(to, y, x) = (a[0] + a[1] + b[0] + b[1]) * 0.25f;
            }
}

// Each pixel four times, `side` of them along a side then.
ONCE void twice(const float *from, int channels, int side, float *to) {
    for (int i = 0; i < channels; i++, from += PLANE, to += PLANE)
        for (int y = 0; y < side; y++)
            for (int x = 0; x < side; x++) *AT(to, y, x) = *AT(from, y / 2, x / 2);
}
