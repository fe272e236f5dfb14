import type { NewMessageEvent } from "@rpc";
import { chats, core, open, setOpen } from "./app";
import { called } from "../ui/called";
import { preview } from "../ui/preview";
import { t } from "../words";
import { clean } from "../ui/text";

/** Tells the person of a message while they look elsewhere. */
export async function notify(e: NewMessageEvent) {
  if (e.own || (document.hasFocus() && open() === e.chat)) return;
  if (!("Notification" in window) || Notification.permission !== "granted") return;
  const m = await core.call("message", { chat: e.chat, message: e.message });
  const chat = chats.by[e.chat], who = called(m, m.from, 8);
  const body = m.secure ? "" : chat?.kind === "group" && !m.service ? t("chat.by", who) + preview(m) : preview(m);
  const n = new Notification(clean(chat?.name ?? "") || who, { body, tag: e.chat, silent: e.silent ?? false, icon: "/icon.svg" });
  n.onclick = () => {
    window.focus();
    setOpen(e.chat);
    n.close();
  };
}
