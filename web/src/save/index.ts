// Saving the view: SVG, PNG, JSON that Python draws again, and what shows several moments.

export { besideEachOther, type Panel } from "./beside";
export { createFilm, type Film } from "./film";
export { toView } from "./json";
export type { Saving, SavingMatrix } from "./shapes";
export { toPng } from "./png";
export { toSvg } from "./svg";
