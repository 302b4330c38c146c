// The network of diffusion/training/network.py (channels 16, 32, 32, 16), one image at a time, in float32.
//
// `python -m diffusion.play.compile` makes net.wasm of it. No fused multiply-add and no relaxed instruction: every engine
// then computes the same bits. It needs no memory allocation and calls nothing.

#include <stdint.h>
#include <wasm_simd128.h>

enum {
    SIDE = 28, // pixels along a side
    PIXELS = SIDE * SIDE,
    EDGE = 3,                 // zeros around a plane, for a 7 x 7 kernel
    HEIGHT = SIDE + 2 * EDGE, // of a plane
    WIDTH = 36,               // of a plane: 34, rounded up so that rows keep the alignment of the first
    PLANE = HEIGHT * WIDTH,
    BLOCKS = 4,
    WIDEST = 32, // channels
    WEIGHTS = 107649
};

static const int CHANNELS[BLOCKS + 1] = {1, 16, 32, 32, 16};

// The parameters in torch's order, without the time encoding's: of each block weights and bias of the convolution,
// scale and shift of the normalisation; then the last convolution's.
static float weights[WEIGHTS];
static float image[PIXELS];           // x_t, in; and the answer, out
static float encoding[16];            // what the time encoding adds to the first block's channels
static float planes[2][WIDEST * PLANE] __attribute__((aligned(16))); // edges stay zero

typedef v128_t f4;
#define ADD wasm_f32x4_add
#define MUL wasm_f32x4_mul
#define SPLAT wasm_f32x4_splat
#define LOAD wasm_v128_load

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

// A size x size convolution of `in` planes into the interior of one.
static inline void convolve(const float *from, int in, const float *kernel, float bias, int size, float *to) {
    const int first = EDGE - size / 2;
    for (int y = 0; y < SIDE; y++) {
        f4 all[7] = {0}; // a row of the output
        for (int i = 0; i < in; i++) {
            f4 sum[7] = {0}; // of one plane: sums of sums lose less to rounding
            const float *x = from + i * PLANE + (y + first) * WIDTH + first;
            for (int row = 0; row < size; row++, x += WIDTH) {
#pragma clang loop unroll(disable)
                for (int column = 0; column < size; column++) {
                    f4 weight = wasm_v128_load32_splat(kernel++);
                    for (int k = 0; k < 7; k++) sum[k] = ADD(sum[k], MUL(weight, LOAD(x + column + 4 * k)));
                }
            }
            for (int k = 0; k < 7; k++) all[k] = ADD(all[k], sum[k]);
        }
        kernel -= in * size * size;
        for (int k = 0; k < 7; k++) wasm_v128_store(to + (y + EDGE) * WIDTH + EDGE + 4 * k, ADD(all[k], SPLAT(bias)));
    }
}

static float total(f4 v) {
    return wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1) + wasm_f32x4_extract_lane(v, 2) +
           wasm_f32x4_extract_lane(v, 3);
}

// Normalisation over the plane, by LayerNorm or, not centred, RMSNorm; GELU; and what the time encoding adds. In place.
static void finish(float *plane, int centred, const float *scale, const float *shift, float time) {
    f4 sum = SPLAT(0.0f), squares = SPLAT(0.0f);
#define EACH_4(body)                                                                                                \
    for (int y = 0; y < SIDE; y++)                                                                                  \
        for (int x = 0; x < SIDE; x += 4) {                                                                         \
            float *at = plane + (y + EDGE) * WIDTH + EDGE + x;                                                      \
            body                                                                                                    \
        }
    EACH_4(sum = ADD(sum, LOAD(at));)
    float mean = centred ? total(sum) / PIXELS : 0.0f;
    EACH_4(f4 d = wasm_f32x4_sub(LOAD(at), SPLAT(mean)); squares = ADD(squares, MUL(d, d));)
    float inverse = 1.0f / __builtin_sqrtf(total(squares) / PIXELS + 1e-5f);
    EACH_4(int p = y * SIDE + x; f4 d = MUL(wasm_f32x4_sub(LOAD(at), SPLAT(mean)), SPLAT(inverse));
           wasm_v128_store(at, ADD(gelu(ADD(MUL(d, LOAD(scale + p)), LOAD(shift + p))), SPLAT(time)));)
}

#define EXPORT(name) __attribute__((export_name(#name)))

// Where the caller writes and reads.
EXPORT(weights) float *weights_at(void) { return weights; }
EXPORT(image) float *image_at(void) { return image; }
EXPORT(encoding) float *encoding_at(void) { return encoding; }

// image = network(image, t/T), with the encoding of t/T; `centred` is 1 for LayerNorm, 0 for RMSNorm.
EXPORT(predict) void predict(int centred) {
    const float *w = weights;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) planes[0][(y + EDGE) * WIDTH + EDGE + x] = image[y * SIDE + x];
    for (int b = 0; b < BLOCKS; b++) {
        int in = CHANNELS[b], out = CHANNELS[b + 1];
        const float *bias = w + out * in * 49, *scale = bias + out, *shift = scale + PIXELS;
        for (int o = 0; o < out; o++, w += in * 49) {
            float *plane = planes[(b + 1) % 2] + o * PLANE;
            convolve(planes[b % 2], in, w, bias[o], 7, plane);
            finish(plane, centred, scale, shift, b == 0 ? encoding[o] : 0.0f);
        }
        w = shift + PIXELS;
    }
    float *answer = planes[1 - BLOCKS % 2];
    convolve(planes[BLOCKS % 2], CHANNELS[BLOCKS], w, w[CHANNELS[BLOCKS] * 9], 3, answer);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) image[y * SIDE + x] = answer[(y + EDGE) * WIDTH + EDGE + x];
}
