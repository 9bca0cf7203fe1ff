// Writing the view's address, in time with those who change it from outside.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createWriter, type Address } from "../../src/app/address";

function kept(first: string): Address & { hash: string; written: string[] } {
  return {
    hash: first,
    written: [],
    read() {
      return this.hash;
    },
    write(hash) {
      this.written.push(hash);
      this.hash = hash;
    },
    listen: () => () => undefined,
    link: null,
  };
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("of many addresses in a moment only the last is written", () => {
  const address = kept("");
  const writer = createWriter(address);
  ["#a", "#b", "#c"].forEach((hash) => writer.write(hash));
  expect(address.written).toEqual([]);
  vi.runAllTimers();
  expect(address.written).toEqual(["#c"]);
});

test("what waits when others change the address is never written over it", () => {
  const address = kept("#old");
  const writer = createWriter(address);
  writer.write("#ours");
  address.hash = "#theirs"; // the browser tells us of it only later
  vi.runAllTimers();
  expect(address.hash).toBe("#theirs");
});

test("after a change from outside the view's address is written again", () => {
  const address = kept("#old");
  const writer = createWriter(address);
  writer.write("#ours");
  address.hash = "#theirs";
  writer.changed();
  vi.runAllTimers();
  expect(address.hash).toBe("#theirs");
  writer.write("#theirs&more");
  vi.runAllTimers();
  expect(address.hash).toBe("#theirs&more");
});

test("an end writes what waits at once", () => {
  const address = kept("");
  const writer = createWriter(address);
  writer.write("#last");
  writer.stop();
  expect(address.hash).toBe("#last");
});
