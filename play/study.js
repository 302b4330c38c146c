// What Python packed, ready for use: trainings, the reader, digits. `open` makes the networks of some trainings.

import { Network, PIXELS, unpack } from "./net.js";
import { enlarge, grey, walkNoise, walkZoom } from "./processes.js";
import { Reader } from "./reader.js";

export async function load(data) {
  const wasm = new Uint8Array(await unpack({ type: "u1", data: data.wasm }));
  const study = { data, reader: null, digits: [], events: new EventTarget() };
  study.trainings = data.trainings.map((model) => ({ model, network: null }));
  study.zooms = study.trainings.filter(({ model }) => model.kind === "zoom");
  study.ddpms = study.trainings.filter(({ model }) => model.kind === "ddpm");
  study.open = async (trainings) => {
    for (const each of trainings) each.network ??= await Network.load(wasm, each.model);
  };
  if (data.reader) study.reader = await Reader.load(data.reader);
  if (data.digits) {
    const levels = await unpack(data.digits.images);
    study.digits = data.digits.labels.map((label, i) => ({
      label,
      image: Float32Array.from(levels.subarray(i * PIXELS, (i + 1) * PIXELS), grey),
    }));
  }
  return study;
}

// A test digit that is not the last one.
export function anyDigit(study, last = null) {
  const others = study.digits.filter((digit) => digit !== last);
  return others[Math.floor(Math.random() * others.length)];
}

// Numbers for the console and for tests: the result of a whole walk, 784 numbers.
export function compute(study) {
  const named = (name) => study.trainings.find(({ model }) => model.name === name);
  const last = (walk) => Array.from([...walk].at(-1).x);
  return {
    zoom: (name, start, how = {}, noise = {}) => {
      const { model, network } = named(name);
      return last(walkZoom(network, { ...model, ...how }, enlarge(start, 28 - model.T), (t) => noise[t]));
    },
    ddpm: (name, calls, how, noise) => {
      const { model, network } = named(name);
      return last(walkNoise(network, model, model.walks[calls], how, (k) => noise[k]));
    },
    digits: () => study.digits.map(({ image }) => Array.from(image)),
    read: (x) => study.reader.read(x),
  };
}
