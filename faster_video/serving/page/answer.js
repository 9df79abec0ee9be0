/** The answer so far: the best label in large type, the labels after it, and what was spent. */

import { make } from "./elements.js";
import { figures, percent } from "./words.js";

/** @typedef {import("./answers.js").Likely} Likely */

export class AnswerCard {
  #state = make("p", { class: "state quiet" });
  #label = make("p", { class: "best" });
  #probability = make("p", { class: "probability" });
  #likely = make("ol", { class: "likely" });
  #spent = make("div", { class: "bar-fill" });
  #usual = make("div", { class: "bar-usual" });
  #cost = make("p", { class: "cost" });
  #share = make("strong");

  /** @param {HTMLElement} place */
  constructor(place) {
    const bar = make("div", { class: "bar" }, [this.#usual, this.#spent]);
    bar.setAttribute("aria-hidden", "true");
    this.#likely.setAttribute("aria-label", "Most probable labels");
    const head = make("div", { class: "head" }, [this.#state, this.#label, this.#probability]);
    place.replaceChildren(head, this.#likely, make("div", { class: "spent" }, [bar, this.#cost]));
  }

  /** Nothing is known yet. @param {string} state */
  clear(state) {
    this.#state.textContent = state;
    this.#label.textContent = "…";
    this.#probability.textContent = "";
    this.#likely.replaceChildren();
    this.#setBars(0, 0);
    this.#cost.textContent = "";
  }

  /** @param {string} state @param {Likely} best @param {Likely[]} labels */
  show(state, best, labels) {
    this.#state.textContent = state;
    this.#label.textContent = best.label;
    this.#label.classList.toggle("long", best.label.length > 28);
    this.#probability.textContent = percent(best.probability);
    const items = labels.map(({ label, probability }) => {
      const fill = make("div", { class: "bar-fill" });
      fill.style.width = `${100 * probability}%`;
      const bar = make("div", { class: "bar thin" }, [fill]);
      bar.setAttribute("aria-hidden", "true");
      const name = make("span", { class: "label", text: label });
      return make("li", {}, [name, make("span", { class: "figure", text: percent(probability) }), bar]);
    });
    this.#likely.replaceChildren(...items);
  }

  /**
   * GMACs against those of the expensive network alone.
   * @param {number} gmacs @param {number} usual by now @param {number} all at the end @param {string} unit
   */
  showCost(gmacs, usual, all, unit) {
    this.#setBars(gmacs / (all || 1), usual / (all || 1));
    this.#share.textContent = percent(gmacs / (usual || 1));
    this.#cost.replaceChildren(
      `${figures(gmacs)} of ${figures(usual)} ${unit}, `, this.#share,
      make("span", { class: "quiet", text: " of what the expensive network alone would take" }),
    );
  }

  /** @param {number} spent @param {number} usual shares of the bar */
  #setBars(spent, usual) {
    this.#spent.style.width = `${Math.min(100, 100 * spent)}%`;
    this.#usual.style.width = `${Math.min(100, 100 * usual)}%`;
  }
}
