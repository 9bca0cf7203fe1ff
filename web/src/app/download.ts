// Files that the page gives to its reader, and what goes to the clipboard.

import { layerName } from "../layers";
import { isScene, type View } from "./derive";
import { h } from "./dom";
import { momentName } from "./words";

/** Gives a file of this name; the word on it. */
export function download(blob: Blob, name: string): string {
  const address = URL.createObjectURL(blob);
  const link = h("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return `Saved as ${name}.`;
}

/** Copies a text, or shows it to be copied by hand; the word on it. */
export async function copy(text: string, what: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(text);
    return `${what} copied.`;
  } catch {
    return `The ${what.toLowerCase()} could not be copied by itself; here it is: ${text}`;
  }
}

/** "6f0cab05b9c6-fc1-epoch-12", of the run that is shown or of the one beside it. */
export function fileName({ scene }: View, beside = false): string {
  if (!isScene(scene)) return "surfeit";
  const { id } = (beside ? scene.merged : null) ?? scene.timeline;
  const words = [id.slice(0, 12), layerName(scene.layer.name), momentName(scene.timeline, scene.moment)];
  return words.join("-").replace(/[^A-Za-z0-9.]+/g, "-");
}
