// A network as the browser computes it: net.c, with the parameters of one training.

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;

// Numbers that Python packed (play/bundle.py): first the highest byte of each, then the next; in a page
// as base64 of gzip, in a notebook as they are.
export async function unpack({ type, data }) {
  const bytes = typeof data === "string" ? await inflate(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  if (type === "u1") return bytes;
  const size = type === "f4" ? 4 : 2;
  const n = bytes.length / size;
  const whole = new Uint8Array(bytes.length); // the lowest byte first, as in WebAssembly's memory
  for (let plane = 0; plane < size; plane++)
    for (let i = 0; i < n; i++) whole[i * size + size - 1 - plane] = bytes[plane * n + i];
  return size === 4 ? new Float32Array(whole.buffer) : Float32Array.from(new Uint16Array(whole.buffer), half);
}

async function inflate(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : fraction * 2 ** -24);
}

export class Network {
  static async load(wasm, model) {
    const { exports } = await WebAssembly.instantiate(await WebAssembly.compile(wasm));
    const network = new Network();
    const at = (address, n) => new Float32Array(exports.memory.buffer, address, n);
    const weights = await unpack(model.weights);
    at(exports.weights(), weights.length).set(weights);
    network.compute = () => exports[model.network](...model.dilations);
    network.image = at(exports.image(), PIXELS);
    const encodings = await unpack(model.encodings); // as many numbers for each of the steps
    const n = encodings.length / model.steps.length;
    network.encoding = at(exports.encoding(), n);
    network.encodings = new Map(model.steps.map((t, row) => [t, encodings.subarray(n * row, n * (row + 1))]));
    return network;
  }

  // The network's answer to x_t, 784 numbers, as a new array.
  predict(x, t) {
    const encoding = this.encodings.get(t);
    if (!encoding) throw new Error(`the model has no encoding of step ${t}`);
    this.image.set(x);
    this.encoding.set(encoding);
    this.compute();
    return this.image.slice();
  }
}
