// Where the engine runs: in a worker if one starts and answers, else on the page.
import { createEngine, type Engine } from "./engine.ts";
import type { Command, Told } from "./messages.ts";
import GraphWorker from "./worker.ts?worker&inline";

export interface Home {
  send(command: Command): void;
  /** Whether a worker does the work. */
  readonly worker: boolean;
  destroy(): void;
}

// A worker that a page's policy forbids may neither answer nor fail.
const PATIENCE = 4000;

/** A home for the engine; `place` puts a new canvas on the page and returns it. */
export function createHome(place: () => HTMLCanvasElement, tell: (told: Told) => void, wanted: boolean): Home {
  const memory = createMemory();
  let worker: Worker | null = null;
  let engine: Engine | null = null;
  let ready = false;
  let ended = false;
  let waiting: Command[] = [];
  let patience: ReturnType<typeof setTimeout> | undefined;

  function stayHere(): void {
    if (engine !== null || ended) return;
    clearTimeout(patience);
    worker?.terminate();
    worker = null;
    engine = createEngine(place(), () => document.createElement("canvas"), tell);
    memory.replay((command) => engine?.command(command));
  }

  function moveIn(there: Worker): void {
    clearTimeout(patience);
    const canvas = place().transferControlToOffscreen();
    there.postMessage({ kind: "start", canvas }, [canvas]);
    ready = true;
    memory.replay(post);
  }

  /** What is said in one breath arrives as one message: the worker draws nothing half told. */
  function post(command: Command): void {
    if (waiting.push(command) > 1) return;
    queueMicrotask(() => {
      const together = waiting;
      waiting = [];
      worker?.postMessage(together);
    });
  }

  worker = wanted ? startWorker() : null;
  if (worker === null) stayHere();
  else {
    const there = worker;
    there.onmessage = (event: MessageEvent<Told | { kind: "ready" }>) => {
      if (event.data.kind === "snapshot") memory.forget(event.data.ticket);
      if (event.data.kind !== "ready") tell(event.data);
      else if (!ended && worker === there) moveIn(there);
    };
    there.onerror = (event) => {
      event.preventDefault();
      stayHere();
    };
    patience = setTimeout(() => {
      if (!ready) stayHere();
    }, PATIENCE);
  }
  return {
    send(command) {
      // A snapshot is remembered until it comes: a worker may break down before.
      if (engine === null || command.kind !== "snapshot") memory.keep(command);
      if (engine !== null) engine.command(command);
      else if (ready) post(command);
    },
    get worker() {
      return ready && worker !== null;
    },
    destroy() {
      ended = true;
      clearTimeout(patience);
      worker?.terminate();
      engine?.destroy();
    },
  };
}

function startWorker(): Worker | null {
  if (typeof Worker === "undefined" || typeof OffscreenCanvas === "undefined") return null;
  if (!("transferControlToOffscreen" in HTMLCanvasElement.prototype)) return null;
  try {
    return new GraphWorker();
  } catch {
    // A content security policy or an old browser forbids it; the page does the work itself.
    return null;
  }
}

/** Remembers the last command of each kind, for an engine that starts late or anew. */
function createMemory(): { keep(command: Command): void; forget(ticket: number): void; replay(send: (command: Command) => void): void } {
  const last = new Map<string, Command>();
  const fleeting = new Set(["pointer", "wheel", "key", "blur", "zoom", "fit", "reset"]);
  return {
    keep(command) {
      if (fleeting.has(command.kind)) return;
      const name = command.kind === "snapshot" ? `snapshot ${command.ticket}` : command.kind;
      last.delete(name);
      last.set(name, command);
    },
    forget: (ticket) => void last.delete(`snapshot ${ticket}`),
    replay(send) {
      // Looks and links belong to a picture: they would be lost on an empty one.
      const early = ["size", "frame"];
      for (const kind of early) if (last.has(kind)) send(last.get(kind) as Command);
      last.forEach((command, name) => {
        if (!early.includes(name)) send(command);
      });
    },
  };
}
