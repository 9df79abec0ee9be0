/** The page: which part of it is shown, and what leads from one to the next. */

import { byId, showOnly } from "./elements.js";
import { Job } from "./job.js";
import { Live } from "./live.js";
import { Refusal, askInfo, token } from "./server.js";
import { counted, length, size } from "./words.js";

const PARTS = ["problem", "token", "start", "work", "live"];
const fileField = /** @type {HTMLInputElement} */ (byId("file"));
const tokenField = /** @type {HTMLInputElement} */ (byId("token-field"));

/** @type {import("./server.js").Info | null} */
let info = null;
/** What was wanted last, for another try. */
let again = () => {};
let countdown = 0;

const job = new Job((refusal) => onRefused(refusal));
const live = new Live((problem, status) => onRefused(new Refusal(problem, status)));

/** @param {string[]} parts @param {string} focused a heading, where readers go on */
function show(parts, focused) {
  clearInterval(countdown);
  showOnly(parts, PARTS);
  byId(focused).focus({ preventScroll: true });
  scrollTo({ top: 0 });
}

/** @param {Refusal} refusal */
function onRefused(refusal) {
  if (refusal.status !== 401) return showProblem(refusal);
  const tried = token.get() !== "";
  token.set("");
  askToken(tried ? "That was not the token." : undefined);
}

/** @param {Refusal} refusal */
function showProblem(refusal) {
  const busy = refusal.status === 503;
  byId("problem-heading").textContent = busy ? "The server is busy" : "That did not work";
  show(["problem", "start"], "problem-heading");
  let left = Math.ceil(refusal.retryAfter);
  const sentence = byId("problem-sentence");
  sentence.textContent = sentenceOf(busy && left > 0 ? refusal.message.replace(/; try again in [^;]*$/, "") : refusal.message);
  if (!busy || left <= 0) return;
  const wait = document.createElement("strong");
  const tell = () => {
    wait.textContent = left > 0 ? ` Try again in ${counted(left, "second")}.` : " Try again now.";
    if (left-- <= 0) clearInterval(countdown);
  };
  sentence.append(wait);
  wait.setAttribute("aria-live", "off"); // once is enough, not every second
  countdown = setInterval(tell, 1000);
  tell();
}

/** The server's sentence with a capital and a full stop. @param {string} detail */
function sentenceOf(detail) {
  const capital = /^[a-z]+ /.test(detail) ? detail[0].toUpperCase() + detail.slice(1) : detail;
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}

/** @param {string} [sentence] */
function askToken(sentence = "Whoever started it has it.") {
  byId("token-sentence").textContent = sentence;
  tokenField.value = "";
  show(["token"], "token-field");
}

/** Do it, after asking for a token where one is needed. @param {() => void} wanted */
function begin(wanted) {
  again = wanted;
  if (info?.needs_token && !token.get()) askToken();
  else wanted();
}

/** @param {File | null | undefined} file @param {string} [problem] why it is none */
function take(file, problem) {
  if (!file) return;
  job.close();
  live.stop();
  const limit = info?.limits.upload_bytes ?? Infinity;
  const start = () => {
    if (problem) return showProblem(new Refusal(problem));
    if (file.size === 0) return showProblem(new Refusal(`${file.name} is empty.`));
    if (file.size > limit) {
      const sentence = `${file.name} has ${size(file.size)}, and this server takes ${size(limit)} at most.`;
      return showProblem(new Refusal(sentence, 413));
    }
    show(["work"], "file-name");
    return job.start(file, info);
  };
  begin(start);
}

function useCamera() {
  begin(() => {
    show(["live"], "live-heading");
    live.start();
  });
}

function onDrop(/** @type {DragEvent} */ event) {
  event.preventDefault();
  document.body.classList.remove("dragging");
  const isFolder = event.dataTransfer?.items[0]?.webkitGetAsEntry?.()?.isDirectory;
  take(event.dataTransfer?.files[0], isFolder ? "That is a folder; drop one video." : "");
}

function goBack() {
  job.close();
  show(["start"], "start-heading");
}

async function showInfo() {
  try {
    info = await askInfo();
  } catch {
    byId("about").textContent = "The server does not answer.";
    return;
  }
  const { bundle, num_labels, limits } = info;
  byId("about").textContent = `Bundle ${bundle}, ${counted(num_labels, "label")}`;
  byId("limits").textContent = `One video, up to ${size(limits.upload_bytes)} and ${length(limits.video_seconds)}`;
}

byId("choose").addEventListener("click", () => fileField.click());
byId("drop").addEventListener("click", ({ target }) => {
  if (target instanceof Element && !target.closest("button, input")) fileField.click();
});
fileField.addEventListener("change", () => {
  const file = fileField.files?.[0];
  fileField.value = ""; // the same file may be chosen again
  take(file);
});
addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => event.relatedTarget === null && document.body.classList.remove("dragging"));
addEventListener("drop", onDrop);
byId("camera").addEventListener("click", useCamera);
byId("live-again").addEventListener("click", useCamera);
byId("problem-retry").addEventListener("click", () => begin(again));
for (const id of ["token-back", "live-back", "another", "cancel"]) byId(id).addEventListener("click", goBack);
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const typed = tokenField.value.trim();
  if (!/^[ -~]*$/.test(typed)) return askToken("A token has ASCII's letters, digits and signs only."); // as a header
  token.set(typed);
  begin(again);
});
showInfo();
