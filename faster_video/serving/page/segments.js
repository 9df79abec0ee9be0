/** Stretches of one best label as a list of buttons that seek; arrow keys go from one to the next. */

import { segments } from "./answers.js";
import { byId, make } from "./elements.js";
import { clock, percent } from "./words.js";

/** @typedef {import("./answers.js").Clip} Clip */

export class SegmentList {
  #place = byId("segments");
  /** @type {import("./answers.js").Segment[]} */
  #segments = [];
  #focused = 0;

  /** @param {(seconds: number) => void} onSeek */
  constructor(onSeek) {
    this.#place.addEventListener("keydown", (event) => this.#onKey(event));
    this.#place.addEventListener("click", (event) => {
      const button = event.target instanceof Element ? event.target.closest("button") : null;
      const number = button ? this.#buttons.indexOf(button) : -1;
      if (number < 0) return;
      this.#focus(number);
      onSeek(this.#segments[number].start_seconds);
    });
  }

  get #buttons() {
    return [...this.#place.querySelectorAll("button")];
  }

  /** @param {Clip[]} clips all that are known */
  setClips(clips) {
    this.#segments = segments(clips);
    const buttons = this.#buttons; // those that are there stay, and with them the focus
    this.#segments.forEach((segment, number) => {
      const button = buttons[number] ?? make("button", { class: "segment" });
      button.setAttribute("type", "button");
      button.replaceChildren(
        make("span", { class: "time", text: `${clock(segment.start_seconds)} – ${clock(segment.end_seconds)}` }),
        make("span", { class: "label", text: segment.label }),
        make("span", { class: "figure quiet", text: percent(segment.probability) }),
      );
      if (!buttons[number]) this.#place.append(make("li", {}, [button]));
    });
    for (const button of buttons.slice(this.#segments.length)) button.parentElement?.remove();
    this.#focused = Math.min(this.#focused, Math.max(0, this.#segments.length - 1));
    this.#buttons.forEach((button, number) => (button.tabIndex = number === this.#focused ? 0 : -1));
  }

  /** Mark the one that is playing. @param {number} time */
  setTime(time) {
    const playing = this.#segments.findLastIndex(({ start_seconds }) => start_seconds <= time + 1e-3);
    this.#buttons.forEach((button, number) => {
      if (number === playing) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    });
  }

  /** @param {number} number */
  #focus(number) {
    const buttons = this.#buttons;
    this.#focused = Math.min(Math.max(0, number), buttons.length - 1);
    buttons.forEach((button, other) => (button.tabIndex = other === this.#focused ? 0 : -1));
    buttons[this.#focused]?.focus();
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    const last = this.#segments.length - 1;
    const goal = {
      ArrowRight: this.#focused + 1, ArrowDown: this.#focused + 1,
      ArrowLeft: this.#focused - 1, ArrowUp: this.#focused - 1,
      Home: 0, End: last,
    }[event.key];
    if (goal === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    this.#focus(goal);
  }
}
