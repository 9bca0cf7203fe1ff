// @vitest-environment happy-dom
// Fields of numbers, and the menu that saves.
import { afterEach, describe, expect, it, vi } from "vitest";

import type { Actions } from "../../src/app/actions";
import { noAddress, pageAddress, type Address } from "../../src/app/address";
import type { View } from "../../src/app/derive";
import { createNumberInput } from "../../src/app/numberfield";
import { createSaveMenu } from "../../src/app/savemenu";
import { settle, standIn } from "./planted";

afterEach(() => document.body.replaceChildren());

describe("a field for a number", () => {
  function field() {
    const taken: number[] = [];
    const made = createNumberInput("sigma", (value) => void taken.push(value));
    document.body.append(made.element);
    made.show("0.5");
    const write = (text: string, then = "change"): void => {
      made.element.focus();
      made.element.value = text;
      for (const name of ["input", then]) made.element.dispatchEvent(new Event(name));
    };
    return { ...made, taken, write };
  }

  it("shows what became of it while the focus stays", () => {
    const { element, show, taken, write } = field();
    write(" 0,7 ");
    expect(taken).toEqual([0.7]);
    show("0.7");
    expect(element.value).toBe("0.7");
  });

  it("is left alone while one writes, and undone where that is no number", () => {
    const { element, show, taken, write } = field();
    write("0.", "focus");
    show("0.6");
    expect(element.value).toBe("0.");
    element.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" }));
    expect(element.value).toBe("0.6");
    write("much");
    expect([element.value, ...taken]).toEqual(["0.6"]);
  });
});

describe("the menu that saves", () => {
  function menu(address: Address) {
    const say = vi.fn();
    const graph = standIn();
    const part = createSaveMenu({ say } as unknown as Actions, graph, address);
    document.body.append(part.element);
    const labels = [...part.element.querySelectorAll("li")].map((item) => item.textContent);
    return { part, say, labels, graph, element: part.element as HTMLDetailsElement };
  }

  it("offers a link only where one leads somewhere", () => {
    expect(menu(pageAddress()).labels).toContain("Copy link to this view");
    expect(menu(noAddress()).labels).toHaveLength(5);
  });

  it("waits for a moment's picture rather than save an earlier one under its name", async () => {
    const { part, say, element, graph } = menu(noAddress());
    const view = (current: boolean, failure: string | null = null): View => ({ frame: null, scene: {}, state: {}, current, model: { failure } }) as unknown as View;
    const asked = vi.spyOn(graph, "snapshot");
    part.update(view(false));
    element.querySelector("button")!.click();
    expect(say).toHaveBeenLastCalledWith("The picture is still being computed; it is saved then.");
    part.update(view(false));
    expect(asked).not.toHaveBeenCalled();
    part.update(view(true));
    part.update(view(true));
    await settle();
    expect(asked).toHaveBeenCalledOnce();
    part.update(view(false, "it is broken"));
    element.querySelector("button")!.click();
    expect(say).toHaveBeenLastCalledWith("There is no picture to save.");
  });

  it("closes when the keyboard goes on", () => {
    const { element } = menu(noAddress());
    element.open = true;
    const inside = element.querySelector("button")!;
    const outside = document.body.appendChild(document.createElement("button"));
    element.dispatchEvent(new FocusEvent("focusout", { relatedTarget: inside }));
    expect(element.open).toBe(true);
    element.dispatchEvent(new FocusEvent("focusout", { relatedTarget: outside }));
    expect(element.open).toBe(false);
  });
});
