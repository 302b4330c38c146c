// The networks of diffusion/training/network.py, one image at a time: the study's (channels 16, 32, 32, 16) and the
// U-Net of width 16. The caller writes parameters, image and encoding, calls `cnn` or `cnn_rms`, with the dilations of
// the four blocks, or `unet`, and reads the image.
//
// It needs no memory allocation and calls nothing. `python -m play.kernel` makes net.wasm of it.

#include "layers.h"

#define EXPORT(name) __attribute__((export_name(#name)))

enum {
    W = 16,           // the U-Net's channels at full size; no network has more than 2 W, joined ones 4 W
    WEIGHTS = 119025, // of the U-Net, which has more than the study's network: 107649
    TIMES = 192       // channels to which the U-Net's time encoding adds
};

// The parameters in torch's order, without those of the time encoding.
static float weights[WEIGHTS];
static float image[PIXELS];   // x_t, in; and the answer, out
static float encoding[TIMES]; // what the time encoding adds to channels, in the order in which they are computed

EXPORT(weights) float *weights_at(void) { return weights; }
EXPORT(image) float *image_at(void) { return image; }
EXPORT(encoding) float *encoding_at(void) { return encoding; }

// Planes of one size. Their edges stay zero, so each size has its own.
static struct level {
    float x[2 * W * PLANE] __attribute__((aligned(16)));
    float inner[2 * W * PLANE];
    float joined[4 * W * PLANE]; // what comes up from the size below, then what was kept on the way down
    float normed[4 * W * PLANE];
} levels[3];

static const float *parameters, *times; // the next ones

static const float *take(const float **next, int n) {
    const float *taken = *next;
    *next += n;
    return taken;
}

static void begin(float *plane) {
    parameters = weights, times = encoding;
    for (int p = 0; p < PIXELS; p++) *AT(plane, p / SIDE, p % SIDE) = image[p];
}

static void end(const float *plane) {
    for (int p = 0; p < PIXELS; p++) image[p] = *AT(plane, p / SIDE, p % SIDE);
}

enum { FRESH, ONTO }; // instead of what is in the planes, or added to it
#define NO_TIME ((const float *)0)

// A convolution with the next parameters; to each channel its `time` is added.
ONCE void convolution(const float *from, int in, int out, int size, int dilation, int side, const float *time, int onto,
                      float *to) {
    const float *kernel = take(&parameters, out * in * size * size), *bias = take(&parameters, out);
    for (int o = 0; o < out; o++, kernel += in * size * size, to += PLANE) {
        float offset = bias[o] + (time ? time[o] : 0.0f);
        if (side == SIDE) convolve(from, in, kernel, offset, size, dilation, SIDE, onto, to);
        else if (side == SIDE / 2) convolve(from, in, kernel, offset, size, 1, SIDE / 2, onto, to);
        else convolve(from, in, kernel, offset, size, 1, SIDE / 4, onto, to);
    }
}

// --- the study's network ---

ONCE void study(int centred, const int dilations[4]) {
    static const int channels[] = {1, 16, 32, 32, 16};
    float *from = levels[0].x, *to = levels[0].inner;
    begin(from);
    for (int b = 0; b < 4; b++) {
        int in = channels[b], out = channels[b + 1];
        convolution(from, in, out, 7, dilations[b], SIDE, NO_TIME, FRESH, to);
        const float *scale = take(&parameters, PIXELS), *shift = take(&parameters, PIXELS);
        for (int o = 0; o < out; o++) finish(to + o * PLANE, centred, scale, shift, b == 0 ? encoding[o] : 0.0f);
        float *other = from;
        from = to, to = other;
    }
    convolution(from, channels[4], 1, 3, 1, SIDE, NO_TIME, FRESH, to);
    end(to);
}

EXPORT(cnn) void cnn(int a, int b, int c, int d) { study(1, (int[]){a, b, c, d}); }
EXPORT(cnn_rms) void cnn_rms(int a, int b, int c, int d) { study(0, (int[]){a, b, c, d}); }

// --- the U-Net ---

ONCE void normalised(const float *from, int channels, int side, float *to) {
    const float *scale = take(&parameters, channels), *shift = take(&parameters, channels);
    normalise(from, channels, side, scale, shift, to);
}

// A residual block, on planes that are halved `depth` times.
ONCE void block(int depth, const float *x, int in, int out, float *to) {
    struct level *at = &levels[depth];
    int side = SIDE >> depth;
    normalised(x, in, side, at->normed);
    convolution(at->normed, in, out, 3, 1, side, take(&times, out), FRESH, at->inner);
    normalised(at->inner, out, side, at->inner);
    convolution(at->inner, out, out, 3, 1, side, NO_TIME, FRESH, to);
    convolution(x, in, out, 1, 1, side, NO_TIME, ONTO, to);
}

EXPORT(unet) void unet(void) {
    struct level *full = &levels[0], *half = &levels[1], *quarter = &levels[2];
    float *kept = full->joined + 2 * W * PLANE, *kept_half = half->joined + 2 * W * PLANE;
    begin(full->normed);
    convolution(full->normed, 1, W, 3, 1, SIDE, NO_TIME, FRESH, full->x);
    block(0, full->x, W, W, kept);
    halve(kept, W, SIDE / 2, half->x);
    block(1, half->x, W, 2 * W, kept_half);
    halve(kept_half, 2 * W, SIDE / 4, quarter->x);
    block(2, quarter->x, 2 * W, 2 * W, quarter->joined);
    block(2, quarter->joined, 2 * W, 2 * W, quarter->x);
    block(2, quarter->x, 2 * W, 2 * W, quarter->joined);
    twice(quarter->joined, 2 * W, SIDE / 2, half->joined);
    block(1, half->joined, 4 * W, 2 * W, half->x);
    twice(half->x, 2 * W, SIDE, full->joined);
    block(0, full->joined, 3 * W, W, full->x);
    normalised(full->x, W, SIDE, full->normed);
    convolution(full->normed, W, 1, 3, 1, SIDE, NO_TIME, FRESH, full->inner);
    end(full->inner);
}
