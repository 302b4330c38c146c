// The few elements of which the page is made.

import { PIXELS, SIDE } from "./net.js";
import { level } from "./processes.js";
import { likeness } from "./reader.js";

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child != null));
  return node;
}

export function button(label, press, attributes = {}) {
  return el("button", { type: "button", onclick: press, ...attributes }, label);
}

// A picture of 28 x 28 pixels. `show(x)` draws 784 numbers, clipped to black and white; `clear()` makes it black.
export function picture(label, attributes = {}) {
  const canvas = el("canvas", { width: SIDE, height: SIDE, role: "img", "aria-label": label, ...attributes });
  canvas.classList.add("picture");
  const context = canvas.getContext("2d");
  const image = context.createImageData(SIDE, SIDE);
  const words = new Uint32Array(image.data.buffer).fill(0xff000000);
  canvas.show = (x) => {
    for (let p = 0; p < PIXELS; p++) words[p] = 0xff000000 | (level(x[p]) * 0x010101);
    context.putImageData(image, 0, 0);
  };
  canvas.clear = () => context.clearRect(0, 0, SIDE, SIDE); // its background is black
  return canvas;
}

let names = 0;

export function unique(word) {
  return `${word}-${names++}`;
}

// A slider with its name and value; `text` says the value in words.
export function slider(name, { min, max, step = 1, value }, text, moved) {
  const said = el("output");
  const id = unique("slider");
  const input = el("input", { type: "range", id, min, max, step, value });
  const node = el("div", { class: "slider" }, el("label", { for: id }, name), said, input);
  const say = () => {
    said.textContent = text(Number(input.value));
    input.setAttribute("aria-valuetext", said.textContent);
  };
  input.addEventListener("input", () => (say(), moved(Number(input.value))));
  say();
  node.input = input;
  node.set = (next) => ((input.value = next), say());
  node.range = (last) => ((input.max = last), say());
  return node;
}

// One of several options, pairs of value and label.
export function choice(legend, options, value, chosen) {
  const name = unique("choice");
  const radios = options.map(([key, label]) =>
    el("label", {}, el("input", { type: "radio", name, value: key, checked: key === value, onchange: () => chosen(key) }), el("span", {}, label)),
  );
  return el("fieldset", { class: "choice" }, el("legend", {}, legend), el("div", {}, radios));
}

// What an image is read as: the digit, or that it is none; and a bar of its likeness to real digits, with a mark from where
// an image is a digit. `read(x)` is the reading, null without a reader; `show(x)` shows it, until `clear()`.
export function reading(reader) {
  const word = el("span", { class: "word" });
  const share = el("i");
  const bar = el("span", { class: "bar", "aria-hidden": "true" }, share);
  const node = el("div", { class: "reading" }, word, bar);
  node.hidden = !reader;
  if (reader) bar.append(el("b", { style: `left: ${100 * likeness(reader.bound)}%` }));
  node.read = (x) => reader?.read(x) ?? null;
  node.clear = () => {
    [word.textContent, share.style.width, node.text] = ["\u00a0", "0", null];
    node.classList.remove("none");
  };
  node.clear();
  node.show = (x) => {
    const found = node.read(x);
    if (!found) return null;
    word.replaceChildren(found.accepted ? el("strong", {}, found.digit) : reader.none);
    share.style.width = `${100 * found.likeness}%`;
    node.classList.toggle("none", !found.accepted);
    node.text = word.textContent;
    return found;
  };
  return node;
}
