/** Elements of the page: found by id, made with text, never with markup. */

/** @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`no element has the id ${id}`);
  return element;
}

/**
 * A new element; what comes from the server or a file's name can only become text.
 * @param {string} name @param {{class?: string, text?: string}} [given] @param {(Node | string)[]} [children] @returns {HTMLElement}
 */
export function make(name, given = {}, children = []) {
  const element = document.createElement(name);
  if (given.class) element.className = given.class;
  if (given.text !== undefined) element.textContent = given.text;
  element.append(...children);
  return element;
}

/**
 * A new element of SVG.
 * @param {string} name @param {Record<string, string | number>} [attributes] @param {string} [text] @returns {SVGElement}
 */
export function draw(name, attributes = {}, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Show some of the page's parts. @param {string[]} shown @param {string[]} all */
export function showOnly(shown, all) {
  for (const id of all) byId(id).hidden = !shown.includes(id);
}

/** Tell those who do not see the page. @param {string} sentence */
export function announce(sentence) {
  const place = byId("announcement");
  if (place.textContent !== sentence) place.textContent = sentence;
}

/** Whether things may move by themselves. @returns {boolean} */
export const movesGladly = () => !matchMedia("(prefers-reduced-motion: reduce)").matches;
