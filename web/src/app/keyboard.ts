// Which key does what. Keys that a control of its own needs are left to it.

import type { Actions } from "./actions";

export type Command = "play" | "back" | "forth" | "back-far" | "forth-far" | "first" | "last" | "cut-down" | "cut-up" | "search" | "help" | "clear";

/** The keys and what they do, as the help shows them. */
export const KEYS: readonly { keys: string; does: string }[] = [
  { keys: "Space", does: "play or pause" },
  { keys: "← →", does: "one moment back or on; with Shift ten" },
  { keys: "Home End", does: "the first or the last moment" },
  { keys: "[ ]", does: "lower or raise the cutoff" },
  { keys: "/", does: "search for units" },
  { keys: "Esc", does: "clear the search, then the selection" },
  { keys: "Tab", does: "to the next control; in the graph, arrows go from unit to unit and Enter selects" },
  { keys: "?", does: "this help" },
];

export interface Pressed {
  key: string;
  shiftKey: boolean;
  ctrlKey: boolean;
  altKey: boolean;
  metaKey: boolean;
}

/** What has the focus, as far as keys are concerned. */
export type Focus = "text" | "choice" | "button" | "slider" | "time" | "graph" | "page";

const MOVES: Record<string, Command> = { ArrowLeft: "back", ArrowRight: "forth", Home: "first", End: "last" };
const SIGNS: Record<string, Command> = { "[": "cut-down", "]": "cut-up", "/": "search", "?": "help" };

/** The command of a key, or null where the key belongs to what has the focus. */
export function commandOf(pressed: Pressed, focus: Focus): Command | null {
  if (pressed.ctrlKey || pressed.metaKey) return null;
  if (pressed.key === "Escape") return focus === "text" ? null : "clear";
  if (focus === "text") return null;
  // AltGr counts as Alt where brackets need it.
  if (Object.hasOwn(SIGNS, pressed.key)) return SIGNS[pressed.key]!;
  if (pressed.altKey) return null;
  if (pressed.key === " ") return focus === "page" || focus === "time" || focus === "graph" ? "play" : null;
  if (focus !== "page" && focus !== "time" && focus !== "button") return null;
  const move = MOVES[pressed.key];
  if (pressed.shiftKey && move === "back") return "back-far";
  if (pressed.shiftKey && move === "forth") return "forth-far";
  return move ?? null;
}

/** What an element is to the keyboard. */
export function focusOf(element: EventTarget | null | undefined): Focus {
  if (!(element instanceof Element)) return "page";
  if (element.closest("[data-keys=time]")) return "time";
  if (element.closest("[data-keys=graph]")) return "graph";
  if (element.closest("[role=slider], [role=grid], [role=listbox]")) return "slider";
  const input = element.closest("input, textarea, select, button, summary, a, [contenteditable]");
  if (!input) return "page";
  if (input.matches("select")) return "choice";
  if (input.matches("input[type=range], input[type=radio]")) return "slider";
  return input.matches("button, summary, a, input[type=checkbox]") ? "button" : "text";
}

export interface Places {
  search(): void;
  help(): void;
  playing(): boolean;
  searching(): boolean;
}

const CUT_STEP = 0.01;
const FAR = 10;

/** Does what a command says. */
export function obey(command: Command, actions: Actions, places: Places): void {
  const does: Record<Command, () => void> = {
    play: () => actions.play(!places.playing()),
    back: () => actions.stepBy(-1),
    forth: () => actions.stepBy(1),
    "back-far": () => actions.stepBy(-FAR),
    "forth-far": () => actions.stepBy(FAR),
    first: () => actions.goToEnd(false),
    last: () => actions.goToEnd(true),
    "cut-down": () => actions.moveCutoff(-CUT_STEP),
    "cut-up": () => actions.moveCutoff(CUT_STEP),
    search: places.search,
    help: places.help,
    clear: () => (places.searching() ? actions.setSearch("") : actions.select([], false)),
  };
  does[command]();
}

/** Listens for keys below an element. Returns what ends it. */
export function listen(element: HTMLElement | Document, actions: Actions, places: Places): () => void {
  const heard = (event: Event): void => {
    if (!(event instanceof KeyboardEvent) || event.defaultPrevented) return;
    const command = commandOf(event, focusOf(event.composedPath()[0]));
    if (command === null) return;
    event.preventDefault();
    obey(command, actions, places);
  };
  element.addEventListener("keydown", heard);
  return () => element.removeEventListener("keydown", heard);
}
