/** What the lines and blocks of the picture stand for. */

import { clipSample, lineSample } from "./chart.js";
import { make } from "./elements.js";
import { percent } from "./words.js";

/** @param {HTMLElement} place @param {{label: string, slot: number, probability: number | undefined}[]} lines */
export function showLegend(place, lines) {
  const items = lines.map(({ label, slot, probability }) => {
    const told = probability === undefined ? [] : [make("span", { class: "quiet figure", text: percent(probability) })];
    return make("li", {}, [lineSample(slot), make("span", { class: "label", text: label }), ...told]);
  });
  const kinds = [true, false].map((expensive) =>
    make("li", { class: "kind" }, [clipSample(expensive), make("span", { text: expensive ? "expensive clip" : "cheap clip" })]),
  );
  place.replaceChildren(...items, ...kinds);
}
