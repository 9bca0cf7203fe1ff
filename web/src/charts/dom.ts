// Elements made in one call, and nothing set by inline styles: the page's policy forbids them.

const SVG = "http://www.w3.org/2000/svg";

type Attributes = Record<string, string | number>;

/** An SVG element with its attributes, added to its parent. */
export function mark<K extends keyof SVGElementTagNameMap>(
  parent: Element,
  name: K,
  attributes: Attributes = {},
  text?: string,
): SVGElementTagNameMap[K] {
  const made = parent.ownerDocument.createElementNS(SVG, name) as SVGElementTagNameMap[K];
  return finish(made, parent, attributes, text);
}

/** An HTML element with its attributes, added to its parent. */
export function part<K extends keyof HTMLElementTagNameMap>(
  parent: Element,
  name: K,
  attributes: Attributes = {},
  text?: string,
): HTMLElementTagNameMap[K] {
  return finish(parent.ownerDocument.createElement(name), parent, attributes, text);
}

function finish<E extends Element>(made: E, parent: Element, attributes: Attributes, text?: string): E {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  parent.append(made);
  return made;
}
