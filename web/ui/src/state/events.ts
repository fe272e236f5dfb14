// What happens in the core reaches the pages here: events say what to look at, calls
// how it is now. Many events at once become few calls, once per frame.
import type { ChatID, Event, Fingerprint, Happening, ID, TypingEvent } from "@rpc";
import { seconds } from "../ids";
import { gone } from "../rpc";
import { chats, core, dropChat, failed, me, open, putChats, resetChats, setMe, setOnline, setServer, setProblem } from "./app";
import * as conversation from "./conversation";
import { fetchFolders } from "./folders";
import { fetchGroups, refreshGroups } from "./groups";
import { notify } from "./notify";
import { setTyping, typingOver } from "./typing";
import { setCatchup } from "./catchup";
import { fetchNews, followNews } from "./news";
import { fetchNotices } from "./notices";
import { setPresence } from "./presence";
import { keep } from "./snapshot";

const wait = seconds(25);
const many = 40; // events about one chat in a frame, above which its page is fetched anew

/** Follows the core for as long as the page is there. */
export async function follow() {
  let run = "", after = 0;
  void followNews();
  for (;;) {
    try {
      const r = await core.call("events", { run, after, timeout: wait });
      run = r.run;
      after = r.last;
      if (r.reset) await snapshot();
      else if (r.events?.length) take(r.events);
    } catch (e) {
      failed(e);
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
}

/** Fetches what the pages show of everything. */
async function snapshot() {
  const [account, status, list] = await Promise.all([core.call("account", {}), core.call("status", {}), core.call("chats", { count: 100 })]);
  void fetchFolders();
  void fetchNotices();
  void fetchGroups();
  setMe(account);
  setOnline(status.online);
  setProblem(status.problem);
  resetChats(list.chats ?? [], list.next || undefined);
  keep();
  if (open()) await conversation.refresh();
}

let pending: Happening[] = [], busy = false;
function take(events: Event[]) {
  if (pending.length === 0 && !busy) requestAnimationFrameOrNow(flush);
  pending.push(...(events as unknown as Happening[]));
}

// A tab in the background has no frames.
const requestAnimationFrameOrNow = (f: () => void) => (document.hidden ? setTimeout(f, 0) : requestAnimationFrame(f));

/** Fetches what happened; what happens meanwhile comes after it, so that no older answer follows a newer one. */
async function flush() {
  busy = true;
  const events = pending, look = new Look(open());
  pending = [];
  try {
    for (const e of events) {
      try { happened(e, look); } catch (x) { failed(x); } // the others are understood
    }
    await Promise.all([refreshChats(look.chats), look.groups.size > many ? fetchGroups() : refreshGroups(look.groups), refreshMessages(look)]);
    if (look.chats.size) keep();
  } catch (e) { failed(e); } finally { busy = false; }
  if (pending.length) requestAnimationFrameOrNow(flush);
}

/** What some events say to look at. */
class Look {
  chats = new Set<ChatID>();
  groups = new Set<ChatID>();
  fresh = new Set<ID>(); // new messages of the open chat
  changed = new Set<ID>(); // those of it that may be at hand
  counts = false; // how far any of its messages are, or where they stand
  constructor(readonly open?: ChatID) {}

  /** Somebody may be called something else: wherever that is said here. */
  named(account: Fingerprint) {
    for (const id of chats.order) if (chats.by[id]?.last?.from === account) this.chats.add(id);
    if (!this.open) return;
    for (const id of conversation.naming(account)) this.changed.add(id);
    if (chats.by[this.open]?.kind === "group") this.groups.add(this.open); // the list of its members
  }

  message(chat: ChatID, id?: ID) {
    this.chats.add(chat);
    if (chat !== this.open) return;
    if (id) this.changed.add(id);
    else this.counts = true;
  }
}

function happened(e: Happening, look: Look) {
  switch (e.event) {
    case "group":
      look.groups.add(e.data.chat);
      look.chats.add(e.data.chat);
      break;
    case "chat":
      look.chats.add(e.data.chat);
      break;
    case "message.new":
      look.chats.add(e.data.chat);
      typingOver(e.data.chat, e.data.from);
      if (e.data.notify) void notify(e.data).catch(failed);
      if (e.data.chat === look.open) look.fresh.add(e.data.message);
      break;
    case "message.changed":
      if (e.data.chat === look.open) conversation.setPinsChanged((n) => n + 1);
      look.message(e.data.chat, e.data.message);
      break;
    case "message.order":
      if (e.data.chat === look.open) look.counts = true;
      break;
    case "message.deleted": case "message.state":
      look.message(e.data.chat, e.data.message);
      break;
    case "notice": case "contact":
      if (e.event === "notice") void fetchNotices();
      else look.named(e.data.account);
      for (const id of chats.order) if (chats.by[id]?.peer === e.data.account) {
        look.chats.add(id);
        if (e.event === "notice" && id === look.open) look.counts = true; // it stands between its messages
      }
      break;
    case "account":
      void core.call("account", {}).then(setMe, failed);
      if (me()) look.named(me()!.fingerprint);
      break;
    case "folders":
      void fetchFolders();
      break;
    case "devices":
      void fetchNews();
      break;
    case "catchup":
      setCatchup(e.data);
      break;
    case "presence":
      setPresence(e.data);
      break;
    case "connection":
      setOnline(e.data.online);
      setServer(`${e.data.server} ${e.data.server_name}`);
      setProblem(e.data.problem);
      break;
    case "typing":
      setTyping(e.data as TypingEvent);
      break;
  }
}

async function refreshChats(ids: Set<ChatID>) {
  if (ids.size > many) {
    const r = await core.call("chats", { count: Math.max(100, Math.min(chats.order.length, 200)) });
    return putChats(r.chats ?? []);
  }
  await Promise.all([...ids].map(async (chat) => {
    try {
      putChats([await core.call("chat", { chat })]);
    } catch (e) {
      if (!gone(e)) failed(e);
      else if (chat !== open()) dropChat(chat); // nobody has written yet in one that is open
    }
  }));
}

async function refreshMessages({ open: chat, fresh, changed, counts }: Look) {
  const ids = [...new Set([...fresh, ...changed].filter((id) => fresh.has(id) || conversation.has(id)))];
  if (!chat) return;
  if (counts || ids.length > many) return conversation.refresh();
  const got = await Promise.all(ids.map((message) => core.call("message", { chat, message }).catch((e: unknown) => (gone(e) ? message : failed(e)))));
  for (const m of got) {
    if (typeof m === "string") conversation.drop(m);
    else if (m && fresh.has(m.id)) conversation.put(m); // one of which more is heard meanwhile is none the less new
    else if (m) conversation.change(m);
  }
}
