import { createEffect, createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { VList, type VListHandle } from "virtua/solid";
import { unwrap } from "solid-js/store";
import type { Chat, ChatID } from "@rpc";
import { chats, listed, me, moreChats, open, plainChat, setOpen } from "../state/app";
import { setNewest } from "../state/conversation";
import { setDialog } from "../state/dialog";
import { folders, inPart, muted, part, setPart, type Part } from "../state/folders";
import { groupOf, pictureOf } from "../state/groups";
import { noteIn } from "../state/notes";
import { typing } from "../state/typing";
import { short } from "../time";
import { t, type Word } from "../words";
import { Avatar, Icon, Ticks, type IconName } from "./icons";
import { clean } from "./text";
import { preview } from "./preview";
import { Found } from "./Found";
import { byRank, matches, rank } from "../state/find";
import { latest } from "../state/latest";

export const rowHeight = 72;

/** What a chat is called. */
export const chatName = (c: Chat) => (c.kind === "saved" ? t("chat.saved") : clean(c.name) || c.peer.slice(-16));

const [query, setQuery] = createSignal("");
export { query, setQuery };

export function ChatList(): JSX.Element {
  let list: VListHandle | undefined;
  const shown = createMemo((): ChatID[] => {
    const q = query();
    if (!q) return inPart().get(part()) ?? [];
    listed();
    return byRank(chats.order.filter((id) => matches(chatName(plainChat(id)!), q)), (id) => rank(chatName(plainChat(id)!), q));
  });
  const scrolled = () => {
    if (list && chats.next && list.scrollOffset + list.viewportSize * 3 > list.scrollSize) void moreChats();
  };
  // A part that has few chats so far may have more further down.
  createEffect(() => { if (!query() && chats.next && shown().length < 20 && part() !== "all") void moreChats(); });
  const counted = (p: Part) => inPart().get(p)?.length ?? 0;
  const tabs = (): [Part, string][] => [
    ...(["all", "unread", "groups"] as const).filter((p) => p !== "groups" || p === part() || counted(p) > 0).map((p): [Part, string] => [p, t(`chats.${p}`)]),
    ...folders().map((f): [Part, string] => [`folder:${f.folder}`, clean(f.title)]),
    ...(["archive", "requests"] as const).filter((p) => p === part() || counted(p) > 0).map((p): [Part, string] => [p, t(`chats.${p}`)]),
  ];
  return (
    <>
      <div class="folders" role="tablist" aria-label={t("chats")}>
        <For each={tabs()}>{([p, label]) => (
          <button role="tab" aria-selected={part() === p} classList={{ on: part() === p }} onClick={() => setPart(p)}>
            {label}<Show when={p === "requests" && counted(p)}>{(n) => <b class="count">{n()}</b>}</Show>
          </button>
        )}</For>
      </div>
      <Show when={shown().length} fallback={<Show when={!query()}><Empty /></Show>}>
        <div class="chats" classList={{ some: !!query() }} role="list" aria-label={t("chats")}>
          <VList ref={(h) => (list = h)} data={shown()} itemSize={rowHeight} onScroll={scrolled}>
            {(id) => <Row id={id} />}
          </VList>
        </div>
      </Show>
      <Show when={query().trim()}><Found query={query()} /></Show>
    </>
  );
}

function Empty() {
  return (
    <div class="empty">
      <Show when={chats.loaded} fallback={<For each={[...Array(8).keys()]}>{() => <div class="skeleton" />}</For>}>
        <Show when={part() === "all"} fallback={<p>{t("chats.none.here")}</p>}><p><b>{t("chats.none")}</b></p><p>{t("chats.none.text")}</p><button class="primary" onClick={() => setDialog({ kind: "new" })}>{t("contact.add")}</button></Show>
      </Show>
    </div>
  );
}

const pictures: Partial<Record<string, IconName>> = { saved: "star", group: "group" };
/** What stands for a chat that has no picture of its own. */
export const pictureFor = (c: Chat): IconName | undefined => (groupOf(c.chat)?.channel ? "channel" : pictures[c.kind]);

function Row(p: { id: ChatID }) {
  const c = latest(() => unwrap(chats.by[p.id])); // a chat is replaced as a whole: what is in it needs no signals
  return (
    <Show when={c()}>
      <div role="listitem" class="item">
        <button class="row" classList={{ on: open() === c()!.chat, secure: !!c()!.secure }} data-chat={c()!.chat} aria-current={open() === c()!.chat ? "true" : undefined} onClick={() => (open() === c()!.chat ? setNewest((n) => n + 1) : setOpen(c()!.chat))}>
          <Avatar name={chatName(c()!)} id={c()!.kind === "group" ? c()!.chat : c()!.peer} icon={pictureFor(c()!)} picture={c()!.kind === "group" ? pictureOf(c()!.chat) : undefined} />
          <span class="body">
            <span class="line">
              <span class="name"><Show when={!!c()!.secure}><span class="lock"><Icon name="lock" size={14} /></span></Show><bdi>{chatName(c()!)}</bdi><Show when={muted(c()!)}><Icon name="mute" size={14} /></Show></span>
              <Last chat={c()!} />
            </span>
            <span class="line second"><Second chat={c()!} /><Badges chat={c()!} /></span>
          </span>
        </button>
      </div>
    </Show>
  );
}

function Last(p: { chat: Chat }) {
  return (
    <Show when={p.chat.last}>{(m) => (
      <span class="when">
        <Show when={m().state}><Ticks state={m().state} title={t(`state.${m().state}` as Word)} /></Show>
        <time datetime={m().time}>{short(m().time)}</time>
      </span>
    )}</Show>
  );
}

function Second(p: { chat: Chat }) {
  const busy = () => Object.values(typing[p.chat.chat] ?? {})[0];
  return (
    <span class="preview">
      <Show when={p.chat.requests}>{(n) => <span class="draft">{t("group.waiting", n())} </span>}</Show>
      <Show when={!busy()} fallback={<span class="busy">{busy()!.what === "voice" ? t("typing.voice") : busy()!.what === "file" ? t("typing.file") : t("typing.direct")}</span>}>
        <Show when={clean(p.chat.draft ?? "") || noteIn(p.chat.chat) && `[${t("message.kind.voice")}]`} fallback={<Preview chat={p.chat} />}>{(draft) => <>
          <span class="draft">{t("chat.draft")}</span><bdi>{draft()}</bdi></>}
        </Show>
      </Show>
    </span>
  );
}

function Preview(p: { chat: Chat }) {
  return (
    <Show when={p.chat.last} fallback={<Show when={p.chat.role}><bdi class="dim">{t(`role.${p.chat.role}` as Word)}</bdi></Show>}>{(m) => (
      <bdi>
        <Show when={p.chat.kind === "group" && !m().service}>{m().from === me()?.fingerprint ? t("chat.you") : t("chat.by", clean(m().name ?? "") || m().from.slice(-8))}</Show>
        {preview(m())}
      </bdi>
    )}</Show>
  );
}

function Badges(p: { chat: Chat }) {
  return (
    <span class="badges">
      <Show when={p.chat.mentions}><b class="count call">@</b></Show>
      <Show when={p.chat.unread > 0 || p.chat.marked} fallback={<Show when={p.chat.top}><Icon name="pin" size={15} /></Show>}>
        <b class="count" classList={{ quiet: muted(p.chat) }} aria-label={`${t("chats.unread")} ${p.chat.unread || ""}`}>{p.chat.unread > 999 ? "999+" : p.chat.unread || "•"}</b>
      </Show>
    </span>
  );
}
