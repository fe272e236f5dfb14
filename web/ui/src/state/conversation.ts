// The messages of the open chat that are at hand: one run of its history without gaps,
// oldest first. What lies before or behind is fetched when it comes near the screen.
import { createSignal, batch } from "solid-js";
import { createStore, reconcile, unwrap } from "solid-js/store";
import type { ChatID, Fingerprint, HistoryParams, ID, Message } from "@rpc";
import { noID } from "../ids";
import { gone } from "../rpc";
import { chats, core, failed } from "./app";
import { hear } from "./beside";

const pageSize = 60;
const shownKinds = new Set(["edit", "delete", "reaction", "pin", "vote", "entry", "close", "receipt", "state"]); // that are no bubbles

interface Conversation {
  chat?: ChatID;
  list: Message[];
  before?: string; // id before which there is more; undefined: it begins here
  atEnd: boolean; // the newest message is at hand
}

export const [conversation, set] = createStore<Conversation>({ list: [], atEnd: true });
/** True while messages are put before the others, so that nothing moves. */
export const [prepending, setPrepending] = createSignal(false);
/** What there is before the first message of a group that is at hand: it is asked for, its members may be asked, none of them has it, or nothing. */
export const [gap, setGap] = createSignal<"asking" | "missing" | "lost" | "whole">();
/** How many came in while the person read further up. */
export const [below, setBelow] = createSignal(0);
/** The first message that was unread when the chat was opened. */
export const [firstUnread, setFirstUnread] = createSignal<ID>();

/** Grows when what is pinned in the chat may be something else. */
export const [pinsChanged, setPinsChanged] = createSignal(0);
/** What is pinned in the chat that is open. */
export const [pinned, setPinned] = createSignal<ReadonlySet<ID>>(new Set());
/** The message to bring into sight and to mark. */
export const [target, setTarget] = createSignal<ID>();

/** The message at the top of the screen, of who reads further up; undefined: the newest is in sight. */
export const [reading, setReading] = createSignal<ID>();

const bubbles = (list: Message[] | null) => (list ?? []).filter((m) => !shownKinds.has(m.kind));
// A page that is not full ends the history; else the next one is asked for by its first message.
const beyond = (list: Message[] | null) => (list?.length === pageSize ? list[0]!.id : undefined);

/** A page of a history. What is noted beside its messages is kept. */
const ask = async (p: Partial<HistoryParams> & { chat: ChatID }, ...until: AbortSignal[]) => {
  const r = await core.call("history", { count: pageSize, before: noID, ...p }, ...until);
  hear(r.notices);
  return r;
};

let turn = 0; // of opening: answers for a chat that was left are dropped

/** Shows a chat: what is kept of it at once, then what the core has. */
export async function show(chat: ChatID, unread: number, kept?: Message[]) {
  const mine = ++turn;
  forgetBefore();
  batch(() => {
    setBelow(0);
    setReading(undefined);
    setFirstUnread(undefined);
    set({ chat, list: kept ?? [], before: undefined, atEnd: true });
  });
  try {
    const r = await ask({ chat });
    if (mine !== turn) return;
    const list = bubbles(r.messages);
    batch(() => {
      set("list", reconcile(merged(list), { key: "id" }));
      set({ before: beyond(r.messages), atEnd: true });
      if (unread > 0) setFirstUnread(list.filter((m) => !m.state)[Math.max(0, list.filter((m) => !m.state).length - unread)]?.id);
    });
  } catch (e) {
    if (!gone(e)) failed(e); // nobody has written there yet
  }
}

const farthest = 10; // pages on each side that are fetched anew

/** Fetches anew what is at hand, where something may have been missed. Nothing moves for who reads further up. */
export async function refresh() {
  const chat = conversation.chat, from = reading(), old = [...unwrap(conversation.list)], line = firstUnread();
  if (!chat) return;
  if (!from || !has(from)) {
    const shown = show(chat, 0, old);
    setFirstUnread(line);
    return shown;
  }
  const mine = ++turn, first = old[0]!.id, last = conversation.atEnd ? undefined : old.at(-1)!.id;
  try {
    const itself = await core.call("message", { chat, message: from });
    const ahead = from === first ? { list: [], whole: true } : await pages(chat, { before: from }, first, old.findIndex((m) => m.id === from));
    const behind = await pages(chat, { after: from }, last);
    if (mine !== turn) return;
    batch(() => {
      // What was moved meanwhile is where the core has it now.
      const fresh = [itself, ...merged(behind.list, behind.whole)], ids = new Set(fresh.map((m) => m.id));
      set("list", reconcile([...joined(old, ahead.list).filter((m) => !ids.has(m.id)), ...fresh], { key: "id" }));
      set("atEnd", behind.whole);
      if (conversation.list[0]!.id !== first) set("before", ahead.whole ? undefined : conversation.list[0]!.id); // it was deleted here, or is elsewhere
    });
  } catch (e) {
    if (gone(e)) await show(chat, 0);
    else failed(e);
  }
}

/** Messages before or behind one, as far as another, or as far as there are: no more than most, since what is not here of a group is asked of its members, and that takes long. */
async function pages(chat: ChatID, from: { before: ID } | { after: ID }, to?: ID, most = Infinity) {
  let list: Message[] = [];
  for (let i = 0; i < farthest; i++) {
    const count = Math.min(pageSize, most - bubbles(list).length);
    if (count <= 0) break;
    const r = (await ask({ chat, count, ...from })).messages ?? [];
    list = "after" in from ? [...list, ...r] : [...r, ...list];
    if (r.length < count) return { list: bubbles(list), whole: true };
    if (to && r.some((m) => m.id === to)) break;
    from = "after" in from ? { after: r.at(-1)!.id } : { before: r[0]!.id };
  }
  return { list: bubbles(list), whole: false };
}

/** What is before a message: fetched anew as far as that goes, and no more than was at hand. */
function joined(old: Message[], ahead: Message[]): Message[] {
  const begin = ahead.findIndex((m) => m.id === old[0]!.id);
  if (begin >= 0) return ahead.slice(begin);
  return [...old.slice(0, Math.max(0, old.findIndex((m) => m.id === ahead[0]?.id))), ...ahead];
}

/** Shows the part of the chat around a message, or around a time. */
export async function jump(chat: ChatID, to: { message: ID } | { at: string }) {
  const mine = ++turn;
  try {
    const behind = await ("message" in to
      ? ask({ chat, after: to.message })
      : ask({ chat, at: to.at }));
    const from = "message" in to ? to.message : behind.messages?.[0]?.id;
    if (!from) return;
    const ahead = await ask({ chat, before: from });
    const itself = "message" in to ? [await core.call("message", { chat, message: to.message })] : [];
    if (mine !== turn) return;
    forgetBefore();
    batch(() => {
      setBelow(0);
      set({
        chat, list: [...bubbles(ahead.messages), ...itself, ...bubbles(behind.messages)],
        before: beyond(ahead.messages), atEnd: (behind.messages?.length ?? 0) < pageSize,
      });
      setTarget(from);
    });
  } catch (e) {
    failed(e);
  }
}

/** Fetches what lies behind, after a jump. */
export async function later() {
  const chat = conversation.chat, last = conversation.list.at(-1);
  if (fetching || !chat || !last || conversation.atEnd) return;
  fetching = true;
  try {
    const r = await ask({ chat, after: last.id });
    if (conversation.chat !== chat) return;
    set({ list: [...unwrap(conversation.list), ...bubbles(r.messages)], atEnd: (r.messages?.length ?? 0) < pageSize });
  } catch (e) {
    failed(e);
  } finally {
    fetching = false;
  }
}

/** Keeps messages that were sent while the page came. */
function merged(list: Message[], whole = true): Message[] {
  if (!whole) return list;
  const ids = new Set(list.map((m) => m.id));
  const waiting = unwrap(conversation.list).filter((m) => m.sequence === undefined && m.state === "queued" && !ids.has(m.id));
  return [...list, ...waiting];
}

let fetching = false; // what lies behind
let asking: AbortController | undefined; // for what lies before: of a group that may take long, since members are asked

/** What lies before is not asked for any more, and nothing is known of it. */
function forgetBefore() {
  asking?.abort();
  asking = undefined;
  setGap(undefined);
}

/** Fetches what lies before. Of a group more may be had than is here; who it was asked of in vain is asked again when the person says so. */
export async function earlier(again = false) {
  const chat = conversation.chat, group = !!chat && chats.by[chat]?.kind === "group";
  const before = conversation.before ?? (group && (again || !gap()) ? conversation.list[0]?.id : undefined);
  if (asking || !chat || !before) return;
  const mine = (asking = new AbortController());
  if (group) setGap("asking");
  try {
    const r = await ask({ chat, before }, mine.signal);
    if (asking !== mine) return;
    batch(() => {
      setPrepending(true);
      set({ list: [...bubbles(r.messages), ...unwrap(conversation.list)], before: beyond(r.messages) });
      setGap(!group || conversation.before ? undefined : r.earlier === "missing" || r.earlier === "lost" ? r.earlier : "whole");
    });
    queueMicrotask(() => setPrepending(false));
  } catch (e) {
    if (asking !== mine) return; // the chat was left
    setGap(group ? "missing" : undefined);
    failed(e);
  } finally {
    if (asking === mine) asking = undefined;
  }
}

const at = (id: ID) => conversation.list.findLastIndex((m) => m.id === id);

/** Grows when the person asks for the newest message of the chat that is open. */
export const [newest, setNewest] = createSignal(0);

/** Whoever sends something sees it: the end of its chat is brought into sight, if that is open. */
export const toNewest = (chat: ChatID) => void (chat === conversation.chat && setNewest((n) => n + 1));

/** Shows a message as it is now, if it is at hand; says whether it is. */
export function change(m: Message): boolean {
  const i = m.chat === conversation.chat ? at(m.id) : -1;
  if (i >= 0) set("list", i, reconcile(m));
  return i >= 0;
}

/** Puts a new message where it stands, mostly at the end; one that is at hand is shown as it is now. What it moves is told otherwise (message.order). */
export function put(m: Message) {
  if (m.chat !== conversation.chat || shownKinds.has(m.kind) || change(m)) return;
  const end = conversation.list.length, to = spot(m);
  if (to === end && !conversation.atEnd) return setBelow((n) => n + 1);
  if (to === 0 && end > 0 && conversation.before) return; // it comes with its page
  if (to === end) set("list", end, m);
  else set("list", unwrap(conversation.list).toSpliced(to, 0, m));
  if (!m.state) setBelow((n) => n + 1);
}

/** Where in the list a new message stands: before what has a later place. Those of which the core said nothing yet have none. */
function spot(m: Message): number {
  const list = conversation.list;
  let to = list.length;
  for (let k = to - 1; m.place && k >= 0; k--) {
    const other = list[k]!.place;
    if (other && other <= m.place) break;
    if (other) to = k;
  }
  return to;
}

/** Changes what is known of a message. */
export function patch(id: ID, part: Partial<Message>) {
  const i = at(id);
  if (i >= 0) set("list", i, part);
}

/** Takes a message away. */
export function drop(id: ID) {
  const i = at(id);
  if (i >= 0) set("list", unwrap(conversation.list).filter((m) => m.id !== id));
}

/** Leaves the chat. */
export function leave() {
  turn++;
  forgetBefore();
  set({ chat: undefined, list: [], before: undefined, atEnd: true });
}

/** Those at hand that say what an account is called. */
export const naming = (account: Fingerprint): ID[] => unwrap(conversation.list).filter((m) => [m, m.reply, m.forward, ...(m.list?.lines ?? [])].some((x) => x?.from === account) || m.about?.some((x) => x.fingerprint === account)).map((m) => m.id);

export const has = (id: ID) => at(id) >= 0;
