// Cold Zoom: paint the seed, see what each training makes of it, step through the way, flip each pixel.

import { Editor } from "./editor.js";
import { button, el, picture, reading, slider, unique } from "./elements.js";
import { PIXELS, SIDE, counter } from "./net.js";
import { centre, drawSeed, enlarge, grey, level, normal, walkZoom } from "./processes.js";
import { advance } from "./runner.js";
import { anyDigit } from "./study.js";
import { Walk } from "./walk.js";

const FLIPPED = 4; // side of the largest seed whose pixels are flipped one by one

class Card {
  constructor(study, training, group, chosen, choose) {
    Object.assign(this, { ...training, frames: [], before: null });
    this.picture = picture(`digit of ${training.model.label}`);
    this.reading = reading(study.classifier, study.data.names);
    this.old = picture("the digit before", { class: "small" });
    this.change = el("span", {});
    this.was = el("div", { class: "was" }, this.old, this.change);
    this.was.style.visibility = "hidden";
    const radio = el("input", { type: "radio", name: group, checked: chosen, onchange: () => choose(this) });
    const title = el("span", {}, training.model.label);
    const head = study.zooms.length > 1 ? el("label", { class: "head" }, radio, title) : el("p", { class: "head" }, title);
    this.tiles = [];
    this.flips = el("div", { class: "flips" });
    this.node = el("div", { class: "card" }, head, this.picture, this.reading, this.was, this.flips);
    this.node.addEventListener("click", (event) => event.target.tagName === "CANVAS" && !radio.checked && radio.click());
  }

  run(start, shake, { step, end }) {
    this.stop?.();
    this.unflip();
    this.frames = [];
    this.stop = advance(walkZoom(this.network, this.model, start, shake), {
      step: (frame) => {
        this.frames.push(frame);
        this.picture.show(frame.x0);
        step(frame);
      },
      end: ({ x }, spent) => {
        const found = this.reading.show(x);
        this.picture.setAttribute("aria-label", `digit of ${this.model.label}${found ? `: ${this.reading.text}` : ""}`);
        this.compare(x, found);
        end(x, found, spent);
      },
    });
  }

  compare(x, found) {
    if (this.before) {
      const different = x.reduce((n, value, p) => n + (level(value) !== level(this.before.x[p])), 0);
      this.old.show(this.before.x);
      const read = this.before.found ? `before: ${this.before.found.digit}` : "before";
      this.change.textContent = `${read}; ${Math.round((100 * different) / PIXELS)} % of the pixels changed`;
      this.was.style.visibility = "";
    }
    this.before = { x, found };
  }

  unflip() {
    this.tiles.forEach((stop) => stop());
    this.tiles = [];
    this.flips.replaceChildren();
  }

  // The digit for each pixel of the seed flipped: one tile a pixel, at its place.
  flip(seed, side) {
    this.unflip();
    const said = el("p", { "aria-live": "polite" });
    const grid = el("div", { class: "mosaic", style: `--side: ${side}` });
    let [changed, done] = [0, 0];
    seed.forEach((value, p) => {
      const tile = picture(`pixel ${p + 1} flipped`);
      grid.append(tile);
      const flipped = Float32Array.from(seed);
      flipped[p] = grey(255 - level(value));
      const end = ({ x }) => {
        const found = this.reading.classifier?.read(x);
        if (found) {
          tile.setAttribute("aria-label", `pixel ${p + 1} flipped: ${found.digit}`);
          const other = found.digit !== this.digit;
          tile.classList.toggle("other", other);
          changed += other;
        }
        if (++done === seed.length && found) said.textContent = `${changed} of ${done} pixels change the reading.`;
      };
      const walk = walkZoom(this.network, this.model, enlarge(flipped, side));
      this.tiles.push(advance(walk, { rank: 2, step: ({ x0 }) => tile.show(x0), end }));
    });
    this.flips.replaceChildren(grid, said);
  }
}

// `changed(seed, image)` is called with the seed and the chosen training's digit.
export function dream(study, changed = () => {}) {
  const { T, prior } = study.zooms[0].model;
  const side = SIDE - T;
  let seed = Float32Array.from(study.data.seed ?? drawSeed(prior, side), Math.fround);
  let [seedNoise, latentNoise, noiseSeed, source] = [0, study.zooms[0].model.noise, 1, null];

  const editor = new Editor(side, "Seed", (values) => ((source = null), use(values)));
  const brush = slider("Brush", { min: 0, max: 255, step: 15, value: 255 }, (v) => (v === 255 ? "white" : v === 0 ? "black" : `grey ${v}`), (v) => (editor.brush = v));
  const origin = el("div", { class: "origin" });
  origin.hidden = true;
  const buttons = [
    button("Draw from the prior", () => ((source = null), use(drawSeed(prior, side)))),
    study.digits.length
      ? button("From a real digit", () => ((source = anyDigit(study, source)), use(centre(source.image, side))))
      : null,
    button("All black", () => ((source = null), use(new Float32Array(side * side).fill(grey(0))))),
  ];

  const walk = new Walk((t) => (t === 0 ? ", the digit" : `, ${SIDE - t} × ${SIDE - t} pixels left`));
  const group = unique("training");
  const cards = study.zooms.map((training, i) => new Card(study, training, group, i === 0, show));
  let chosen = cards[0];
  const calls = el("p", { class: "calls" });
  const status = el("p", { class: "unseen", role: "status" });
  let [telling, left] = [null, 0];

  function show(card) {
    chosen = card;
    walk.fill(card.model.walk, card.frames);
    cards.forEach((each) => each.node.classList.toggle("chosen", each === card && cards.length > 1));
  }

  function use(values) {
    seed = Float32Array.from(values);
    editor.set(seed);
    showOrigin();
    update();
  }

  function showOrigin() {
    origin.hidden = !source;
    if (!source) return;
    const whole = picture(`${source.label}, from the test split`, { class: "small" });
    whole.show(source.image);
    const share = (v) => `${(100 * v) / SIDE}%`;
    const box = el("b", { style: `left: ${share((T + 1) >> 1)}; top: ${share((T + 1) >> 1)}; width: ${share(side)}` });
    origin.replaceChildren(el("span", { class: "framed" }, whole, box), el("span", {}, `The centre of a real ${source.label}, which no training has seen.`));
  }

  function update() {
    const noise = normal(noiseSeed, 0, side * side);
    const start = enlarge(seed.map((value, p) => Math.fround(value + seedNoise * noise[p])), side);
    const shake = latentNoise ? (t) => normal(noiseSeed, t).map((value) => latentNoise * value) : null;
    left = cards.length;
    node.setAttribute("aria-busy", true);
    cards.forEach((card) => {
      if (card === chosen) walk.begin(card.model.walk);
      card.run(start, shake, {
        step: (frame) => card === chosen && walk.add(frame),
        end: (x, found, spent) => {
          card.digit = found?.digit;
          if (card === chosen) changed(seed, x);
          if (card === cards[0]) study.events.dispatchEvent((study.last = new CustomEvent("digit", { detail: { x, spent } })));
          calls.textContent = `${card.model.walk.length - 1} network calls a digit, ${Math.round(spent)} ms; ${counter.calls.toLocaleString("en")} calls on this page so far.`;
          if (--left > 0) return;
          node.setAttribute("aria-busy", false);
          tell();
        },
      });
    });
  }

  function tell() {
    clearTimeout(telling);
    telling = setTimeout(() => (status.textContent = cards.map((card) => `${card.model.label}: ${card.reading.text ?? "done"}`).join(". ")), 400);
  }

  const noises = [
    slider("Noise on the seed", { min: 0, max: 0.5, step: 0.01, value: 0 }, (v) => (v ? `σ = ${v.toFixed(2)}` : "none"), (v) => ((seedNoise = v), update())),
    slider("Noise in the latents", { min: 0, max: 0.3, step: 0.01, value: latentNoise }, (v) => (v ? `σ = ${v.toFixed(2)}` : "none"), (v) => ((latentNoise = v), update())),
    button("Other noise", () => (noiseSeed++, update())),
  ];
  const flips = side <= FLIPPED ? button("Flip each pixel in turn", () => cards.forEach((card) => card.flip(seed, side))) : null;

  const node = el(
    "div",
    { class: "dream" },
    el(
      "div",
      { class: "studio", style: `--n: ${Math.min(3, cards.length)}` },
      el("div", { class: "bench" }, el("p", { class: "head" }, `Seed: ${side} × ${side} pixels`), editor.node, brush, el("div", { class: "row" }, buttons, flips), origin),
      el("div", { class: "cards" }, cards.map((card) => card.node)),
    ),
    el("div", { class: "row" }, noises),
    calls,
    status,
    walk.node,
  );
  show(chosen);
  use(seed);
  return {
    node,
    use,
    seed: () => Array.from(seed),
    shown: () => cards.map((card) => Array.from(card.before.x)),
  };
}
