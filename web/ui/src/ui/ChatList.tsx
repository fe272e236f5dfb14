import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import { VList, type VListHandle } from "virtua/solid";
import type { Chat, ChatID } from "@rpc";
import { chats, me, moreChats, open, setOpen } from "../state/app";
import { typing } from "../state/typing";
import { short } from "../time";
import { t, type Word } from "../words";
import { isTime } from "../ids";
import { Avatar, Icon, Ticks, type IconName } from "./icons";
import { clean } from "./text";
import { preview } from "./preview";
import { Found } from "./Found";
import { matches } from "../state/find";
import { latest } from "../state/latest";

export const rowHeight = 72;

type Folder = "all" | "unread" | "groups" | "archive" | "requests";
const folders: Record<Folder, (c: Chat) => boolean> = {
  all: (c) => !c.archived && !isRequest(c),
  unread: (c) => !c.archived && !isRequest(c) && (c.unread > 0 || !!c.marked),
  groups: (c) => !c.archived && c.kind === "group",
  archive: (c) => !!c.archived,
  requests: isRequest,
};

function isRequest(c: Chat) { return c.kind === "direct" && c.contact === "request" && !c.blocked; }

export const muted = (c: Chat) => isTime(c.muted) && Date.parse(c.muted) > Date.now();

/** What a chat is called. */
export const chatName = (c: Chat) => (c.kind === "saved" ? t("chat.saved") : clean(c.name) || c.peer.slice(-16));

const [query, setQuery] = createSignal("");
const [folder, setFolder] = createSignal<Folder>("all");
export { query, setQuery };

export function ChatList(): JSX.Element {
  let list: VListHandle | undefined;
  const shown = createMemo(() => {
    const keep = folders[folder()], q = query();
    return chats.order.filter((id) => {
      const c = chats.by[id];
      return c && (q ? matches(chatName(c), q) : keep(c));
    });
  });
  const counted = (f: Folder) => chats.order.reduce((n, id) => n + (folders[f](chats.by[id]!) ? 1 : 0), 0);
  const scrolled = () => {
    if (list && chats.next && list.scrollOffset + list.viewportSize * 3 > list.scrollSize) void moreChats();
  };
  const tabs = () => (["all", "unread", "groups", "archive", "requests"] as const).filter((f) => f === "all" || f === "unread" || f === folder() || counted(f) > 0);
  return (
    <>
      <div class="folders" role="tablist" aria-label={t("chats")}>
        <For each={tabs()}>{(f) => (
          <button role="tab" aria-selected={folder() === f} classList={{ on: folder() === f }} onClick={() => setFolder(f)}>
            {t(`chats.${f}` as Word)}<Show when={f === "requests" && counted(f)}>{(n) => <b class="count">{n()}</b>}</Show>
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
        <p><b>{t("chats.none")}</b></p><p>{t("chats.none.text")}</p>
      </Show>
    </div>
  );
}

const pictures: Partial<Record<string, IconName>> = { saved: "star", group: "group" };

function Row(p: { id: ChatID }) {
  const c = latest(() => chats.by[p.id]);
  return (
    <Show when={c()}>
      <div role="listitem" class="item">
        <button class="row" classList={{ on: open() === c()!.chat, secure: !!c()!.secure }} data-chat={c()!.chat} aria-current={open() === c()!.chat ? "true" : undefined} onClick={() => setOpen(c()!.chat)}>
          <Avatar name={chatName(c()!)} id={c()!.kind === "group" ? c()!.chat : c()!.peer} icon={pictures[c()!.kind]} />
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
      <Show when={!busy()} fallback={<span class="busy">{busy()!.what === "voice" ? t("typing.voice") : busy()!.what === "file" ? t("typing.file") : t("typing.direct")}</span>}>
        <Show when={p.chat.draft} fallback={<Preview chat={p.chat} />}>
          <span class="draft">{t("chat.draft")}</span><bdi>{clean(p.chat.draft!)}</bdi>
        </Show>
      </Show>
    </span>
  );
}

function Preview(p: { chat: Chat }) {
  return (
    <Show when={p.chat.last}>{(m) => (
      <bdi>
        <Show when={p.chat.kind === "group" && !m().service}>{m().from === me()?.fingerprint ? t("chat.you") : `${clean(m().name ?? "")}：`}</Show>
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
