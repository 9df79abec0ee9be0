/** The camera's pictures go up through a socket, the answers come down; stopping lets go of both. */

import { token } from "./server.js";

const FPS = 15;
const WIDTH = 320;
const QUALITY = 0.8;
/** Bytes that may wait to be sent before pictures are skipped: about four of them. */
const MOST_WAITING = 1 << 16;
/** Milliseconds that the server has for closing the socket. */
const GOODBYE = 1500;
const REFUSED = 1008;

/**
 * @typedef {{type: "ready", fps: number, pictures_per_clip: number, gmacs_expensive: number, gmacs_cheap: number}} Ready
 * @typedef {import("./answers.js").Clip & {number: number, smoothed_label: string, smoothed_probability: number,
 *   latency_seconds: number, clips_dropped: number}} StreamAnswer
 * @typedef {{onReady: (ready: Ready) => void, onAnswer: (answer: StreamAnswer) => void,
 *   onPicture: (sent: number, skipped: number) => void, onEnd: (problem: string, status: number) => void}} Listener
 */

export class CameraStream {
  /** @type {MediaStream | null} */
  #media = null;
  /** @type {WebSocket | null} */
  #socket = null;
  #canvas = document.createElement("canvas");
  #timer = 0;
  #began = 0;
  #sent = 0;
  #skipped = 0;
  #encoding = false;
  #ended = false;
  #problem = "The connection to the server broke.";

  /** @param {HTMLVideoElement} preview @param {Listener} listener */
  constructor(preview, listener) {
    this.preview = preview;
    this.listener = listener;
  }

  /** Ask for the camera, then for the server. */
  async start() {
    try {
      if (!navigator.mediaDevices) throw new DOMException("", "SecurityError");
      const wanted = { facingMode: { ideal: "environment" }, width: { ideal: 640 } };
      const media = await navigator.mediaDevices.getUserMedia({ video: wanted, audio: false });
      if (this.#ended) return release(media); // stopped while the browser asked
      this.#media = media;
      this.preview.srcObject = media;
      media.getVideoTracks()[0].addEventListener("ended", () => this.#end("The camera was taken away."));
      await this.preview.play();
    } catch (error) {
      this.#end(whyNoCamera(error));
      return;
    }
    if (!this.#ended) this.#connect();
  }

  /** Let go of the camera at once; the server gets to say its last answers. */
  stop() {
    this.#end("");
  }

  #connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/stream`);
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    socket.addEventListener("open", () => {
      const settings = { format: "jpeg", fps: FPS, timed: true, live: true, top: 5 };
      socket.send(JSON.stringify(token.get() ? { ...settings, token: token.get() } : settings));
    });
    socket.addEventListener("message", (event) => this.#onMessage(JSON.parse(event.data)));
    socket.addEventListener("close", ({ code }) => {
      const noToken = code === REFUSED && this.#began === 0; // the only reason to refuse a stream before it begins
      this.#end(this.#problem, noToken ? 401 : 0);
    });
  }

  /** @param {any} message */
  #onMessage(message) {
    if (this.#ended) return;
    if (message.type === "error") {
      this.#problem = message.detail;
      setTimeout(() => this.#end(message.detail), GOODBYE); // should it not be closed
    }
    if (message.type === "ready") {
      this.#began = performance.now();
      this.#timer = setInterval(() => this.#sendPicture(), 1000 / FPS);
      this.listener.onReady(message);
    }
    if (message.type === "answer") this.listener.onAnswer(message);
  }

  #sendPicture() {
    const socket = this.#socket;
    if (socket?.readyState !== WebSocket.OPEN || this.preview.videoWidth === 0) return;
    if (this.#encoding || socket.bufferedAmount > MOST_WAITING) {
      this.#skipped += 1; // the line or this machine is behind
      this.listener.onPicture(this.#sent, this.#skipped);
      return;
    }
    const scale = Math.min(1, WIDTH / this.preview.videoWidth);
    const [width, height] = [this.preview.videoWidth, this.preview.videoHeight].map((side) => Math.round(scale * side));
    if (this.#canvas.width !== width || this.#canvas.height !== height) Object.assign(this.#canvas, { width, height });
    this.#canvas.getContext("2d")?.drawImage(this.preview, 0, 0, width, height);
    const seconds = (performance.now() - this.#began) / 1000;
    this.#encoding = true;
    this.#canvas.toBlob((blob) => this.#sendBlob(blob, seconds), "image/jpeg", QUALITY);
  }

  /** @param {Blob | null} blob @param {number} seconds */
  async #sendBlob(blob, seconds) {
    const picture = blob ? new Uint8Array(await blob.arrayBuffer()) : null;
    this.#encoding = false;
    if (!picture || this.#ended || this.#socket?.readyState !== WebSocket.OPEN) return;
    const message = new Uint8Array(8 + picture.length);
    new DataView(message.buffer).setFloat64(0, seconds, true);
    message.set(picture, 8);
    this.#socket.send(message);
    this.#sent += 1;
    this.listener.onPicture(this.#sent, this.#skipped);
  }

  /** @param {string} problem empty where there is none @param {number} [status] as of HTTP */
  #end(problem, status = 0) {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#timer);
    if (this.#media) release(this.#media);
    this.preview.srcObject = null;
    const socket = this.#socket;
    if (socket?.readyState === WebSocket.OPEN) {
      socket.send(JSON.stringify({ end: true }));
      setTimeout(() => socket.close(), GOODBYE);
    } else {
      socket?.close();
    }
    this.listener.onEnd(problem, status);
  }
}

/** @param {MediaStream} media */
function release(media) {
  for (const track of media.getTracks()) track.stop();
}

/** @param {unknown} error @returns {string} */
function whyNoCamera(error) {
  /** @type {Record<string, string>} */
  const sentences = {
    NotAllowedError: "The camera was not allowed; allow it beside the address and try again.",
    NotFoundError: "No camera was found.",
    NotReadableError: "The camera cannot be read; perhaps another program uses it.",
    SecurityError: "Browsers lend the camera only to pages from https or from localhost.",
  };
  const name = error instanceof DOMException ? error.name : "";
  return sentences[name] ?? "The camera could not be opened.";
}
