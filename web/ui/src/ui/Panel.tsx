// Stickers first, then emoji: beside the composer.
import { createMemo, createSignal, For, Show, type JSX } from "solid-js";
import type { Chat } from "@rpc";
import { newID, seconds } from "../ids";
import { part } from "../part";
import { lifetime } from "../state/lifetime";
import { at, upload } from "../rpc";
import { core, failed, toast } from "../state/app";
import { asked } from "../state/asked";
import { useLayer } from "../state/layers";
import { addressee } from "../state/send";
import { setDialog } from "../state/dialog";
import { toNewest } from "../state/conversation";
import { destination } from "../state/send";
import { sure } from "../state/sure";
import { t, type Word } from "../words";
import "../words/rare";
import { openMenu } from "./menu";
import { Icon } from "./icons";
import { Animated } from "./Animated";
import { clean } from "./text";
import "../style/panel.css";

type Emoji = [emoji: string, label: string, words: string];
const groupMarks = ["😀", "🐻", "🍎", "🚗", "⚽", "💡", "🔣", "🏳️"];
const recentKey = "omega.emoji";
const recentMost = 24;

const recents = (): string[] => { try { return JSON.parse(localStorage.getItem(recentKey) ?? "[]") as string[]; } catch { return []; } };

export function Panel(p: { chat: Chat; insert: (text: string) => void; close: () => void }): JSX.Element {
  const [tab, setTab] = createSignal<"stickers" | "emoji">("stickers");
  useLayer(p.close);
  return (
    <div class="panel-box" role="dialog" aria-label={t("message.stickers")}>
      <div class="tabs" role="tablist"><For each={["stickers", "emoji"] as const}>{(k) => <button role="tab" aria-selected={tab() === k} classList={{ on: tab() === k }} onClick={() => setTab(k)}>{t(`panel.${k}` as Word)}</button>}</For></div>
      <Show when={tab() === "emoji"} fallback={<Stickers chat={p.chat} close={p.close} />}><Emojis insert={p.insert} /></Show>
    </div>
  );
}

function Emojis(p: { insert: (text: string) => void }) {
  const [all] = asked(() => true, async () => (await part(() => import("../gen/emoji.json"))).default as unknown as Emoji[][]);
  const [group, setGroup] = createSignal(0), [query, setQuery] = createSignal("");
  const shown = createMemo((): Emoji[] => {
    const q = query().trim().toLowerCase();
    if (q) return (all() ?? []).flat().filter((e) => e[1].includes(q) || e[2].toLowerCase().includes(q)).slice(0, 120);
    return all()?.[group()] ?? [];
  });
  const choose = (e: string) => {
    localStorage.setItem(recentKey, JSON.stringify([e, ...recents().filter((x) => x !== e)].slice(0, recentMost)));
    p.insert(e);
  };
  return (
    <>
      <input type="search" class="find" placeholder={t("panel.find")} aria-label={t("panel.find")} value={query()} onInput={(e) => setQuery(e.currentTarget.value)} />
      <div class="marks"><For each={groupMarks}>{(m, i) => <button classList={{ on: group() === i() && !query() }} aria-label={m} onClick={() => { setQuery(""); setGroup(i()); }}>{m}</button>}</For></div>
      <div class="grid">
        <Show when={!query() && group() === 0}><For each={recents()}>{(e) => <button aria-label={e} onClick={() => choose(e)}>{e}</button>}</For></Show>
        <For each={shown()}>{(e) => <button title={e[1]} aria-label={e[1]} onClick={() => choose(e[0])}>{e[0]}</button>}</For>
      </div>
    </>
  );
}

function Stickers(p: { chat: Chat; close: () => void }) {
  let picker!: HTMLInputElement;
  const [packs, { refetch }] = asked(() => true, async () => (await core.call("stickers", { count: 200 })).packs ?? []);
  const [chosen, choose] = createSignal<string>();
  const name = () => chosen() ?? packs()?.[0]?.pack;
  const [pack] = asked(name, (id) => core.call("stickers.show", { pack: id }));
  const send = async (number: number) => {
    p.close();
    toNewest(p.chat.chat);
    try {
      const to = addressee(p.chat.chat);
      await core.call("stickers.send", { id: newID(), to: to.to, secure: !!to.secure, expire: seconds(lifetime(p.chat.chat)), pack: name()!, number, emoji: "", wait: "none", timeout: 0 });
    } catch (e) { failed(e); }
  };
  const shown = () => packs.latest?.find((k) => k.pack === name());
  const remove = async () => {
    const k = shown()!;
    if (!(await sure({ text: t("panel.remove.sure", clean(k.title)), yes: t("panel.remove"), danger: true }))) return;
    try { await core.call("stickers.remove", { pack: k.pack }); choose(undefined); await refetch(); } catch (e) { failed(e); }
  };
  const share = async () => {
    p.close();
    toNewest(p.chat.chat);
    try { await core.call("stickers.share", { id: newID(), to: destination(p.chat.chat), pack: name()!, wait: "none", timeout: 0 }); } catch (e) { failed(e); }
  };
  const link = async () => {
    try { await navigator.clipboard.writeText((await core.call("stickers.link", { pack: name()! })).link); toast(t("copied")); } catch (e) { failed(e); }
  };
  const manage = (e: MouseEvent) => openMenu(e, [
    ...(shown() ? [
      { key: "name", label: t("panel.rename"), run: () => setDialog({ kind: "pack", pack: shown()!, done: () => void refetch() }) },
      ...(p.chat.secure ? [] : [{ key: "share", label: t("panel.share"), run: () => void share() }]),
      { key: "link", label: t("panel.link"), run: () => void link() },
    ] : []),
    { key: "add", label: t("panel.addlink"), run: () => setDialog({ kind: "packlink", done: (pack: string) => { void refetch(); choose(pack); } }) },
    ...(shown() ? [{ key: "remove", label: t("panel.remove"), danger: true, run: () => void remove() }] : []),
  ]);
  const bring = async (files: File[]) => {
    try {
      const names: string[] = [];
      for (const f of files) names.push(await upload(f, f.name));
      if (names.length === 0) return;
      const r = await core.call("stickers.import", { paths: names, title: "", author: "", emoji: null, timeout: 60e9 });
      toast(t("panel.imported", r.stickers?.length ?? 0));
      await refetch();
      choose(r.pack);
    } catch (e) { failed(e); }
  };
  return (
    <>
      <div class="marks"><For each={packs() ?? []}>{(k) => <button classList={{ on: name() === k.pack }} title={clean(k.title)} onClick={() => choose(k.pack)}><img src={at(`/sticker/${k.pack}/1`)} alt={clean(k.title)} width="32" height="32" loading="lazy" /></button>}</For>
        <button onClick={() => picker.click()}>＋ {t("panel.import")}</button><input ref={picker} type="file" hidden multiple accept=".zip,.webp,.png,.apng,.tgs,.webm" onChange={() => { void bring([...(picker.files ?? [])]); picker.value = ""; }} /><button aria-haspopup="menu" aria-label={t("panel.manage")} title={t("panel.manage")} onClick={manage}><Icon name="more" size={18} /></button></div>
      <Show when={packs()?.length} fallback={<p class="dim pad">{t("panel.nostickers")}</p>}>
        <div class="grid stickers"><For each={pack.latest?.stickers ?? []}>{(s) => (
          <button aria-label={s.emoji || String(s.number)} onClick={() => send(s.number)}>
            <Show when={s.type.startsWith("image/")} fallback={<Show when={s.type.startsWith("video/")} fallback={<Animated src={at(`/sticker/${pack.latest!.pack}/${s.number}`)} label={s.emoji ?? ""} />}><video src={at(`/sticker/${pack.latest!.pack}/${s.number}`)} autoplay loop muted playsinline /></Show>}><img src={at(`/sticker/${pack.latest!.pack}/${s.number}`)} alt={s.emoji || ""} loading="lazy" /></Show>
          </button>
        )}</For></div>
      </Show>
    </>
  );
}
