// Where the view's state is kept: in the page's address, or in a notebook's model.

import { withoutToken } from "../data/token";

export interface Address {
  read(): string;
  write(hash: string): void;
  /** Hears of changes made from outside. Returns what ends it. */
  listen(changed: (hash: string) => void): () => void;
  /** What to copy so that others see this view; null where nothing would open it. */
  link: ((hash: string) => string) | null;
}

/** The address of the page that the viewer is alone on. */
export function pageAddress(): Address {
  return {
    read: () => location.hash,
    write(hash) {
      if (hash === location.hash || (hash === "" && location.hash === "")) return;
      history.replaceState(history.state, "", hash === "" ? location.pathname + location.search : hash);
    },
    listen(changed) {
      const heard = (): void => changed(location.hash);
      addEventListener("hashchange", heard);
      return () => removeEventListener("hashchange", heard);
    },
    link: (hash) => withoutToken(location.href) + hash,
  };
}

/** What anywidget gives us of a widget's Python side. */
export interface WidgetModel {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(name: string, heard: () => void): void;
  off(name: string, heard: () => void): void;
}

/** The address that a notebook keeps in its cell. */
export function widgetAddress(model: WidgetModel): Address {
  const read = (): string => {
    const told = model.get("state");
    return typeof told === "string" ? told : "";
  };
  return {
    read,
    write(hash) {
      if (hash === read()) return;
      model.set("state", hash);
      model.save_changes();
    },
    listen(changed) {
      const heard = (): void => changed(read());
      model.on("change:state", heard);
      return () => model.off("change:state", heard);
    },
    link: (hash) => hash,
  };
}

const WRITE_EVERY = 250;

export interface Writer {
  write(hash: string): void;
  /** Says that the address was changed from outside; what waits to be written is older than it. */
  changed(): void;
  stop(): void;
}

/**
 * Writes an address at most so often: browsers refuse those who write it with every frame. An
 * address that others changed is left alone, even before we hear of the change.
 */
export function createWriter(address: Address): Writer {
  let known = address.read();
  let waiting: string | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  const send = (): void => {
    timer = null;
    if (waiting !== null && address.read() === known) {
      address.write(waiting);
      known = address.read();
    }
    waiting = null;
  };
  return {
    write(hash) {
      waiting = hash;
      timer ??= setTimeout(send, WRITE_EVERY);
    },
    changed() {
      known = address.read();
      waiting = null;
    },
    stop() {
      if (timer !== null) clearTimeout(timer);
      send();
    },
  };
}

/** An address that leads nowhere, where the page has none to give. */
export function noAddress(): Address {
  return { read: () => "", write: () => undefined, listen: () => () => undefined, link: null };
}
