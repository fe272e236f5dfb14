import { createMemo, createSignal, For, Match, Show, Switch, type JSX } from "solid-js";
import type { Chat, ListLine, Message } from "@rpc";
import { core, failed, me, openContact, setOpen } from "../state/app";
import { jump, target } from "../state/conversation";
import { setDialog } from "../state/dialog";
import { asksFor } from "../state/fraud";
import { answered, groupNamed, groupsLoaded, roleIn } from "../state/groups";
import { isSelected, selecting, toggle } from "../state/selection";
import { newID, isTime } from "../ids";
import { clock, short } from "../time";
import { t, thing, type Word } from "../words";
import { Icon, Ticks } from "./icons";
import { called } from "./called";
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
      <div class="bubble-line" classList={{ own: p.own, first: p.first, last: p.last, target: target() === m().id, chosen: isSelected(m().id) }}
        onClick={(e) => { if (selecting()) { e.preventDefault(); toggle(m().id); } }}>
        <Show when={selecting()}><input type="checkbox" class="choose" checked={isSelected(m().id)} aria-label={t("message.select")} onClick={(e) => { e.stopPropagation(); toggle(m().id); }} /></Show>
        <article class="bubble" classList={{ bad: !m().verified && !m().imported, gone: !!m().deleted, sticker: m().media?.[0]?.what === "sticker" }} tabindex="-1"
          onContextMenu={(e) => openMenu(e, menuFor(m(), p.chat, p.own))} onDblClick={() => menuFor(m(), p.chat, p.own).find((x) => x.key === "reply")?.run()}>
          <Show when={!p.own && p.first && (p.chat.kind === "group" || p.chat.kind === "imported")}><span class="author" style={{ "--hue": hue(m().from) }}>{called(m(), m().from, 8)}</span></Show>
          <Show when={m().forward}>{(f) => <span class="forward">{t("message.forwarded", clean(f().name ?? "") || "…")}</span>}</Show>
          <Show when={m().reply}>{(r) => (
            <button class="reply" onClick={() => r().message && void jump(m().chat, { message: r().message! })}>
              <b>{clean(r().name ?? "") || " "}</b><span>{clean(r().quote || r().text || "") || t("message.gone")}</span>
            </button>
          )}</Show>
          <Content message={m()} own={p.own} />
          <Caution message={m()} chat={p.chat} own={p.own} />
          <Reactions message={m()} />
          <Foot message={m()} own={p.own} group={p.chat.kind === "group"} />
        </article>
        <button class="icon-button dots" aria-label={t("more")} onClick={(e) => openMenu(e, menuFor(m(), p.chat, p.own))}><Icon name="more" size={18} /></button>
      </div>
    </Show>
  );
}

/** A warning under a text that asks for what nobody should give. */
function Caution(p: { message: Message; chat: Chat; own: boolean }) {
  const sign = () => (p.own || p.message.deleted || p.chat.kind === "group" && !p.message.inert ? undefined : asksFor(p.message.text, !!p.message.inert));
  return <Show when={sign()}>{(x) => <span class="caution" role="note">⚠ {t(`fraud.${x()}`)}</span>}</Show>;
}

/** Who is called in a text is a touch away. */
const talk = (account: string) => { if (account !== me()?.fingerprint) core.call("contact.show", { account }).then(openContact, failed); };

const hue = (id: string) => String((parseInt(id.slice(0, 4), 16) % 12) * 30);

function Content(p: { message: Message; own: boolean }) {
  const m = () => p.message;
  return (
    <Switch fallback={<Rich text={m().text || `[${t("message.kind.unknown")}]`} entities={m().entities} inert={m().inert} onMention={talk} />}>
      <Match when={m().deleted}><em class="deleted">{t("message.deleted")}</em></Match>
      <Match when={m().kind === "media"}><Media message={m()} /><Show when={m().text}><Rich text={m().text} entities={m().entities} inert={m().inert} onMention={talk} /></Show></Match>
      <Match when={m().kind === "poll" && m().poll}>{(poll) => <PollBox message={m()} poll={poll()} />}</Match>
      <Match when={m().kind === "list" && m().list}>{(list) => <ListBox message={m()} list={list()} />}</Match>
      <Match when={m().kind === "group-refused"}><em class="deleted">{t("message.kind.refused")}</em></Match>
      <Match when={m().kind === "group-invite"}><GroupInvite message={m()} own={p.own} /></Match>
    </Switch>
  );
}

/** An invitation: what can be done with it depends on how this account stands in the group. */
function GroupInvite(p: { message: Message; own: boolean }) {
  const [busy, setBusy] = createSignal(false);
  const group = () => groupNamed(p.message.group);
  const accept = async () => {
    setBusy(true);
    try { answered(await core.call("group.accept", { group: p.message.group! })); } catch (e) { failed(e); } finally { setBusy(false); }
  };
  const inside = () => ["subscriber", "member", "admin", "owner"].includes(group()?.role ?? "");
  return (
    <div class="card"><Icon name="group" />
      <span class="what"><small class="dim">{t("message.kind.group", thing(group() ?? p.message))}</small><b><bdi>{clean(group()?.name || p.message.text) || "…"}</bdi></b></span>
      <Show when={!p.own}>
        <Switch>
          <Match when={group()?.dissolved}><small class="dim">{t("group.dissolved", thing(group()))}</small></Match>
          <Match when={inside()}><button onClick={() => setOpen(group()!.chat)}>{t("group.open", thing(group()))}</button></Match>
          <Match when={group()?.role === "invited" || !group() && groupsLoaded()}><button class="primary" disabled={busy()} onClick={accept}>{t("chat.accept")}</button></Match>
        </Switch>
      </Show>
    </div>
  );
}

function PollBox(p: { message: Message; poll: NonNullable<Message["poll"]> }) {
  const options = () => p.poll.options ?? [], voters = () => p.poll.voters + (p.poll.counted ?? 0);
  const votes = (o: { votes: number; counted?: number }) => o.votes + (o.counted ?? 0);
  const all = createMemo(() => Math.max(1, p.poll.multiple ? voters() : options().reduce((n, o) => n + votes(o), 0)));
  const vote = (i: number) => {
    const mine = options().flatMap((o, n) => (o.mine ? [n] : []));
    const next = mine.includes(i) ? mine.filter((x) => x !== i) : p.poll.multiple ? [...mine, i] : [i];
    void core.call("poll.vote", { id: newID(), message: p.message.id, chat: p.message.chat, options: next }, undefined, p.message.id).catch(failed);
  };
  return (
    <div class="poll">
      <small class="kind">{t(p.poll.closed ? "poll.closed" : p.poll.multiple ? "poll.several" : "message.kind.poll")}</small>
      <b><Rich text={p.message.text} entities={p.message.entities} /></b>
      <For each={options()}>{(o, i) => (
        <button class="option" classList={{ mine: !!o.mine }} disabled={!!p.poll.closed} aria-pressed={!!o.mine} onClick={() => vote(i())}>
          <span class="bar" style={{ width: `${(100 * votes(o)) / all()}%` }} /><span>{clean(o.text)}</span><span class="n">{t("poll.votes", votes(o))}</span>
        </button>
      )}</For>
      <Show when={!p.poll.closed && roleIn(p.message.chat) === "subscriber"}><small class="dim">{t("channel.seen")}</small></Show>
      <Show when={p.poll.late}><small class="dim">{t(options().some((o) => o.mine) ? "poll.changelate" : "poll.late")}</small></Show>
      <Show when={p.poll.voters || (p.poll.counted && p.message.counted?.known)} fallback={<small class="dim">{t("poll.voters", voters())}</small>}><button class="link" onClick={() => setDialog({ kind: "voters", message: p.message })}><small>{t("poll.voters", voters())}</small></button></Show>
    </div>
  );
}

function ListBox(p: { message: Message; list: NonNullable<Message["list"]> }) {
  let input: HTMLInputElement | undefined;
  const add = (e: Event) => {
    e.preventDefault();
    const text = input!.value.trim();
    if (!text) return;
    const name = changing();
    done();
    void line(text, name).catch((x: unknown) => { failed(x); if (!input!.value) { input!.value = text; change(name); } });
  };
  let own = ""; // what was being written when a line was taken to be changed
  const done = () => { input!.value = changing() ? own : ""; change(); };
  const [changing, change] = createSignal<string>(); // a line of one's own that is written anew
  const edit = (l: ListLine) => { if (!changing()) own = input!.value; change(l.line); input!.value = l.text; input!.focus(); };
  const line = (text: string, name?: string) => core.call("list.line", { id: newID(), message: p.message.id, chat: p.message.chat, text, line: name, wait: "none" });
  return (
    <div class="poll">
      <small class="kind">{t(isTime(p.list.closed) ? "list.closed" : "message.kind.list")}</small><b><Rich text={p.message.text} entities={p.message.entities} /></b>
      <ol class="lines"><For each={p.list.lines ?? []}>{(l) => <li><bdi>{clean(l.text)}</bdi> <small>{called(l, l.from, 8)}</small><Show when={l.from === me()?.fingerprint && !isTime(p.list.closed)}><button class="icon-button dots" aria-label={`${t("list.edit")} ${clean(l.text)}`} onClick={() => edit(l)}><Icon name="pen" size={14} /></button><button class="icon-button dots" aria-label={`${t("list.drop")} ${clean(l.text)}`} onClick={() => void line("", l.line).catch(failed)}><Icon name="close" size={14} /></button></Show></li>}</For></ol>
      <Show when={p.list.late}><small class="dim">{t("list.late")}</small></Show>
      <Show when={!isTime(p.list.closed)}><form class="addline" onSubmit={add}><input ref={input} maxlength="200" aria-label={t("list.add")} placeholder={t("list.add")} /><Show when={changing()}><button type="button" class="icon-button" aria-label={t("cancel")} onClick={done}><Icon name="close" size={16} /></button></Show><button aria-label={changing() ? t("save") : `+1 ${t("list.add")}`}>{changing() ? <Icon name="check" size={16} /> : "+1"}</button></form></Show>
    </div>
  );
}

/** How many reactions and votes are of a channel's subscribers. */
export const countedIn = (m: Message) => (m.counted?.emoji ?? []).reduce((n, c) => n + c.count, m.poll?.counted ?? 0);
/** Whose word it is how many said something. */
export const countedBy = (m: Message, n: number) => t("counted", n, called(m.counted!, m.counted!.by, 8));

function Reactions(p: { message: Message }) {
  const by = createMemo(() => {
    const out = new Map<string, { n: number; mine: boolean }>();
    for (const r of p.message.reactions ?? []) for (const e of r.emoji ?? []) {
      const x = out.get(e) ?? { n: 0, mine: false };
      out.set(e, { n: x.n + 1, mine: x.mine || r.from === me()?.fingerprint });
    }
    for (const c of [...(p.message.other_reactions ?? []), ...(p.message.counted?.emoji ?? [])]) {
      const x = out.get(c.emoji) ?? { n: 0, mine: false };
      out.set(c.emoji, { ...x, n: x.n + c.count });
    }
    return [...out];
  });
  const counted = () => countedIn(p.message);
  return (
    <>
      <Show when={by().length}>
        <div class="reactions"><For each={by()}>{([e, x]) => <button classList={{ mine: x.mine }} aria-pressed={x.mine} onClick={() => react(p.message, e)}>{clean(e)} {x.n}</button>}</For></div>
      </Show>
      <Show when={counted()}><Show when={p.message.counted!.known} fallback={<small class="dim">{countedBy(p.message, counted())}</small>}><button class="link" onClick={() => setDialog({ kind: "voters", message: p.message })}><small>{t("counted.readers", counted())}</small></button></Show></Show>
    </>
  );
}

/** Says or takes back an emoji about a message. */
export function react(m: Message, emoji: string) {
  const mine = (m.reactions ?? []).find((r) => r.from === me()?.fingerprint)?.emoji ?? [];
  const next = mine.includes(emoji) ? mine.filter((x) => x !== emoji) : [...mine, emoji].slice(-3);
  void core.call("message.react", { id: newID(), message: m.id, chat: m.chat, emoji: next }, undefined, m.id).catch(failed);
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

