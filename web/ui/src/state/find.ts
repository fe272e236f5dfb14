// Finding a name as people type it: any letter case, full width or half, 台 or 臺.
const folded = (s: string) => s.normalize("NFKC").toLowerCase().replace(/臺/g, "台");

/** Whether a name has what was typed. */
export const matches = (name: string, query: string) => folded(name).includes(folded(query.trim()));

/** How near a name is to what was typed: it is that, it begins so, a word of it does, it has it somewhere. */
export function rank(name: string, query: string): number {
  const n = folded(name), q = folded(query.trim());
  return n === q ? 0 : n.startsWith(q) ? 1 : n.split(/[\s（(・·]+/).some((w) => w.startsWith(q)) ? 2 : 3;
}

/** A list, the nearest first; those that are equally near stay in their order. */
export const byRank = <T>(list: T[], of: (x: T) => number): T[] => list.map((x) => [of(x), x] as const).sort((a, b) => a[0] - b[0]).map(([, x]) => x);
