import { createEffect, For, lazy, Match, onCleanup, on, onMount, Show, Switch, type JSX } from "solid-js";
import { composing } from "../ime";
import { chats, online, open, phase, problem, setOpen, toasts, up } from "../state/app";
import { part as load } from "../part";
import { dialog, setDialog } from "../state/dialog";
import { catchup } from "../state/catchup";
import { part } from "../state/folders";
import { unwind } from "../state/layers";
import { news } from "../state/news";
import { ownNotices } from "../state/notices";
import { question } from "../state/sure";
import { coreText, t } from "../words";
import { ChatList, query, setQuery } from "./ChatList";
import { Conversation } from "./Conversation";
import { DialogLayer } from "./Dialog";
import { ViewerLayer } from "./Viewer";
import { MenuLayer } from "./menu";
import { Guard } from "./Guard";
import { Icon } from "./icons";

const Sure = lazy(() => load(() => import("./Sure")).then((m) => ({ default: m.Sure })));
const News = lazy(() => load(() => import("./News")).then((m) => ({ default: m.News })));
const Setup = lazy(() => load(() => import("./Setup")).then((m) => ({ default: m.Setup })));

export function App(): JSX.Element {
  let search: HTMLInputElement | undefined, notes!: HTMLDivElement;
  // What is told lies over everything, also over a dialog that was opened since.
  createEffect(on(toasts, (list) => { notes.hidePopover?.(); if (list.length) notes.showPopover?.(); }, { defer: true }));
  onMount(() => {
    const key = (e: KeyboardEvent) => {
      if (composing(e)) return;
      if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") { e.preventDefault(); search?.focus(); search?.select(); }
      else if (e.key === "Escape") {
        if (unwind()) e.preventDefault();
        else if (query()) setQuery("");
        else setOpen(undefined);
      } else if ((e.ctrlKey || e.metaKey) && e.key === "/" && !dialog()) { e.preventDefault(); setDialog({ kind: "keys" }); }
      else if (e.altKey && (e.key === "ArrowUp" || e.key === "ArrowDown")) { e.preventDefault(); step(e.key === "ArrowUp" ? -1 : 1); }
    };
    window.addEventListener("keydown", key);
    void load(() => import("../state/back")).then((m) => m.backCloses(), () => {}); // without it Back leaves the pages, as elsewhere
    onCleanup(() => window.removeEventListener("keydown", key));
  });
  return (
    <>
      <Switch fallback={<div class="start"><img src="/icon.svg" alt="" width="96" height="96" /></div>}>
        <Match when={phase() === "denied"}><div class="start"><h1>{t("denied.title")}</h1><p>{t("denied.text")}</p></div></Match>
        <Match when={phase() === "setup"}><Setup /></Match>
        <Match when={phase() === "ready"}>
          <main class="panes" classList={{ inside: !!open() }}>
            <nav class="left" aria-label={t("chats")}>
              <h1 class="hidden">{t("app")}</h1>
              <div class="top"><button class="icon-button" aria-label={t("settings")} onClick={() => setDialog({ kind: "settings" })}><Icon name="menu" /></button><label class="search"><Icon name="search" size={18} /><input ref={search} type="search" value={query()} placeholder={t("chats.search")} aria-label={t("chats.search")} onInput={(e) => setQuery(e.currentTarget.value)} /></label><button class="icon-button call" aria-label={t("mentions")} title={t("mentions")} onClick={() => setDialog({ kind: "mentions" })}>@</button><button class="icon-button" aria-label={t("chat.new")} onClick={() => setDialog({ kind: "new" })}><Icon name="pen" /></button></div>
              <Connection />
              <Guard><Show when={catchup() || ownNotices().length || news().length}><News /></Show></Guard>
              <Guard about={part}><ChatList /></Guard>
            </nav>
            <div class="middle"><Guard about={open}><Conversation /></Guard></div>
          </main>
        </Match>
      </Switch>
      <Guard about={dialog}><DialogLayer /></Guard>
      <Show when={question()}><Guard about={question}><Sure /></Guard></Show>
      <ViewerLayer />
      <MenuLayer />
      <div class="toasts" ref={notes} popover="manual" role="status" aria-live="polite"><For each={toasts()}>{(x) => <div class="toast">{x.text}</div>}</For></div>
    </>
  );
}

/** Opens the chat before or behind. */
function step(by: number) {
  const list = chats.order, i = list.indexOf(open() ?? "");
  const id = list[i < 0 ? 0 : Math.max(0, Math.min(list.length - 1, i + by))];
  if (id) setOpen(id);
}

function Connection() {
  return (
    <Show when={!up() || !online()}>
      <div class="offline" role="status">{up() ? t("offline") : t("reconnecting")}<Show when={up() && problem()?.why}>{(x) => <small>{coreText(x())}</small>}</Show></div>
    </Show>
  );
}
