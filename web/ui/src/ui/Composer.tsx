import { createEffect, createSignal, For, on, onCleanup, Show, type JSX } from "solid-js";
import type { Callable, Chat, ChatID, Command } from "@rpc";
import { composing } from "../ime";
import { newID } from "../ids";
import { upload } from "../rpc";
import { core, failed, me } from "../state/app";
import { conversation } from "../state/conversation";
import { editOf, nothing, replyTo, tasks } from "../state/compose";
import { addressee, send } from "../state/send";
import { coreText, lang, t } from "../words";
import { Icon } from "./icons";
import { Panel } from "./Panel";
import { clean } from "./text";
import { Voice } from "./Voice";

const draftAfter = 1500; // ms of quiet
const typingEvery = 4000; // ms
const drafts = new Map<ChatID, string>(); // as they are on the screen

interface Choice { key: string; label: string; hint: () => string; insert: string }

/** Where a text is written. The field is the browser's: nothing is written into it while somebody composes. */
export function Composer(p: { chat: Chat }): JSX.Element {
  let field!: HTMLTextAreaElement, picker!: HTMLInputElement;
  const [choices, setChoices] = createSignal<Choice[]>([]);
  const [at, setAt] = createSignal(0);
  const [panel, setPanel] = createSignal(false);
  const [full, setFull] = createSignal(false);
  const [sending, setSending] = createSignal<number>();
  const task = () => tasks[p.chat.chat];

  const load = (text: string) => {
    field.value = text;
    setFull(text.trim() !== "");
    setChoices([]);
  };
  createEffect(on(() => p.chat.chat, (id, before) => {
    if (before) keepDraft(before);
    load(drafts.get(id) ?? p.chat.draft ?? "");
    if (matchMedia("(hover: hover)").matches) field.focus();
  }));
  createEffect(on(() => task()?.edit, (m) => {
    if (m) load(m.text);
    if (task()) field.focus();
  }));

  let timer: number | undefined, told = 0;
  const keepDraft = (chat: ChatID, text = drafts.get(chat)) => {
    clearTimeout(timer);
    if (text === undefined) return;
    void core.call("chat.set", { chat, draft: text }).then(() => { if (drafts.get(chat) === text) drafts.delete(chat); }, () => {}); // it stays here
  };
  onCleanup(() => keepDraft(p.chat.chat));

  const changed = (e: InputEvent) => {
    setFull(field.value.trim() !== "");
    if (e.isComposing) return;
    settled();
  };
  const settled = () => {
    const chat = p.chat.chat;
    if (!task()?.edit) {
      drafts.set(chat, field.value);
      clearTimeout(timer);
      timer = window.setTimeout(() => keepDraft(chat), draftAfter);
    }
    void look();
    if (field.value && Date.now() - told > typingEvery && p.chat.kind !== "saved") {
      told = Date.now();
      void core.call("chat.typing", { chat, what: "text" }).catch(() => {}); // others may do without
    }
  };

  // What stands before the caret and asks for a menu: a command at the beginning, or a mention.
  const asked = () => {
    const before = field.value.slice(0, field.selectionStart);
    return /^[/／、][^\s]*$/.exec(before)?.[0] ?? /(?:^|[\s\p{P}\p{Script=Han}])([@＠][^\s@＠]*)$/u.exec(before)?.[1];
  };
  let round = 0;
  const look = async () => {
    const mine = ++round, word = asked();
    if (!word || (/^[@＠]/.test(word) && p.chat.kind !== "group")) return setChoices([]);
    try {
      const list = /^[@＠]/.test(word)
        ? ((await core.call("mention.complete", { group: p.chat.chat, typed: word, count: 8 })).people ?? []).map(person)
        : ((await core.call("commands", { chat: p.chat.chat, typed: word, count: 12 })).commands ?? []).map(command);
      if (mine !== round) return;
      setAt(0);
      setChoices(list);
    } catch (e) { failed(e); }
  };
  const choose = (c: Choice) => {
    const word = asked() ?? "", end = field.selectionStart;
    field.setRangeText(c.insert + " ", end - word.length, end, "end");
    setChoices([]);
    settled();
    field.focus();
  };

  const insert = (text: string) => {
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    setFull(true);
    settled();
  };

  const submit = () => {
    const text = field.value.trim(), edit = task()?.edit, reply = task()?.reply, chat = p.chat.chat;
    if (!text) return;
    clearTimeout(timer);
    drafts.delete(chat);
    load("");
    nothing(chat);
    if (edit) return void core.call("message.edit", { id: newID(), chat, message: edit.id, text, markup: true }).catch(failed);
    void send(chat, text, reply && { message: reply.id });
    if (p.chat.draft) void core.call("chat.set", { chat, draft: "" }).catch(failed);
  };

  const key = (e: KeyboardEvent) => {
    if (composing(e)) return;
    if (choices().length) {
      const n = choices().length;
      switch (e.key) {
        case "ArrowDown": setAt((at() + 1) % n); return e.preventDefault();
        case "ArrowUp": setAt((at() + n - 1) % n); return e.preventDefault();
        case "Enter": case "Tab": choose(choices()[at()]!); return e.preventDefault();
        case "Escape": setChoices([]); e.stopPropagation(); return e.preventDefault();
      }
    }
    if (e.key === "Enter" && !e.shiftKey && !touch()) {
      e.preventDefault();
      submit();
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

  const files = async (list: Iterable<File>) => {
    const all = [...list];
    if (all.length === 0) return;
    try {
      const names: string[] = [];
      for (const f of all) names.push(await upload(f, f.name, setSending));
      await core.call("file.send", { id: newID(), to: addressee(p.chat.chat).to, secure: p.chat.kind === "secure", paths: names, caption: "", as: "", emoji: "", keep: false, unsigned: false, poster: "", waveform: "", expire: 0, wait: "none", timeout: 0 });
    } catch (e) { failed(e); } finally { setSending(undefined); }
  };
  const paste = (e: ClipboardEvent) => {
    const list = e.clipboardData?.files;
    if (list?.length) { e.preventDefault(); void files(list); }
  };

  return (
    <footer class="composer" onDragOver={(e) => e.preventDefault()} onDrop={(e) => { e.preventDefault(); void files(e.dataTransfer?.files ?? []); }}>
      <Show when={choices().length}>
        <ul class="choices" role="listbox" id="choices" aria-label={t("message.placeholder")}>
          <For each={choices()}>{(c, i) => (
            <li role="option" id={`choice-${i()}`} aria-selected={i() === at()} classList={{ on: i() === at() }} onMouseDown={(e) => { e.preventDefault(); choose(c); }}><b>{clean(c.label)}</b> <span>{clean(c.hint())}</span></li>
          )}</For>
        </ul>
      </Show>
      <Show when={task()}>{(x) => (
        <div class="task"><span><b>{x().edit ? t("edit.of") : t("reply.to", clean(x().reply?.name ?? ""))}</b><br />{clean((x().edit ?? x().reply)!.text)}</span>
          <button class="icon-button" aria-label={t("cancel")} onClick={() => { if (x().edit) load(""); nothing(p.chat.chat); }}><Icon name="close" size={18} /></button></div>
      )}</Show>
      <Show when={sending() !== undefined}><progress max="1" value={sending()} aria-label={t("message.attach")} /></Show>
      <Show when={panel()}><Panel chat={p.chat} insert={insert} close={() => setPanel(false)} /></Show>
      <div class="write">
        <input ref={picker} type="file" multiple hidden onChange={() => { void files(picker.files ?? []); picker.value = ""; }} />
        <button class="icon-button" aria-label={t("message.attach")} onClick={() => picker.click()}><Icon name="clip" /></button>
        <textarea ref={field} rows="1" lang="zh-Hant-TW" enterkeyhint={touch() ? "enter" : "send"} placeholder={t(p.chat.secure ? "message.placeholder.secure" : "message.placeholder")} aria-label={t("message.placeholder")}
          aria-autocomplete="list" aria-controls={choices().length ? "choices" : undefined} aria-activedescendant={choices().length ? `choice-${at()}` : undefined}
          onInput={changed} onCompositionEnd={settled} onKeyDown={key} onPaste={paste} onBlur={() => keepDraft(p.chat.chat)} />
        <button class="icon-button" aria-label={t("message.stickers")} aria-expanded={panel()} onClick={() => setPanel(!panel())}><Icon name="smile" /></button>
        <Show when={full() || task()?.edit} fallback={<Voice chat={p.chat} />}>
          <button class="icon-button send" aria-label={t("message.send")} disabled={!full()} onMouseDown={(e) => e.preventDefault()} onClick={submit}><Icon name="send" /></button>
        </Show>
      </div>
    </footer>
  );
}

const touch = () => matchMedia("(pointer: coarse)").matches;
const person = (c: Callable): Choice => ({ key: c.account ?? "all", label: c.name || c.insert, hint: () => c.role ?? "", insert: c.insert });
// A command shows its name in the person's language, unless another one was being typed.
const command = (c: Command): Choice => {
  const ours = lang() === "en" ? c.name : c.aliases?.find((a) => /\p{Script=Han}/u.test(a)) ?? c.name;
  const name = c.typed === c.name ? ours : c.typed;
  return { key: c.name, label: "/" + name, hint: () => [coreText(c.arg), coreText(c.text)].filter(Boolean).join(" — "), insert: "/" + name };
};
