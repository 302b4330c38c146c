// One walk from t = T to 0: a large picture that plays it, a slider through its steps, and a film strip of them.

import { button, el, picture, slider } from "./elements.js";

const STRIP = 25; // steps of the strip, at most
const WHOLE = 2000; // milliseconds of a walk that plays
const SLOWER = 4; // times, in slow motion
const LOST = 1000; // milliseconds in which an image is lost before

export class Walk {
  // `describe(t)` says what a step is; `screen(latent, t)` is what the large picture shows of a latent, the latent itself if
  // there is none. `drawn(t, lost)`, if set, is called when it shows another.
  constructor(describe, screen = (x) => x) {
    Object.assign(this, { describe, screen, frames: [], steps: [0], lost: [], slow: false });
    this.large = picture("the picture on its way", { class: "large" });
    this.predicted = picture("the network's guess");
    this.box = el("b", {});
    this.slider = slider("Step", { min: 0, max: 0, value: 0 }, () => this.text(), (i) => (this.stop(), this.show(i)));
    this.button = button("Play", () => (this.timer ? this.stop() : this.play()), { class: "play-button" });
    const slow = button("Slow", () => slow.setAttribute("aria-pressed", (this.slow = !this.slow)), { "aria-pressed": false });
    this.controls = el("div", { class: "controls" }, this.button, slow, this.slider);
    this.strip = el("div", { class: "strip", "aria-hidden": "true" });
  }

  // The strip, with names of its two rows.
  film(...names) {
    return el("div", { class: "film" }, el("div", { class: "names" }, names.map((name) => el("span", {}, name))), this.strip);
  }

  text() {
    return this.describe(this.steps[this.chosen]);
  }

  get chosen() {
    return Number(this.slider?.input.value ?? 0);
  }

  // Make room for a walk over these steps, T first.
  begin(steps) {
    this.frames = [];
    this.thumbs?.forEach(({ x, x0 }) => (x.clear(), x0.clear()));
    if (steps.length === this.steps.length && steps.every((t, i) => t === this.steps[i])) return;
    this.stop();
    this.steps = steps;
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

  // Take up the next frame. The last place follows the walk, any other one waits for its frame.
  add(frame) {
    const i = this.frames.push(frame) - 1;
    const thumb = this.thumbs.get(i);
    thumb?.x.show(frame.x);
    thumb?.x0.show(frame.x0);
    if (!this.timer && (this.chosen === i || this.chosen === this.steps.length - 1)) this.draw(frame);
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

  // A frame; one of an image that is being lost has no prediction.
  draw({ t, x, x0 }) {
    this.large.show(this.screen(x, t));
    if (x0) this.predicted.show(x0);
    this.drawn?.(t, !x0);
  }

  mark() {
    this.thumbs?.forEach(({ node }, i) => node.classList.toggle("chosen", i === this.chosen));
  }

  // Play from the first step, as far as it is known and on as it comes; before it `lost`, frames of how an image is lost.
  unfold(lost = []) {
    this.stop();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return this.slider.set(this.steps.length - 1), this.mark();
    this.slider.set(0);
    this.mark();
    this.lost = [...lost];
    this.play();
  }

  play() {
    const last = this.steps.length - 1;
    let next = this.chosen === last ? 0 : this.chosen;
    this.button.textContent = "Pause";
    const tick = () => {
      const before = this.lost.shift();
      if (before) {
        const place = this.steps.indexOf(before.t);
        if (place >= 0) this.slider.set(place);
        this.draw(before);
        this.mark();
      } else if (this.frames[next]) {
        this.slider.set(next);
        this.show(next);
        if (next++ === last) return this.stop();
      }
      const whole = (before ? LOST : WHOLE) * (this.slow ? SLOWER : 1);
      this.timer = setTimeout(tick, whole / (before ? STRIP : this.steps.length));
    };
    tick();
  }

  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.lost = [];
    this.button.textContent = "Play";
  }
}
