/** The camera's panel: what it shows now, and the last minute of it. */

import { AnswerCard } from "./answer.js";
import { Lines, segments } from "./answers.js";
import { CameraStream } from "./camera.js";
import { chart } from "./chart.js";
import { announce, byId } from "./elements.js";
import { showLegend } from "./legend.js";
import { counted, latency } from "./words.js";

/** @typedef {import("./camera.js").StreamAnswer} StreamAnswer */

/** Seconds in the picture at most, and at the beginning. */
const [WINDOW, SHORTEST] = [60, 15];
const MOST_ANSWERS = 1000; // whatever a server sends
/** Milliseconds between two labels that are said. */
const QUIET = 5000;

export class Live {
  #card = new AnswerCard(byId("live-answer"));
  #place = byId("live-chart");
  #lines = new Lines();
  /** The last minute's. @type {StreamAnswer[]} */
  #answers = [];
  #count = 0;
  #gmacsExpensive = 0;
  #waiting = 0;
  #announced = 0;
  /** @type {CameraStream | null} */
  #camera = null;

  /** @param {(problem: string, status: number) => void} onProblem */
  constructor(onProblem) {
    this.onProblem = onProblem;
    new ResizeObserver(() => this.#drawSoon()).observe(this.#place);
    byId("stop").addEventListener("click", () => {
      this.stop();
      byId("live-again").focus();
    });
    addEventListener("pagehide", () => this.stop());
  }

  start() {
    this.stop();
    this.#answers = [];
    this.#lines = new Lines();
    this.#count = 0;
    this.#card.clear("Waiting for the camera");
    for (const id of ["live-answers", "live-dropped", "live-sent", "live-skipped"]) byId(id).textContent = "0";
    byId("live-latency").textContent = "–";
    this.#setRunning(true, "The browser may ask whether this page may use the camera.");
    this.#drawSoon();
    const preview = /** @type {HTMLVideoElement} */ (byId("preview"));
    const camera = new CameraStream(preview, {
      onReady: (ready) => {
        this.#gmacsExpensive = ready.gmacs_expensive;
        this.#card.clear("Waiting for the first clip");
        this.#setRunning(true, `An answer after every ${ready.pictures_per_clip} pictures.`);
      },
      onAnswer: (answer) => this.#onAnswer(answer),
      onPicture: (sent, skipped) => {
        byId("live-sent").textContent = sent.toLocaleString("en");
        byId("live-skipped").textContent = skipped.toLocaleString("en");
      },
      onEnd: (problem, status) => this.#onEnd(problem, status),
    });
    this.#camera = camera;
    camera.start();
  }

  stop() {
    this.#camera?.stop();
    this.#camera = null;
  }

  /** @param {string} problem @param {number} status */
  #onEnd(problem, status) {
    this.#camera = null;
    const sentence = `The camera is off, after ${counted(this.#count, "answer")}.`;
    this.#setRunning(false, sentence);
    announce(sentence);
    if (problem) this.onProblem(problem, status);
  }

  /** @param {boolean} running @param {string} words */
  #setRunning(running, words) {
    byId("stop").hidden = !running;
    byId("live-again").hidden = running;
    byId("live-back").hidden = running;
    byId("live-words").textContent = words;
  }

  /** @param {StreamAnswer} answer */
  #onAnswer(answer) {
    this.#count += 1;
    this.#answers.push(answer);
    this.#answers = this.#answers
      .filter((known) => known.end_seconds > answer.end_seconds - WINDOW)
      .slice(-MOST_ANSWERS);
    const best = { label: answer.smoothed_label, probability: answer.smoothed_probability };
    this.#card.show("Now, smoothed from clip to clip", best, answer.labels);
    byId("live-latency").textContent = latency(answer.latency_seconds);
    byId("live-answers").textContent = this.#count.toLocaleString("en");
    byId("live-dropped").textContent = answer.clips_dropped.toLocaleString("en");
    if (performance.now() - this.#announced > QUIET) {
      this.#announced = performance.now();
      announce(`Now: ${answer.smoothed_label}`);
    }
    this.#showCost();
    this.#drawSoon();
  }

  /** GMACs per second of video in the last minute, between its first answer and its last. */
  #showCost() {
    const [first, last] = [this.#answers[0], this.#answers[this.#answers.length - 1]];
    const span = last.end_seconds - first.end_seconds;
    if (span <= 0) return;
    const usual = (this.#gmacsExpensive * (this.#answers.length - 1)) / span;
    this.#card.showCost((last.gmacs - first.gmacs) / span, usual, usual, "GMACs per second");
  }

  #drawSoon() {
    this.#waiting ||= requestAnimationFrame(() => {
      this.#waiting = 0;
      const width = this.#place.clientWidth;
      if (width === 0) return;
      const now = this.#answers.at(-1)?.end_seconds ?? 0;
      const lines = this.#lines.choose(this.#answers);
      const smooth = this.#answers.map((answer) => ({ ...answer, label: answer.smoothed_label }));
      const view = { from: Math.max(0, now - WINDOW), to: Math.max(SHORTEST, now), width, seen: now };
      this.#place.replaceChildren(chart(this.#answers, lines, segments(smooth), view).svg);
      showLegend(byId("live-legend"), lines);
    });
  }
}
