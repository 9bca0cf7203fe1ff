// A plugin that lists every package with code in the bundle, also in its inlined worker, with the
// words of its licence: in NOTICES.txt, and at the end of the bundle, which exported pages copy.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

import type { Plugin, Rolldown } from "vite";

interface Notice {
  name: string;
  version: string;
  licence: string;
  text: string;
}

const LICENCE_FILE = /^(licen[cs]e|copying)([.-]|$)/i;

/** Plugins for the page and for its worker, which is bundled apart; both collect into one list. */
export function notices(): { page: () => Plugin; worker: () => Plugin } {
  const folders = new Set<string>();
  return {
    worker: () => ({
      name: "surfeit-notices-worker",
      generateBundle: (_options, bundle) => collect(bundle, folders),
    }),
    page: () => ({
      name: "surfeit-notices",
      generateBundle(_options, bundle) {
        collect(bundle, folders);
        const source = noticesText([...folders].map(noticeOf));
        for (const chunk of Object.values(bundle)) {
          if (chunk.type === "chunk" && chunk.isEntry) chunk.code += `/*!\n${source}*/\n`;
        }
        this.emitFile({ type: "asset", fileName: "NOTICES.txt", source });
      },
    }),
  };
}

function collect(bundle: Rolldown.OutputBundle, folders: Set<string>): void {
  for (const chunk of Object.values(bundle)) {
    if (chunk.type !== "chunk") continue;
    for (const [id, module] of Object.entries(chunk.modules)) {
      const folder = packageFolder(id);
      if (folder !== null && module.renderedLength > 0) folders.add(folder);
    }
  }
}

/** The folder of the package that a module belongs to; null for modules of our own. */
export function packageFolder(id: string): string | null {
  const path = id.replace(/^\0/, "").replace(/\?.*$/, "").replaceAll("\\", "/");
  const found = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path);
  return found ? found[0] : null;
}

/** What one package says of itself; a package without words of a licence is an error. */
export function noticeOf(folder: string): Notice {
  const about: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  const { name, version, license } = about as { name: string; version: string; license?: string };
  const file = existsSync(folder) ? readdirSync(folder).sort().find((entry) => LICENCE_FILE.test(entry)) : undefined;
  if (license === undefined || file === undefined) {
    throw new Error(`${name} in ${dirname(folder)} has no licence: it cannot be bundled`);
  }
  const text = readFileSync(join(folder, file), "utf8").replaceAll("\r\n", "\n").trim();
  return { name, version, licence: license, text };
}

/** The notices as one text, packages with the same words together. */
export function noticesText(found: readonly Notice[]): string {
  const byText = new Map<string, Notice[]>();
  for (const notice of [...found].sort((a, b) => a.name.localeCompare(b.name))) {
    byText.set(notice.text, [...(byText.get(notice.text) ?? []), notice]);
  }
  const parts = ["The viewer of Surfeit (MIT) contains code of these packages.\n"];
  for (const [text, together] of byText) {
    const names = together.map(({ name, version, licence }) => `${name} ${version} (${licence})`);
    parts.push(`${names.join("\n")}\n\n${text}\n`);
  }
  // The text also ends the bundle as a comment, and a page holds the bundle in a script.
  return parts.join(`\n${"-".repeat(72)}\n\n`).replaceAll("*/", "* /").replaceAll("</script", "<\\/script");
}
