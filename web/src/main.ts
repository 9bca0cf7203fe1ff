// The viewer's one module. On import it takes the page's #surfeit, if there is one; others
// call `mount`.

import { pageAddress } from "./app/address";
import { mountViewer, type Mounted, type MountOptions } from "./app/app";
import { httpSource } from "./data/http";
import type { Source } from "./types";

export type { Mounted, MountOptions, Source };

/** Shows what a source has within an element. */
export function mount(element: HTMLElement, source: Source, options: MountOptions = {}): Mounted {
  return mountViewer(element, source, options);
}

function takePage(element: HTMLElement): void {
  const options = { address: pageAddress(), whole: true };
  if (element.dataset["home"] === "server") {
    mount(element, httpSource("", new URLSearchParams(location.search).get("token") ?? ""), options);
  }
}

const page = typeof document === "undefined" ? null : document.getElementById("surfeit");
if (page && !page.shadowRoot) takePage(page);
