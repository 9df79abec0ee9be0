/** The video beside its answers; where the browser cannot play it, only a position. */

import { byId, movesGladly } from "./elements.js";

export class Player {
  #video = /** @type {HTMLVideoElement} */ (byId("video"));
  #unplayable = byId("unplayable");
  #ticking = 0;

  /** @param {{onTime: (seconds: number) => void, onLength: (seconds: number) => void}} given */
  constructor({ onTime, onLength }) {
    const video = this.#video;
    const tick = () => {
      onTime(video.currentTime);
      this.#ticking = video.paused || video.ended ? 0 : requestAnimationFrame(tick);
    };
    video.addEventListener("play", () => (this.#ticking ||= requestAnimationFrame(tick)));
    for (const name of ["seeking", "timeupdate", "ended"]) {
      video.addEventListener(name, () => onTime(video.currentTime));
    }
    video.addEventListener("loadedmetadata", () => {
      if (video.videoWidth === 0) this.#giveUp();
      else onLength(video.duration);
    });
    video.addEventListener("error", () => video.getAttribute("src") && this.#giveUp());
  }

  /** @param {File} file */
  open(file) {
    this.close();
    this.#video.src = URL.createObjectURL(file);
  }

  close() {
    const source = this.#video.getAttribute("src");
    if (source) {
      this.#video.pause();
      this.#video.removeAttribute("src");
      this.#video.load();
      URL.revokeObjectURL(source);
    }
    this.#video.hidden = false;
    this.#unplayable.hidden = true;
  }

  /** Play when there is something to be seen below, unless the reader wants nothing to move. */
  playGladly() {
    if (movesGladly() && this.#video.currentTime === 0) this.#video.play().catch(() => {});
  }

  /** @param {number} seconds */
  seek(seconds) {
    if (!this.#video.hidden && this.#video.readyState > 0) this.#video.currentTime = seconds;
  }

  #giveUp() {
    this.#video.hidden = true;
    this.#unplayable.hidden = false;
  }
}
