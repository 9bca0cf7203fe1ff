// What went wrong, as a sentence; and whether it is the server itself that no longer answers.

/** The sentence of a failure. */
export function sentenceOf(problem: unknown): string {
  const text = problem instanceof Error ? problem.message.trim() : String(problem);
  if (text === "") return "Something went wrong, and nothing is known of it.";
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** Whether nothing answers any more: the source says so by name; an answer cut short is a TypeError. */
export function isGone(problem: unknown): boolean {
  if (!(problem instanceof Error)) return false;
  return problem.name === "ServerGone" || (problem instanceof TypeError && /fetch|network/i.test(problem.message));
}
