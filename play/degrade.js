// Degrade: one digit under both noise schedules and the zoom, at the same part of the way, and what the networks restore.

import { Editor } from "./editor.js";
import { button, choice, el, picture, reading, slider } from "./elements.js";
import { SIDE } from "./net.js";
import { addNoise, grey, normal, zoom } from "./processes.js";
import { anyDigit } from "./study.js";

class Column {
  constructor(study, title, network) {
    this.network = network;
    this.degraded = picture(`${title}: degraded`);
    this.restored = picture(`${title}: restored`);
    this.place = el("span", {});
    this.left = el("span", {});
    this.reading = reading(study.reader);
    const below = [el("p", { class: "between" }, "restored at once"), this.restored, this.reading];
    this.node = el("div", { class: "card" }, el("p", { class: "head" }, title), this.degraded, el("p", { class: "place" }, this.place, el("br"), this.left), below);
  }

  // `restore` makes the clean image of the network's answer.
  draw(latent, t, left, restore) {
    this.degraded.show(latent);
    this.place.textContent = `t = ${t}/${this.T}`;
    this.left.textContent = left;
    const restored = t ? restore(this.network.predict(latent, t)) : latent;
    this.restored.show(restored);
    this.reading.show(restored);
  }
}

class NoiseColumn extends Column {
  constructor(study, { schedule, T, steps, alpha_bar }, network) {
    super(study, `Noise, ${schedule}`, network);
    Object.assign(this, { T, steps, alpha_bar });
  }

  show(x, share, noiseSeed) {
    const wanted = share * this.T;
    const i = this.steps.reduce((best, t, k) => (Math.abs(t - wanted) < Math.abs(this.steps[best] - wanted) ? k : best), 0);
    const [t, alphaBar] = [this.steps[i], this.alpha_bar[i]];
    const latent = addNoise(x, alphaBar, normal(noiseSeed));
    const restore = (eps) => latent.map((value, p) => (value - Math.sqrt(1 - alphaBar) * eps[p]) / Math.sqrt(alphaBar));
    const left = Math.round(100 * alphaBar);
    this.draw(latent, t, `${left}% image, ${100 - left}% noise`, restore);
  }
}

class ZoomColumn extends Column {
  constructor(study, { T, interpolation }, network) {
    super(study, "Zoom", network);
    Object.assign(this, { T, interpolation });
  }

  show(x, share) {
    const t = Math.round(share * this.T);
    this.draw(zoom(x, t, this.interpolation), t, `${SIDE - t} × ${SIDE - t} pixels left`, (x0) => x0);
  }
}

// The first training of each schedule.
function firstOfEach(ddpms) {
  return ddpms.filter(({ model }, i) => ddpms.findIndex((other) => other.model.schedule === model.schedule) === i);
}

export function degrade(study) {
  let [share, noiseSeed, digit, waiting] = [0.3, 3, null, false];
  const [zoomed] = study.zooms;
  const columns = [
    ...firstOfEach(study.ddpms).map(({ model, network }) => new NoiseColumn(study, model, network)),
    new ZoomColumn(study, zoomed.model, zoomed.network),
  ];
  const said = el("p", { class: "origin", role: "status" });
  const editor = new Editor(SIDE, "Drawing", () => (tell("your drawing"), update()), { soft: true });

  function tell(text) {
    said.textContent = text;
  }

  // At most once a frame: a stroke has more points than the screen has pictures.
  function update() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      columns.forEach((column) => column.show(editor.values, share, noiseSeed));
    });
  }

  function take(next) {
    digit = next;
    editor.set(digit.image);
    tell(`a ${digit.label} from the test set`);
    update();
  }

  const way = slider("How much is lost", { min: 0, max: 100, value: 100 * share }, (v) => `${v}%`, (v) => ((share = v / 100), update()));
  const node = el(
    "div",
    { class: "degrade" },
    el(
      "div",
      { class: "studio" },
      el(
        "div",
        { class: "bench" },
        el("p", { class: "head" }, "The digit"),
        editor.node,
        choice("Ink", [["255", "white"], ["0", "black"]], "255", (value) => (editor.brush = Number(value))),
        el(
          "div",
          { class: "row" },
          button("Another test digit", () => take(anyDigit(study, digit))),
          button("Clear, to draw", () => (editor.set(new Float32Array(SIDE * SIDE).fill(grey(0))), tell("an empty canvas"), update())),
          button("Other noise", () => (noiseSeed++, update())),
        ),
        said,
      ),
      el("div", { class: "right" }, way, el("div", { class: "cards" }, columns.map((column) => column.node))),
    ),
  );
  take(anyDigit(study));
  return node;
}
