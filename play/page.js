// The page: its parts, or the still strip where this browser lacks something. Its address holds the painted pixels.

import { ddpm } from "./ddpm.js";
import { degrade } from "./degrade.js";
import { dream } from "./dream.js";
import { button, el } from "./elements.js";
import { grey, level } from "./processes.js";
import { anyDigit, compute, load } from "./study.js";

const root = document.documentElement;

// The pixels that the address holds, a byte each; null without any.
function fromAddress() {
  const found = location.hash.match(/^#s=((?:[0-9a-f]{2}){16})$/)?.[1];
  return found ? Float32Array.from(found.match(/../g), (byte) => grey(parseInt(byte, 16))) : null;
}

function toAddress(start) {
  const bytes = Array.from(start, (value) => level(value).toString(16).padStart(2, "0"));
  history.replaceState(null, "", `#s=${bytes.join("")}`);
}

// A button for what is on or off.
function toggle(label, act) {
  const one = button(label, () => {
    const on = one.getAttribute("aria-pressed") !== "true";
    one.setAttribute("aria-pressed", on);
    act(on);
  });
  one.setAttribute("aria-pressed", false);
  return one;
}

async function begin() {
  const study = await load(JSON.parse(document.getElementById("data").textContent));
  await study.open(study.zooms);
  const first = new Promise((done) => study.events.addEventListener("digit", done, { once: true }));
  const place = document.getElementById("dream");
  let [zoom, second, seen] = [null, null, false];
  const link = button("Copy link", async () => {
    toAddress(zoom.start());
    try {
      await navigator.clipboard.writeText(location.href);
      said.textContent = "Copied. The link opens the page with these pixels.";
    } catch {
      said.textContent = "Copying was refused. The address of this page contains these pixels.";
    }
  });
  const two = toggle("Two starts", (on) => {
    second?.node.remove();
    second = on ? dream(study, { first: anyDigit(study) }) : null;
    if (on) place.append(second.node);
    place.classList.toggle("two", on);
  });
  const full = toggle("Full window (F)", (on) => root.classList.toggle("full", on));
  const said = el("span", { role: "status" });
  const linked = () => {
    const found = fromAddress();
    said.textContent = found || !location.hash.startsWith("#s=") ? "" : "This link does not contain 16 pixels.";
    return found;
  };
  const changed = (start) => {
    if (seen) toAddress(start);
    seen = true;
  };
  zoom = dream(study, { changed, first: linked() ?? study.digits[study.data.first], share: [link, said], view: [two, full] });
  place.append(zoom.node);
  await first;
  performance.mark("first digit");
  addEventListener("hashchange", () => {
    const found = linked();
    if (found) zoom.use(found);
  });
  addEventListener("keydown", (event) => {
    if (event.key.toLowerCase() === "f" && !event.ctrlKey && !event.metaKey && !event.altKey) full.click();
    if (event.key === "Escape" && root.classList.contains("full")) full.click();
  });
  await study.open(study.ddpms);
  document.getElementById("ddpm").append(ddpm(study));
  document.getElementById("degrade").append(degrade(study));
  const fact = ({ model: { label, name, sha256 } }) =>
    el("li", {}, `${label}: ${name.replace(/-(\d+)$/, ", seed $1")}, SHA-256 of its weights ${sha256}`);
  document.getElementById("facts").append(...study.trainings.map(fact));
  globalThis.coldZoom = { ...compute(study), ...zoom };
  root.classList.add("ready");
}

begin().catch((error) => {
  root.classList.remove("able");
  document.getElementById("why").textContent = ` (${error.message})`;
});
