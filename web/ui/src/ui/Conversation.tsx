import { createEffect, createMemo, lazy, createSignal, on, onCleanup, onMount, Show, untrack, type JSX } from "solid-js";
import { Virtualizer, type VirtualizerHandle } from "virtua/solid";
import type { Chat, Message } from "@rpc";
import { chats, core, failed, me, open, setOpen } from "../state/app";
import { noted, wentOn } from "../state/beside";
import { below, conversation, earlier, firstUnread, gap, jump, later, newest, prepending, refresh, setBelow, setReading, setTarget, show, target } from "../state/conversation";
import { part } from "../part";
import { info, setInfo } from "../state/dialog";
import { groupOf, pictureOf, readOnly } from "../state/groups";
import { latest } from "../state/latest";
import { typing } from "../state/typing";
import { isTime } from "../ids";
import { dayKey, dayOf, short } from "../time";
import { t, thing, type Word } from "../words";
import { Avatar, Icon } from "./icons";
import { chatName, pictureFor } from "./ChatList";
import { Bubble } from "./Bubble";
import { Guard } from "./Guard";
import { composing } from "../ime";
import { Pins } from "./Pins";
import { Composer } from "./Composer";
import { lookAt, presence } from "../state/presence";
import { selecting } from "../state/selection";

const SearchIn = lazy(() => part(() => import("./SearchIn")).then((m) => ({ default: m.SearchIn })));
const Selected = lazy(() => part(() => import("./Selected")).then((m) => ({ default: m.Selected })));
const Stranger = lazy(() => part(() => import("./Stranger")).then((m) => ({ default: m.Stranger })));
const Noted = lazy(() => part(() => import("./Noted")).then((m) => ({ default: m.Noted })));
const Beside = lazy(() => part(() => import("./Noted")).then((m) => ({ default: m.Beside })));
const Onward = lazy(() => part(() => import("./Noted")).then((m) => ({ default: m.Onward })));
const Info = lazy(() => part(() => import("./Info")).then((m) => ({ default: m.Info })));

/** The chat that is open. */
export function Conversation(): JSX.Element {
  const chat = createMemo(() => (open() ? chats.by[open()!] : undefined));
  const last = latest(chat);
  const [searching, setSearching] = createSignal(false);
  createEffect(on(open, () => setSearching(false)));
  onMount(() => {
    const key = (e: KeyboardEvent) => {
      if (composing(e) || !(e.ctrlKey || e.metaKey) || e.key.toLowerCase() !== "f" || !chat()) return;
      e.preventDefault();
      setSearching(true);
    };
    window.addEventListener("keydown", key);
    onCleanup(() => window.removeEventListener("keydown", key));
  });
  createEffect(on(() => open(), () => { if (!matchMedia("(min-width: 1275px)").matches) setInfo(false); }));
  // Who is accepted may be touched: what was inert is shown anew.
  createEffect(on(() => [chat()?.chat, chat()?.contact] as const, ([id, contact], before) => {
    if (id && before?.[0] === id && before[1] !== contact) void refresh();
  }));
  const id = createMemo(() => chat()?.chat); // a chat that stands otherwise in the list is the same chat
  createEffect(on(id, (id) => { if (id) void show(id, untrack(() => chat()!.unread)); }));
  return (
    <Show when={chat()} fallback={<div class="nothing"><img src="/icon.svg" alt="" width="120" height="120" /><p>{t("chat.pick")}</p></div>}>
      <section class="conversation" classList={{ secure: last()!.secure }} aria-label={chatName(last()!)}>
        <Head chat={last()!} search={() => setSearching(!searching())} />
        <Show when={searching()}><SearchIn chat={last()!} close={() => setSearching(false)} /></Show>
        <Pins chat={last()!} />
        <FirstContact chat={last()!} />
        <History chat={last()!} />
        <Show when={!selecting()} fallback={<Selected chat={last()!} />}>
          <Show when={readOnly(last()!)} fallback={<Show when={wentOn(last()!)} fallback={<Composer chat={last()!} />}>{(n) => <Onward notice={n()} />}</Show>}>{(why) => <p class="note">{t(why(), thing(groupOf(last()!.chat)))}</p>}</Show>
        </Show>
      </section>
      <Show when={info() && chat()}><Guard about={id}><Info chat={last()!} /></Guard></Show>
    </Show>
  );
}

function Head(p: { chat: Chat; search: () => void }) {
  const busy = () => Object.entries(typing[p.chat.chat] ?? {})[0];
  const line = () => {
    const b = busy();
    if (b) return b[1].what === "voice" ? t("typing.voice") : b[1].what === "file" ? t("typing.file") : t("typing.direct");
    if (p.chat.secure) return t(p.chat.kind === "secure" && isTime(p.chat.ended) ? "chat.ended" : "chat.secure");
    if (p.chat.kind === "imported") return t("chat.imported");
    return t("chat.normal");
  };
  lookAt(() => p.chat);
  const there = () => {
    const g = groupOf(p.chat.chat);
    if (g?.channel) return g.role === "subscriber" || readOnly(p.chat) ? t("chat.channel.is") : t("chat.subscribers", g.subscribers ?? 0);
    if (g?.size) return t("chat.members", g.size);
    const x = presence[p.chat.chat];
    return x?.online ? t("presence.online") : isTime(x?.seen) ? t("presence.seen", short(x.seen)) : "";
  };
  return (
    <header class="head">
      <button class="icon-button back" aria-label={t("back")} onClick={() => setOpen(undefined)}><Icon name="back" /></button>
      <Avatar name={chatName(p.chat)} id={p.chat.kind === "group" ? p.chat.chat : p.chat.peer} size={40} icon={pictureFor(p.chat)} picture={p.chat.kind === "group" ? pictureOf(p.chat.chat) : undefined} />
      <span class="title">
        <h1><Show when={p.chat.secure}><Icon name="lock" size={16} /></Show><bdi>{chatName(p.chat)}</bdi><Show when={p.chat.verified === "verified"}><span class="verified" title={t("key.verified")}><Icon name="check" size={16} /></span></Show></h1>
        <span class="status" classList={{ busy: !!busy() }} aria-live="polite"><Show when={!busy() && there()}>{(x) => <span class="there" classList={{ now: !!presence[p.chat.chat]?.online }}>{x()}<i> · </i></span>}</Show><span class="said">{line()}</span></span>
      </span>
      <button class="icon-button" aria-label={t("search.in")} onClick={p.search}><Icon name="search" /></button>
      <Show when={p.chat.kind !== "imported" && p.chat.kind !== "saved"}><button class="icon-button" aria-label={t("info")} aria-expanded={info()} onClick={() => setInfo(!info())}><Icon name="more" /></button></Show>
    </header>
  );
}

function FirstContact(p: { chat: Chat }) {
  const stranger = () => p.chat.kind === "direct" && p.chat.contact === "request";
  return (
    <>
      <Show when={stranger()}><Stranger chat={p.chat} /></Show>
      <Show when={p.chat.requests}>{(n) => <button class="contact-note link" onClick={() => setInfo(true)}>{t("group.waiting", n())}</button>}</Show>
      <Show when={p.chat.kind !== "saved" && p.chat.notice}><Noted chat={p.chat} /></Show>
      <Show when={p.chat.verified === "changed"}><div class="contact-note warn" role="alert">⚠ {t("key.changed")}</div></Show>
    </>
  );
}

function History(p: { chat: Chat }) {
  let list: VirtualizerHandle | undefined, box!: HTMLDivElement;
  const [bottom, setBottom] = createSignal(true), [top, setTop] = createSignal(false);
  // Where there is more before, the first message that is at hand is not shown: how tall one
  // is depends on the one before it (a new day, another author), and must not change later.
  const held = () => (conversation.before ? 1 : 0);
  const shown = createMemo(() => (held() ? conversation.list.slice(1) : conversation.list) as Message[]);
  const toEnd = () => list?.scrollToIndex(untrack(shown).length - 1, { align: "end" });
  let before = { offset: 0, size: 0, view: 0 };
  const stick = () => requestAnimationFrame(() => { if (untrack(bottom) && conversation.atEnd) toEnd(); fits(); });
  // Where all of it is in sight nobody scrolls to its beginning.
  const fits = () => { if (list && shown().length && list.scrollSize - list.viewportSize < near) { setTop(true); void earlier(); } };
  // To a place that is not the end, unless all of it is on the screen.
  const away = (i: number, align: "start" | "center") => {
    setBottom(false);
    list?.scrollToIndex(i, { align });
    requestAnimationFrame(scrolled);
  };
  const near = 240; // px from an end at which more is fetched
  const scrolled = () => {
    if (!list) return;
    const left = list.scrollSize - list.scrollOffset - list.viewportSize, at = conversation.atEnd && left < 48;
    const grew = list.scrollOffset >= before.offset && (list.scrollSize !== before.size || list.viewportSize !== before.view);
    before = { offset: list.scrollOffset, size: list.scrollSize, view: list.viewportSize };
    if (!at && untrack(bottom) && grew) return stick(); // it is larger, or there is less room: nobody scrolled
    setBottom(at);
    setReading(at ? undefined : untrack(shown)[list.findItemIndex(list.scrollOffset)]?.id);
    if (bottom()) { setBelow(0); read(); }
    setTop(list.scrollOffset < near);
    if (top()) void earlier();
    if (left < near) void later();
  };
  const down = () => {
    setBelow(0);
    if (!conversation.atEnd) return void show(p.chat.chat, 0);
    toEnd();
  };
  createEffect(on(newest, down, { defer: true }));
  // What is at the bottom stays there; who reads further up is not moved.
  createEffect(on(() => [conversation.chat, conversation.list.length] as const, ([id], before) => {
    const fresh = before?.[0] !== id;
    if (untrack(bottom) && document.hasFocus()) setBelow(0);
    if ((fresh || untrack(bottom)) && !untrack(target)) requestAnimationFrame(() => {
      const at = firstUnread() ? shown().findIndex((m) => m.id === firstUnread()) : -1;
      if (fresh && at > 0) away(at, "start");
      else toEnd();
    });
  }));
  createEffect(on(target, (id) => {
    const i = id ? shown().findIndex((m) => m.id === id) : -1;
    if (i < 0) return;
    requestAnimationFrame(() => { // it is marked for as long from when it is in sight, however busy the machine is
      away(i, "center");
      // What somebody goes to meanwhile has its own time.
      requestAnimationFrame(() => setTimeout(() => setTarget((now) => (now === id ? undefined : now)), 1500));
    });
  }));
  // From one message that calls this account to the next, of those that were not read.
  let called = 0;
  createEffect(on(() => p.chat.chat, () => { called = 0; }));
  const nextCall = async () => {
    const chat = p.chat.chat;
    try {
      const list = (await core.call("mentions", { chat, count: 50 })).messages ?? [], m = list[called++ % Math.max(1, list.length)];
      if (m && chat === p.chat.chat) await jump(chat, { message: m.id });
    } catch (e) { failed(e); }
  };
  // Everything of the chat that is here was read once the person looks at its end.
  const read = () => {
    if (document.hasFocus() && (p.chat.unread > 0 || p.chat.marked)) void core.call("chat.set", { chat: p.chat.chat, read: true }).catch(failed);
  };
  createEffect(on(() => [p.chat.chat, p.chat.unread] as const, () => { if (bottom()) read(); }));
  onMount(() => {
    // Heights that were guessed are measured, and what was further down may be in sight without any scrolling.
    const larger = new ResizeObserver(() => { if (untrack(bottom)) stick(); else requestAnimationFrame(scrolled); });
    larger.observe(box);
    larger.observe(box.lastElementChild!);
    onCleanup(() => larger.disconnect());
    window.addEventListener("focus", read);
    const keys = (e: KeyboardEvent) => page(e, list);
    window.addEventListener("keydown", keys);
    onCleanup(() => { window.removeEventListener("focus", read); window.removeEventListener("keydown", keys); });
  });
  return (
    <div class="history">
      <div class="messages" ref={box} tabindex="0" role="log" aria-label={t("history")} aria-live="off">
        <div class="above"><Show when={!shown().length}><Stood chat={p.chat} /></Show></div>{/* few messages stand at the bottom */}
        <Virtualizer ref={(h) => (list = h)} data={shown()} shift={prepending()} startMargin={8} onScroll={scrolled}>
          {(m, i) => <Entry message={m} before={conversation.list[i() + held() - 1]} after={conversation.list[i() + held() + 1]} chat={p.chat} />}
        </Virtualizer>
      </div>
      <Show when={top() && p.chat.kind === "group" && gap()}>{(g) => (
        <Show when={g() === "missing"} fallback={<span class="gap" classList={{ [g()]: true }} role="status">{t(`gap.${g()}` as Word)}</span>}><button class="gap" onClick={() => void earlier(true)}>{t("gap.missing")}</button></Show>
      )}</Show>
      <Show when={p.chat.mentions}><button class="jump call" aria-label={t("mentions.next")} title={t("mentions.next")} onClick={nextCall}>@</button></Show>
      <Show when={!bottom()}>
        <button class="jump" aria-label={below() ? t("message.newbelow", below()) : t("message.down")} onClick={down}><Icon name="down" /><Show when={below()}>{(n) => <b class="count">{n()}</b>}</Show></button>
      </Show>
    </div>
  );
}

/** PgUp, PgDn, Home and End scroll the history, wherever the caret is; Home and End only where it is nowhere. */
function page(e: KeyboardEvent, list?: VirtualizerHandle) {
  if (e.isComposing || e.keyCode === 229 || !list || e.ctrlKey || e.altKey || e.metaKey) return;
  const typingIn = e.target instanceof HTMLTextAreaElement || e.target instanceof HTMLInputElement;
  const step = list.viewportSize * 0.9;
  switch (e.key) {
    case "PageUp": list.scrollBy(-step); break;
    case "PageDown": list.scrollBy(step); break;
    case "Home": if (typingIn) return; list.scrollTo(0); break;
    case "End": if (typingIn) return; list.scrollTo(list.scrollSize); break;
    default: return;
  }
  e.preventDefault();
}

const together = 5 * 60_000; // ms between messages of one person that stand as one block

/** What is noted about the other side, where it came up. */
function Stood(p: { chat: Chat; from?: Message; to?: Message }) {
  return <Show when={p.chat.kind === "direct" && noted()}><Beside chat={p.chat} from={p.from} to={p.to} /></Show>;
}

function Entry(p: { message: Message; before?: Message; after?: Message; chat: Chat }) {
  const day = () => !p.before || dayKey(p.before.time) !== dayKey(p.message.time);
  const same = (a?: Message, b?: Message) => !!a && !!b && a.from === b.from && !a.service && !b.service && Math.abs(Date.parse(b.time) - Date.parse(a.time)) < together && dayKey(a.time) === dayKey(b.time);
  return (
    <div class="entry" classList={{ newest: !p.after, oldest: !p.before && p.chat.kind === "group" }} data-id={p.message.id}>
      <Stood chat={p.chat} from={p.before} to={p.message} />
      <Show when={day()}><div class="day"><span>{dayOf(p.message.time)}</span></div></Show>
      <Show when={firstUnread() === p.message.id}><div class="unread"><span>{t("message.unread")}</span></div></Show>
      <Bubble message={p.message} chat={p.chat} own={p.message.from === me()?.fingerprint && !p.message.imported} first={!same(p.before, p.message)} last={!same(p.message, p.after)} />
      <Show when={!p.after && conversation.atEnd}><Stood chat={p.chat} from={p.message} /></Show>
    </div>
  );
}
