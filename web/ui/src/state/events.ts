// What happens in the core reaches the pages here: events say what to look at, calls
// how it is now. Many events at once become few calls, once per frame.
import type { ChatID, Event, Happening, ID, TypingEvent } from "@rpc";
import { seconds } from "../ids";
import { chats, core, dropChat, failed, open, putChats, resetChats, setMe, setOnline, setProblem } from "./app";
import * as conversation from "./conversation";
import { notify } from "./notify";
import { setTyping, typingOver } from "./typing";
import { keep } from "./snapshot";

const wait = seconds(25);
const many = 40; // events about one chat in a frame, above which its page is fetched anew

/** Follows the core for as long as the page is there. */
export async function follow() {
  let run = "", after = 0;
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
  setMe(account);
  setOnline(status.online);
  setProblem(status.problem);
  resetChats(list.chats ?? [], list.next || undefined);
  keep();
  const id = open();
  if (id) await conversation.show(id, 0, conversation.conversation.list);
}

let pending: Happening[] = [];
function take(events: Event[]) {
  if (pending.length === 0) requestAnimationFrameOrNow(flush);
  pending.push(...(events as unknown as Happening[]));
}

// A tab in the background has no frames.
const requestAnimationFrameOrNow = (f: () => void) => (document.hidden ? setTimeout(f, 0) : requestAnimationFrame(f));

async function flush() {
  const events = pending;
  pending = [];
  const changed = new Set<ChatID>(), fresh = new Set<ID>();
  for (const e of events) {
    switch (e.event) {
      case "chat": case "group":
        changed.add(e.data.chat);
        break;
      case "message.new":
        changed.add(e.data.chat);
        typingOver(e.data.chat, e.data.from);
        if (e.data.notify) void notify(e.data);
        if (e.data.chat === open()) fresh.add(e.data.message);
        break;
      case "message.changed":
        changed.add(e.data.chat);
        if (e.data.chat === open()) conversation.setPinsChanged((n) => n + 1);
        if (e.data.chat === open() && conversation.has(e.data.message)) fresh.add(e.data.message);
        break;
      case "message.deleted":
        changed.add(e.data.chat);
        if (e.data.chat === open()) fresh.add(e.data.message);
        break;
      case "message.state":
        changed.add(e.data.chat);
        if (e.data.chat === open() && e.data.message) fresh.add(e.data.message);
        break;
      case "contact":
        for (const id of chats.order) if (chats.by[id]?.peer === e.data.account) changed.add(id);
        break;
      case "connection":
        setOnline(e.data.online);
        setProblem(e.data.problem);
        break;
      case "typing":
        setTyping(e.data as TypingEvent);
        break;
    }
  }
  await Promise.all([refreshChats(changed), refreshMessages(fresh, open())]).catch(failed);
  if (changed.size) keep();
}

async function refreshChats(ids: Set<ChatID>) {
  if (ids.size > many) {
    const r = await core.call("chats", { count: Math.max(100, Math.min(chats.order.length, 200)) });
    return putChats(r.chats ?? []);
  }
  await Promise.all([...ids].map(async (chat) => {
    try {
      putChats([await core.call("chat", { chat })]);
    } catch {
      if (chat !== open()) dropChat(chat);
    }
  }));
}

async function refreshMessages(ids: Set<ID>, chat?: ChatID) {
  if (!chat || ids.size === 0) return;
  if (ids.size > many) return conversation.show(chat, 0, conversation.conversation.list);
  const got = await Promise.all([...ids].map(async (message) => {
    try {
      return await core.call("message", { chat, message });
    } catch {
      return message; // gone
    }
  }));
  for (const m of got) {
    if (typeof m === "string") conversation.drop(m);
    else conversation.put(m, document.hasFocus());
  }
}
