/** What the server says about itself, what it refuses, and the token that it may ask for. */

/**
 * @typedef {{bundle: string, num_labels: number, pattern: string, num_clips: number, gmacs: number,
 *   gmacs_all_expensive: number, needs_token: boolean,
 *   limits: {upload_bytes: number, video_seconds: number, streams: number}}} Info
 */

const KEY = "faster_video token";

/** A sentence of the server, or one about it. */
export class Refusal extends Error {
  /** @param {string} detail @param {number} [status] @param {number} [retryAfter] seconds */
  constructor(detail, status = 0, retryAfter = 0) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** The sentence in an answer that is a refusal. @param {string} body @param {number} status @returns {string} */
export function detailOf(body, status) {
  try {
    const { detail } = JSON.parse(body);
    if (typeof detail === "string") return detail;
  } catch {
    // a proxy in between may answer with anything
  }
  return `The server answered with status ${status}.`;
}

/** @returns {Promise<Info>} */
export async function askInfo() {
  const response = await fetch("/v1/info");
  if (!response.ok) throw new Refusal(detailOf(await response.text(), response.status), response.status);
  return response.json();
}

/** Kept for this tab only, and not at all where the browser keeps nothing. */
export const token = {
  /** @returns {string} */
  get() {
    try {
      return sessionStorage.getItem(KEY) ?? "";
    } catch {
      return "";
    }
  },
  /** @param {string} value */
  set(value) {
    try {
      if (value) sessionStorage.setItem(KEY, value);
      else sessionStorage.removeItem(KEY);
    } catch {
      // then it is asked for again
    }
  },
};
