// The few things that all parts of the page do with its elements.

export const $ = (id) => document.getElementById(id);

// make("a", { href: "/", class: "quiet" }, "text", other): attributes as in HTML; null leaves one out.
export function make(tag, attributes = {}, ...inside) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...inside.filter((one) => one !== null && one !== undefined));
  return element;
}

// A sentence of the service: what stands between backticks is what one types.
export const prose = (text) => (text ?? "").split("`")
  .map((part, index) => (index % 2 ? make("code", {}, part) : part));

export const stillness = matchMedia("(prefers-reduced-motion: reduce)");

// Small bases are shown pixel by pixel: smoothing would invent what they didn't draw.
export function sharpen(element, width) {
  element.classList.toggle("pixels", width < 256);
}
