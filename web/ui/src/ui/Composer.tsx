import { createEffect, createMemo, createSignal, lazy, on, onCleanup, onMount, Show, type JSX } from "solid-js";
import type { Chat, ChatID, Command, Message } from "@rpc";
import { composing } from "../ime";
import { part } from "../part";
import { calls, moved, placed, type Chosen } from "../state/calls";
import { isTime, newID } from "../ids";
import { core, failed, me, plainChat } from "../state/app";
import { conversation } from "../state/conversation";
import { editOf, nothing, replyTo, tasks } from "../state/compose";
import { setDialog } from "../state/dialog";
import { asksFor, givesAway } from "../state/fraud";
import { choices as lifetimes, lifetime, setLifetime } from "../state/lifetime";
import { noteIn } from "../state/notes";
import { forget, returned, turn } from "../state/returned";
import { send, written, type How } from "../state/send";
import { sure } from "../state/sure";
import { coreText, lang, t } from "../words";
import { before, callable, calling, useChoices, type Choice } from "./choices";
import { Icon } from "./icons";
import { openMenu } from "./menu";
import { clean } from "./text";
import { Voice } from "./Voice";

const Panel = lazy(() => part(() => import("./Panel")).then((m) => ({ default: m.Panel })));

const draftAfter = 1500; // ms of quiet
const typingEvery = 4000; // ms
const drafts = new Map<ChatID, string>(); // as they are on the screen

const store = (chat: ChatID, text: string) => void core.call("chat.set", { chat, draft: text }, undefined, `set ${chat}`).then(() => { if (drafts.get(chat) === text) drafts.delete(chat); }, () => {}); // it stays here

const called = new Map<ChatID, { text: string; chosen: Chosen[] }>(); // who was chosen in a draft that is not on the screen
const chosenIn = (chat: ChatID, text: string) => (called.get(chat)?.text === text ? called.get(chat)!.chosen : []);

/** Gives a text back to a chat that is not open: before what was written there since. */
const toDraft = (chat: ChatID, text: string, sent: number, _edit?: Message, chosen: Chosen[] = []) => {
  const since = drafts.get(chat) ?? plainChat(chat)?.draft ?? "", all = returned(chat, { turn: sent, text }, since);
  called.set(chat, { text: all, chosen: [...moved(chosenIn(chat, since), since, all), ...placed(chosen, all.indexOf(text))] });
  drafts.set(chat, all);
  store(chat, all);
};
/** Gives back a text that was refused, to the composer that is there now. */
let back: (chat: ChatID, text: string, sent: number, edit?: Message, chosen?: Chosen[]) => void = toDraft;

/** Where a text is written. The field is the browser's: nothing is written into it while somebody composes. */
export function Composer(p: { chat: Chat }): JSX.Element {
  let field!: HTMLTextAreaElement, picker!: HTMLInputElement;
  let seen = "", chosen: Chosen[] = [], names = new Set<string>(); // the text when who was chosen in it was looked for last; who a menu had
  const [panel, setPanel] = createSignal(false);
  const [full, setFull] = createSignal(false);
  const [over, setOver] = createSignal(false);
  const [recording, setRecording] = createSignal(false);
  const task = () => tasks[p.chat.chat];

  let fresh = false; // what stands in the field is the draft that was known, and nobody touched it
  const load = (text: string, those: Chosen[] = []) => {
    fresh = false;
    field.value = seen = text;
    chosen = those;
    setFull(text.trim() !== "");
    menu.close();
  };
  const id = createMemo(() => p.chat.chat); // a chat that stands otherwise in the list is the same chat
  createEffect(on(id, (id, before) => {
    if (before) {
      keepDraft(before);
      if (!tasks[before]?.edit) called.set(before, { text: field.value, chosen });
    }
    names = new Set();
    const text = drafts.get(id) ?? p.chat.draft ?? "";
    load(text, chosenIn(id, text));
    fresh = true;
    if (matchMedia("(hover: hover)").matches) field.focus();
  }));
  // What was known when the page began may be older than the draft.
  createEffect(on(() => p.chat.draft, (draft = "") => {
    if (!fresh || draft === field.value || drafts.has(p.chat.chat)) return;
    load(draft, chosenIn(p.chat.chat, draft));
    fresh = true;
  }, { defer: true }));
  const edited = createMemo(() => task()?.edit?.id);
  createEffect(on(edited, () => {
    const m = task()?.edit;
    if (m) load(m.text, callsIn(m));
  }));
  createEffect(on(createMemo(() => task()?.edit?.id ?? task()?.reply?.id), () => { if (task()) field.focus(); }));

  let timer: number | undefined, told = 0, composed = false; // by an input method, now
  const keepDraft = (chat: ChatID, text = drafts.get(chat)) => {
    clearTimeout(timer);
    if (text !== undefined) store(chat, text);
  };
  onCleanup(() => keepDraft(p.chat.chat));

  const changed = (e: InputEvent) => {
    fresh = false;
    setFull(field.value.trim() !== "");
    if (e.isComposing) return;
    settled();
  };
  /** Finds those who were chosen again, after an edit. */
  const follow = () => {
    chosen = moved(chosen, seen, field.value, field.selectionEnd);
    seen = field.value;
  };
  const settled = () => {
    const chat = p.chat.chat;
    fresh = false;
    follow();
    if (!task()?.edit) {
      drafts.set(chat, field.value);
      clearTimeout(timer);
      timer = window.setTimeout(() => keepDraft(chat), draftAfter);
    }
    void menu.look();
    if (field.value && Date.now() - told > typingEvery && p.chat.kind !== "saved") {
      told = Date.now();
      void core.call("chat.typing", { chat, what: "text" }).catch(() => {}); // others may do without
    }
  };

  // What stands before the caret and asks for a menu: a command at the beginning, or a mention.
  const menu = useChoices({
    id: "choices", field: () => field,
    asked: () => /^[/／、][^\s]*$/.exec(before(field))?.[0] ?? (p.chat.kind === "group" ? calling(before(field)) : undefined),
    find: async (word) => {
      if (/^[/／、]/.test(word)) return ((await core.call("commands", { chat: p.chat.chat, typed: word, count: 50 })).commands ?? []).map(command);
      const list = await callable(p.chat.chat, word);
      for (const c of list) names.add(c.insert);
      return list;
    },
    chosen: (c, at) => {
      follow();
      if (c.whom) chosen.push({ ...c.whom, at });
      settled();
    },
  });

  const insert = (text: string) => {
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    setFull(true);
    settled();
  };

  const emptied = () => {
    const chat = p.chat.chat;
    clearTimeout(timer);
    drafts.delete(chat);
    called.delete(chat);
    forget(chat);
    load("");
    nothing(chat);
    if (p.chat.draft) void core.call("chat.set", { chat, draft: "" }, undefined, `set ${chat}`).catch(failed);
  };
  // What was refused comes back to where it was written: before what was written since.
  const giveBack = (chat: ChatID, text: string, sent: number, edit?: Message, those: Chosen[] = []) => {
    if (chat !== p.chat.chat) return toDraft(chat, text, sent, edit, those);
    if (composed) return field.addEventListener("compositionend", () => setTimeout(() => giveBack(chat, text, sent, edit, those)), { once: true });
    const since = field.value;
    if (edit && !since && !task()) editOf(edit);
    const still = chosen, all = returned(chat, { turn: sent, text }, since);
    load(all);
    chosen = [...moved(still, since, all), ...placed(those, all.indexOf(text))];
    settled();
  };
  back = giveBack;
  onCleanup(() => { if (back === giveBack) back = toDraft; });
  /** What is written, and who was chosen in it. */
  const said = () => {
    const text = field.value.trim(), begin = field.value.indexOf(text);
    return { text, those: placed(chosen, -begin) };
  };
  const submit = async (how?: How) => {
    const { text, those } = said(), edit = task()?.edit, reply = task()?.reply, chat = p.chat.chat, sent = turn();
    if (!text) return;
    const given = edit || p.chat.kind === "saved" ? undefined : givesAway(text, fraudAsked());
    if (given && (!(await sure({ text: t(`fraud.give.${given}`), yes: t("message.send"), danger: true })) || chat !== p.chat.chat || field.value.trim() !== text)) return;
    const named = calls(text, those, names);
    emptied();
    if (edit) return void core.call("message.edit", { id: newID(), chat, message: edit.id, ...written(text, named), wait: "none" }, undefined, chat).catch((e: unknown) => { failed(e); back(chat, text, sent, edit, those); });
    void send(chat, text, reply && { message: reply.id }, how, named).then((kept) => { if (!kept) back(chat, text, sent, undefined, those); });
  };
  // What the other side asked for last, if that is a sign of fraud.
  const fraudAsked = () => conversation.list.slice(-6).filter((m) => m.from !== me()?.fingerprint).map((m) => asksFor(m.text, !!m.inert)).find((x) => x);
  const later = () => { const { text, those } = said(); setDialog({ kind: "schedule", chat: p.chat, text, chosen: those, sent: emptied }); };
  const sendMenu = (e: MouseEvent) => openMenu(e, [
    { key: "silent", label: t("send.silent"), run: () => void submit({ silent: true }) },
    { key: "later", label: t("schedule.do"), run: later },
  ]);
  const attach = (e: MouseEvent) => openMenu(e, [
    { key: "files", label: t("attach.files"), run: () => picker.click() },
    ...(p.chat.kind !== "saved" ? [
      { key: "poll", label: t("poll.make"), run: () => setDialog({ kind: "poll", chat: p.chat }) },
      { key: "list", label: t("list.make"), run: () => setDialog({ kind: "list", chat: p.chat }) },
    ] : []),
    { key: "later", label: t("schedule.do"), run: later },
    { key: "life", label: t("life.choose"), run: () => lifeMenu(e) },
  ]);
  const lifeMenu = (e: MouseEvent) => openMenu(e, lifetimes.map((s) => ({ key: String(s), label: `${lifetime(p.chat.chat) === s ? "✓ " : ""}${t(`life.${s}`)}`, run: () => setLifetime(p.chat.chat, s) })));

  const key = (e: KeyboardEvent) => {
    if (composing(e)) return;
    if (menu.key(e)) return;
    if (e.key === "Enter" && !e.shiftKey && !touch()) {
      e.preventDefault();
      void submit();
    } else if (e.key === "Escape" && task()) {
      e.stopPropagation();
      if (task()!.edit) load("");
      nothing(p.chat.chat);
    } else if (e.key === "ArrowUp" && field.value === "" && !e.ctrlKey && !e.metaKey) {
      const last = conversation.list.findLast((m) => m.from === me()?.fingerprint && m.kind === "text" && !m.deleted && !m.service);
      if (last) { e.preventDefault(); editOf(last); }
    } else if (e.key === "ArrowUp" && (e.ctrlKey || e.metaKey)) {
      const list = conversation.list, i = task()?.reply ? list.findIndex((m) => m.id === task()!.reply!.id) : list.length;
      if (i > 0) { e.preventDefault(); replyTo(list[i - 1]!); }
    }
  };

  const files = (list: Iterable<File>) => {
    const all = [...list].filter((f) => f.size > 0);
    if (!all.length) return;
    const { text, those } = said();
    setDialog({ kind: "files", chat: p.chat, files: all, caption: text, chosen: those, sent: emptied });
  };
  const paste = (e: ClipboardEvent) => {
    const list = e.clipboardData?.files;
    if (list?.length) { e.preventDefault(); files(list); }
  };

  // Files may be dropped anywhere on the page.
  onMount(() => {
    let out: number | undefined;
    const has = (e: DragEvent) => e.dataTransfer?.types.includes("Files");
    const drag = (e: DragEvent) => {
      if (!has(e)) return;
      e.preventDefault();
      setOver(true);
      clearTimeout(out);
      out = window.setTimeout(() => setOver(false), 300); // it is told again for as long as it is over the page
    };
    const drop = (e: DragEvent) => {
      if (!has(e)) return;
      e.preventDefault();
      setOver(false);
      files(e.dataTransfer!.files);
    };
    window.addEventListener("dragover", drag);
    window.addEventListener("drop", drop);
    onCleanup(() => { clearTimeout(out); window.removeEventListener("dragover", drag); window.removeEventListener("drop", drop); });
  });
  return (
    <footer class="composer">
      <Show when={over()}><div class="drop" aria-hidden="true"><span>{t("files.here")}</span></div></Show>
      <menu.List />
      <Show when={task()}>{(x) => (
        <div class="task"><span><b>{x().edit ? t("edit.of") : t("reply.to", clean(x().reply?.name ?? ""))}</b><br />{clean((x().edit ?? x().reply)!.text)}</span>
          <button class="icon-button" aria-label={t("cancel")} onClick={() => { if (x().edit) load(""); nothing(p.chat.chat); }}><Icon name="close" size={18} /></button></div>
      )}</Show>
      <Show when={panel()}><Panel chat={p.chat} insert={insert} close={() => setPanel(false)} /></Show>
      <div class="write">
        <input ref={picker} type="file" multiple hidden onChange={() => { files(picker.files ?? []); picker.value = ""; }} />
        <button class="icon-button" aria-label={t("attach")} aria-haspopup="menu" onClick={attach}><Icon name="clip" /></button>
        <textarea ref={field} rows="1" lang="zh-Hant-TW" enterkeyhint={touch() ? "enter" : "send"} placeholder={t(p.chat.secure ? isTime(p.chat.ended) && p.chat.kind === "secure" ? "message.placeholder.ended" : "message.placeholder.secure" : "message.placeholder")} aria-label={t("message.placeholder")}
          aria-autocomplete="list" aria-controls={menu.open()} aria-activedescendant={menu.active()}
          onInput={changed} onCompositionStart={() => { composed = true; }} onCompositionEnd={() => { composed = false; settled(); }} onKeyDown={key} onPaste={paste} onBlur={() => keepDraft(p.chat.chat)} />
        <Show when={lifetime(p.chat.chat)}>{(s) => <button class="life" title={t("life.choose")} onClick={lifeMenu}><Icon name="clock" size={16} />{t(`life.${s()}`)}</button>}</Show>
        <button class="icon-button" aria-label={t("message.stickers")} aria-expanded={panel()} onClick={() => setPanel(!panel())}><Icon name="smile" /></button>
        <Show when={(full() || task()?.edit) && !recording() && !noteIn(p.chat.chat)} fallback={<Voice chat={p.chat} busy={setRecording} />}>
          <button class="icon-button send" aria-label={t("message.send")} disabled={!full()} title={t("send.more")} onMouseDown={(e) => e.preventDefault()} onContextMenu={sendMenu} onClick={() => void submit()}><Icon name="send" /></button>
        </Show>
      </div>
    </footer>
  );
}

/** Who is called in a message, as whoever edits it finds them. */
const callsIn = (m: Message): Chosen[] => (m.entities ?? []).flatMap((e) => (e.type === "mention" && e.account ? [{ at: e.offset, name: m.text.slice(e.offset, e.offset + e.length), account: e.account }] : []));

const touch = () => matchMedia("(pointer: coarse)").matches;
// A command shows its name in the person's language, unless another one was being typed.
export function commandName(c: Command): string {
  const ours = lang() === "en" ? c.name : c.aliases?.find((a) => /\p{Script=Han}/u.test(a)) ?? c.name;
  return c.typed === c.name ? ours : c.typed;
}
const command = (c: Command): Choice => {
  const name = commandName(c);
  return { key: c.name, label: "/" + name, hint: () => [coreText(c.arg), coreText(c.text)].filter(Boolean).join(" "), insert: "/" + name };
};
