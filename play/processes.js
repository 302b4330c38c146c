// The two ways of diffusion/processes: degrade an image, and walk back. Images are 784 numbers, -0.5 black, 0.5 white.
// A walk is a generator of { t, x, x0 }: the latent, and the clean image predicted from it; at t = 0 both are the result.

import { PIXELS, SIDE } from "./net.js";

const UNKNOWN = -0.34; // the grey of what is not yet drawn

// ColdZoom.degrade: the central (28 - t) x (28 - t) pixels, resized. Rounded to float32 where torch rounds.
export function zoom(x, t, interpolation = "nearest") {
  const first = (t + 1) >> 1;
  const scale = Math.fround((SIDE - t) / SIDE);
  const out = new Float32Array(PIXELS);
  if (interpolation === "nearest") {
    const line = Array.from({ length: SIDE }, (_, i) => first + Math.floor(Math.fround(i * scale)));
    for (let p = 0; p < PIXELS; p++) out[p] = x[line[(p / SIDE) | 0] * SIDE + line[p % SIDE]];
    return out;
  }
  const line = Array.from({ length: SIDE }, (_, i) => {
    const place = Math.max(0, (i + 0.5) * scale - 0.5);
    const low = Math.floor(place);
    return [first + low, first + Math.min(low + 1, SIDE - t - 1), place - low];
  });
  for (let p = 0; p < PIXELS; p++) {
    const [top, bottom, down] = line[(p / SIDE) | 0];
    const [left, right, along] = line[p % SIDE];
    const mix = (row) => x[row * SIDE + left] * (1 - along) + x[row * SIDE + right] * along;
    out[p] = mix(top) * (1 - down) + mix(bottom) * down;
  }
  return out;
}

// What a latent of level t shows, at its place and size: the central (28 - t) x (28 - t) pixels, the others dark grey.
export function shrunk(x, t) {
  const place = zoom(Float32Array.from({ length: PIXELS }, (_, p) => p), t);
  const out = new Float32Array(PIXELS).fill(UNKNOWN);
  place.forEach((from, p) => (out[from] = x[p]));
  return out;
}

// side x side pixels as the fully degraded image.
export function enlarge(pixels, side) {
  const scale = Math.fround(side / SIDE);
  const line = Array.from({ length: SIDE }, (_, i) => Math.floor(Math.fround(i * scale)));
  return Float32Array.from({ length: PIXELS }, (_, p) => pixels[line[(p / SIDE) | 0] * side + line[p % SIDE]]);
}

// The central pixels that the deepest level leaves of an image.
export function centre(x, side) {
  const first = (SIDE - side + 1) >> 1;
  return Float32Array.from({ length: side * side }, (_, p) => x[(first + ((p / side) | 0)) * SIDE + first + (p % side)]);
}

// The standard deviation of the noise that a predicted pixel gets.
function deviation(model, value) {
  const grey = Math.min(Math.max(value + 0.5, 0), 1);
  return model.noise + model.greyNoise * Math.sqrt(grey * (1 - grey));
}

// The way back of cold diffusion (processes/samplers.py). `noise(t)` gives standard normal numbers: noise of the
// prediction that is zoomed to t > 0, if the model has any.
export function* walkZoom(network, model, start, noise) {
  const isNoisy = model.noise > 0 || model.greyNoise > 0;
  let x = start;
  for (let k = 0; k + 1 < model.walk.length; k++) {
    const [t, less] = [model.walk[k], model.walk[k + 1]];
    const x0 = network.predict(x, t);
    yield { t, x, x0 };
    const fresh = isNoisy && less > 0 ? noise(less) : null;
    const noisy = fresh ? x0.map((value, p) => value + deviation(model, value) * fresh[p]) : x0;
    let nearer = zoom(noisy, less, model.interpolation); // the study's Algorithm 2
    if (model.sampler === "Improved") {
      const again = zoom(noisy, t, model.interpolation);
      nearer = nearer.map((value, p) => value + x[p] - again[p]);
    }
    x = nearer;
  }
  yield { t: 0, x, x0: x };
}

// That of a DDPM over the `visited` steps, from T down to 0. `noise(k)` gives standard normal numbers: the start, and
// those of the steps.
export function* walkNoise(network, model, visited, { clip, sampler }, noise) {
  const alphaBar = new Map(model.steps.map((t, i) => [t, model.alpha_bar[i]]));
  let x = Float32Array.from(noise(0));
  for (let k = 0; k + 1 < visited.length; k++) {
    const [t, previous] = [visited[k], visited[k + 1]];
    const [a, b] = [alphaBar.get(t), alphaBar.get(previous)];
    const beta = 1 - a / b;
    const [signal, spread] = [Math.sqrt(a), Math.sqrt(1 - a)];
    let eps = network.predict(x, t);
    const x0 = x.map((value, p) => (value - spread * eps[p]) / signal);
    if (clip) {
      x0.forEach((value, p) => (x0[p] = Math.min(0.5, Math.max(-0.5, value))));
      eps = x.map((value, p) => (value - signal * x0[p]) / spread);
    }
    yield { t, x, x0 };
    if (sampler === "DDIM") {
      x = x.map((value, p) => Math.sqrt(b / a) * (value - spread * eps[p]) + Math.sqrt(1 - b) * eps[p]);
      continue;
    }
    x = x.map((value, p) => (value - (beta / spread) * eps[p]) / Math.sqrt(1 - beta));
    if (previous > 0) {
      const fresh = noise(k + 1);
      x.forEach((value, p) => (x[p] = value + Math.sqrt(beta) * fresh[p]));
    }
  }
  yield { t: 0, x, x0: x };
}

// DDPM.degrade.
export function addNoise(x, alphaBar, eps) {
  return Float32Array.from(x, (value, p) => Math.sqrt(alphaBar) * value + Math.sqrt(1 - alphaBar) * eps[p]);
}

// Random numbers that a whole number determines: uniform in [0, 1), by the generator mulberry32.
function uniform(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

// n standard normal numbers, by Box and Muller; the stream keeps those of different uses apart.
export function normal(seed, stream = 0, n = PIXELS) {
  const draw = uniform(seed * 1009 + stream * 7919 + 1);
  return Float32Array.from({ length: n }, () => Math.sqrt(-2 * Math.log(1 - draw())) * Math.cos(2 * Math.PI * draw()));
}

// One of the starts that Python drew from a training's prior, side x side pixels.
export function anyStart({ starts }, side) {
  const first = Math.floor(Math.random() * (starts.length / side ** 2)) * side ** 2;
  return starts.slice(first, first + side ** 2);
}

// The value of a grey level 0..255, as torch computes it in float32.
export function grey(level) {
  return Math.fround(Math.fround(level / 255) - 0.5);
}

export function level(value) {
  return Math.round(255 * Math.min(1, Math.max(0, value + 0.5)));
}
