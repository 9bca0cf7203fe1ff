// Lists of selected units as Python takes them, and the table as CSV.
import { describe, expect, it } from "vitest";

import { csvOf, listsOf } from "../../src/app/lists";
import { rowsOf, sorted } from "../../src/app/rows";
import { viewOf } from "./planted";

describe("the selection as a list", () => {
  it("is a mapping from the layer to its units, ascending", () => {
    const [list] = listsOf(viewOf("#sel=5,0,3"));
    expect(list).toEqual({ beside: false, units: [0, 3, 5], text: '{"fc1": [0, 3, 5]}' });
    expect(JSON.parse(list!.text)).toEqual({ fc1: [0, 3, 5] });
  });

  it("numbers the units of a second run as that run does", () => {
    const lists = listsOf(viewOf("#sel=5,2,3&with=two", 3));
    expect(lists.map(({ beside, text }) => [beside, text])).toEqual([[false, '{"fc1": [2]}'], [true, '{"fc1": [0, 2]}']]);
    expect(listsOf(viewOf("#sel=4&with=two", 3)).map(({ beside }) => beside)).toEqual([true]);
  });

  it("leaves out what is not there", () => {
    expect(listsOf(viewOf("#sel=99"))).toEqual([]);
  });
});

describe("the table as CSV", () => {
  it("has a line for each unit in the given order, empty where nothing is known", () => {
    const view = viewOf("#sel=5");
    const rows = sorted(rowsOf(view.facts!, Uint16Array.of(3, 4, 2, 6, 1, 5)), { column: "norm", descending: true });
    const lines = csvOf(view, rows).split("\r\n");
    expect(lines[0]).toBe("run,unit,norm,update_norm,angle_moved_degrees,links,component,weights_kept,removal_place,selected");
    expect(lines[1]).toBe("one,3,4,0.8,22.91831,1,2,1,6,0");
    expect(lines[2]).toBe("one,5,3,0.6,,0,,1,5,1");
    expect(lines).toHaveLength(8);
    expect(lines[7]).toBe("");
  });

  it("numbers the units of a second run as that run does", () => {
    const view = viewOf("#with=two", 3);
    const lines = csvOf(view, rowsOf(view.facts!, null)).split("\r\n");
    expect(lines.slice(1, 7).map((line) => line.split(",").slice(0, 2).join())).toEqual(["one,0", "one,1", "one,2", "two,0", "two,1", "two,2"]);
  });
});
