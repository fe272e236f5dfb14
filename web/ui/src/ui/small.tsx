// Small dialogs: to whom a message is sent on, who read it, which keys do what.
import { createResource, For, type JSX } from "solid-js";
import type { Chat, Message } from "@rpc";
import { newID } from "../ids";
import { chats, core, failed, toast } from "../state/app";
import { addressee } from "../state/send";
import { t, type Word } from "../words";
import { chatName } from "./ChatList";
import { closeDialog } from "./Dialog";
import { Avatar } from "./icons";
import { clean } from "./text";

const most = 100; // chats to choose from; others are found by searching

export function Forward(p: { message: Message }): JSX.Element {
  const list = () => chats.order.map((id) => chats.by[id]).filter((c): c is Chat => !!c && c.kind !== "imported" && !c.archived).slice(0, most);
  const send = async (c: Chat) => {
    closeDialog();
    try {
      await core.call("message.forward", { id: newID(), chat: p.message.chat, message: p.message.id, to: addressee(c.chat).to, wait: "none" });
      toast(t("message.forward.done", chatName(c)));
    } catch (e) { failed(e); }
  };
  return <ul class="people"><For each={list()}>{(c) => <li><button onClick={() => send(c)}><Avatar name={chatName(c)} id={c.peer} size={36} /><bdi>{chatName(c)}</bdi></button></li>}</For></ul>;
}

export function Reach(p: { message: Message }): JSX.Element {
  const [list] = createResource(async () => (await core.call("message.reach", { chat: p.message.chat, message: p.message.id, count: 200 })).accounts ?? []);
  return <ul class="people"><For each={list() ?? []} fallback={<li class="dim">…</li>}>{(r) => <li class="line"><bdi>{clean(r.name ?? "") || r.account.slice(-16)}</bdi><span class="dim">{t(`state.${r.state}` as Word)}</span></li>}</For></ul>;
}

const keys: [string, Word][] = [["Ctrl K", "keys.find"], ["Alt ↑ / ↓", "keys.chats"], ["Ctrl F", "keys.search"], ["PgUp / PgDn", "keys.scroll"], ["↑", "keys.edit"], ["Ctrl ↑", "keys.reply"], ["/ ／ 、", "keys.commands"], ["@ ＠", "keys.mention"], ["Enter", "keys.send"], ["Shift Enter", "keys.line"], ["Esc", "keys.back"], ["Ctrl /", "keys"]];

export function Keys(): JSX.Element {
  return <table class="keys"><tbody><For each={keys}>{([k, w]) => <tr><th scope="row"><kbd>{k}</kbd></th><td>{t(w)}</td></tr>}</For></tbody></table>;
}
