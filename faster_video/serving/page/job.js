/** One video, from the upload to the downloads. */

import { AnswerCard } from "./answer.js";
import { asCsv, asJson, asVtt, save } from "./download.js";
import { announce, byId, make } from "./elements.js";
import { Player } from "./player.js";
import { SegmentList } from "./segments.js";
import { Refusal } from "./server.js";
import { Timeline } from "./timeline.js";
import { classify } from "./upload.js";
import { clock, counted, figures, length, percent, seconds } from "./words.js";

/** @typedef {import("./answers.js").Result} Result */
/** @typedef {import("./answers.js").Clip} Clip */
/** @typedef {import("./server.js").Info} Info */

const TOP = 5;
const COLUMNS = ["Seconds", "Network", "Best label so far", "Probability", "GMACs so far"];

export class Job {
  #card = new AnswerCard(byId("work-answer"));
  #timeline = new Timeline((time) => this.#seek(time));
  #segments = new SegmentList((time) => this.#seek(time));
  #player = new Player({
    onTime: (time) => this.#showTime(time),
    onLength: (length) => this.#onLength(length),
  });
  /** @type {AbortController | null} */
  #running = null;
  /** @type {Clip[]} */
  #clips = [];
  /** @type {Result | null} */
  #result = null;
  #limit = Infinity;

  /** @param {(refusal: Refusal) => void} onRefused */
  constructor(onRefused) {
    this.onRefused = onRefused;
    byId("save-json").addEventListener("click", () => this.#save("json", "application/json", asJson));
    byId("save-csv").addEventListener("click", () => this.#save("csv", "text/csv", asCsv));
    byId("save-vtt").addEventListener("click", () => this.#save("vtt", "text/vtt", asVtt));
  }

  /** @param {File} file @param {Info | null} info */
  async start(file, info) {
    const running = new AbortController();
    this.#running = running;
    this.#limit = info?.limits.video_seconds ?? Infinity;
    this.#begin(file);
    try {
      const result = await classify(file, {
        top: TOP,
        signal: running.signal,
        onSent: (share) => this.#showSent(share),
        onClip: (clip) => this.#onClip(clip),
      });
      this.#finish(result);
    } catch (error) {
      if (this.#running !== running) return; // taken back
      this.#running = null;
      this.close();
      this.onRefused(error instanceof Refusal ? error : new Refusal(`The page failed: ${error}`));
    }
  }

  /** Take the request back, if one is on its way, and let go of the video. */
  close() {
    const running = this.#running;
    this.#running = null;
    running?.abort();
    this.#player.close();
  }

  /** @param {File} file */
  #begin(file) {
    this.#clips = [];
    this.#result = null;
    byId("file-name").textContent = file.name;
    this.#setBusy(true);
    this.#showSent(0);
    this.#card.clear("Waiting for the first clip");
    this.#timeline.begin();
    this.#segments.setClips([]);
    this.#player.open(file);
  }

  /** @param {boolean} busy */
  #setBusy(busy) {
    byId("cancel").hidden = !busy;
    byId("another").hidden = busy;
    byId("upload").hidden = !busy;
    byId("done").hidden = busy;
    byId("work").setAttribute("aria-busy", String(busy));
  }

  /** @param {number} share */
  #showSent(share) {
    const bar = /** @type {HTMLProgressElement} */ (byId("upload-bar"));
    bar.value = share;
    byId("upload-words").textContent = share < 1 ? `Sending ${Math.floor(100 * share)}\u00a0%` : "Sent; looking at it";
  }

  /** @param {number} length */
  #onLength(length) {
    this.#timeline.setLength(length);
    if (this.#running && Number.isFinite(length) && length > this.#limit) this.#refuseLength(length);
  }

  /** @param {number} seconds */
  #refuseLength(seconds) {
    this.close();
    const sentence = `The video lasts ${length(seconds)}, and this server takes ${length(this.#limit)} at most.`;
    this.onRefused(new Refusal(sentence, 422));
  }

  /** @param {import("./upload.js").ClipEvent} clip */
  #onClip(clip) {
    const before = this.#clips.at(-1);
    this.#clips.push(clip);
    this.#timeline.setLength(clip.video_seconds);
    this.#showClips(this.#clips, clip.num_clips, clip.gmacs_all_expensive, false);
    byId("upload-words").textContent = `Clip ${clip.number + 1} of ${clip.num_clips}`;
    /** @type {HTMLProgressElement} */ (byId("upload-bar")).value = (clip.number + 1) / clip.num_clips;
    if (!before) this.#player.playGladly();
    if (before?.label !== clip.label) announce(`After clip ${clip.number + 1}: ${clip.label}, ${percent(clip.probability)}`);
  }

  /** @param {Clip[]} clips @param {number} most @param {number} all GMACs @param {boolean} done */
  #showClips(clips, most, all, done) {
    const last = clips[clips.length - 1];
    const state = done
      ? `Answer after ${clips.length < most ? `${clips.length} of ${counted(most, "clip")}` : counted(most, "clip")}`
      : `So far, after clip ${clips.length} of ${most}`;
    this.#card.show(state, last, last.labels);
    this.#card.showCost(last.gmacs, done ? all : (all * clips.length) / most, all, "GMACs");
    this.#timeline.setClips(clips);
    this.#segments.setClips(clips);
  }

  /** @param {Result} result */
  #finish(result) {
    this.#running = null;
    this.#result = result;
    this.#clips = result.clips;
    const hadFocus = document.activeElement === byId("cancel");
    this.#timeline.setLength(result.video_seconds);
    this.#showClips(result.clips, result.num_clips, result.gmacs_all_expensive, true);
    this.#setBusy(false);
    if (hadFocus) byId("another").focus();
    byId("took").textContent =
      `${seconds(result.video_seconds)} of video took ${seconds(result.seconds)}` +
      ` (reading pictures ${seconds(result.seconds_decoding)}, networks ${seconds(result.seconds_model)}; side by side)` +
      `, pattern ${result.pattern}.`;
    this.#fillTable(result.clips);
    const best = result.labels[0];
    announce(`Done: ${best.label}, ${percent(best.probability)}, after ${counted(result.clips.length, "clip")}`);
  }

  /** @param {Clip[]} clips */
  #fillTable(clips) {
    const head = make("tr", {}, COLUMNS.map((text) => make("th", { text })));
    for (const cell of head.children) cell.setAttribute("scope", "col");
    byId("clips-table").previousElementSibling?.replaceChildren(head);
    const rows = clips.map((clip) =>
      make("tr", {}, [
        make("td", { text: `${clock(clip.start_seconds, 2)} – ${clock(clip.end_seconds, 2)}` }),
        make("td", { text: clip.expensive ? "expensive" : "cheap", class: clip.expensive ? "strong" : "" }),
        make("td", { text: clip.label, class: "label" }),
        make("td", { text: percent(clip.probability) }),
        make("td", { text: figures(clip.gmacs) }),
      ]),
    );
    byId("clips-table").replaceChildren(...rows);
  }

  /** @param {number} time */
  #showTime(time) {
    this.#timeline.setTime(time);
    this.#segments.setTime(time);
  }

  /** @param {number} time */
  #seek(time) {
    this.#showTime(time);
    this.#player.seek(time);
  }

  /** @param {string} ending @param {string} type @param {(result: Result) => string} write */
  #save(ending, type, write) {
    if (this.#result) save(`${byId("file-name").textContent?.replace(/\.[^.]*$/, "")}.${ending}`, type, write(this.#result));
  }
}
