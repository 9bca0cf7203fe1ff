// Handles of the panels: where the window is too small for all of them side by side, each leads to
// one that is out of sight.

import { h } from "./dom";

export interface Panel {
  label: string;
  element: HTMLElement;
  /** Only where everything stands in one column; elsewhere it is always in sight. */
  narrow?: boolean;
}

/** A row of buttons, one a panel; a folded panel is opened. */
export function createJumps(panels: readonly Panel[]): HTMLElement {
  const buttons = panels.map(({ label, element, narrow }) =>
    h("button", { type: "button", class: narrow ? "narrow" : null, title: `Go to: ${label}`, onclick: () => goTo(element) }, label));
  return h("nav", { class: "jumps", "aria-label": "Panels" }, ...buttons);
}

function goTo(element: HTMLElement): void {
  if (element instanceof HTMLDetailsElement) element.open = true;
  element.scrollIntoView({ block: "start" });
  const first = element.querySelector<HTMLElement>("summary, select, button, [tabindex='0']");
  first?.focus({ preventScroll: true });
}
