// One walk from t = T to 0, to step through: the latent and the predicted image side by side, and a strip of all steps.

import { button, el, picture, slider } from "./elements.js";

const STRIP = 25; // steps of the strip, at most
const PACE = 130; // milliseconds of a step when it plays

export class Walk {
  // `describe(t)` says what a step is, beside its number.
  constructor(describe) {
    this.describe = describe;
    this.frames = [];
    this.steps = [0];
    this.latent = picture("the latent");
    this.predicted = picture("the image predicted from it");
    this.slider = slider("Step", { min: 0, max: 0, value: 0 }, () => this.text(), (i) => (this.stop(), this.show(i)));
    this.play = button("Play", () => (this.timer ? this.stop() : this.start()), { class: "play-button" });
    this.strip = el("div", { class: "strip", "aria-hidden": "true" });
    const shown = (canvas, symbol, below, words) =>
      el("figure", {}, canvas, el("figcaption", {}, el("i", {}, symbol), el("sub", {}, below), ` ${words}`));
    const pair = el("div", { class: "pair" }, shown(this.latent, "x", "t", "the latent"), shown(this.predicted, "x̂", "0", "predicted from it"));
    const line = el("div", { class: "line" }, this.slider, this.strip);
    this.node = el("div", { class: "walk" }, el("div", {}, pair, this.play), line);
  }

  text() {
    const t = this.steps[Number(this.slider?.input.value ?? 0)];
    return `t = ${t}${this.describe(t)}`;
  }

  // Make room for a walk over these steps, T first. The chosen place stays, if there are as many.
  begin(steps) {
    const again = steps.length === this.steps.length;
    this.frames = [];
    if (again && steps.every((t, i) => t === this.steps[i])) return;
    this.steps = steps;
    this.stop();
    this.slider.range(steps.length - 1);
    this.slider.set(steps.length - 1);
    const n = Math.min(STRIP, steps.length);
    const places = Array.from({ length: n }, (_, k) => Math.round((k * (steps.length - 1)) / Math.max(1, n - 1)));
    this.thumbs = new Map(places.map((i) => [i, this.thumb(i)]));
    this.strip.replaceChildren(...[...this.thumbs.values()].map(({ node }) => node));
    this.mark();
  }

  thumb(i) {
    const [x, x0] = [picture(""), picture("")];
    const node = el("div", { class: "thumb", onclick: () => (this.stop(), this.slider.set(i), this.show(i)) }, x, x0, el("span", {}, this.steps[i]));
    return { node, x, x0 };
  }

  get chosen() {
    return Number(this.slider.input.value);
  }

  // Take up the next frame. The last place follows the walk, any other one waits for its frame.
  add(frame) {
    const i = this.frames.push(frame) - 1;
    const thumb = this.thumbs.get(i);
    thumb?.x.show(frame.x);
    thumb?.x0.show(frame.x0);
    if (this.chosen === i || this.chosen === this.steps.length - 1) this.draw(frame);
  }

  // Take up a walk as far as it has come.
  fill(steps, frames) {
    this.begin(steps);
    frames.forEach((frame) => this.add(frame));
  }

  show(i) {
    if (this.frames[i]) this.draw(this.frames[i]);
    this.mark();
  }

  draw({ x, x0 }) {
    this.latent.show(x);
    this.predicted.show(x0);
  }

  mark() {
    this.thumbs?.forEach(({ node }, i) => node.classList.toggle("chosen", i === this.chosen));
  }

  start() {
    if (this.chosen >= this.frames.length - 1) this.slider.set(0);
    this.show(this.chosen);
    this.play.textContent = "Pause";
    this.timer = setInterval(() => {
      if (this.chosen >= this.frames.length - 1) return this.stop();
      this.slider.set(this.chosen + 1);
      this.show(this.chosen);
    }, PACE * Math.min(1, STRIP / this.steps.length));
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.play.textContent = "Play";
  }
}
