"""Finds text and lines of a page that do not stand out from what is behind them, by WCAG's formula."""

LOWEST = {"text": 4.5, "line": 3.0}
POOR = """
(lowest) => {
  const parse = (colour) => (colour.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ratio = (a, b) => {
    const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    for (let other = element; other; other = other.parentElement) {
      const colour = parse(getComputedStyle(other).backgroundColor);
      if ((colour[3] ?? 1) === 1) return colour;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const check = (element, colour, least) => {
    const found = ratio(parse(colour), behind(element));
    if (found < least) poor.push(`${element.outerHTML.slice(0, 80)} ${found.toFixed(2)}`);
  };
  let checked = 0;
  for (const element of document.querySelectorAll("body *")) {
    if (!element.checkVisibility() || element.closest("video")) continue;
    const style = getComputedStyle(element);
    const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (hasText) check(element, element instanceof SVGElement ? style.fill : style.color, lowest.text);
    if (element.matches(".line path, .cursor line, .cheap, .tick")) check(element, style.stroke, lowest.line);
    if (element.matches("button:not(.segment), input:not([type=file])"))
      check(element.parentElement, style.borderTopColor, lowest.line);
    checked += hasText;
  }
  return checked > 5 ? poor : ["nothing was checked"];
}
"""
"""JavaScript: what is visible and has too little contrast."""
