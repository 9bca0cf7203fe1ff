// The server's secret. It comes in the address that `surfeit view` prints, and is taken out of it at
// once: neither the address bar nor a link that is copied from the page tells it to others.

const KEPT = "surfeit-token";

/** Where the page lies without the secret. */
export const PAGE = "/view";

/** The secret: from the address, which then no longer holds it, or from an earlier visit.
 *
 * It is kept for the pages of this very port. A cookie would be sent to every port of this machine,
 * and so to the servers of its other users. */
export function takeToken(): string {
  const given = new URLSearchParams(location.search).get("token");
  if (given === null) return kept() ?? "";
  // A browser that keeps nothing needs it in the address when the page is loaded again.
  if (keep(given)) history.replaceState(history.state, "", PAGE + location.hash);
  return given;
}

/** An address without the secret, that opens the same view for who has it. */
export function withoutToken(address: string): string {
  const plain = new URL(address);
  plain.hash = "";
  if (!plain.searchParams.has("token")) return plain.href;
  plain.searchParams.delete("token");
  plain.pathname = PAGE;
  return plain.href;
}

function kept(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}

function keep(token: string): boolean {
  try {
    localStorage.setItem(KEPT, token);
    return kept() === token;
  } catch {
    return false;
  }
}
