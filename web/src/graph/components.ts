// Which units hang together by links: connected components, by union-find.

/** The components of a graph, the largest first; equal sizes by their first unit. */
export interface Components {
  /** The component of each unit; -1 for hidden units. */
  of: Int32Array;
  /** Units in each component, descending. */
  sizes: number[];
}

/** The components that the first `count` links make of the units; hidden units take no part. */
export function components(
  links: { source: Uint16Array; target: Uint16Array },
  count: number,
  shown: ArrayLike<number>,
): Components {
  const parent = Int32Array.from(shown, (_, unit) => unit);
  for (let link = 0; link < count; link++) {
    const source = links.source[link];
    const target = links.target[link];
    if (shown[source] && shown[target]) join(parent, source, target);
  }
  return ranked(parent, shown);
}

function root(parent: Int32Array, unit: number): number {
  while (parent[unit] !== unit) {
    parent[unit] = parent[parent[unit]];
    unit = parent[unit];
  }
  return unit;
}

/** The lesser unit becomes the root, so that a component's root is its first unit. */
function join(parent: Int32Array, first: number, second: number): void {
  const one = root(parent, first);
  const other = root(parent, second);
  if (one < other) parent[other] = one;
  else parent[one] = other;
}

function ranked(parent: Int32Array, shown: ArrayLike<number>): Components {
  const size = new Map<number, number>();
  for (let unit = 0; unit < parent.length; unit++) {
    if (!shown[unit]) continue;
    const first = root(parent, unit);
    size.set(first, (size.get(first) ?? 0) + 1);
  }
  const order = [...size].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
  const rank = new Map(order.map(([first], place) => [first, place]));
  const of = Int32Array.from(parent, (_, unit) =>
    shown[unit] ? (rank.get(root(parent, unit)) ?? -1) : -1,
  );
  return { of, sizes: order.map(([, units]) => units) };
}
