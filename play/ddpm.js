// DDPM: the same noise, taken out in few or in many steps, by one model or another, beside the digit of Cold Zoom.

import { button, choice, el, picture, reading, unique } from "./elements.js";
import { normal, walkNoise } from "./processes.js";
import { advance, whenSeen } from "./runner.js";
import { Walk } from "./walk.js";

const MOST = 100; // calls that fill the bar of a card

// A digit with its reading and its cost; chosen by a radio button if it belongs to a `group`.
function card(study, label, group = null, choose = null, chosen = false) {
  const image = picture("");
  const read = reading(study.reader);
  const cost = el("span", {});
  const bar = el("i", {});
  const title = el("span", {}, label);
  const radio = group && el("input", { type: "radio", name: group, checked: chosen, onchange: choose });
  const head = group ? el("label", { class: "head" }, radio, title) : el("p", { class: "head" }, title);
  const node = el("div", { class: "card" }, head, image, read, el("div", { class: "cost" }, el("span", { class: "bar", "aria-hidden": "true" }, bar), cost));
  node.addEventListener("click", (event) => event.target === image && radio && !radio.checked && radio.click());
  const begin = () => {
    read.clear();
    image.setAttribute("aria-label", `${label}: being drawn`);
    [cost.textContent, bar.style.width] = ["\u00a0", "0"];
  };
  const end = (x, calls, ms) => {
    image.show(x);
    read.show(x);
    image.setAttribute("aria-label", `${label}: ${read.text ?? "digit"}`);
    cost.textContent = `${calls} steps, ${Math.round(ms)}\u00a0ms`;
    bar.style.width = `${(100 * calls) / MOST}%`;
  };
  begin();
  return { node, image, begin, end };
}

export function ddpm(study) {
  const first = study.ddpms[0].model;
  const how = { clip: first.clip, sampler: first.sampler };
  let [training, noiseSeed, chosen] = [study.ddpms[0], 7, String(Math.max(...Object.keys(first.walks).map(Number).filter((n) => n <= 50)))];
  const group = unique("calls");
  const walk = new Walk((t) => (t === 0 ? "no noise left" : `noise level ${t} of ${training.model.T}`));
  const cards = new Map(
    Object.keys(first.walks).map((calls) => [
      calls,
      { ...card(study, `${calls} steps`, group, () => choose(calls), calls === chosen), frames: [], stop: null },
    ]),
  );
  const other = study.zooms.length ? card(study, "Cold Zoom") : null;
  const status = el("p", { class: "unseen", role: "status" });

  function choose(calls) {
    chosen = calls;
    walk.fill(training.model.walks[calls], cards.get(calls).frames);
    cards.forEach((each, key) => each.node.classList.toggle("chosen", key === calls));
  }

  function update() {
    const noise = (k) => normal(noiseSeed, k);
    let left = cards.size;
    for (const [calls, each] of cards) {
      const visited = training.model.walks[calls];
      each.stop?.();
      each.begin();
      each.frames = [];
      if (calls === chosen) walk.begin(visited);
      each.stop = advance(walkNoise(training.network, training.model, visited, { ...how }, noise), {
        rank: 1,
        step: (frame) => {
          each.frames.push(frame);
          if (frame.t) each.image.show(frame.x0);
          if (calls === chosen) walk.add(frame);
        },
        end: ({ x }, spent) => {
          each.end(x, Number(calls), spent);
          if (--left === 0) status.textContent = "All digits are drawn.";
        },
      });
    }
  }

  const beside = ({ detail }) => other?.end(detail.x, study.zooms[0].model.walk.length - 1, detail.spent);
  study.events.addEventListener("digit", beside);
  if (study.last) beside(study.last);
  const shown = (canvas, words) => el("figure", {}, canvas, el("figcaption", {}, words));
  const models = study.ddpms.map(({ model }, i) => [String(i), model.label]);
  const node = el(
    "div",
    { class: "ddpm" },
    el(
      "div",
      { class: "row" },
      study.ddpms.length > 1 ? choice("Model", models, "0", (i) => ((training = study.ddpms[i]), update())) : null,
      choice("Guess", [["no", "as it is"], ["yes", "clipped to black and white"]], how.clip ? "yes" : "no", (value) => ((how.clip = value === "yes"), update())),
      choice("At each step", [["Ancestral", "fresh noise is added"], ["DDIM", "none (DDIM)"]], how.sampler, (value) => ((how.sampler = value), update())),
      button("Other noise", () => (noiseSeed++, update())),
    ),
    el("div", { class: "cards many" }, [...cards.values()].map((each) => each.node), other?.node),
    status,
    el("div", { class: "walk" }, el("div", { class: "pair" }, shown(walk.large, "the noisy image"), shown(walk.predicted, "the network's guess")), walk.controls),
    walk.film("noisy", "guess"),
  );
  choose(chosen);
  whenSeen(node, update);
  return node;
}
