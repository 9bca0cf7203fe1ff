// @vitest-environment happy-dom
// What if these go: what is asked of the server, and how long its answer stands.
import { describe, expect, it } from "vitest";

import { createTrial, type Ask } from "../../src/app/trial";
import { runsOf } from "../../src/data/http";
import type { Query } from "../../src/types";
import { settle, viewOf } from "./planted";

function tried(answer: Ask = async (_, units) => ({ words: [`Without ${units.length}.`, "Others."] })) {
  const asked: [Query, readonly number[]][] = [];
  const part = createTrial((query, units, signal) => {
    asked.push([query, units]);
    return answer(query, units, signal);
  });
  document.body.replaceChildren(part.element);
  const press = async (): Promise<void> => {
    part.element.querySelector("button")!.click();
    await settle();
  };
  const said = (): (string | null)[] => [...part.element.querySelectorAll("[role=status] > *")].map((one) => one.textContent);
  return { part, asked, press, said };
}

describe("what if these go", () => {
  it("asks for exactly the selected units and shows the sentences", async () => {
    const { part, asked, press, said } = tried();
    part.update(viewOf("#sel=5,0,3"));
    expect(part.element.hidden).toBe(false);
    await press();
    expect(asked.map(([{ timeline: id, layer, merged }, units]) => [id, layer, merged, units])).toEqual([["one", "fc1", null, [0, 3, 5]]]);
    expect(said()).toEqual(["Without 3.", "Others."]);
  });

  it("forgets the answer with another selection or moment, and keeps it with other colours", async () => {
    const { part, press, said } = tried();
    part.update(viewOf("#sel=5"));
    await press();
    part.update(viewOf("#sel=5&colour=norm"));
    expect(said()).toHaveLength(2);
    part.update(viewOf("#sel=5&t=0"));
    expect(said()).toEqual([]);
    await press();
    part.update(viewOf("#sel=4&t=0"));
    expect(said()).toEqual([]);
  });

  it("asks for each run's own units of two", async () => {
    const { part, asked, press, said } = tried();
    part.update(viewOf("#sel=5,2,3&with=two", 3));
    await press();
    expect(asked.map(([{ timeline: id, merged }, units]) => [id, merged, units])).toEqual([["one", null, [2]], ["one", "two", [0, 2]]]);
    expect(said()).toEqual(["run one", "Without 1.", "Others.", "run two", "Without 2.", "Others."]);
  });

  it("says why where it cannot be measured, and drops what comes too late", async () => {
    const failing = tried(() => Promise.reject(new Error("the data are not given")));
    failing.part.update(viewOf("#sel=5"));
    await failing.press();
    expect(failing.said()).toEqual(["The data are not given."]);
    let give = (_: { words: string[] }): void => undefined;
    const late = tried(() => new Promise((resolve) => void (give = resolve)));
    late.part.update(viewOf("#sel=5"));
    await late.press();
    expect(late.said()).toEqual(["Removing these units and as many at random, many times…"]);
    late.part.update(viewOf("#sel=4"));
    give({ words: ["Of five."] });
    await settle();
    expect(late.said()).toEqual([]);
  });

  it("is absent without a selection and without a server", () => {
    const { part } = tried();
    part.update(viewOf("#"));
    expect(part.element.hidden).toBe(true);
    const alone = createTrial(null);
    alone.update(viewOf("#sel=5"));
    expect(alone.element.hidden).toBe(true);
  });
});

describe("units in an address", () => {
  it("are named by their runs", () => {
    expect(runsOf([3, 17, 18, 19, 21])).toBe("3,17-19,21");
    expect(runsOf([0])).toBe("0");
    expect(runsOf([4, 5])).toBe("4-5");
  });
});
