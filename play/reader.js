// What an image is read as, and whether it is a digit: the classifier (diffusion/evaluation/classifier.py), five 3 x 3
// convolutions and two layers, whose normalisation is folded into its weights; and the recogniser
// (diffusion/evaluation/recogniser.py) with a few hundred training digits.

import { PIXELS, SIDE, unpack } from "./net.js";
import { grey, level } from "./processes.js";

const LAYERS = [[1, 16], [16, 32], [32, 32], [32, 64], [64, 64], [576, 64], [64, 10]]; // inputs, outputs
const CONVOLUTIONS = 5; // the first layers
const POOLED = new Set([0, 2, 4]); // layers followed by the maximum of 2 x 2
const BORDER = 3; // rows at the top and at the bottom that show the ground
const NEIGHBOURS = 5;

export class Reader {
  static async load({ weights, features, pixels, bound, names }) {
    const all = await unpack(weights);
    let next = 0;
    const take = (n) => all.subarray(next, (next += n));
    const layers = LAYERS.map(([inputs, outputs], i) => {
      const w = take(inputs * outputs * (i < CONVOLUTIONS ? 9 : 1));
      return { inputs, outputs, w, bias: take(outputs) };
    });
    const digits = [await unpack(features), Float32Array.from(await unpack(pixels), (v) => v / 255)];
    const none = names[0] === "0" ? "no digit" : "none of the classes";
    return Object.assign(new Reader(), { layers, digits, bound, names, none });
  }

  // The classifier's 64 features of an image.
  features(x) {
    let [h, side] = [x, SIDE];
    this.layers.slice(0, CONVOLUTIONS).forEach((layer, i) => {
      h = convolve(h, side, layer);
      if (POOLED.has(i)) [h, side] = [pool(h, side, layer.outputs), side >> 1];
    });
    return linear(h, this.layers[5]).map((value) => Math.max(0, value));
  }

  // { digit, score, accepted, likeness } of an image, which is clipped to black and white first: the name of its likeliest
  // class, DigitRecogniser's score, whether that reaches the bound, and the score on a scale from 0 to 1.
  read(x) {
    const clipped = Float32Array.from(x, (value) => Math.min(0.5, Math.max(-0.5, value)));
    const logits = linear(this.features(clipped), this.layers[6]);
    const tidy = tidied(clipped);
    const features = this.features(tidy.map((value) => grey(level(value))));
    const score = nearness(features, this.digits[0]) + nearness(coarse(tidy), this.digits[1]);
    return { digit: this.names[logits.indexOf(Math.max(...logits))], score, accepted: score >= this.bound, likeness: likeness(score) };
  }
}

// 1 - r, where r is the mean of the two distances that make up a score, each over the image's own length.
export const likeness = (score) => Math.max(0, 1 - Math.exp(-score / 2));

// The ground made black: the median of the rows at the top and at the bottom, the lower one of two as in torch; and the centre
// of mass moved to the middle.
function tidied(x) {
  const edge = [...x.subarray(0, BORDER * SIDE), ...x.subarray(-BORDER * SIDE)].sort((a, b) => a - b);
  const ground = edge[(edge.length >> 1) - 1] + 0.5;
  const stretch = Math.max(0.1, 1 - ground);
  const ink = x.map((value) => Math.min(1, Math.max(0, (value + 0.5 - ground) / stretch)));
  let [mass, across, down] = [0, 0, 0];
  ink.forEach((value, p) => {
    mass += value;
    across += value * ((p % SIDE) - 13.5);
    down += value * (Math.floor(p / SIDE) - 13.5);
  });
  const by = (sum) => SIDE - Math.round(sum / Math.max(mass, 1e-6));
  const [right, below] = [by(across), by(down)];
  const out = new Float32Array(PIXELS);
  ink.forEach((value, p) => (out[((Math.floor(p / SIDE) + below) % SIDE) * SIDE + (((p % SIDE) + right) % SIDE)] = value - 0.5));
  return out;
}

// Blurred by a Gaussian of one pixel, 7 x 7; then every second pixel but for the edge: 144 numbers.
function coarse(x) {
  const bell = Array.from({ length: 7 }, (_, i) => Math.exp(-((i - 3) ** 2) / 2));
  const sum = bell.reduce((a, b) => a + b);
  const inside = (i) => (i < 0 ? -i : i >= SIDE ? 2 * SIDE - 2 - i : i); // torch reflects at the edge
  return Float32Array.from({ length: 144 }, (_, p) => {
    const [row, column] = [2 + 2 * Math.floor(p / 12), 2 + 2 * (p % 12)];
    let found = 0;
    for (let i = 0; i < 7; i++)
      for (let j = 0; j < 7; j++) found += bell[i] * bell[j] * (x[inside(row + i - 3) * SIDE + inside(column + j - 3)] + 0.5);
    return found / sum ** 2;
  });
}

// Minus the logarithm of the distance to the fifth nearest of the digits, over the length of x.
function nearness(x, digits) {
  const far = Array.from({ length: digits.length / x.length }, (_, i) =>
    Math.sqrt(x.reduce((sum, value, k) => sum + (value - digits[i * x.length + k]) ** 2, 0)),
  ).sort((a, b) => a - b);
  return -Math.log((far[NEIGHBOURS - 1] + 1e-6) / Math.max(1e-6, Math.hypot(...x)));
}

// 3 x 3, zeros around the image, then the positive part.
function convolve(x, side, { inputs, outputs, w, bias }) {
  const wide = side + 2;
  const padded = new Float32Array(inputs * wide * wide);
  for (let i = 0; i < inputs; i++)
    for (let y = 0; y < side; y++)
      padded.set(x.subarray((i * side + y) * side, (i * side + y + 1) * side), (i * wide + y + 1) * wide + 1);
  const out = new Float32Array(outputs * side * side);
  for (let o = 0; o < outputs; o++) {
    const plane = out.subarray(o * side * side, (o + 1) * side * side).fill(bias[o]);
    for (let i = 0; i < inputs; i++) {
      const k = w.subarray((o * inputs + i) * 9, (o * inputs + i) * 9 + 9);
      for (let y = 0; y < side; y++) {
        let at = (i * wide + y) * wide;
        for (let column = 0; column < side; column++, at++) {
          const [b, c] = [at + wide, at + 2 * wide];
          plane[y * side + column] +=
            k[0] * padded[at] + k[1] * padded[at + 1] + k[2] * padded[at + 2] +
            k[3] * padded[b] + k[4] * padded[b + 1] + k[5] * padded[b + 2] +
            k[6] * padded[c] + k[7] * padded[c + 1] + k[8] * padded[c + 2];
        }
      }
    }
    for (let p = 0; p < plane.length; p++) plane[p] = Math.max(0, plane[p]);
  }
  return out;
}

function pool(x, side, planes) {
  const half = side >> 1;
  const out = new Float32Array(planes * half * half);
  for (let i = 0, at = 0; i < planes; i++)
    for (let y = 0; y < half; y++)
      for (let column = 0; column < half; column++, at++) {
        const p = (i * side + 2 * y) * side + 2 * column;
        out[at] = Math.max(x[p], x[p + 1], x[p + side], x[p + side + 1]);
      }
  return out;
}

function linear(x, { inputs, outputs, w, bias }) {
  return Float32Array.from({ length: outputs }, (_, o) => {
    let sum = bias[o];
    for (let i = 0; i < inputs; i++) sum += w[o * inputs + i] * x[i];
    return sum;
  });
}
