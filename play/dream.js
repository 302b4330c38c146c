// Cold Zoom: paint where it starts and see it unfold, with the digits of all trainings; presets, each pixel flipped, pictures to
// keep.

import { Editor } from "./editor.js";
import { button, el, picture, reading, slider, unique } from "./elements.js";
import { gif, row, save } from "./keep.js";
import { SIDE } from "./net.js";
import { anyStart, centre, enlarge, grey, level, normal, shrunk, walkZoom, zoom } from "./processes.js";
import { advance } from "./runner.js";
import { anyDigit } from "./study.js";
import { Walk } from "./walk.js";

const FLIPPED = 4; // side of the largest start whose pixels are flipped one by one
// By the class of the fitted prior (diffusion/processes/priors.py).
const PRIORS = { PixelCounts: "Random pixels", Gaussians: "Random, like a digit's", RealPatches: "A training image's centre" };
// Name, question, and whether the pixel at row r and column c of n x n is white.
const PRESETS = [
  ["Empty", "No ink: which digits have an empty centre?", () => false],
  ["Dot", "One white pixel: which digits can it be a part of?", (r, c, n) => r === n >> 1 && c === n >> 1],
  ["Bar", "A vertical bar: does it always become a 1?", (r, c, n) => c === n >> 1],
  ["Ring", "It looks like a 0, but it is only the centre of an image: what can be around it?", (r, c, n) => r % (n - 1) === 0 || c % (n - 1) === 0],
  ["White", "All white, without the edge of a stroke: is anything left to go by?", () => true],
];

class Card {
  // `choose(card)` shows its walk in the large picture.
  constructor(study, training, group, chosen, choose) {
    Object.assign(this, { ...training, frames: [], tiles: [] });
    this.picture = picture("");
    this.reading = reading(study.reader);
    const radio = el("input", { type: "radio", name: group, checked: chosen, onchange: () => choose(this) });
    const title = el("span", {}, training.model.label);
    const head = study.zooms.length > 1 ? el("label", { class: "head" }, radio, title) : el("p", { class: "head" }, title);
    this.flips = el("div", { class: "flips" });
    this.node = el("div", { class: "card" }, head, this.picture, this.reading, this.flips);
    this.node.addEventListener("click", (event) => event.target === this.picture && !radio.checked && radio.click());
  }

  // The walk from a latent at t = T, with its model's noise.
  walk(latent, noiseSeed) {
    return walkZoom(this.network, this.model, latent, (t) => normal(noiseSeed, t));
  }

  run(latent, noiseSeed, { step, end }) {
    this.stop?.();
    this.unflip();
    this.frames = [];
    this.reading.clear();
    this.picture.setAttribute("aria-label", `${this.model.label}: being drawn`);
    this.stop = advance(this.walk(latent, noiseSeed), {
      step: (frame) => {
        this.frames.push(frame);
        this.picture.show(frame.x0);
        step(frame);
      },
      end: ({ x }, spent) => {
        this.found = this.reading.show(x);
        this.picture.setAttribute("aria-label", `${this.model.label}: ${this.reading.text ?? "digit"}`);
        end(x, spent);
      },
    });
  }

  unflip() {
    this.tiles.forEach((stop) => stop());
    this.tiles = [];
    this.flips.replaceChildren();
  }

  // The digit for each pixel of the start flipped: one tile a pixel, at its place. `done()` is called after each.
  flip(start, side, noiseSeed, done) {
    this.unflip();
    const said = el("p", {});
    const grid = el("div", { class: "mosaic", style: `--side: ${side}` });
    let [changed, n] = [0, 0];
    start.forEach((value, p) => {
      const tile = picture(`pixel ${p + 1} flipped`);
      grid.append(tile);
      const flipped = Float32Array.from(start);
      flipped[p] = grey(255 - level(value));
      const end = ({ x }) => {
        const found = this.reading.read(x);
        if (found) {
          tile.setAttribute("aria-label", `pixel ${p + 1} flipped: ${found.digit}`);
          const other = found.digit !== this.found.digit;
          tile.classList.toggle("other", other);
          changed += other;
          said.textContent = `${changed} of ${++n} pixels change the digit.`;
        }
        done();
      };
      this.tiles.push(advance(this.walk(enlarge(flipped, side), noiseSeed), { rank: 2 + p, step: ({ x0 }) => tile.show(x0), end }));
    });
    this.flips.replaceChildren(grid, said);
  }
}

// A row of what belongs together, with its name.
function named(name, kind, ...content) {
  const id = unique(kind);
  return el("div", { class: `row ${kind}`, role: "group", "aria-labelledby": id }, el("span", { id, class: "name" }, name), content.flat());
}

const step = (n, words) => el("p", { class: "step" }, el("b", {}, n), ` ${words}`);

// `changed(start, image)` is called with the painted pixels and the chosen training's digit. `first` is where it starts: pixels, or
// a digit of the study, whose loss is shown first. `share` and `view` are further buttons of two groups.
export function dream(study, { changed = () => {}, first = null, share = [], view = [] } = {}) {
  const { T } = study.zooms[0].model;
  const side = SIDE - T;
  const priors = new Map(study.zooms.map(({ model }) => [model.prior, model]));
  const past = []; // starts to which Undo returns
  let [start, noiseSeed, source, telling] = [null, 1, null, null];

  const editor = new Editor(side, "Start", (values) => use(values, { kept: true }), { begun: () => remember() });
  const brush = slider("Brush", { min: 0, max: 255, step: 15, value: 255 }, (v) => (v === 255 ? "white" : v === 0 ? "black" : `grey ${v}`), (v) => (editor.brush = v));
  const undo = button("Undo", () => back());
  undo.disabled = true;
  const question = el("p", { class: "question", role: "status" });
  const starts = [
    study.digits.length ? button("A real digit's centre", () => take(anyDigit(study, source))) : null,
    ...[...priors].map(([name, model]) => button(PRIORS[name] ?? "Draw from the prior", () => use(anyStart(model, side)))),
  ];
  const presets = PRESETS.map(([name, words, white]) =>
    button(name, () => {
      use(Float32Array.from({ length: side * side }, (_, p) => grey(255 * white(Math.floor(p / side), p % side, side))));
      question.textContent = words;
    }),
  );
  const again = study.zooms.some(({ model }) => model.noise || model.greyNoise) ? button("Other noise", () => (noiseSeed++, update())) : null;

  const walk = new Walk((t) => `${SIDE - t} × ${SIDE - t} pixels`, (x, t) => shrunk(x, t));
  const second = step(2, "It unfolds");
  walk.drawn = (t, lost) => {
    second.lastChild.textContent = lost ? " An image is lost" : " It unfolds";
    const percent = (n) => `${(100 * n) / SIDE}%`;
    walk.box.style = `left: ${percent((t + 1) >> 1)}; top: ${percent((t + 1) >> 1)}; width: ${percent(SIDE - t)}`;
  };
  const group = unique("training");
  const cards = study.zooms.map((training, i) => new Card(study, training, group, i === 0, show));
  let chosen = cards[0];
  const status = el("p", { class: "unseen", role: "status" });
  const busy = new Set();

  function show(card) {
    chosen = card;
    cards.forEach((each) => each.node.classList.toggle("chosen", each === card && cards.length > 1));
    walk.fill(card.model.walk, card.frames);
    walk.unfold();
  }

  function remember() {
    past.push(start);
    undo.disabled = false;
  }

  function back() {
    use(past.pop(), { kept: true });
    undo.disabled = !past.length;
  }

  // A real digit: it is zoomed into, and drawn again.
  function take(digit) {
    const lost = Array.from({ length: T + 1 }, (_, t) => ({ t, x: zoom(digit.image, t) }));
    use(centre(digit.image, side), { lost });
    source = digit;
    question.textContent = `The central ${side} × ${side} pixels of a real ${digit.label} from the test set.`;
  }

  function use(values, { lost = [], kept = false } = {}) {
    if (start && !kept) remember();
    [start, source] = [Float32Array.from(values), null];
    question.textContent = "";
    editor.set(start);
    update(lost);
  }

  function update(lost = []) {
    const latent = enlarge(start, side);
    node.setAttribute("aria-busy", true);
    progress.hidden = caption.hidden = true;
    cards.forEach((card) => {
      busy.add(card);
      if (card === chosen) {
        walk.begin(card.model.walk);
        walk.unfold(lost);
      }
      card.run(latent, noiseSeed, {
        step: (frame) => card === chosen && walk.add(frame),
        end: (x, spent) => {
          if (card === chosen) changed(start, x);
          if (card === cards[0]) study.events.dispatchEvent((study.last = new CustomEvent("digit", { detail: { x, spent } })));
          busy.delete(card);
          if (busy.size) return;
          node.setAttribute("aria-busy", false);
          clearTimeout(telling);
          telling = setTimeout(() => (status.textContent = cards.map(({ model, reading }) => `${model.label}: ${reading.text ?? "done"}`).join(". ")), 400);
        },
      });
    });
  }

  const progress = el("progress", { max: cards.length * side * side, value: 0, "aria-label": "Pixels flipped" });
  const caption = el("p", { class: "at-each" }, "Each picture: the digit after this one pixel is flipped; framed where the digit changes.");
  progress.hidden = caption.hidden = true;
  const flip = () => {
    progress.value = 0;
    progress.hidden = caption.hidden = false;
    cards.forEach((card) => card.flip(start, side, noiseSeed, () => (progress.hidden = ++progress.value === progress.max)));
  };
  const flips = side <= FLIPPED ? el("div", { class: "row flip" }, button("Flip each pixel in turn", flip), progress, caption) : null;

  function still() {
    const square = picture("");
    square.show(enlarge(start, side));
    const digits = cards.map((card) => ({ canvas: card.picture, words: [card.model.label, card.reading.text].filter(Boolean).join(": ") }));
    return row([{ canvas: square, words: `start, ${side} × ${side} pixels` }, ...digits]);
  }

  function moving() {
    const frames = [...chosen.frames];
    return gif(frames.map(({ t, x }) => shrunk(x, t)), frames.map(({ t }) => (t ? 8 : 150)));
  }

  const kept = [
    button("Save picture", async () => save(await still(), "cold-zoom.png")),
    button("Save as GIF", () => save(moving(), "cold-zoom.gif")),
  ];
  const node = el(
    "div",
    { class: "dream" },
    named("Start from", "starts", starts, presets, question),
    el(
      "div",
      { class: `studio of-${Math.min(3, cards.length)}` },
      el("div", { class: "bench" }, step(1, "Paint here"), editor.node, brush, el("div", { class: "row" }, undo, again)),
      el("div", { class: "screen" }, second, el("div", { class: "framed" }, walk.large, walk.box), walk.controls),
      el("div", { class: "digits" }, step(3, cards.length > 1 ? "Each model's digit" : "The digit"), el("div", { class: "cards" }, cards.map((card) => card.node)), flips),
    ),
    walk.film("drawn", "guess"),
    el("div", { class: "tools" }, named("Save or share", "share", kept, share), view.length ? named("View", "view", view) : null),
    status,
  );
  node.addEventListener("keydown", (event) => {
    if (event.key !== "z" || !(event.ctrlKey || event.metaKey) || !past.length) return;
    event.preventDefault();
    back();
  });
  show(chosen);
  if (first?.image) take(first);
  else use(first ?? anyStart(study.zooms[0].model, side));
  return {
    node,
    use: (values) => use(values),
    start: () => Array.from(start),
    shown: () => cards.map((card) => Array.from(card.frames.at(-1).x)),
    playing: () => walk.chosen,
  };
}
