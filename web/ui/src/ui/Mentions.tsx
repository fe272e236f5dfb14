// Messages that call this account, of all chats: a touch leads to where each stands.
import { createSignal, For, Show, type JSX } from "solid-js";
import type { Message } from "@rpc";
import { chats, core, failed, putChats, setOpen } from "../state/app";
import { asked } from "../state/asked";
import { jump } from "../state/conversation";
import { short } from "../time";
import { t } from "../words";
import "../words/rare";
import { called } from "./called";
import { chatName } from "./ChatList";
import { closeDialog } from "./Dialog";
import { preview } from "./preview";
import "../style/small.css";

const page = 100, pages = 20; // that are looked through: the core tells the oldest first

/** All of them, the newest first. */
async function fetchAll(all: boolean): Promise<Message[]> {
  const out: Message[] = [];
  for (let next: string | undefined, i = 0; i < pages; i++) {
    const r = await core.call("mentions", { all: all || undefined, next, count: page });
    out.push(...(r.messages ?? []));
    if (!(next = r.next)) break;
  }
  const missing = [...new Set(out.map((m) => m.chat))].filter((id) => !chats.by[id]);
  const asked = await Promise.allSettled(missing.map((chat) => core.call("chat", { chat })));
  putChats(asked.flatMap((x) => (x.status === "fulfilled" ? [x.value] : []))); // one that is gone hides no other
  return out.reverse();
}

export function Mentions(): JSX.Element {
  const [all, setAll] = createSignal(false);
  const [list] = asked(() => [all()] as const, ([all]) => fetchAll(all));
  const show = async (m: Message) => {
    closeDialog();
    setOpen(m.chat);
    await jump(m.chat, { message: m.id });
  };
  return (
    <>
      <div class="tabs" role="tablist"><For each={[false, true]}>{(x) => <button role="tab" aria-selected={all() === x} classList={{ on: all() === x }} onClick={() => setAll(x)}>{t(x ? "mentions.all" : "chats.unread")}</button>}</For></div>
      <ul class="people mentions"><For each={list.latest ?? []} fallback={<li class="dim">{list.loading ? "…" : t(all() ? "mentions.none" : "mentions.noneunread")}</li>}>{(m) => (
        <li><button onClick={() => show(m).catch(failed)}><span class="what"><span class="line"><b><bdi>{called(m, m.from, 8)}</bdi></b><time class="dim">{short(m.time)}</time></span><bdi class="said">{preview(m)}</bdi><Show when={chats.by[m.chat]}>{(c) => <small class="dim"><bdi>{chatName(c())}</bdi></small>}</Show></span></button></li>
      )}</For></ul>
    </>
  );
}
