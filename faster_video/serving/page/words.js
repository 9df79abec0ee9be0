/** Numbers as people read them. */

const SPACE = "\u00a0"; // a figure and its unit stay on one line

/** @param {number} share @returns {string} */
export const percent = (share) => `${(100 * share).toFixed(1)}${SPACE}%`;

/** Three figures, whole numbers from 100 on. @param {number} value @returns {string} */
export function figures(value) {
  if (value >= 99.95) return Math.round(value).toLocaleString("en");
  return value === 0 ? "0" : value.toPrecision(3);
}

/** @param {number} time @returns {string} */
export const seconds = (time) => `${time < 10 ? time.toFixed(1) : Math.round(time)}${SPACE}s`;

/** @param {number} time seconds @returns {string} */
export const latency = (time) => (time < 1 ? `${Math.round(1000 * time)}${SPACE}ms` : seconds(time));

/** Minutes and seconds, with tenths. @param {number} time @param {number} [digits] @returns {string} */
export function clock(time, digits = 1) {
  const ticks = Math.round(Math.max(0, time) * 10 ** digits);
  const minute = 60 * 10 ** digits;
  const rest = ((ticks % minute) / 10 ** digits).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  const minutes = Math.floor(ticks / minute);
  if (minutes < 60) return `${minutes}:${rest}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}

/** @param {number} bytes @returns {string} */
export function size(bytes) {
  if (bytes >= 2 ** 30) return `${(bytes / 2 ** 30).toFixed(1)}${SPACE}GB`;
  if (bytes >= 2 ** 20) return `${Math.round(bytes / 2 ** 20)}${SPACE}MB`;
  return `${Math.max(1, Math.round(bytes / 2 ** 10))}${SPACE}kB`;
}

/** A length of time in whole units. @param {number} seconds @returns {string} */
export function length(seconds) {
  if (seconds < 120) return counted(Math.round(seconds), "second");
  return counted(Math.round(seconds / 60), "minute");
}

/** @param {number} count @param {string} noun @returns {string} */
export const counted = (count, noun) => `${count.toLocaleString("en")}${SPACE}${noun}${count === 1 ? "" : "s"}`;
