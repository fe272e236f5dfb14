// Whom a text calls where a name alone does not say it: two people of a group are called
// alike, and one of them was chosen from the menu.
import type { Entity, Fingerprint } from "@rpc";

/** Somebody who is to be chosen, and how the text names them. */
export interface Called { name: string; account: Fingerprint }

/** Somebody who was chosen, and where the text names them: code units of UTF-16 before it. */
export interface Chosen extends Called { at: number }

/** Those who were chosen, where an edited text names them; the caret stands behind what was put in. Who was edited is none of them. */
export function moved(chosen: Chosen[], before: string, after: string, caret = after.length): Chosen[] {
  const least = Math.min(before.length, after.length);
  let tail = after.length - caret <= least && before.endsWith(after.slice(caret)) ? after.length - caret : 0, head = 0;
  while (head < least - tail && before[head] === after[head]) head++;
  while (tail < least - head && before[before.length - tail - 1] === after[after.length - tail - 1]) tail++;
  return chosen.flatMap((c) => (c.at + c.name.length <= head ? [c] : c.at >= before.length - tail ? [{ ...c, at: c.at + after.length - before.length }] : []));
}

/** The same in a text that begins elsewhere. */
export const placed = (chosen: Chosen[], by: number): Chosen[] => chosen.map((c) => ({ ...c, at: c.at + by }));

const word = /^[A-Za-z0-9]{2}$/; // as the core has it: a name of letters ends where the word does

/** Entities for those who were chosen, in the order of the text; undefined where there are none. Who has become the head of a longer one of the names is none. */
export function calls(text: string, chosen: Chosen[], names: Iterable<string> = []): Entity[] | undefined {
  const longer = [...names];
  const out = chosen.filter(({ name, at }) => {
    const end = at + name.length;
    return text.startsWith(name, at) && !word.test(text.slice(end - 1, end + 1)) && !longer.some((n) => n.length > name.length && text.startsWith(n, at));
  }).map(({ name, at, account }): Entity => ({ type: "mention", offset: at, length: name.length, account }));
  return out.length ? out.sort((a, b) => a.offset - b.offset) : undefined;
}

/** A text with marks in which they are called by marks, too; undefined where other marks could hide those. */
export function marked(text: string, called: Entity[]): string | undefined {
  if (/[`[\\]/.test(text)) return undefined;
  let out = "", from = 0;
  for (const e of called) {
    const name = text.slice(e.offset + 1, e.offset + e.length);
    if (/[\]*_+~|]/.test(name)) return undefined;
    out += `${text.slice(from, e.offset)}@[${name}](${e.account})`;
    from = e.offset + e.length;
  }
  return out + text.slice(from);
}
