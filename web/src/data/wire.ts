// Reads what surfeit.viewer.wire writes: a JSON header and raw arrays in one run of bytes.

export type Numbers = Uint8Array | Uint16Array | Uint32Array | Int8Array | Float32Array | Float64Array;

/** A header, still to be looked at, and arrays by name: views of the bytes, not copies. */
export interface Pack {
  header: Record<string, unknown>;
  arrays: ReadonlyMap<string, Numbers>;
}

interface Place {
  dtype: string;
  offset: number;
  length: number;
}

const KINDS = {
  u1: Uint8Array,
  u2: Uint16Array,
  u4: Uint32Array,
  i1: Int8Array,
  f4: Float32Array,
  f8: Float64Array,
} as const;

/** Splits a pack into its header and arrays. */
export function decode(bytes: ArrayBuffer): Pack {
  try {
    return read(bytes);
  } catch (error) {
    throw new Error(`The data cannot be read: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** The array of that name and kind; fails where there is none. */
export function arrayOf<K extends keyof typeof KINDS>(pack: Pack, name: string, kind: K): InstanceType<(typeof KINDS)[K]> {
  const found = pack.arrays.get(name);
  if (!(found instanceof KINDS[kind])) {
    throw new Error(`The data lack the array "${name}" of ${kind}: another version of Surfeit wrote them.`);
  }
  return found as InstanceType<(typeof KINDS)[K]>;
}

function read(bytes: ArrayBuffer): Pack {
  if (bytes.byteLength < 4) {
    throw new Error(`it has ${bytes.byteLength} bytes`);
  }
  const length = new DataView(bytes).getUint32(0, true);
  if (4 + length > bytes.byteLength) {
    throw new Error("the header is cut short");
  }
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length))) as Record<string, unknown>;
  const places = Object.entries(header["arrays"] as Record<string, Place>);
  delete header["arrays"];
  return { header, arrays: new Map(places.map(([name, place]) => [name, view(bytes, 4 + length, place)])) };
}

function view(bytes: ArrayBuffer, start: number, place: Place): Numbers {
  if (!(place.dtype in KINDS)) {
    throw new Error(`it holds numbers of the unknown kind "${place.dtype}"`);
  }
  // All browsers that run this page are little-endian, as the bytes are.
  return new KINDS[place.dtype as keyof typeof KINDS](bytes, start + place.offset, place.length);
}
