import type { NewMessageEvent } from "@rpc";
import { chats, core, open, setOpen } from "./app";
import { preview } from "../ui/preview";

/** Tells the person of a message while they look elsewhere. */
export async function notify(e: NewMessageEvent) {
  if (e.own || (document.hasFocus() && open() === e.chat)) return;
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const m = await core.call("message", { chat: e.chat, message: e.message });
  const chat = chats.by[e.chat];
  const n = new Notification(chat?.name || m.name || "ω IM", { body: m.secure ? "" : preview(m), tag: e.chat, silent: e.silent ?? false, icon: "/icon.svg" });
  n.onclick = () => {
    window.focus();
    setOpen(e.chat);
    n.close();
  };
}
