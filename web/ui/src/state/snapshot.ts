// What the pages looked like, kept in the browser so that the next start paints before
// the core has answered. Texts of secure chats are never kept.
import type { Chat } from "@rpc";
import { chats, me, resetChats, setMe } from "./app";
import type { AccountInfo } from "@rpc";

const key = "omega.snapshot.1";
const most = 60; // chats: more than fit on a screen
const settle = 1000; // ms

interface Kept { account: AccountInfo; chats: Chat[] }

/** Paints what was kept, if there is something. */
export function paint(): boolean {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "") as Kept;
    setMe(kept.account);
    resetChats(kept.chats);
    return true;
  } catch {
    return false;
  }
}

let timer: number | undefined;
/** Keeps how it looks now, when it has been quiet for a moment. */
export function keep() {
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    const account = me();
    if (!account) return;
    const list = chats.order.slice(0, most).map((id) => chats.by[id]!).map((c) => (c.secure ? { ...c, last: undefined, draft: undefined } : c));
    try {
      localStorage.setItem(key, JSON.stringify({ account: { ...account, certificate: "" }, chats: list } satisfies Kept));
    } catch { /* no room: the next start paints later */ }
  }, settle);
}
