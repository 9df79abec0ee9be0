/** The result as a file, made in the browser. */

import { segments } from "./answers.js";

/** @typedef {import("./answers.js").Result} Result */

/** As the server gave it. @param {Result} result @returns {string} */
export const asJson = (result) => `${JSON.stringify(result, null, 2)}\n`;

/** One row per clip. @param {Result} result @returns {string} */
export function asCsv(result) {
  const most = Math.max(...result.clips.map((clip) => clip.labels.length));
  const ranks = Array.from({ length: most }, (_, rank) => rank);
  const head = ["clip", "start_seconds", "end_seconds", "network", "gmacs"];
  const rows = result.clips.map((clip, number) => [
    number, clip.start_seconds, clip.end_seconds, clip.expensive ? "expensive" : "cheap", clip.gmacs,
    ...ranks.flatMap((rank) => [clip.labels[rank]?.label ?? "", clip.labels[rank]?.probability ?? ""]),
  ]);
  const names = [...head, ...ranks.flatMap((rank) => [`label_${rank + 1}`, `probability_${rank + 1}`])];
  return [names, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/** No spreadsheet takes a label for a formula. @param {string | number} value @returns {string} */
function cell(value) {
  if (typeof value === "number") return String(value);
  const harmless = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/.test(value) ? `'${value}` : value;
  return /[",\r\n']/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** A cue per segment, as `faster-video stream --segments` writes them. @param {Result} result @returns {string} */
export function asVtt(result) {
  const cues = segments(result.clips).map(
    ({ start_seconds, end_seconds, label, probability }) =>
      `${stamp(start_seconds)} --> ${stamp(end_seconds)}\n${escaped(label)} (${Math.round(100 * probability)}%)\n\n`,
  );
  return `WEBVTT\n\n${cues.join("")}`;
}

/** @param {string} label @returns {string} */
const escaped = (label) =>
  label.replace(/\s+/g, " ").replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** @param {number} time @returns {string} */
function stamp(time) {
  const milliseconds = Math.round(1000 * time);
  const part = (/** @type {number} */ value, /** @type {number} */ digits) => String(value).padStart(digits, "0");
  const minutes = Math.floor(milliseconds / 60_000);
  const rest = milliseconds % 60_000;
  const whole = `${part(Math.floor(minutes / 60), 2)}:${part(minutes % 60, 2)}:${part(Math.floor(rest / 1000), 2)}`;
  return `${whole}.${part(rest % 1000, 3)}`;
}

/** @param {string} name @param {string} type @param {string} text */
export function save(name, type, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
