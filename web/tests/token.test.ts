// @vitest-environment happy-dom
// Where the server's secret stays, and where it must not be seen.
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { pageAddress } from "../src/app/address";
import { takeToken, withoutToken } from "../src/data/token";

beforeEach(() => {
  localStorage.clear();
  vi.stubGlobal("location", new URL("http://127.0.0.1:8123/"));
  vi.spyOn(history, "replaceState").mockImplementation((_state, _title, address) => {
    vi.stubGlobal("location", new URL(String(address), location.href));
  });
});
afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

function at(address: string): void {
  vi.stubGlobal("location", new URL(address, "http://127.0.0.1:8123/"));
}

describe("the token", () => {
  it("is taken out of the address and kept for the next visit", () => {
    at("/?token=secret#v=1&run=6f0c");
    expect(takeToken()).toBe("secret");
    expect(location.href).toBe("http://127.0.0.1:8123/view#v=1&run=6f0c");
    expect(takeToken()).toBe("secret");
  });

  it("of a new server takes the place of the old one's", () => {
    at("/?token=old");
    takeToken();
    at("/?token=new");
    expect(takeToken()).toBe("new");
    at("/view");
    expect(takeToken()).toBe("new");
  });

  it("is empty for who never had it", () => {
    at("/view#v=1");
    expect(takeToken()).toBe("");
  });

  it("stays in the address where a browser keeps nothing", () => {
    at("/?token=secret#v=1");
    vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => { throw new Error("refused"); } });
    expect(takeToken()).toBe("secret");
    expect(location.href).toContain("token=secret");
    expect(pageAddress().link!("#v=1&run=6f0c")).toBe("http://127.0.0.1:8123/view#v=1&run=6f0c");
  });
});

it.each([
  ["http://127.0.0.1:8123/?token=secret#v=1", "http://127.0.0.1:8123/view"],
  ["http://127.0.0.1:8123/?a=b&token=secret", "http://127.0.0.1:8123/view?a=b"],
  ["http://127.0.0.1:8123/view#v=1", "http://127.0.0.1:8123/view"],
  ["file:///home/me/graph.html#v=1", "file:///home/me/graph.html"],
])("no link from %s carries it", (address, plain) => {
  expect(withoutToken(address)).toBe(plain);
});
