// What layers are called.

/** The name of a layer as one says it: the only layer of a network may have none. */
export function layerName(name: string): string {
  return name === "" ? "the network" : name;
}
