// Saving the view: SVG, PNG, and JSON that Python draws again.

export { toView } from "./json";
export type { Saving } from "./shapes";
export { toPng } from "./png";
export { toSvg } from "./svg";
