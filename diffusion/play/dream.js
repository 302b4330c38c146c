// Cold Zoom: paint where it starts, see what each training makes of it, again with other noise, step through the way, flip each
// pixel.

import { Editor } from "./editor.js";
import { button, el, picture, reading, slider, unique } from "./elements.js";
import { PIXELS, SIDE, counter } from "./net.js";
import { anyStart, centre, enlarge, grey, level, normal, walkZoom } from "./processes.js";
import { advance } from "./runner.js";
import { anyDigit } from "./study.js";
import { Walk } from "./walk.js";

const FLIPPED = 4; // side of the largest start whose pixels are flipped one by one
const KEPT = 8; // digits of the same pixels that are shown
const PRIORS = { Pixels: "Draw independent pixels", Mixture: "Draw correlated pixels", Patches: "Draw a training image's centre" };
const sigma = (v) => (v ? `σ = ${v.toFixed(2)}` : "none");

class Card {
  // `choose(card)` shows its walk below; `draw(card, again)` draws its digit, again: one more of the same pixels.
  constructor(study, training, group, chosen, choose, draw) {
    Object.assign(this, { ...training, frames: [], before: null, noise: training.model.noise, noiseSeed: 1, drawn: 0 });
    this.picture = picture(`digit of ${training.model.label}`);
    this.reading = reading(study.reader);
    this.old = picture("the digit before", { class: "small" });
    this.change = el("span", {});
    this.was = el("div", { class: "was" }, this.old, this.change);
    this.was.style.visibility = "hidden";
    const radio = el("input", { type: "radio", name: group, checked: chosen, onchange: () => choose(this) });
    const title = el("span", {}, training.model.label);
    const head = study.zooms.length > 1 ? el("label", { class: "head" }, radio, title) : el("p", { class: "head" }, title);
    this.again = button("Again", () => (this.noiseSeed++, draw(this, true)), { "aria-label": `Again, ${training.model.label}` });
    this.again.disabled = !this.noise;
    const noise = slider("Noise", { min: 0, max: Math.max(0.3, this.noise), step: 0.01, value: this.noise }, sigma, (v) => {
      this.noise = v;
      this.again.disabled = !v;
      draw(this);
    });
    noise.input.setAttribute("aria-label", `Noise on the way, ${training.model.label}`);
    this.same = el("div", { class: "same" });
    this.tiles = [];
    this.flips = el("div", { class: "flips" });
    this.node = el("div", { class: "card" }, head, this.picture, this.reading, this.was, el("div", { class: "row" }, noise, this.again), this.same, this.flips);
    this.node.addEventListener("click", (event) => event.target.tagName === "CANVAS" && !radio.checked && radio.click());
  }

  // The walk from a latent at t = T, with this card's noise.
  walk(latent) {
    const { T, noise_power: power } = this.model;
    const at = (t) => this.noise * (t / T) ** power; // ColdDiffusion.noise_at
    const shake = this.noise ? (t) => normal(this.noiseSeed, t).map((value) => at(t) * value) : null;
    return walkZoom(this.network, this.model, latent, shake);
  }

  run(latent, again, { step, end }) {
    this.stop?.();
    this.unflip();
    this.frames = [];
    if (!again) {
      this.same.replaceChildren();
      this.drawn = 0;
    }
    this.stop = advance(this.walk(latent), {
      step: (frame) => {
        this.frames.push(frame);
        this.picture.show(frame.x0);
        step(frame);
      },
      end: ({ x }, spent) => {
        const found = this.reading.show(x);
        this.picture.setAttribute("aria-label", `digit of ${this.model.label}${found ? `: ${this.reading.text}` : ""}`);
        this.compare(x, found);
        if (this.noise) this.keep(x, found);
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

  // One more digit of the same pixels, beside those before it.
  keep(x, found) {
    const one = picture(`digit ${++this.drawn} of these pixels${found ? `: ${found.digit}` : ""}`);
    one.show(x);
    if (this.drawn === 1) this.same.replaceChildren(el("span", {}, "of the same pixels"));
    this.same.append(one);
    if (this.drawn > KEPT) this.same.children[1].remove();
  }

  unflip() {
    this.tiles.forEach((stop) => stop());
    this.tiles = [];
    this.flips.replaceChildren();
  }

  // The digit for each pixel of the start flipped: one tile a pixel, at its place.
  flip(start, side) {
    this.unflip();
    const said = el("p", { "aria-live": "polite" });
    const grid = el("div", { class: "mosaic", style: `--side: ${side}` });
    let [changed, done] = [0, 0];
    start.forEach((value, p) => {
      const tile = picture(`pixel ${p + 1} flipped`);
      grid.append(tile);
      const flipped = Float32Array.from(start);
      flipped[p] = grey(255 - level(value));
      const end = ({ x }) => {
        const found = this.reading.read(x);
        if (found) {
          tile.setAttribute("aria-label", `pixel ${p + 1} flipped: ${found.digit}`);
          const other = found.digit !== this.digit;
          tile.classList.toggle("other", other);
          changed += other;
        }
        if (++done === start.length && found) said.textContent = `${changed} of ${done} pixels change the reading.`;
      };
      this.tiles.push(advance(this.walk(enlarge(flipped, side)), { rank: 2, step: ({ x0 }) => tile.show(x0), end }));
    });
    this.flips.replaceChildren(grid, said);
  }
}

// `changed(start, image)` is called with the painted pixels and the chosen training's digit.
export function dream(study, changed = () => {}) {
  const { T } = study.zooms[0].model;
  const side = SIDE - T;
  const priors = new Map(study.zooms.map(({ model }) => [model.prior, model]));
  let start = Float32Array.from(study.data.start ?? anyStart(study.zooms[0].model, side));
  let [startNoise, noiseSeed, source] = [0, 1, null];

  const editor = new Editor(side, "Start", (values) => ((source = null), use(values)));
  const brush = slider("Brush", { min: 0, max: 255, step: 15, value: 255 }, (v) => (v === 255 ? "white" : v === 0 ? "black" : `grey ${v}`), (v) => (editor.brush = v));
  const origin = el("div", { class: "origin" });
  origin.hidden = true;
  const buttons = [
    ...[...priors].map(([name, model]) => button(PRIORS[name] ?? "Draw from the prior", () => ((source = null), use(anyStart(model, side))))),
    study.digits.length
      ? button("From a real digit", () => ((source = anyDigit(study, source)), use(centre(source.image, side))))
      : null,
    button("All black", () => ((source = null), use(new Float32Array(side * side).fill(grey(0))))),
  ];

  const walk = new Walk((t) => (t === 0 ? ", the digit" : `, ${SIDE - t} × ${SIDE - t} pixels left`));
  const group = unique("training");
  const cards = study.zooms.map((training, i) => new Card(study, training, group, i === 0, show, (card, again) => update([card], again)));
  let chosen = cards[0];
  const calls = el("p", { class: "calls" });
  const status = el("p", { class: "unseen", role: "status" });
  const busy = new Set();
  let telling = null;

  function show(card) {
    chosen = card;
    walk.fill(card.model.walk, card.frames);
    cards.forEach((each) => each.node.classList.toggle("chosen", each === card && cards.length > 1));
  }

  function use(values) {
    start = Float32Array.from(values);
    editor.set(start);
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

  function update(wanted = cards, again = false) {
    const noise = normal(noiseSeed, 0, side * side);
    const latent = enlarge(start.map((value, p) => Math.fround(value + startNoise * noise[p])), side);
    node.setAttribute("aria-busy", true);
    wanted.forEach((card) => {
      busy.add(card);
      if (card === chosen) walk.begin(card.model.walk);
      card.run(latent, again, {
        step: (frame) => card === chosen && walk.add(frame),
        end: (x, found, spent) => {
          card.digit = found?.digit;
          if (card === chosen) changed(start, x);
          if (card === cards[0]) study.events.dispatchEvent((study.last = new CustomEvent("digit", { detail: { x, spent } })));
          calls.textContent = `${card.model.walk.length - 1} network calls a digit, ${Math.round(spent)} ms; ${counter.calls.toLocaleString("en")} calls on this page so far.`;
          busy.delete(card);
          if (busy.size) return;
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

  const other = button("Other noise", () => (noiseSeed++, update()));
  other.disabled = true;
  const noises = [
    slider("Noise on the start", { min: 0, max: 0.5, step: 0.01, value: startNoise }, sigma, (v) => {
      startNoise = v;
      other.disabled = !v;
      update();
    }),
    other,
  ];
  const flips = side <= FLIPPED ? button("Flip each pixel in turn", () => cards.forEach((card) => card.flip(start, side))) : null;

  const node = el(
    "div",
    { class: "dream" },
    el(
      "div",
      { class: "studio", style: `--n: ${Math.min(3, cards.length)}` },
      el("div", { class: "bench" }, el("p", { class: "head" }, `Start: ${side} × ${side}`), editor.node, brush, el("div", { class: "row" }, buttons, flips), origin),
      el("div", { class: "cards" }, cards.map((card) => card.node)),
    ),
    el("div", { class: "row" }, noises),
    calls,
    status,
    walk.node,
  );
  show(chosen);
  use(start);
  return {
    node,
    use,
    start: () => Array.from(start),
    shown: () => cards.map((card) => Array.from(card.before.x)),
  };
}
