/** A file goes up, the answers come down on the same request. */

import { Refusal, detailOf, token } from "./server.js";

/** @typedef {import("./answers.js").Clip} Clip */
/** @typedef {import("./answers.js").Result} Result */
/** @typedef {Clip & {number: number, num_clips: number, video_seconds: number, gmacs_all_expensive: number}} ClipEvent */

/** Server-sent events in a text that grows. */
export class EventReader {
  #read = 0;

  /**
   * The events that became whole since the last call.
   * @param {string} text all that has come so far @returns {{name: string, data: any}[]}
   */
  take(text) {
    const events = [];
    for (let end = text.indexOf("\n\n", this.#read); end >= 0; end = text.indexOf("\n\n", this.#read)) {
      const lines = text.slice(this.#read, end).split("\n");
      this.#read = end + 2;
      const of = (/** @type {string} */ field) =>
        lines.filter((line) => line.startsWith(field)).map((line) => line.slice(field.length).trimStart()).join("\n");
      const data = of("data:");
      if (data) events.push({ name: of("event:"), data: JSON.parse(data) });
    }
    return events;
  }
}

/**
 * Classify a file. XMLHttpRequest, because fetch does not tell how much of a file is sent.
 * @param {File} file
 * @param {{top: number, signal: AbortSignal, onSent: (share: number) => void, onClip: (clip: ClipEvent) => void}} given
 * @returns {Promise<Result>} rejects with `Refusal`, or `AbortError` where the signal came
 */
export function classify(file, { top, signal, onSent, onClip }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const reader = new EventReader();
    /** @type {Result | undefined} */
    let result;
    const fail = (/** @type {Error} */ error) => {
      reject(error);
      request.abort();
    };
    const read = () => {
      if (request.status !== 200) return;
      for (const { name, data } of reader.take(request.responseText)) {
        if (name === "clip") onClip(data);
        if (name === "result") result = data;
        if (name === "error") fail(new Refusal(data.detail, data.status));
      }
    };
    request.open("POST", `/v1/classify?top=${top}`);
    request.setRequestHeader("Accept", "text/event-stream");
    if (token.get()) request.setRequestHeader("Authorization", `Bearer ${token.get()}`);
    request.upload.onprogress = (event) => event.lengthComputable && onSent(event.loaded / event.total);
    request.upload.onload = () => onSent(1);
    request.onprogress = read;
    request.onload = () => {
      if (request.status !== 200) {
        const wait = Number(request.getResponseHeader("Retry-After")) || 0;
        reject(new Refusal(detailOf(request.responseText, request.status), request.status, wait));
        return;
      }
      read();
      if (result) resolve(result);
      else reject(new Refusal("The server stopped before the video was done."));
    };
    request.onerror = () => reject(new Refusal("The server cannot be reached, or the connection broke."));
    signal.addEventListener("abort", () => fail(new DOMException("cancelled", "AbortError")));
    const form = new FormData();
    form.append("file", file, file.name);
    request.send(form);
  });
}
