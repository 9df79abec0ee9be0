/**
 * What follows from the answers of clip after clip; nothing here touches the page.
 *
 * @typedef {{label: string, probability: number}} Likely
 * @typedef {{start_seconds: number, end_seconds: number, expensive: boolean, label: string, probability: number,
 *   gmacs: number, labels: Likely[]}} Clip
 * @typedef {{start_seconds: number, end_seconds: number, label: string, probability: number}} Segment
 * @typedef {{path: string, labels: Likely[], pattern: string, num_clips: number, clips: Clip[], gmacs: number,
 *   gmacs_all_expensive: number, video_seconds: number, seconds: number, seconds_decoding: number,
 *   seconds_model: number}} Result
 */

export const MOST_LINES = 5;

/**
 * Stretches of one best label, as `faster-video stream --segments` joins them: where clips overlap, one ends where the
 * first clip with another label begins. Of clips that begin together, as those of a short video do, the last counts.
 * @param {Clip[]} clips @returns {Segment[]}
 */
export function segments(clips) {
  /** @type {(Segment & {sum: number, clips: number})[]} */
  const joined = [];
  for (const clip of clips) {
    let before = joined.at(-1);
    while (before && before.label !== clip.label && before.start_seconds >= clip.start_seconds) {
      joined.pop();
      before = joined.at(-1);
    }
    if (before?.label === clip.label) {
      before.end_seconds = clip.end_seconds;
      before.sum += clip.probability;
      before.clips += 1;
      continue;
    }
    if (before) before.end_seconds = Math.min(before.end_seconds, clip.start_seconds);
    const { start_seconds, end_seconds, label, probability } = clip;
    joined.push({ start_seconds, end_seconds, label, probability, sum: probability, clips: 1 });
  }
  return joined.map(({ start_seconds, end_seconds, label, sum, clips: count }) => ({
    start_seconds, end_seconds, label, probability: sum / count,
  }));
}

/**
 * For every clip the row in which it lies when no two may cover each other, but for the twentieth by which a camera's
 * times are off.
 * @param {Clip[]} clips @returns {number[]}
 */
export function lanes(clips) {
  /** @type {number[]} */
  const ends = [];
  return clips.map((clip) => {
    const close = (clip.end_seconds - clip.start_seconds) / 20;
    const free = ends.findIndex((end) => end <= clip.start_seconds + close);
    const lane = free < 0 ? ends.length : free;
    ends[lane] = clip.end_seconds;
    return lane;
  });
}

/** The last clip known once so much of the video was seen. @param {Clip[]} clips @param {number} time */
export const knownAt = (clips, time) => clips.findLast((clip) => clip.end_seconds <= time + 1e-3);

/** Of a label after a clip; undefined where it is not among those told. @param {Clip} clip @param {string} label */
export const probabilityOf = (clip, label) => clip.labels.find((likely) => likely.label === label)?.probability;

/** Which labels get a line, each with a colour that it keeps as long as it has one. */
export class Lines {
  /** @type {Map<string, number>} */
  #slots = new Map();

  /**
   * The labels that were best at some time, then those with the highest peaks; the most probable now first.
   * @param {Clip[]} clips @returns {{label: string, slot: number}[]}
   */
  choose(clips) {
    const last = clips.at(-1);
    if (last === undefined) return [];
    /** @type {Map<string, number>} */
    const ranks = new Map();
    for (const clip of clips) {
      for (const { label, probability } of clip.labels) {
        const rank = probability + (label === clip.label ? 1 : 0) + (label === last.label ? 2 : 0);
        ranks.set(label, Math.max(rank, ranks.get(label) ?? 0));
      }
    }
    const chosen = [...ranks.keys()].sort((a, b) => (ranks.get(b) ?? 0) - (ranks.get(a) ?? 0)).slice(0, MOST_LINES);
    for (const label of [...this.#slots.keys()]) if (!chosen.includes(label)) this.#slots.delete(label);
    const taken = new Set(this.#slots.values());
    const free = Array.from({ length: MOST_LINES }, (_, slot) => slot).filter((slot) => !taken.has(slot));
    for (const label of chosen) if (!this.#slots.has(label)) this.#slots.set(label, free.shift() ?? 0);
    return chosen
      .sort((a, b) => (probabilityOf(last, b) ?? 0) - (probabilityOf(last, a) ?? 0))
      .map((label) => ({ label, slot: this.#slots.get(label) ?? 0 }));
  }
}
