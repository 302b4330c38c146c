// The page: its three parts, or the still strip where this browser lacks something.

import { ddpm } from "./ddpm.js";
import { degrade } from "./degrade.js";
import { dream } from "./dream.js";
import { el } from "./elements.js";
import { compute, load } from "./study.js";

async function begin() {
  const study = await load(JSON.parse(document.getElementById("data").textContent));
  await study.open(study.zooms);
  const first = new Promise((done) => study.events.addEventListener("digit", done, { once: true }));
  const zoom = dream(study);
  document.getElementById("dream").append(zoom.node);
  await first;
  performance.mark("first digit");
  await study.open(study.ddpms);
  document.getElementById("ddpm").append(ddpm(study));
  document.getElementById("degrade").append(degrade(study));
  const fact = ({ model }) => el("li", {}, `${model.label}: ${model.name}, SHA-256 of its weights ${model.sha256}`);
  document.getElementById("facts").append(...study.trainings.map(fact));
  globalThis.coldZoom = { ...compute(study), use: zoom.use, start: zoom.start, shown: zoom.shown };
  document.documentElement.classList.add("ready");
}

begin().catch((error) => {
  document.documentElement.classList.remove("able");
  document.getElementById("why").textContent = ` (${error.message})`;
});
