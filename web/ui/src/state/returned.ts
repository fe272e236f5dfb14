// Texts that were refused go back to where they were written, each before what was
// written since, and several in the order in which they were written: answers of the
// core pass each other.
import type { ChatID } from "@rpc";

interface Text { turn: number; text: string }

const all = new Map<ChatID, Text[]>(); // what came back to each chat and still begins what is written there
let turns = 0;

/** Numbers what is sent, in the order in which it was written. */
export const turn = () => ++turns;

/** What a chat's field holds once a text came back to it, of what it holds now. */
export function returned(chat: ChatID, text: Text, now: string): string {
  const before = all.get(chat) ?? [], head = join(before);
  const whole = before.length > 0 && (now === head || now.startsWith(head + "\n")); // else the person changed it
  const list = whole ? [...before, text].sort((a, b) => a.turn - b.turn) : [text];
  const since = whole ? now.slice(head.length + 1) : now;
  all.set(chat, list);
  return since ? `${join(list)}\n${since}` : join(list);
}

/** What a chat's field held was sent, or thrown away. */
export const forget = (chat: ChatID) => void all.delete(chat);

const join = (list: Text[]) => list.map((x) => x.text).join("\n");
