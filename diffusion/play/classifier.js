// The project's digit classifier (diffusion/evaluation/classifier.py): five 3 x 3 convolutions and two layers. Its
// normalisation is folded into the weights, which are in half precision.

import { SIDE, unpack } from "./net.js";

const LAYERS = [[1, 16], [16, 32], [32, 32], [32, 64], [64, 64], [576, 64], [64, 10]]; // inputs, outputs
const CONVOLUTIONS = 5; // the first layers
const POOLED = new Set([0, 2, 4]); // layers followed by the maximum of 2 x 2

export class Classifier {
  static async load({ weights, threshold, names }) {
    const reader = new Classifier();
    const all = await unpack(weights);
    let next = 0;
    const take = (n) => all.subarray(next, (next += n));
    const layers = LAYERS.map(([inputs, outputs], i) => {
      const w = take(inputs * outputs * (i < CONVOLUTIONS ? 9 : 1));
      return { inputs, outputs, w, bias: take(outputs) };
    });
    return Object.assign(reader, { layers, threshold, names });
  }

  // { digit, confidence, low } of an image, which is clipped to black and white first: the name of its class, and
  // whether the confidence is low.
  read(x) {
    let side = SIDE;
    let h = Float32Array.from(x, (value) => Math.min(0.5, Math.max(-0.5, value)));
    this.layers.slice(0, CONVOLUTIONS).forEach((layer, i) => {
      h = convolve(h, side, layer);
      if (POOLED.has(i)) [h, side] = [pool(h, side, layer.outputs), side >> 1];
    });
    const features = linear(h, this.layers[5]).map((value) => Math.max(0, value));
    const logits = linear(features, this.layers[6]);
    const most = Math.max(...logits);
    const sum = logits.reduce((total, value) => total + Math.exp(value - most), 0);
    const confidence = 1 / sum;
    return { digit: this.names[logits.indexOf(most)], confidence, low: confidence < this.threshold };
  }
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
