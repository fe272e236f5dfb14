// What every part of the pages shares: the way to the core, the account, the list of
// chats and which of them is open. One owner per thing: only this file writes here.
import { createSignal, batch } from "solid-js";
import { createStore, produce, unwrap } from "solid-js/store";
import type { AccountInfo, Chat, ChatID, Contact, Error as CoreError, SetupState } from "@rpc";
import { directChat } from "../ids";
import { Core, Refused } from "../rpc";
import { coreWords, explain } from "../words";

export type Phase = "starting" | "denied" | "setup" | "ready";

export const [phase, setPhase] = createSignal<Phase>("starting");
export const [up, setUp] = createSignal(false); // the program on this machine answers
export const [online, setOnline] = createSignal(true); // it reaches a server
export const [server, setServer] = createSignal<string>(); // the last one that was told of, and its name
export const [problem, setProblem] = createSignal<CoreError | undefined>();
export const [me, setMe] = createSignal<AccountInfo>();
export const [setup, setSetup] = createSignal<SetupState>();
export const [open, setOpen] = createSignal<ChatID>();

/** Chats by id, and ids in the order of the list. */
export const [chats, setChats] = createStore<{ by: Record<ChatID, Chat>; order: ChatID[]; next?: string; loaded: boolean }>({ by: {}, order: [], loaded: false });

export const core = new Core(`ws://${location.host}/rpc`, setUp);

/** Short news for the person, which go by themselves. */
export const [toasts, setToasts] = createSignal<{ key: number; text: string }[]>([]);
let lastToast = 0;
export function toast(text: string) {
  const key = ++lastToast;
  setToasts((list) => [...list.slice(-2), { key, text }]);
  setTimeout(() => setToasts((list) => list.filter((x) => x.key !== key)), 6000);
}

/** Shows what went wrong with something that the person did. */
export const failed = (e: unknown) => void (e instanceof Refused ? coreWords() : Promise.resolve()).then(() => toast(explain(e)));

// Where a chat stands: what is on top first, then the newest. Kept beside the store, so
// that ordering ten thousand of them asks no signal.
const when = new Map<ChatID, number>();
const note = (c: Chat) => when.set(c.chat, (Date.parse(c.last?.time ?? "") || 0) + (c.top ? 1e15 : 0));
const place = (a: ChatID, b: ChatID) => when.get(b)! - when.get(a)! || (a < b ? -1 : 1);

/** Grows when a chat of the list is something else, or somewhere else. */
export const [listed, setListed] = createSignal(0);

/** A chat as it is now, for who is told by listed(). */
export const plainChat = (id: ChatID): Chat | undefined => unwrap(chats).by[id];

/** Puts chats into the list, where they belong now. */
export function putChats(list: Chat[]) {
  list.forEach(note);
  const ids = new Set(list.map((c) => c.chat)), rest = unwrap(chats).order.filter((id) => !ids.has(id));
  batch(() => {
    setChats(produce((s) => {
      for (const c of list) s.by[c.chat] = c;
    }));
    setChats("order", merge(rest, [...ids].sort(place)));
    setListed((n) => n + 1);
  });
}

/** Two lists in order become one. */
function merge(a: ChatID[], b: ChatID[]): ChatID[] {
  const out: ChatID[] = [];
  let i = 0;
  for (const id of b) {
    while (i < a.length && place(a[i]!, id) < 0) out.push(a[i++]!);
    out.push(id);
  }
  return out.concat(a.slice(i));
}

/** Opens the chat with somebody, also where nobody has written yet. */
export function openContact(c: Contact) {
  if (!chats.by[c.chat]) {
    putChats([{ chat: c.chat, kind: "direct", peer: c.fingerprint, name: c.petname || c.name || "", unread: 0, contact: c.state, verified: c.verified }]);
  }
  setOpen(c.chat);
}

/** Opens the chat of the account with itself, also where nothing was saved yet. */
export async function openSaved() {
  const own = me()!, there = chats.order.find((id) => chats.by[id]?.kind === "saved");
  if (there) return void setOpen(there);
  const chat = await directChat(own.fingerprint, own.fingerprint);
  putChats([{ chat, kind: "saved", peer: own.fingerprint, name: own.name, unread: 0 }]);
  setOpen(chat);
}

/** Takes a chat out of the list. */
export function dropChat(id: ChatID) {
  batch(() => {
    setChats(produce((s) => {
      delete s.by[id];
      s.order = s.order.filter((x) => x !== id);
    }));
    setListed((n) => n + 1);
  });
}

/** Replaces the list by the first part of a new one. */
export function resetChats(list: Chat[], next?: string) {
  const shown = open() && chats.by[open()!];
  if (shown && !list.some((c) => c.chat === shown.chat)) list = [...list, shown];
  const by = Object.fromEntries(list.map((c) => [c.chat, c]));
  list.forEach(note);
  batch(() => {
    setChats(produce((s) => { s.by = by; })); // whole, so that who looks at one chat is told of it
    setChats({ order: list.map((c) => c.chat).sort(place), next, loaded: true });
    setListed((n) => n + 1);
  });
}

let loading = false;
/** Loads the next part of the list. */
export async function moreChats() {
  if (loading || !chats.next) return;
  loading = true;
  try {
    const r = await core.call("chats", { count: 200, next: chats.next });
    putChats(r.chats ?? []);
    setChats("next", r.next || undefined);
  } catch (e) {
    failed(e);
  } finally {
    loading = false;
  }
}
