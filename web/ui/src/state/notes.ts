// Voice notes that were neither sent nor thrown away: the chat was closed while they were
// spoken, or what should have sent them was refused. They wait in their chats, also when
// the page is opened again; those of secure chats only as long as it is open.
import { createSignal } from "solid-js";
import type { Chat, ChatID } from "@rpc";
import { newID } from "../ids";
import { part } from "../part";

export interface Note { chat: Chat; sound: Blob; shape: number[]; long: number; key?: string } // long: ms; key: in the browser's database

const [all, set] = createSignal<Note[]>([]);
const flag = "omega.notes"; // there may be some in the database
const stored = new Set<string>(); // keys of those that are in it
type Database = typeof import("./notekeep");
const database = () => part<Database>(() => import("./notekeep"));
let turn: Promise<unknown> = Promise.resolve();
/** Does one thing after the other: what is taken was put before. */
const inTurn = <T>(f: (d: Database) => Promise<T>): Promise<T> => {
  const mine = turn.then(database).then(f);
  turn = mine.catch(() => {});
  return mine;
};

/** The one that waits longest in a chat. */
export const noteIn = (chat: ChatID) => all().find((n) => n.chat.chat === chat);

/** Keeps a note until it is sent or thrown away. */
export function keepNote(n: Note) {
  if (!n.chat.secure && !n.key) {
    const key = String(Date.now()).padStart(15, "0") + newID(); // in the order of time
    n = { ...n, key };
    localStorage.setItem(flag, "1");
    void inTurn((d) => d.put(key, n)).then((kept) => { if (kept) stored.add(key); }, () => {}); // no room: as long as the page is open
  }
  set((list) => [...list, n]);
}

/** Takes a note out; says whether it was still there: another window may have taken it. */
export async function takeNote(n: Note): Promise<boolean> {
  set((list) => list.filter((x) => x !== n));
  return inTurn(async (d) => !n.key || !stored.delete(n.key) || d.take(n.key)).catch(() => true);
}

let held = 0; // notes that are spoken, or on their way

/** A note is only here until what is returned is called, once. Where it will be kept comes meanwhile. */
export function hold(): () => void {
  held++;
  void database().catch(() => {});
  return () => { held--; };
}

/** Whether a note would be lost with the page. */
export const unsaved = () => held > 0 || all().some((n) => !n.key || !stored.has(n.key));

/** Brings back what was kept before the page was opened. */
export async function restoreNotes(): Promise<void> {
  if (!localStorage.getItem(flag)) return;
  const kept = await inTurn((d) => d.all());
  kept.forEach((n) => stored.add(n.key!));
  if (kept.length === 0) localStorage.removeItem(flag);
  set((list) => [...kept.filter((n) => !list.some((x) => x.key === n.key)), ...list]);
}
