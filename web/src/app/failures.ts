// What went wrong, as a sentence; and whether it is the server itself that no longer answers.

/** The sentence of a failure. */
export function sentenceOf(problem: unknown): string {
  const text = problem instanceof Error ? problem.message.trim() : String(problem);
  if (text === "") return "Something went wrong, and nothing is known of it.";
  // The library begins its messages small; a name such as fc1 stays as it is written.
  const begun = /^[a-z']+\s/.test(text) ? text[0]!.toUpperCase() + text.slice(1) : text;
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/** Whether nothing answers any more: the source says so by name; an answer cut short is a TypeError. */
export function isGone(problem: unknown): boolean {
  if (!(problem instanceof Error)) return false;
  return problem.name === "ServerGone" || (problem instanceof TypeError && /fetch|network/i.test(problem.message));
}
