// What is loaded at once says only words that are loaded at once, and what comes later
// brings the others with it.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";
import { rare } from "../src/words/rare";

const text = (f: string) => readFileSync(f, "utf8");
const reads = (f: string) => [...text(f).matchAll(/^(?:import|export) (?!type\b)(?:[^;]*? from )?"(\.[^"]+)";/gm)].flatMap((m) => {
  const p = normalize(join(dirname(f), m[1]!));
  return [".ts", ".tsx", "/index.ts"].map((e) => p + e).filter(existsSync);
});
/** A file and all that it cannot be without. */
function closure(f: string, seen = new Set<string>()): Set<string> {
  if (!seen.has(f)) { seen.add(f); for (const g of reads(f)) closure(g, seen); }
  return seen;
}
const source = (f: string) => !/words\/(zh|en|rare)\.ts$/.test(f);
const says = (f: string) => Object.keys(rare).filter((key) => text(f).includes(`"${key}"`) || [...text(f).matchAll(/`([a-z.]+\.)\$\{/g)].some((m) => m[1] !== "setup." && key.startsWith(m[1]!) && !["role.", "device.", "key."].includes(m[1]!)));

it("what is loaded at once says nothing that comes later", () => {
  const first = closure("src/main.tsx");
  expect(first.has("src/words/rare.ts")).toBe(false);
  for (const f of [...first].filter(source)) expect(says(f), f).toEqual([]);
});

it("who says words that come later brings them", () => {
  const later = readdirSync("src/ui").map((f) => `src/ui/${f}`).filter((f) => says(f).length);
  expect(later.length).toBeGreaterThan(10);
  for (const f of later) expect(closure(f).has("src/words/rare.ts"), f).toBe(true);
});
