// A part of the page: an element that is drawn from the view.

import type { View } from "./derive";

export interface Part {
  readonly element: HTMLElement;
  update(view: View): void;
  destroy?(): void;
}
