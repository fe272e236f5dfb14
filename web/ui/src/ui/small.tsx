// Small dialogs: to whom a message is sent on, who read it, which keys do what.
import { createSignal, For, Show, type JSX } from "solid-js";
import type { Chat, Message } from "@rpc";
import { newID } from "../ids";
import { chats, core, failed, toast } from "../state/app";
import { asked } from "../state/asked";
import { byRank, matches, rank } from "../state/find";
import { toNewest } from "../state/conversation";
import { pictureOf } from "../state/groups";
import { destination } from "../state/send";
import { selectNothing } from "../state/selection";
import { t, type Word } from "../words";
import "../words/rare";
import { countedBy, countedIn } from "./Bubble";
import { chatName, pictureFor } from "./ChatList";
import { closeDialog } from "./Dialog";
import { Avatar, Icon } from "./icons";
import { called } from "./called";
import { first } from "./focus";
import { clean } from "./text";
import "../style/small.css";

const most = 100; // chats to choose from at once; others are found by typing

/** To whom messages are sent on, in the order in which they were said. */
export function Forward(p: { messages: Message[] }): JSX.Element {
  const [query, setQuery] = createSignal(""), [hide, setHide] = createSignal(false);
  const list = () => byRank(chats.order.map((id) => chats.by[id]).filter((c): c is Chat => !!c && c.kind !== "imported" && !c.archived && c.contact !== "request" && !c.blocked && matches(chatName(c), query())), (c) => (query().trim() ? rank(chatName(c), query()) : 0)).slice(0, most);
  const send = async (c: Chat) => {
    closeDialog();
    selectNothing();
    toNewest(c.chat);
    try {
      for (const m of p.messages) await core.call("message.forward", { id: newID(), chat: m.chat, message: m.id, to: destination(c.chat), hide_origin: hide() || undefined, wait: "none" });
      toast(t("message.forward.done", chatName(c)));
    } catch (e) { failed(e); }
  };
  return (
    <>
      <label class="field"><span class="hidden">{t("chats.search")}</span><input type="search" ref={first} placeholder={t("chats.search")} value={query()} onInput={(e) => setQuery(e.currentTarget.value)} /></label>
      <label class="check"><input type="checkbox" checked={hide()} onChange={(e) => setHide(e.currentTarget.checked)} />{t("forward.hide")}</label>
      <ul class="people"><For each={list()}>{(c) => <li><button onClick={() => send(c)}><Avatar name={chatName(c)} id={c.kind === "group" ? c.chat : c.peer} size={36} icon={pictureFor(c)} picture={c.kind === "group" ? pictureOf(c.chat) : undefined} /><Show when={c.secure}><span class="safe"><Icon name="lock" size={16} /></span></Show><bdi>{chatName(c)}</bdi></button></li>}</For></ul>
    </>
  );
}

export function Reach(p: { message: Message }): JSX.Element {
  const [list] = asked(() => true, async () => (await core.call("message.reach", { chat: p.message.chat, message: p.message.id, count: 200 })).accounts ?? []);
  return <ul class="people"><For each={list() ?? []} fallback={<li class="dim">…</li>}>{(r) => <li class="line"><bdi>{called(r, r.account)}</bdi><span class="dim">{t(`state.${r.state}` as Word)}</span></li>}</For></ul>;
}

/** Who reacted to a message, and who chose which answer of a poll. */
export function Voters(p: { message: Message }): JSX.Element {
  const counted = () => countedIn(p.message);
  return (
    <>
      <Show when={p.message.reactions?.length || p.message.counted?.known}><Reacted message={p.message} /></Show>
      <For each={p.message.poll?.options ?? []}>{(o, i) => <Show when={o.votes || o.counted}><Chose message={p.message} option={i()} text={o.text} votes={o.votes + (o.counted ?? 0)} /></Show>}</For>
      <Show when={counted() && !p.message.counted!.known}><p class="dim">{countedBy(p.message, counted())}</p></Show>
    </>
  );
}

const firstOf = 200; // of those who said the same: as many as one answer of the core has

function Reacted(p: { message: Message }) {
  const [list] = asked(() => true, () => core.call("message.reactors", { chat: p.message.chat, message: p.message.id, count: firstOf }));
  return <Show when={list.loading || list()?.reactors?.length}><ul class="people"><For each={list()?.reactors ?? []} fallback={<li class="dim">…</li>}>{(r) => <li class="line"><bdi>{called(r, r.account)}</bdi><span>{clean((r.emoji ?? []).join(" "))}</span></li>}</For></ul><More next={list()?.next} /></Show>;
}

function Chose(p: { message: Message; option: number; text: string; votes: number }) {
  const [list] = asked(() => true, () => core.call("poll.voters", { chat: p.message.chat, message: p.message.id, option: p.option, count: firstOf }));
  const unseen = () => (list() && !list()!.next ? p.votes - (list()!.voters?.length ?? 0) : 0); // of subscribers: only those who may write learn who it was
  return <><h3><bdi>{clean(p.text)}</bdi></h3><ul class="people"><For each={list()?.voters ?? []} fallback={<Show when={list.loading}><li class="dim">…</li></Show>}>{(v) => <li class="line"><bdi>{called(v, v.account)}</bdi></li>}</For></ul><Show when={unseen() > 0}><p class="dim">{t("people.unseen", unseen())}</p></Show><More next={list()?.next} /></>;
}

const More = (p: { next?: string }) => <Show when={p.next}><p class="dim">{t("people.first", firstOf)}</p></Show>;

const keys: [string, Word][] = [["Ctrl K", "keys.find"], ["Alt ↑ / ↓", "keys.chats"], ["Ctrl F", "keys.search"], ["PgUp / PgDn", "keys.scroll"], ["↑", "keys.edit"], ["Ctrl ↑", "keys.reply"], ["/ ／ 、", "keys.commands"], ["@ ＠", "keys.mention"], ["Enter", "keys.send"], ["Shift Enter", "keys.line"], ["Esc", "keys.back"], ["Ctrl /", "keys"]];

export function Keys(): JSX.Element {
  return <table class="keys"><tbody><For each={keys}>{([k, w]) => <tr><th scope="row"><kbd>{k}</kbd></th><td>{t(w)}</td></tr>}</For></tbody></table>;
}
