// Pictures to keep: a PNG of the start and its digits, a GIF of the way between them.

import { PIXELS, SIDE } from "./net.js";
import { level } from "./processes.js";

const ENLARGED = 9; // pixels of a GIF for one of an image

// Offer a blob as a file.
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// A PNG of canvases in a row, each with its words below.
export function row(pictures) {
  const [side, gap, below] = [SIDE * 10, 20, 50];
  const canvas = document.createElement("canvas");
  canvas.width = pictures.length * (side + gap) + gap;
  canvas.height = side + gap + below;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = "#1b1b1b";
  context.font = "20px Georgia, serif";
  context.imageSmoothingEnabled = false;
  pictures.forEach(({ canvas: one, words }, i) => {
    const left = gap + i * (side + gap);
    context.drawImage(one, left, gap, side, side);
    context.fillText(words, left, side + gap + 30, side);
  });
  return new Promise((done) => canvas.toBlob(done, "image/png"));
}

// A GIF of images, 784 numbers each, that is repeated: `delays` has the hundredths of a second for which each is shown.
export function gif(images, delays) {
  const size = SIDE * ENLARGED;
  const pair = (n) => [n & 255, n >> 8];
  const text = (word) => [...word].map((letter) => letter.charCodeAt(0));
  const bytes = [...text("GIF89a"), ...pair(size), ...pair(size), 0xf7, 0, 0];
  for (let grey = 0; grey < 256; grey++) bytes.push(grey, grey, grey);
  bytes.push(0x21, 0xff, 11, ...text("NETSCAPE2.0"), 3, 1, 0, 0, 0);
  images.forEach((x, i) => {
    bytes.push(0x21, 0xf9, 4, 0, ...pair(delays[i]), 0, 0, 0x2c, 0, 0, 0, 0, ...pair(size), ...pair(size), 0, 8);
    const large = Uint8Array.from({ length: PIXELS * ENLARGED ** 2 }, (_, p) => {
      const [row, column] = [Math.floor(p / size / ENLARGED), Math.floor((p % size) / ENLARGED)];
      return level(x[row * SIDE + column]);
    });
    const packed = compressed(large);
    for (let at = 0; at < packed.length; at += 255) {
      const block = packed.slice(at, at + 255);
      bytes.push(block.length, ...block);
    }
    bytes.push(0);
  });
  return new Blob([Uint8Array.from([...bytes, 0x3b])], { type: "image/gif" });
}

// LZW, as GIF has it (its specification, appendix F), for bytes.
function compressed(bytes) {
  const [CLEAR, END] = [256, 257];
  const out = [];
  let [bits, held, width, next, known] = [0, 0, 9, END + 1, new Map()];
  const put = (code) => {
    bits |= code << held;
    for (held += width; held >= 8; held -= 8) {
      out.push(bits & 255);
      bits >>>= 8;
    }
  };
  put(CLEAR);
  let prefix = bytes[0];
  for (const byte of bytes.subarray(1)) {
    const key = (prefix << 8) | byte;
    if (known.has(key)) {
      prefix = known.get(key);
      continue;
    }
    put(prefix);
    if (next === 4096) {
      put(CLEAR);
      [width, next, known] = [9, END + 1, new Map()];
    } else {
      if (next >= 1 << width) width++;
      known.set(key, next++);
    }
    prefix = byte;
  }
  put(prefix);
  put(END);
  out.push(bits & 255);
  return out;
}
