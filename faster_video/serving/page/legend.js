/** What the lines and blocks of the picture stand for. */

import { clipSample, lineSample } from "./chart.js";
import { make } from "./elements.js";

/** @param {HTMLElement} place @param {{label: string, slot: number}[]} lines */
export function showLegend(place, lines) {
  const items = lines.map(({ label, slot }) =>
    make("li", {}, [lineSample(slot), make("span", { class: "label", text: label })]),
  );
  const kinds = [true, false].map((expensive) =>
    make("li", { class: "kind" }, [clipSample(expensive), `${expensive ? "expensive" : "cheap"} clip`]),
  );
  place.replaceChildren(...items, ...kinds);
}
