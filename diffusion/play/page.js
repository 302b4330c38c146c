// The page: its three parts, or the still strip where this browser lacks something.

import { ddpm } from "./ddpm.js";
import { degrade } from "./degrade.js";
import { dream } from "./dream.js";
import { compute, load } from "./study.js";

async function begin() {
  const study = await load(JSON.parse(document.getElementById("data").textContent));
  await study.open(study.zooms);
  const first = new Promise((done) => study.events.addEventListener("digit", done, { once: true }));
  const zoom = dream(study);
  document.getElementById("cold-zoom").append(zoom.node);
  await first;
  performance.mark("first digit");
  await study.open(study.ddpms);
  document.getElementById("ddpm").append(ddpm(study));
  document.getElementById("degrade").append(degrade(study));
  globalThis.coldZoom = { ...compute(study), use: zoom.use, seed: zoom.seed, shown: zoom.shown };
  document.documentElement.classList.add("ready");
}

begin().catch((error) => {
  document.documentElement.classList.remove("able");
  document.getElementById("why").textContent = ` (${error.message})`;
});
