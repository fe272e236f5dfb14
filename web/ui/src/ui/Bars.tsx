// Bars over the history: what is pinned, and searching in the chat.
import { createEffect, createMemo, createSignal, on, onCleanup, onMount, Show, type JSX } from "solid-js";
import type { Chat, Message } from "@rpc";
import { composing } from "../ime";
import { newID } from "../ids";
import { gone } from "../rpc";
import { core, failed, me } from "../state/app";
import { asked } from "../state/asked";
import { setDialog } from "../state/dialog";
import { selectNothing, selection } from "../state/selection";
import { jump, pinsChanged } from "../state/conversation";
import { useLayer } from "../state/layers";
import { t } from "../words";
import { Icon } from "./icons";
import { copy, mayForward, openMenu, pin } from "./menu";
import { preview } from "./preview";

/** Where nobody has written yet nothing is pinned. */
const noneYet = (e: unknown) => { if (gone(e)) return { messages: [] as Message[] }; throw e; };

/** The pinned messages, one at a time: a touch shows it and goes on to the next. */
export function Pins(p: { chat: Chat }): JSX.Element {
  const [list] = asked(() => `${p.chat.chat} ${pinsChanged()}`, async (key) => {
    const chat = key.slice(0, key.indexOf(" "));
    return (await core.call("message.pinned", { chat, count: 20 }).catch(noneYet)).messages ?? [];
  });
  const [at, setAt] = createSignal(0);
  createEffect(on(createMemo(() => p.chat.chat), () => setAt(0)));
  const one = () => list.latest?.[at() % Math.max(1, list.latest.length)];
  return (
    <Show when={one()}>{(m) => (
      <button class="pins" onContextMenu={(e) => openMenu(e, [{ key: "unpin", label: t("message.unpin"), run: () => pin(m(), false) }])} onClick={() => { void jump(p.chat.chat, { message: m().id }); setAt(at() + 1); }}>
        <Icon name="pin" size={18} /><span><b>{t("pins")}</b> {preview(m())}</span><Show when={list()!.length > 1}><small class="dim">{(at() % list()!.length) + 1}/{list()!.length}</small></Show>
      </button>
    )}</Show>
  );
}

const settle = 200; // ms
const page = 50;

/** Finds words in the chat and goes from one place to the next. */
export function SearchIn(p: { chat: Chat; close: () => void }): JSX.Element {
  let field!: HTMLInputElement;
  useLayer(p.close);
  onMount(() => field.focus());
  const [text, setText] = createSignal(""), [asked, setAsked] = createSignal("");
  createEffect(on(text, (x) => {
    const timer = setTimeout(() => setAsked(x.trim()), settle);
    onCleanup(() => clearTimeout(timer));
  }));
  const [found, setFound] = createSignal<string[]>([]), [next, setNext] = createSignal<string>(), [total, setTotal] = createSignal(0), [at, setAt] = createSignal(0);
  createEffect(on(asked, async (words) => {
    setFound([]);
    setAt(0);
    if (!words) return;
    try {
      const r = await core.call("search", { chat: p.chat.chat, text: words, count: page, total: true });
      if (asked() !== words) return;
      setFound((r.messages ?? []).map((m) => m.id));
      setNext(r.next || undefined);
      setTotal(r.total ?? found().length);
      go(0);
    } catch (e) { failed(e); }
  }));
  const go = async (i: number) => {
    if (i < 0) return;
    if (i >= found().length && next()) {
      try {
        const r = await core.call("search", { chat: p.chat.chat, text: asked(), count: page, next: next() });
        setFound([...found(), ...(r.messages ?? []).map((m) => m.id)]);
        setNext(r.next || undefined);
      } catch (e) { return failed(e); }
    }
    const id = found()[i];
    if (!id) return;
    setAt(i);
    void jump(p.chat.chat, { message: id });
  };
  const key = (e: KeyboardEvent) => {
    if (composing(e) || e.key !== "Enter") return;
    e.preventDefault();
    void go(at() + (e.shiftKey ? -1 : 1));
  };
  return (
    <div class="searchbar" role="search">
      <input ref={field} type="search" placeholder={t("search.in")} aria-label={t("search.in")} value={text()} onInput={(e) => setText(e.currentTarget.value)} onKeyDown={key} />
      <span class="dim" aria-live="polite">{asked() ? (found().length ? t("search.count", at() + 1, total()) : t("search.none")) : ""}</span>
      <input type="date" max="9999-12-31" aria-label={t("search.date")} title={t("search.date")} onChange={(e) => e.currentTarget.value && void jump(p.chat.chat, { at: new Date(`${e.currentTarget.value}T00:00`).toISOString() })} />
      <button class="icon-button up" aria-label={t("search.older")} disabled={at() + 1 >= total()} onClick={() => go(at() + 1)}><Icon name="down" size={20} /></button>
      <button class="icon-button" aria-label={t("search.newer")} disabled={at() === 0} onClick={() => go(at() - 1)}><Icon name="down" size={20} /></button>
      <button class="icon-button" aria-label={t("close")} onClick={p.close}><Icon name="close" size={20} /></button>
    </div>
  );
}

/** What can be done with messages that were chosen together. */
export function Selected(p: { chat: Chat }): JSX.Element {
  useLayer(selectNothing);
  onCleanup(selectNothing);
  const own = () => selection().every((m) => m.from === me()?.fingerprint && !m.imported && !m.service);
  const remove = (forMe: boolean) => {
    const list = selection();
    if (!confirm(t(forMe ? "select.forget.sure" : "select.delete.sure", list.length))) return;
    selectNothing();
    void core.call("message.delete", { id: newID(), chat: p.chat.chat, messages: list.map((m) => m.id), for_me: forMe || undefined, wait: "none" }).catch(failed);
  };
  return (
    <div class="composer selected" role="toolbar" aria-label={t("select.count", selection().length)}>
      <button class="icon-button" aria-label={t("cancel")} onClick={selectNothing}><Icon name="close" /></button>
      <b aria-live="polite">{t("select.count", selection().length)}</b>
      <button disabled={!selection().some((m) => m.text)} onClick={() => { copy(selection().filter((m) => m.text)); selectNothing(); }}>{t("copy")}</button>
      <button disabled={!selection().every(mayForward)} onClick={() => setDialog({ kind: "forward", messages: selection() })}>{t("message.forward")}</button>
      <Show when={p.chat.kind !== "imported" && own()}><button class="danger" onClick={() => remove(false)}>{t("message.delete.all")}</button></Show>
      <button class="danger" onClick={() => remove(true)}>{t("select.forget")}</button>
    </div>
  );
}
