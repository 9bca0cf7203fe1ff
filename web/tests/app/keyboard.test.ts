// @vitest-environment happy-dom
import { describe, expect, it } from "vitest";

import { commandOf, focusOf, type Command, type Focus } from "../../src/app/keyboard";

function press(key: string, focus: Focus, held: Partial<Record<"shiftKey" | "ctrlKey" | "altKey" | "metaKey", boolean>> = {}): Command | null {
  return commandOf({ key, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...held }, focus);
}

describe("keys", () => {
  it.each<[string, Command]>([
    [" ", "play"],
    ["ArrowLeft", "back"],
    ["ArrowRight", "forth"],
    ["Home", "first"],
    ["End", "last"],
    ["[", "cut-down"],
    ["]", "cut-up"],
    ["/", "search"],
    ["?", "help"],
    ["Escape", "clear"],
  ])("%s on the page", (key, command) => {
    expect(press(key, "page")).toBe(command);
  });

  it("go ten moments with Shift", () => {
    expect(press("ArrowLeft", "page", { shiftKey: true })).toBe("back-far");
    expect(press("ArrowRight", "time", { shiftKey: true })).toBe("forth-far");
  });

  it("are never taken from who writes", () => {
    for (const key of [" ", "ArrowLeft", "Home", "[", "/", "?", "Escape", "a"]) expect(press(key, "text"), key).toBeNull();
  });

  it("are left to the controls that need them", () => {
    expect(press(" ", "button")).toBeNull();
    expect(press("ArrowLeft", "slider")).toBeNull();
    expect(press("Home", "choice")).toBeNull();
    expect(press("ArrowLeft", "graph")).toBeNull();
    expect(press(" ", "graph")).toBe("play");
    expect(press("ArrowRight", "button")).toBe("forth");
    expect(press("]", "slider")).toBe("cut-up");
  });

  it("belong to the browser with Ctrl, Meta and Alt", () => {
    expect(press("ArrowLeft", "page", { altKey: true })).toBeNull();
    expect(press("[", "page", { metaKey: true })).toBeNull();
    expect(press("/", "page", { ctrlKey: true })).toBeNull();
    expect(press("q", "page")).toBeNull();
  });
});

it("knows what has the focus", () => {
  document.body.innerHTML = `<input type="search"><input type="range" data-keys="time"><input type="range" id="r"><select></select>
    <button><b></b></button><div data-keys="graph"><i></i></div><p></p><input type="checkbox"><div role="slider" id="s"></div><table role="grid"><tr></tr></table>`;
  const of = (selector: string): Focus => focusOf(document.querySelector(selector));
  expect(of("input[type=search]")).toBe("text");
  expect(of("[data-keys=time]")).toBe("time");
  expect(of("#r")).toBe("slider");
  expect(of("#s")).toBe("slider");
  expect(of("select")).toBe("choice");
  expect(of("b")).toBe("button");
  expect(of("input[type=checkbox]")).toBe("button");
  expect(of("i")).toBe("graph");
  expect(of("p")).toBe("page");
  expect(focusOf(null)).toBe("page");
});
