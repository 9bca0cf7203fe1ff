// The notices: which packages are found in a bundle and its worker, and what is said of them.
import { mkdtempSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { build, type Rolldown } from "vite";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { noticeOf, notices, noticesText, packageFolder } from "../notices";

const MODULES = resolve(import.meta.dirname, "../node_modules");
let folder = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "notices-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A package in the temporary folder. */
function packed(name: string, about: object, files: Record<string, string>): string {
  const path = join(folder, "node_modules", name);
  mkdirSync(path, { recursive: true });
  writeFileSync(join(path, "package.json"), JSON.stringify({ name, version: "1.2.3", ...about }));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(path, file), text);
  return path;
}

describe("the folder of a module's package", () => {
  it.each([
    ["/a/node_modules/d3-force/src/index.js", "/a/node_modules/d3-force"],
    ["/a/node_modules/@scope/one/index.js?worker", "/a/node_modules/@scope/one"],
    ["/a/node_modules/one/node_modules/two/index.js", "/a/node_modules/one/node_modules/two"],
    ["C:\\a\\node_modules\\d3\\index.js", "C:/a/node_modules/d3"],
    ["\0/a/node_modules/d3/index.js", "/a/node_modules/d3"],
  ])("is found in %j", (id, expected) => expect(packageFolder(id)).toBe(expected));

  it.each(["/a/web/src/main.ts", "\0vite/preload-helper.js", "rolldown/runtime.js"])("is none for %j", (id) =>
    expect(packageFolder(id)).toBeNull(),
  );
});

describe("what a package says of itself", () => {
  it("is its name, version, licence and the licence's words", () => {
    const path = packed("one", { license: "ISC" }, { "LICENSE.md": "  Words\r\nof it.\n" });
    expect(noticeOf(path)).toEqual({ name: "one", version: "1.2.3", licence: "ISC", text: "Words\nof it." });
  });

  it("must be there: a package without a licence is not bundled", () => {
    expect(() => noticeOf(packed("one", { license: "ISC" }, {}))).toThrow("one in");
    expect(() => noticeOf(packed("two", {}, { LICENCE: "Words" }))).toThrow("has no licence");
  });
});

describe("the notices", () => {
  const one = { name: "one", version: "1.0.0", licence: "ISC", text: "Words" };

  it("say equal words once", () => {
    const text = noticesText([{ ...one, name: "two" }, one, { ...one, name: "three", text: "Others" }]);
    expect(text).toContain("one 1.0.0 (ISC)\ntwo 1.0.0 (ISC)\n\nWords\n");
    expect(text).toContain("three 1.0.0 (ISC)\n\nOthers\n");
  });

  it("end neither the comment nor the script that they stand in", () => {
    const text = noticesText([{ ...one, text: "a */ b </script> c" }]);
    expect(text).not.toContain("*/");
    expect(text).not.toContain("</script");
  });
});

describe("a bundle", () => {
  it("names the packages of its inlined worker too, and carries their licence", async () => {
    mkdirSync(join(folder, "src"));
    symlinkSync(MODULES, join(folder, "node_modules"));
    writeFileSync(join(folder, "src/main.ts"), MAIN);
    writeFileSync(join(folder, "src/worker.ts"), WORKER);
    const { page, worker } = notices();
    const made = await build({
      root: folder,
      configFile: false,
      logLevel: "silent",
      plugins: [page()],
      worker: { format: "es", plugins: () => [worker()] },
      resolve: { preserveSymlinks: true },
      build: { write: false, lib: { entry: join(folder, "src/main.ts"), formats: ["es"], fileName: () => "viewer.js" } },
    });
    const { output } = (Array.isArray(made) ? made[0] : made) as Rolldown.RolldownOutput;
    const text = sourceOf(output);
    expect(text).toMatch(/^d3-shape [\d.]+ \(ISC\)$/m); // in the page
    expect(text).toMatch(/^d3-force [\d.]+ \(ISC\)$/m); // in the worker
    expect(text).toMatch(/^d3-timer [\d.]+ \(ISC\)$/m); // what the worker's package needs
    expect(text).not.toMatch(/^d3-scale /m); // installed, but not in here
    expect(text).toContain("Mike Bostock");
    const code = output.find((part) => part.type === "chunk" && part.isEntry);
    expect(code?.type === "chunk" && code.code.endsWith(`/*!\n${text}*/\n`)).toBe(true);
  });
});

const MAIN = `
import { line } from "d3-shape";
import Worker from "./worker.ts?worker&inline";
export const drawn = line()([[0, 0]]);
export const make = () => new Worker();
`;

const WORKER = `
import { forceSimulation } from "d3-force";
self.postMessage(forceSimulation([{}]).alpha());
`;

function sourceOf(output: Rolldown.RolldownOutput["output"]): string {
  const found = output.find((part) => part.fileName === "NOTICES.txt");
  return found?.type === "asset" ? String(found.source) : "";
}
