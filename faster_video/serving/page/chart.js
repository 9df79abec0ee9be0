/**
 * The picture over time: a line per label, below it the stretches of one best label, and every clip where it lies, solid
 * where the expensive network saw it and hollow where the cheap one did.
 */

import { lanes, probabilityOf } from "./answers.js";
import { draw } from "./elements.js";
import { clock } from "./words.js";

/** @typedef {import("./answers.js").Clip} Clip */
/** @typedef {import("./answers.js").Segment} Segment */
/** @typedef {{label: string, slot: number}} Line */
/** @typedef {{from: number, to: number, width: number, seen: number}} View seconds, pixels; `seen` is how far answers go */

const LEFT = 44;
const RIGHT = 14;
const TOP = 12;
const PLOT = 190;
const GAP = 14;
const STRIP = 22;
const MOST_BAND = 44;
const ROW = 14;
const AXIS = 26;
const TICK_PIXELS = 56;
const TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
/** Highest value of the axis, and the distance of its marks. @type {[number, number][]} */
const HEIGHTS = [[0.05, 0.025], [0.1, 0.05], [0.2, 0.1], [0.3, 0.1], [0.4, 0.2], [0.6, 0.2], [0.8, 0.2], [1, 0.25]];

const BAND_TOP = TOP + PLOT + GAP + STRIP + 8;

export const CURSOR_TOP = TOP;

/** @param {View} view @param {number} time @returns {number} pixels */
export function across(view, time) {
  const share = (time - view.from) / (view.to - view.from || 1);
  return LEFT + share * (view.width - LEFT - RIGHT);
}

/** The other way round, kept within the picture. @param {View} view @param {number} pixels @returns {number} seconds */
export function timeAt(view, pixels) {
  const share = (pixels - LEFT) / Math.max(1, view.width - LEFT - RIGHT);
  return view.from + Math.min(1, Math.max(0, share)) * (view.to - view.from);
}

/**
 * The picture, and how far down the cursor goes.
 * @param {Clip[]} clips @param {Line[]} lines @param {Segment[]} segments @param {View} view
 * @returns {{svg: SVGElement, bottom: number}}
 */
export function chart(clips, lines, segments, view) {
  const rows = lanes(clips);
  const count = Math.max(1, ...rows.map((row) => row + 1));
  const row = Math.min(ROW, MOST_BAND / count);
  const bottom = BAND_TOP + count * row;
  const [width, height] = [view.width, bottom + AXIS];
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  const peaks = clips.flatMap((clip) => lines.map(({ label }) => probabilityOf(clip, label) ?? 0));
  const [most, step] = HEIGHTS.find(([height]) => height >= Math.max(0, ...peaks)) ?? [1, 0.25];
  const up = (/** @type {number} */ probability) => TOP + PLOT * (1 - probability / most);
  svg.append(...unseen(view), ...sideAxis(view, most, step, up), ...timeAxis(view, bottom));
  const plot = draw("g");
  // The line in front is the first one: the most probable label.
  for (const line of [...lines].reverse()) plot.append(...labelLine(clips, line, view, up, line === lines[0]));
  svg.append(plot, ...strip(segments, lines, view), ...band(clips, rows, row, view));
  return { svg, bottom };
}

/** What no clip has covered yet. @param {View} view @returns {SVGElement[]} */
function unseen(view) {
  const x = across(view, Math.max(view.from, view.seen));
  const width = across(view, view.to) - x;
  if (width < 0.5) return [];
  return [draw("rect", { class: "unseen-yet", x, y: TOP, width, height: PLOT })];
}

/** @param {View} view @param {number} most @param {number} step @param {(p: number) => number} up */
function sideAxis(view, most, step, up) {
  const marks = [];
  for (let value = 0; value <= most + 1e-9; value += step) {
    const y = up(value);
    marks.push(draw("line", { class: "grid", x1: LEFT, x2: view.width - RIGHT, y1: y, y2: y }));
    const text = `${Number((100 * value).toFixed(1))}\u00a0%`;
    marks.push(draw("text", { class: "mark", x: LEFT - 8, y: y + 4, "text-anchor": "end" }, text));
  }
  return marks;
}

/** @param {View} view @param {number} y @returns {SVGElement[]} */
function timeAxis(view, y) {
  const room = Math.max(1, Math.floor((view.width - LEFT - RIGHT) / TICK_PIXELS));
  const span = view.to - view.from;
  const step = TICKS.find((tick) => span / tick <= room + 0.1) ?? Math.ceil(span / room / 3600) * 3600;
  const marks = [];
  for (let time = Math.ceil(view.from / step - 1e-6) * step; time <= view.to + 1e-6; time += step) {
    const x = across(view, time);
    marks.push(draw("line", { class: "tick", x1: x, x2: x, y1: y + 2, y2: y + 7 }));
    const anchor = x > view.width - 30 ? "end" : "middle";
    const text = clock(time, step < 1 ? 1 : 0);
    marks.push(draw("text", { class: "mark", x: anchor === "end" ? x + 6 : x, y: y + 21, "text-anchor": anchor }, text));
  }
  return marks;
}

/**
 * Points where there are answers, joined where one follows the other; where a label is not told, its line breaks off.
 * @param {Clip[]} clips @param {Line} line @param {View} view @param {(p: number) => number} up @param {boolean} leads
 */
function labelLine(clips, line, view, up, leads) {
  let path = "";
  let joins = false;
  const dots = [];
  for (const clip of clips) {
    const probability = probabilityOf(clip, line.label);
    if (probability !== undefined) {
      const x = across(view, clip.end_seconds);
      path += `${joins ? "L" : "M"}${x.toFixed(1)} ${up(probability).toFixed(1)}`;
      dots.push(draw("circle", { cx: x, cy: up(probability), r: leads ? 3.4 : 2.4 }));
    }
    joins = probability !== undefined;
  }
  const group = draw("g", { class: `line slot-${line.slot}${leads ? " leads" : ""}` });
  group.append(draw("path", { d: path }), ...(clips.length <= 80 ? dots : []));
  return [group];
}

/** @param {Segment[]} segments @param {Line[]} lines @param {View} view @returns {SVGElement[]} */
function strip(segments, lines, view) {
  const top = TOP + PLOT + GAP;
  const title = draw("text", { class: "mark", x: LEFT - 8, y: top + 15, "text-anchor": "end" }, "best");
  const pieces = segments.map(({ start_seconds, end_seconds, label }) => {
    const x = Math.max(LEFT, across(view, start_seconds)) + 0.5;
    const width = Math.max(2, across(view, end_seconds) - x - 0.5);
    const slot = lines.find((line) => line.label === label)?.slot;
    const piece = draw("svg", { class: `stretch ${slot === undefined ? "" : `slot-${slot}`}`, x, y: top, width, height: STRIP });
    piece.append(draw("rect", { width, height: STRIP, rx: 4 }));
    if (width > 34) piece.append(draw("text", { x: 7, y: 15.5 }, label)); // the inner svg cuts off what is too long
    return piece;
  });
  return [title, ...pieces];
}

/** @param {Clip[]} clips @param {number[]} rows @param {number} row its height @param {View} view @returns {SVGElement[]} */
function band(clips, rows, row, view) {
  const top = BAND_TOP;
  const label = draw("text", { class: "mark", x: LEFT - 8, y: top + 10, "text-anchor": "end" }, "clips");
  const blocks = clips.map((clip, number) => {
    const x = Math.max(LEFT, across(view, clip.start_seconds));
    const width = Math.max(2, across(view, clip.end_seconds) - x - 1);
    const height = Math.max(2, row - 3);
    return draw("rect", {
      class: clip.expensive ? "expensive" : "cheap",
      x: x + 0.5, y: top + rows[number] * row + 0.5, width: Math.max(1, width - 1), height,
      rx: Math.min(2.5, height / 2),
    });
  });
  return [label, ...blocks];
}

/** A short piece of a line, for the legend. @param {number} slot @returns {SVGElement} */
export function lineSample(slot) {
  const svg = draw("svg", { viewBox: "0 0 26 10", width: 26, height: 10, "aria-hidden": "true" });
  const group = draw("g", { class: `line slot-${slot}` });
  group.append(draw("path", { d: "M1 5H25" }));
  svg.append(group);
  return svg;
}

/** A clip as it is drawn, for the legend. @param {boolean} expensive @returns {SVGElement} */
export function clipSample(expensive) {
  const svg = draw("svg", { viewBox: "0 0 18 12", width: 18, height: 12, "aria-hidden": "true" });
  svg.append(draw("rect", { class: expensive ? "expensive" : "cheap", x: 1, y: 1, width: 16, height: 10, rx: 2.5 }));
  return svg;
}
