// Elements in one line each. No inline styles and no markup in strings: the page's security policy
// forbids the one, and names of runs are not to be trusted with the other.

type Value = string | number | boolean | null | ((event: never) => void);
type Child = Node | string | null;

/** An element with attributes, listeners (`onclick` and so on) and children; null leaves one out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, Value> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  assign(element, attributes);
  for (const child of children) if (child !== null) element.append(child);
  return element;
}

function assign(element: Element, attributes: Record<string, Value>): void {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") {
      element.addEventListener(name.slice(2), value as (event: Event) => void);
    } else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== false) element.setAttribute(name, String(value));
  }
}

const SVG = "http://www.w3.org/2000/svg";

/** A 16 x 16 picture of one path, in the colour of the text; says nothing to a screen reader. */
export function icon(path: string): SVGElement {
  const picture = document.createElementNS(SVG, "svg");
  assign(picture, { viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true", class: "icon" });
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  picture.append(line);
  return picture;
}

/** Sets the text only where it changes, so that live regions speak once. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

const filled = new WeakMap<HTMLSelectElement, { options: unknown; key: string }>();

/** Exchanges the options of a list of choices and marks the chosen one. */
export function fillSelect(
  select: HTMLSelectElement,
  options: readonly { value: string; label: string; disabled?: boolean }[],
  chosen: string,
): void {
  if (filled.get(select)?.options !== options) {
    const key = JSON.stringify(options);
    if (filled.get(select)?.key !== key) {
      select.replaceChildren(
        ...options.map(({ value, label, disabled }) => h("option", { value, disabled: disabled ?? false }, label)),
      );
    }
    filled.set(select, { options, key });
  }
  if (select.value !== chosen) select.value = chosen;
}

/** A labelled control: the label's text stands before or above it. */
export function field(label: string, control: HTMLElement, className = "field"): HTMLLabelElement {
  return h("label", { class: className }, h("span", { class: "name" }, label), control);
}

let count = 0;

/** A name for an element, unlike all given before on this page. */
export function freshId(stem: string): string {
  count += 1;
  return `surfeit-${stem}-${count}`;
}
