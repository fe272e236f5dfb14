// What every part of the pages shares: the way to the core, the account, the list of
// chats and which of them is open. One owner per thing: only this file writes here.
import { createSignal, batch } from "solid-js";
import { createStore, produce, reconcile } from "solid-js/store";
import type { AccountInfo, Chat, ChatID, Contact, Error as CoreError, SetupState } from "@rpc";
import { Core } from "../rpc";
import { explain } from "../words";

export type Phase = "starting" | "denied" | "setup" | "ready";

export const [phase, setPhase] = createSignal<Phase>("starting");
export const [up, setUp] = createSignal(false); // the program on this machine answers
export const [online, setOnline] = createSignal(true); // it reaches a server
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
export const failed = (e: unknown) => void toast(explain(e));

const newer = (a: Chat, b: Chat) => {
  if (!!a.top !== !!b.top) return a.top ? -1 : 1;
  return (b.last?.time ?? "").localeCompare(a.last?.time ?? "") || a.chat.localeCompare(b.chat);
};

/** Puts chats into the list, where they belong now. */
export function putChats(list: Chat[]) {
  batch(() => {
    setChats(produce((s) => {
      for (const c of list) s.by[c.chat] = c;
    }));
    const ids = new Set(chats.order);
    for (const c of list) ids.add(c.chat);
    setChats("order", [...ids].map((id) => chats.by[id]).filter((c): c is Chat => !!c).sort(newer).map((c) => c.chat));
  });
}

/** Opens the chat with somebody, also where nobody has written yet. */
export function openContact(c: Contact) {
  if (!chats.by[c.chat]) {
    putChats([{ chat: c.chat, kind: "direct", peer: c.fingerprint, name: c.petname || c.name || "", unread: 0, contact: c.state, verified: c.verified }]);
  }
  setOpen(c.chat);
}

/** Takes a chat out of the list. */
export function dropChat(id: ChatID) {
  setChats(produce((s) => {
    delete s.by[id];
    s.order = s.order.filter((x) => x !== id);
  }));
}

/** Replaces the list by the first part of a new one. */
export function resetChats(list: Chat[], next?: string) {
  const shown = open() && chats.by[open()!];
  if (shown && !list.some((c) => c.chat === shown.chat)) list = [...list, shown];
  const by = Object.fromEntries(list.map((c) => [c.chat, c]));
  batch(() => {
    setChats("by", reconcile(by, { key: null }));
    setChats({ order: list.map((c) => c.chat), next, loaded: true });
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
