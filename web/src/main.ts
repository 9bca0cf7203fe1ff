// The viewer's one module. On import it takes the page's mount points, if there are any; a notebook
// takes its default export; others call `mount`.

import { pageAddress } from "./app/address";
import { mountViewer, type Mounted, type MountOptions } from "./app/app";
import { httpSource } from "./data/http";
import { takeToken } from "./data/token";
import { takeCell, takePlace, takeWholePage, WITHIN_PAGES } from "./homes";
import type { Source } from "./types";

export type { Mounted, MountOptions, Source };

/** Shows what a source has within an element. */
export function mount(element: HTMLElement, source: Source, options: MountOptions = {}): Mounted {
  return mountViewer(element, source, options);
}

/** What anywidget calls. */
export default { render: takeCell };

function takePage(): void {
  const whole = document.getElementById("surfeit");
  if (whole && !whole.shadowRoot && whole.dataset["home"] === "server") {
    mountViewer(whole, httpSource("", takeToken()), { address: pageAddress(), whole: true });
  } else if (whole && !whole.shadowRoot && whole.dataset["home"] === "bundle") takeWholePage(whole);
  document.querySelectorAll<HTMLElement>(WITHIN_PAGES).forEach(takePlace);
}

if (typeof document !== "undefined") takePage();
