// The same parts in a notebook, by anywidget.

import { ddpm } from "./ddpm.js";
import { dream } from "./dream.js";
import { el } from "./elements.js";
import { load } from "./study.js";

export default {
  async render({ model, el: place }) {
    const root = el("div", { class: "play notebook", "data-lm-suppress-shortcuts": "true" }); // keys are for its sliders
    place.append(root);
    try {
      const study = await load(model.get("data"));
      await study.open(study.trainings);
      const tell = (start, x) => {
        model.set("start", Array.from(start));
        model.set("pixels", new DataView(Float32Array.from(x).buffer));
        model.save_changes();
      };
      if (study.zooms.length) root.append(dream(study, { changed: tell }).node);
      else root.append(ddpm(study));
    } catch (error) {
      root.append(el("p", {}, `This browser cannot show the widget: ${error.message}`));
    }
  },
};
