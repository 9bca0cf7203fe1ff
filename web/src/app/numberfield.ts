// A slider with its number beside it, either of which can be moved.

import { freshId, h, say } from "./dom";
import type { Range } from "./limits";

export interface NumberField {
  readonly element: HTMLElement;
  show(value: number): void;
  rename(label: string): void;
}

export interface NumberFieldOptions {
  label: string;
  range: Range;
  /** Places after the point. */
  places: number;
  title?: string;
  changed(value: number): void;
}

/** Both controls tell of the same number. */
export function createNumberField(options: NumberFieldOptions): NumberField {
  const id = freshId("number");
  const { min, max, step } = options.range;
  const slider = h("input", { type: "range", min, max, step, id, oninput: () => options.changed(Number(slider.value)) });
  const number = createNumberInput(`${options.label}, as a number`, options.changed);
  const name = h("label", { for: id }, options.label);
  const element = h("div", { class: "number", title: options.title ?? null }, name, slider, number.element);
  return {
    element,
    show(value) {
      const text = String(Number(value.toFixed(options.places)));
      if (slider.value !== text) slider.value = text;
      const [least, most] = [Number(slider.min), Number(slider.max)];
      slider.style.setProperty("--share", String(most > least ? Math.min(1, Math.max(0, (value - least) / (most - least))) : 0));
      number.show(text);
    },
    rename(label) {
      say(name, label);
      number.element.setAttribute("aria-label", `${label}, as a number`);
    },
  };
}

/** A field for a number that is taken on Enter or when it is left; what is no number is undone. */
export function createNumberInput(label: string, changed: (value: number) => void): { element: HTMLInputElement; show(text: string): void } {
  let shown = "";
  let writing = false;
  const leave = (): void => {
    writing = false;
    element.value = shown;
  };
  const take = (): void => {
    const text = element.value.trim();
    const value = Number(text.replace(",", "."));
    if (text !== "" && Number.isFinite(value) && text !== shown) changed(value);
    leave();
  };
  const element = h("input", {
    type: "text", inputmode: "decimal", autocomplete: "off", "aria-label": label,
    onchange: take,
    oninput: () => (writing = true),
    onblur: leave,
    onkeydown: (event: KeyboardEvent) => {
      if (event.key === "Escape") leave();
    },
  });
  return {
    element,
    show(text) {
      shown = text;
      if (element.value !== text && !writing) element.value = text;
    },
  };
}
