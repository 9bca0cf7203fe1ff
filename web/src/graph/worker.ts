// The engine in a worker: gets a canvas first, then commands, those of one moment together.
import { createEngine, type Engine } from "./engine.ts";
import type { Command, Told } from "./messages.ts";

/** The first message: the canvas to draw on. */
export interface Start {
  kind: "start";
  canvas: OffscreenCanvas;
}

const scope = self as unknown as DedicatedWorkerGlobalScope;
let engine: Engine | null = null;

scope.onmessage = (event: MessageEvent<Command[] | Start>) => {
  const asked = event.data;
  if (Array.isArray(asked)) {
    for (const command of asked) engine?.command(command);
    return;
  }
  const tell = (told: Told): void => scope.postMessage(told);
  engine = createEngine(asked.canvas, () => new OffscreenCanvas(1, 1), tell);
};

scope.postMessage({ kind: "ready" });
