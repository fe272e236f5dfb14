// Searching in the chat that is open.
import { createEffect, createSignal, on, onCleanup, onMount, type JSX } from "solid-js";
import type { Chat } from "@rpc";
import { composing } from "../ime";
import { core, failed } from "../state/app";
import { jump } from "../state/conversation";
import { useLayer } from "../state/layers";
import { t } from "../words";
import "../words/rare";
import { Icon } from "./icons";
import "../style/searchin.css";

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
