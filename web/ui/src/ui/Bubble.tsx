import { createMemo, For, Match, Show, Switch, type JSX } from "solid-js";
import type { Chat, Message } from "@rpc";
import { core, failed, me } from "../state/app";
import { jump, target } from "../state/conversation";
import { newID, isTime } from "../ids";
import { clock, short } from "../time";
import { t, type Word } from "../words";
import { Icon, Ticks } from "./icons";
import { clean, Rich } from "./text";
import { Media } from "./Media";
import { line } from "./line";
import { menuFor, openMenu } from "./menu";

interface Props { message: Message; chat: Chat; own: boolean; first: boolean; last: boolean }

/** One message. */
export function Bubble(p: Props): JSX.Element {
  const m = () => p.message;
  return (
    <Show when={!m().service} fallback={<div class="service"><span>{line(m())}</span></div>}>
      <div class="bubble-line" classList={{ own: p.own, first: p.first, last: p.last, target: target() === m().id }}>
        <article class="bubble" classList={{ bad: !m().verified && !m().imported, gone: !!m().deleted, sticker: m().media?.[0]?.what === "sticker" }} tabindex="-1"
          onContextMenu={(e) => openMenu(e, menuFor(m(), p.chat, p.own))} onDblClick={() => menuFor(m(), p.chat, p.own).find((x) => x.key === "reply")?.run()}>
          <Show when={!p.own && p.first && (p.chat.kind === "group" || p.chat.kind === "imported")}><span class="author" style={{ "--hue": hue(m().from) }}>{clean(m().name ?? "") || m().from.slice(-8)}</span></Show>
          <Show when={m().forward}>{(f) => <span class="forward">{t("message.forwarded", clean(f().name ?? "") || "…")}</span>}</Show>
          <Show when={m().reply}>{(r) => (
            <button class="reply" onClick={() => r().message && void jump(m().chat, { message: r().message! })}>
              <b>{clean(r().name ?? "") || " "}</b><span>{clean(r().quote || r().text || "") || t("message.gone")}</span>
            </button>
          )}</Show>
          <Content message={m()} />
          <Reactions message={m()} />
          <Foot message={m()} own={p.own} group={p.chat.kind === "group"} />
        </article>
        <button class="icon-button dots" aria-label={t("more")} onClick={(e) => openMenu(e, menuFor(m(), p.chat, p.own))}><Icon name="more" size={18} /></button>
      </div>
    </Show>
  );
}

const hue = (id: string) => String((parseInt(id.slice(0, 4), 16) % 12) * 30);

function Content(p: { message: Message }) {
  const m = () => p.message;
  return (
    <Switch fallback={<Rich text={m().text || `[${t("message.kind.unknown")}]`} entities={m().entities} inert={m().inert} />}>
      <Match when={m().deleted}><em class="deleted">{t("message.deleted")}</em></Match>
      <Match when={m().kind === "media"}><Media message={m()} /><Show when={m().text}><Rich text={m().text} entities={m().entities} inert={m().inert} /></Show></Match>
      <Match when={m().kind === "poll" && m().poll}>{(poll) => <PollBox message={m()} poll={poll()} />}</Match>
      <Match when={m().kind === "list" && m().list}>{(list) => <ListBox message={m()} list={list()} />}</Match>
      <Match when={m().kind.startsWith("group")}><GroupInvite message={m()} /></Match>
    </Switch>
  );
}

function GroupInvite(p: { message: Message }) {
  const accept = () => core.call("group.accept", { group: p.message.group ?? "" }).catch(failed);
  return <div class="card"><Icon name="group" /><span>{t("message.kind.group")}</span><Show when={p.message.group}><button class="primary" onClick={accept}>{t("chat.accept")}</button></Show></div>;
}

function PollBox(p: { message: Message; poll: NonNullable<Message["poll"]> }) {
  const options = () => p.poll.options ?? [];
  const all = createMemo(() => Math.max(1, options().reduce((n, o) => n + o.votes, 0)));
  const vote = (i: number) => {
    const mine = options().flatMap((o, n) => (o.mine ? [n] : []));
    const next = mine.includes(i) ? mine.filter((x) => x !== i) : p.poll.multiple ? [...mine, i] : [i];
    void core.call("poll.vote", { id: newID(), message: p.message.id, chat: p.message.chat, options: next }).catch(failed);
  };
  return (
    <div class="poll">
      <b><Rich text={p.message.text} entities={p.message.entities} /></b>
      <For each={options()}>{(o, i) => (
        <button class="option" classList={{ mine: !!o.mine }} disabled={!!p.poll.closed} aria-pressed={!!o.mine} onClick={() => vote(i())}>
          <span class="bar" style={{ width: `${(100 * o.votes) / all()}%` }} /><span>{clean(o.text)}</span><span class="n">{o.votes}</span>
        </button>
      )}</For>
    </div>
  );
}

function ListBox(p: { message: Message; list: NonNullable<Message["list"]> }) {
  let input: HTMLInputElement | undefined;
  const add = (e: Event) => {
    e.preventDefault();
    const text = input!.value.trim();
    if (!text) return;
    input!.value = "";
    void core.call("list.line", { id: newID(), message: p.message.id, chat: p.message.chat, text }).catch(failed);
  };
  return (
    <div class="poll">
      <b>接龍｜<Rich text={p.message.text} entities={p.message.entities} /></b>
      <ol class="lines"><For each={p.list.lines ?? []}>{(l) => <li><bdi>{clean(l.text)}</bdi> <small>{clean(l.name ?? "")}</small></li>}</For></ol>
      <Show when={!p.list.closed}><form onSubmit={add}><input ref={input} maxlength="200" aria-label="接龍" placeholder="+1" /></form></Show>
    </div>
  );
}

function Reactions(p: { message: Message }) {
  const by = createMemo(() => {
    const out = new Map<string, { n: number; mine: boolean }>();
    for (const r of p.message.reactions ?? []) for (const e of r.emoji ?? []) {
      const x = out.get(e) ?? { n: 0, mine: false };
      out.set(e, { n: x.n + 1, mine: x.mine || r.from === me()?.fingerprint });
    }
    return [...out];
  });
  return (
    <Show when={by().length}>
      <div class="reactions"><For each={by()}>{([e, x]) => <button classList={{ mine: x.mine }} aria-pressed={x.mine} onClick={() => react(p.message, e)}>{clean(e)} {x.n}</button>}</For></div>
    </Show>
  );
}

/** Says or takes back an emoji about a message. */
export function react(m: Message, emoji: string) {
  const mine = (m.reactions ?? []).find((r) => r.from === me()?.fingerprint)?.emoji ?? [];
  const next = mine.includes(emoji) ? mine.filter((x) => x !== emoji) : [...mine, emoji].slice(-3);
  void core.call("message.react", { id: newID(), message: m.id, chat: m.chat, emoji: next }).catch(failed);
}

function Foot(p: { message: Message; own: boolean; group: boolean }) {
  const m = () => p.message;
  const state = () => (m().state === "read" && p.group && m().read_by ? t("state.readby", m().read_by!) : t(`state.${m().state}` as Word));
  return (
    <span class="foot">
      <Show when={!m().verified && m().problem}><span class="problem">⚠ {t("message.problem", m().problem!)}</span></Show>
      <Show when={isTime(m().expires)}><span>⏱ {t("message.expires", short(m().expires!))}</span></Show>
      <Show when={isTime(m().edited)}><span>{t("message.edited")}</span></Show>
      <Show when={p.own && p.group && m().read_by}><span class="readby">{t("state.readby", m().read_by!)}</span></Show>
      <Show when={p.own && !p.group && m().state === "read"}><span class="readby">{t("state.read")}</span></Show>
      <time datetime={m().time}>{clock(m().time)}</time>
      <Show when={p.own && m().state}><Ticks state={m().state} title={state()} /></Show>
    </span>
  );
}

