// Base64 and gzip, as an exported page and a notebook carry their data.

/** The bytes behind base64 of gzip. */
export async function unpack(base64: string): Promise<ArrayBuffer> {
  let text: string;
  try {
    text = atob(base64.replace(/\s+/g, ""));
  } catch {
    throw new Error("The data in this page are damaged: they are not base64.");
  }
  const bytes = new Uint8Array(text.length);
  for (let place = 0; place < text.length; place += 1) {
    bytes[place] = text.charCodeAt(place);
  }
  return gunzip(bytes);
}

/** The bytes behind gzip. */
export async function gunzip(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  if (typeof DecompressionStream === "undefined") {
    throw new Error("This browser cannot unpack the data in this page: a newer one can.");
  }
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  try {
    return await new Response(stream).arrayBuffer();
  } catch {
    throw new Error("The data in this page are damaged: they cannot be unpacked.");
  }
}
