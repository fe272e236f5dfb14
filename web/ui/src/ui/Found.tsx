// Messages that have what was typed above the list.
import { createEffect, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import type { FoundMessage } from "@rpc";
import { chats, core, failed, putChats, setOpen } from "../state/app";
import { asked as answered } from "../state/asked";
import { jump } from "../state/conversation";
import { short } from "../time";
import { t } from "../words";
import { chatName } from "./ChatList";
import { clean } from "./text";

const settle = 150; // ms after the last key
const page = 30;

export function Found(p: { query: string }): JSX.Element {
  const [asked, setAsked] = createSignal("");
  createEffect(on(() => p.query, (q) => {
    const timer = setTimeout(() => setAsked(q.trim()), settle);
    onCleanup(() => clearTimeout(timer));
  }));
  const [more, setMore] = createSignal<FoundMessage[]>([]), [next, setNext] = createSignal<string>();
  const [first] = answered(asked, async (text) => {
    setMore([]);
    if (!text) return [];
    const r = await core.call("search", { text, count: page });
    setNext(r.next || undefined);
    return r.messages ?? [];
  });
  const further = async () => {
    try {
      const r = await core.call("search", { text: asked(), count: page, next: next() });
      setMore([...more(), ...(r.messages ?? [])]);
      setNext(r.next || undefined);
    } catch (e) { failed(e); }
  };
  const show = async (m: FoundMessage) => {
    if (!chats.by[m.chat]) putChats([await core.call("chat", { chat: m.chat })]);
    setOpen(m.chat);
    await jump(m.chat, { message: m.id });
  };
  return (
    <section class="found" aria-label={t("search.messages")}>
      <h2>{t("search.messages")}</h2>
      <For each={[...(first.latest ?? []), ...more()]} fallback={<Show when={!first.loading}><p class="dim">{t("search.none")}</p></Show>}>{(m) => (
        <button class="hit" onClick={() => show(m).catch(failed)}>
          <span class="line"><b><bdi>{chats.by[m.chat] ? chatName(chats.by[m.chat]!) : clean(m.name ?? "")}</bdi></b><time class="dim">{short(m.time)}</time></span>
          <span class="preview"><Marked message={m} /></span>
        </button>
      )}</For>
      <Show when={next()}><button class="link" onClick={further}>{t("more")}</button></Show>
    </section>
  );
}

// The words that were found, marked; a snippet of a long text has none.
function Marked(p: { message: FoundMessage }) {
  if (p.message.snippet) return <>{clean(p.message.snippet)}</>;
  const parts: JSX.Element[] = [];
  let at = 0;
  const text = p.message.text;
  for (const h of p.message.hits ?? []) {
    if (h.offset < at) continue;
    const from = at === 0 ? Math.max(0, h.offset - 16) : at;
    parts.push(clean(text.slice(from, h.offset)), <mark>{clean(text.slice(h.offset, h.offset + h.length))}</mark>);
    at = h.offset + h.length;
  }
  return <>{parts}{clean(text.slice(at, at + 120))}</>;
}
