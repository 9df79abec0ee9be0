/** The any-time timeline: the picture with a cursor in it, which is a slider for pointers and keys. */

import { Lines, knownAt, segments } from "./answers.js";
import { CURSOR_TOP, across, chart, timeAt } from "./chart.js";
import { byId, draw } from "./elements.js";
import { showLegend } from "./legend.js";
import { clock, percent } from "./words.js";

/** @typedef {import("./answers.js").Clip} Clip */

export class Timeline {
  #place = byId("timeline");
  #readout = byId("readout");
  #cursor = draw("g", { class: "cursor" });
  #lines = new Lines();
  /** @type {Clip[]} */
  #clips = [];
  #length = 0;
  #time = 0;
  #waiting = 0;
  #told = "";

  /** @param {(seconds: number) => void} onSeek */
  constructor(onSeek) {
    this.onSeek = onSeek;
    new ResizeObserver(() => this.#drawSoon()).observe(this.#place);
    this.#place.addEventListener("keydown", (event) => this.#onKey(event));
    this.#place.addEventListener("pointerdown", (event) => {
      this.#place.setPointerCapture(event.pointerId);
      this.#seekTo(event);
    });
    this.#place.addEventListener("pointermove", (event) => {
      if (this.#place.hasPointerCapture(event.pointerId)) this.#seekTo(event);
    });
  }

  /** A new video; its length may be unknown yet. @param {number} [seconds] */
  begin(seconds = 0) {
    this.#clips = [];
    this.#lines = new Lines();
    this.#length = seconds;
    this.#time = 0;
    this.#drawSoon();
  }

  /** @param {number} seconds */
  setLength(seconds) {
    if (Number.isFinite(seconds) && seconds > 0) this.#length = seconds;
    this.#drawSoon();
  }

  /** @param {Clip[]} clips all that are known */
  setClips(clips) {
    this.#clips = clips;
    this.#drawSoon();
  }

  /** Where the video is. @param {number} seconds */
  setTime(seconds) {
    this.#time = seconds;
    this.#placeCursor();
  }

  #drawSoon() {
    this.#waiting ||= requestAnimationFrame(() => {
      this.#waiting = 0;
      this.#draw();
    });
  }

  get #view() {
    const seen = this.#clips.at(-1)?.end_seconds ?? 0;
    return { from: 0, to: Math.max(this.#length, seen), width: this.#place.clientWidth, seen };
  }

  #draw() {
    const view = this.#view;
    if (view.width === 0) return; // not shown
    const lines = this.#lines.choose(this.#clips);
    const { svg, bottom } = chart(this.#clips, lines, segments(this.#clips), view);
    this.#cursor.replaceChildren(
      draw("line", { x1: 0, x2: 0, y1: CURSOR_TOP, y2: bottom }),
      draw("circle", { cx: 0, cy: CURSOR_TOP, r: 5 }),
    );
    svg.append(this.#cursor);
    this.#place.replaceChildren(svg);
    showLegend(byId("legend"), lines);
    this.#placeCursor();
  }

  #placeCursor() {
    const view = this.#view;
    const time = Math.min(this.#time, view.to);
    this.#cursor.setAttribute("transform", `translate(${across(view, time).toFixed(1)} 0)`);
    const known = knownAt(this.#clips, time);
    const what = known
      ? `${known.label} ${percent(known.probability)}, after clip ${this.#clips.indexOf(known) + 1} (${known.expensive ? "expensive" : "cheap"})`
      : "no clip is over yet";
    this.#readout.textContent = `${clock(time)}  ${what}`;
    const told = `${what}, at ${clock(time, 0)}`;
    if (told === this.#told) return; // once a second is enough for those who listen
    this.#told = told;
    this.#place.setAttribute("aria-valuemax", view.to.toFixed(2));
    this.#place.setAttribute("aria-valuenow", time.toFixed(2));
    this.#place.setAttribute("aria-valuetext", told);
  }

  /** @param {PointerEvent} event */
  #seekTo(event) {
    const left = this.#place.getBoundingClientRect().left + this.#place.clientLeft;
    this.#seek(timeAt(this.#view, event.clientX - left));
  }

  /** @param {number} seconds */
  #seek(seconds) {
    const time = Math.min(Math.max(0, seconds), this.#view.to);
    this.setTime(time);
    this.onSeek(time);
  }

  /** Arrows go from answer to answer. @param {KeyboardEvent} event */
  #onKey(event) {
    const ends = this.#clips.map((clip) => clip.end_seconds);
    const tenth = this.#view.to / 10;
    /** @type {Record<string, () => number>} */
    const goals = {
      ArrowRight: () => ends.find((end) => end > this.#time + 0.01) ?? this.#view.to,
      ArrowLeft: () => ends.findLast((end) => end < this.#time - 0.01) ?? 0,
      PageUp: () => this.#time + tenth,
      PageDown: () => this.#time - tenth,
      Home: () => 0,
      End: () => this.#view.to,
    };
    const key = { ArrowUp: "ArrowRight", ArrowDown: "ArrowLeft" }[event.key] ?? event.key;
    if (!(key in goals) || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.#seek(goals[key]());
  }
}
