// Homes without a server: a page that holds its data, several graphs within a report, a notebook.

import { noAddress, pageAddress, widgetAddress, type Address, type WidgetModel } from "./app/address";
import { mountViewer, type Mounted } from "./app/app";
import { bundleSource } from "./data/bundle";
import { gunzip, unpack } from "./data/unpack";
import type { Source } from "./types";

/** Elements that a graph takes when they come near. */
export const WITHIN_PAGES = '.surfeit[data-home="bundle"]';

/** How far below the window an element is still near, in pixels. */
const NEAR = "400px";

/** What anywidget gives to `render`. */
export interface Cell {
  model: WidgetModel;
  el: HTMLElement;
}

/** The viewer as all that a page is about. */
export function takeWholePage(element: HTMLElement): Mounted {
  return mountViewer(element, later(dataOf(element)), { address: pageAddress(), whole: true });
}

/** The viewer within a page, once it comes near. A graph that cannot be shown leaves the place as
 * it is: a still picture stands there. */
export function takePlace(element: HTMLElement): void {
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      dataOf(element).then(
        (source) => {
          mountViewer(element, source, { address: ownAddress(element) });
          element.dataset["mounted"] = "";
        },
        (reason: unknown) => console.warn(reason),
      );
    },
    { rootMargin: NEAR },
  );
  observer.observe(element);
}

/** The viewer in a notebook's cell. Returns what takes it away. */
export function takeCell({ model, el }: Cell): () => void {
  const place = document.createElement("div");
  place.style.setProperty("--surfeit-height", `${Number(model.get("_height"))}px`);
  // While this is here, the still picture is not.
  const hiding = document.createElement("style");
  hiding.textContent = `.${String(model.get("_still"))} { display: none; }`;
  el.append(place, hiding);
  const packed = model.get("_bundle") as DataView<ArrayBuffer>;
  const bytes = new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
  const options = { address: widgetAddress(model), ...themeOfJupyter() };
  const mounted = mountViewer(place, later(gunzip(bytes).then(bundleSource)), options);
  return () => {
    mounted.destroy();
    place.remove();
    hiding.remove();
  };
}

async function dataOf(element: HTMLElement): Promise<Source> {
  const holder = document.getElementById(element.dataset["bundle"] ?? "surfeit-bundle");
  if (holder === null) throw new Error("This page has lost its data: write it again.");
  return bundleSource(await unpack(holder.textContent));
}

/** An address that begins as the page says and is told to nobody. */
function ownAddress(element: HTMLElement): Address {
  const first = element.dataset["state"] ?? "";
  return { ...noAddress(), read: () => first };
}

/** A source that is still being unpacked; if that fails, each question fails with its reason. */
function later(coming: Promise<Source>): Source {
  coming.catch(() => undefined);
  return {
    live: false,
    catalog: async () => (await coming).catalog(),
    timeline: async (id) => (await coming).timeline(id),
    graph: async (query, signal) => (await coming).graph(query, signal),
    spectrum: async (query, signal) => (await coming).spectrum(query, signal),
    removal: async (query, signal) => (await coming).removal(query, signal),
    learning: async (timeline) => (await coming).learning(timeline),
    course: async (query, signal) => (await coming).course(query, signal),
    matrix: async (query, signal) => (await coming).matrix(query, signal),
    plane: async (query, signal) => (await coming).plane(query, signal),
    map: async (query, method, signal) => (await coming).map(query, method, signal),
    scales: async (query, signal) => (await coming).scales(query, signal),
    pictures: {
      driving: null,
      weights: async (query, signal) => (await coming).pictures!.weights(query, signal),
      why: async (query, signal) => (await coming).pictures!.why(query, signal),
    },
  };
}

/** JupyterLab's own theme; elsewhere the reader's preference counts. */
function themeOfJupyter(): { dark?: boolean } {
  const light = document.body.dataset["jpThemeLight"];
  return light === undefined ? {} : { dark: light === "false" };
}
