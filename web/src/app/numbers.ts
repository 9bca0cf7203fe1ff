// Sets of units as short text: "3,17,20-24".

/** The whole numbers that a text names, each once, in its order; those outside [0, end) left out. */
export function parseNumbers(text: string, end: number): number[] {
  const found = new Set<number>();
  for (const part of text.split(",")) {
    const match = /^\s*(\d{1,6})(?:\s*-\s*(\d{1,6}))?\s*$/.exec(part);
    if (!match) continue;
    const first = Number(match[1]);
    const last = Math.min(match[2] === undefined ? first : Number(match[2]), end - 1);
    for (let unit = first; unit <= last; unit += 1) found.add(unit);
  }
  return [...found];
}

/** The text of a set of whole numbers; three or more in a row become "first-last". */
export function formatNumbers(numbers: readonly number[]): string {
  const parts: string[] = [];
  for (let from = 0; from < numbers.length; ) {
    let to = from;
    while (to + 1 < numbers.length && numbers[to + 1] === numbers[to]! + 1) to += 1;
    if (to - from >= 2) parts.push(`${numbers[from]}-${numbers[to]}`);
    else for (let at = from; at <= to; at += 1) parts.push(String(numbers[at]));
    from = to + 1;
  }
  return parts.join(",");
}
