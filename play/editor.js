// A square of pixels to paint with the mouse, a finger or the keys.

import { el } from "./elements.js";
import { grey, level } from "./processes.js";

const STEP = 32; // grey levels that + and - change
const HELP = "Arrow keys move, space paints, plus and minus change the grey, Home goes to the first pixel.";

export class Editor {
  // `changed` is called with the values, side x side numbers, after each change by hand; `begun` before the first
  // change of a stroke. The brush is soft if `soft`, as fits a drawing of many pixels.
  constructor(side, label, changed, { soft = false, begun = () => {} } = {}) {
    Object.assign(this, { side, changed, soft, begun, brush: 255, at: [0, 0], keys: false });
    this.scale = Math.max(8, Math.floor(320 / side));
    this.values = new Float32Array(side * side).fill(grey(0));
    const size = side * this.scale;
    this.canvas = el("canvas", {
      width: size,
      height: size,
      class: "editor",
      tabindex: 0,
      role: "application",
      "aria-roledescription": "pixel editor",
      "aria-label": `${label}, ${side} by ${side} pixels. ${HELP}`,
      onpointerdown: (event) => this.press(event),
      onpointermove: (event) => this.drag(event),
      onpointerup: () => (this.last = null),
      onpointercancel: () => (this.last = null),
      onkeydown: (event) => this.key(event),
      onfocus: () => this.draw(),
      onblur: () => ((this.keys = false), this.draw()),
    });
    this.said = el("span", { class: "unseen", "aria-live": "polite" });
    this.node = el("div", { class: "easel" }, this.canvas, this.said);
    this.draw();
  }

  set(values) {
    this.values = Float32Array.from(values);
    this.draw();
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    const on = (offset, length) => Math.min(this.side - 1, Math.max(0, Math.floor((offset / length) * this.side)));
    return [on(event.clientX - box.left, box.width), on(event.clientY - box.top, box.height)];
  }

  // The brush's grey; where the pressed pixel has it already, black or white instead, for the whole stroke.
  press(event) {
    event.preventDefault();
    this.canvas.focus({ preventScroll: true });
    this.keys = false;
    try {
      this.canvas.setPointerCapture(event.pointerId);
    } catch {
      // a pointer that is no longer there
    }
    this.last = this.place(event);
    this.ink = this.inkAt(this.last);
    this.begun();
    this.stroke(this.last);
  }

  inkAt([x, y]) {
    const there = level(this.values[y * this.side + x]);
    return there !== this.brush || this.soft ? this.brush : this.brush > 127 ? 0 : 255;
  }

  drag(event) {
    if (!this.last || !(event.buttons & 1)) return;
    const points = event.getCoalescedEvents?.() ?? [];
    for (const each of points.length ? points : [event]) this.stroke(this.place(each));
  }

  // Paint all pixels from the last point to this one.
  stroke([x, y]) {
    const [fromX, fromY] = this.last;
    const n = Math.max(1, Math.abs(x - fromX), Math.abs(y - fromY));
    let different = false;
    for (let i = 0; i <= n; i++) {
      const at = [Math.round(fromX + ((x - fromX) * i) / n), Math.round(fromY + ((y - fromY) * i) / n)];
      different = this.paint(at, this.ink) || different;
    }
    this.last = this.at = [x, y];
    if (different) this.done();
  }

  // Give a pixel its ink; a soft brush wets those beside it. Returns whether anything changed.
  paint([x, y], ink) {
    const before = this.values.slice();
    const put = (column, row, strength) => {
      if (column < 0 || row < 0 || column >= this.side || row >= this.side) return;
      const p = row * this.side + column;
      const value = grey(Math.round(level(this.values[p]) * (1 - strength) + ink * strength));
      const further = ink > 127 ? value > this.values[p] : value < this.values[p];
      if (strength === 1 || further) this.values[p] = value;
    };
    put(x, y, 1);
    if (this.soft)
      for (const [column, row] of [[1, 0], [-1, 0], [0, 1], [0, -1], [1, 1], [-1, -1], [1, -1], [-1, 1]])
        put(x + column, y + row, column && row ? 0.25 : 0.6);
    return this.values.some((value, p) => value !== before[p]);
  }

  key(event) {
    const [x, y] = this.at;
    const last = this.side - 1;
    const moves = { ArrowLeft: [x - 1, y], ArrowRight: [x + 1, y], ArrowUp: [x, y - 1], ArrowDown: [x, y + 1], Home: [0, 0], End: [last, last] };
    const now = level(this.values[y * this.side + x]);
    const greys = { "+": now + STEP, "=": now + STEP, "-": now - STEP };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " " || event.key === "Enter" || event.key in greys) this.begun();
    if (moves[event.key]) this.at = moves[event.key].map((v) => Math.min(last, Math.max(0, v)));
    else if (event.key === " " || event.key === "Enter") this.paint(this.at, this.inkAt(this.at));
    else if (event.key in greys) this.values[y * this.side + x] = grey(Math.min(255, Math.max(0, greys[event.key])));
    else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab has uses of its own for keys
    this.keys = true;
    if (moves[event.key]) this.draw();
    else this.done();
    this.say();
  }

  say() {
    const [x, y] = this.at;
    const shade = level(this.values[y * this.side + x]);
    const word = shade === 0 ? "black" : shade === 255 ? "white" : `grey ${shade} of 255`;
    this.said.textContent = `row ${y + 1}, column ${x + 1}: ${word}`;
  }

  done() {
    this.draw();
    this.changed(this.values);
  }

  draw() {
    const context = this.canvas.getContext("2d");
    const { side, scale } = this;
    for (let p = 0; p < side * side; p++) {
      const shade = level(this.values[p]);
      context.fillStyle = `rgb(${shade} ${shade} ${shade})`;
      context.fillRect((p % side) * scale, Math.floor(p / side) * scale, scale, scale);
    }
    if (side <= 8) {
      context.fillStyle = "rgb(128 128 128 / 0.5)";
      for (let i = 1; i < side; i++) {
        context.fillRect(i * scale - 0.5, 0, 1, side * scale);
        context.fillRect(0, i * scale - 0.5, side * scale, 1);
      }
    }
    if (this.keys && document.activeElement === this.canvas) {
      const [x, y] = this.at.map((v) => v * scale);
      const width = side <= 8 ? 5 : 2;
      for (const [colour, inset] of [["#fff", width / 2], ["#1a6fd0", width * 1.2]]) {
        context.strokeStyle = colour;
        context.lineWidth = width;
        context.strokeRect(x + inset, y + inset, scale - 2 * inset, scale - 2 * inset);
      }
    }
  }
}
