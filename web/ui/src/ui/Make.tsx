// What is made in a dialog before it is sent: files with a caption, a poll, a list, a
// text for later.
import { createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import type { Chat } from "@rpc";
import { newID, seconds } from "../ids";
import { composing } from "../ime";
import { upload } from "../rpc";
import { core, failed, toast } from "../state/app";
import { asked } from "../state/asked";
import { calls, moved, placed, type Chosen } from "../state/calls";
import { toNewest } from "../state/conversation";
import { lifetime } from "../state/lifetime";
import { addressee, destination, send, written } from "../state/send";
import { long } from "../time";
import { t } from "../words";
import "../words/rare";
import { before, callable, calling, useChoices, type Field } from "./choices";
import { closeDialog } from "./Dialog";
import { first } from "./focus";
import { Icon } from "./icons";
import { bytes } from "./Media";
import { clean } from "./text";
import "../style/make.css";

/** Files that are about to be sent: looked at once more, with a caption. */
export function SendFiles(p: { chat: Chat; files: File[]; caption: string; chosen: Chosen[]; sent: () => void }): JSX.Element {
  const [list, setList] = createSignal(p.files), words = useWords(p.chat, p.caption, p.chosen);
  const [asFile, setAsFile] = createSignal(false), [keep, setKeep] = createSignal(false), [part, setPart] = createSignal<number>();
  const pictures = new Map(p.files.filter((f) => f.type.startsWith("image/")).map((f) => [f, URL.createObjectURL(f)]));
  let open = true; // closing it takes back what was not sent yet
  onCleanup(() => { open = false; pictures.forEach((url) => URL.revokeObjectURL(url)); });
  const submit = async (e: Event) => {
    e.preventDefault();
    const said = words.said();
    setPart(0);
    toNewest(p.chat.chat);
    try {
      const names: string[] = [], all = list();
      for (const [i, f] of all.entries()) names.push(await upload(f, f.name, (x) => setPart((i + x) / all.length)));
      if (!open) return;
      const to = addressee(p.chat.chat), { text: caption, ...how } = said.text ? written(said.text, said.calls) : { text: "" };
      await core.call("file.send", {
        id: newID(), to: to.to, secure: !!to.secure, paths: names, caption, ...how, as: asFile() ? "file" : "", emoji: "", keep: keep(),
        unsigned: false, poster: "", waveform: "", expire: seconds(lifetime(p.chat.chat)), wait: "none", timeout: 0,
      });
      p.sent();
      if (open) closeDialog();
    } catch (x) { failed(x); } finally { setPart(undefined); }
  };
  return (
    <form onSubmit={submit}>
      <ul class="sending"><For each={list()}>{(f) => (
        <li><Show when={pictures.get(f)} fallback={<Icon name="clip" size={32} />}>{(src) => <img src={src()} alt="" />}</Show>
          <span><bdi>{clean(f.name)}</bdi><small class="dim">{bytes(f.size)}</small></span>
          <button type="button" class="icon-button" aria-label={`${t("files.drop")} ${clean(f.name)}`} onClick={() => { setList(list().filter((x) => x !== f)); if (list().length === 0) closeDialog(); }}><Icon name="close" size={18} /></button></li>
      )}</For></ul>
      <Show when={pictures.size}>
        <label class="check"><input type="checkbox" checked={asFile()} onChange={(e) => setAsFile(e.currentTarget.checked)} />{t("files.asfile")}</label>
        <label class="check"><input type="checkbox" checked={keep()} onChange={(e) => setKeep(e.currentTarget.checked)} />{t("files.keep")}</label>
      </Show>
      <label class="field"><span>{t("files.caption")}</span><input ref={words.bind} maxlength="2000" aria-autocomplete="list" aria-controls={words.menu.open()} aria-activedescendant={words.menu.active()} /></label>
      <words.menu.List />
      <Show when={part() !== undefined}><progress max="1" value={part()} aria-label={t("message.attach")} /></Show>
      <button class="primary" disabled={part() !== undefined}>{t("files.send", list().length)}</button>
    </form>
  );
}

/** A text that is edited here, and who is called in it: where it was written before, or from the menu of a group's members. */
function useWords(chat: Chat, begun: string, those: Chosen[]) {
  let seen = begun, chosen = those, field!: Field;
  const names = new Set<string>(); // who a menu had
  const [text, setText] = createSignal(begun);
  const follow = () => {
    chosen = moved(chosen, seen, field.value, field.selectionEnd ?? undefined);
    setText(seen = field.value);
  };
  const menu = useChoices({
    id: "callable", field: () => field, asked: () => (chat.kind === "group" ? calling(before(field)) : undefined),
    find: async (word) => {
      const list = await callable(chat.chat, word);
      for (const c of list) names.add(c.insert);
      return list;
    },
    chosen: (c, at) => {
      follow();
      if (c.whom) chosen.push({ ...c.whom, at });
    },
  });
  /** Takes the field that it is written in. While an input method composes nothing is written into it, and no menu comes. */
  const bind = (f: Field) => {
    field = f;
    f.value = begun;
    first(f);
    f.addEventListener("input", (e) => { follow(); if (!(e as InputEvent).isComposing) void menu.look(); });
    f.addEventListener("compositionend", () => void menu.look());
    f.addEventListener("keydown", (e) => { if (!composing(e as KeyboardEvent)) menu.key(e as KeyboardEvent); });
    f.addEventListener("blur", menu.close);
  };
  /** What is sent of it: without white space around it. */
  const said = () => {
    const all = text(), said = all.trim();
    return { text: said, calls: calls(said, placed(chosen, -all.indexOf(said)), names) };
  };
  return { text, bind, menu, said };
}

const mostOptions = 32;

/** A question with answers to choose from. */
export function PollForm(p: { chat: Chat }): JSX.Element {
  const [question, setQuestion] = createSignal(""), [options, setOptions] = createSignal(["", ""]), [multiple, setMultiple] = createSignal(false);
  const change = (i: number, text: string) => setOptions((all) => {
    const next = all.with(i, text);
    return next.at(-1) && next.length < mostOptions ? [...next, ""] : next;
  });
  const filled = () => options().map((x) => x.trim()).filter(Boolean);
  const submit = async (e: Event) => {
    e.preventDefault();
    try {
      toNewest(p.chat.chat);
      await core.call("poll.ask", { id: newID(), to: destination(p.chat.chat), question: question().trim(), options: filled(), multiple: multiple() || undefined, wait: "none" });
      closeDialog();
    } catch (x) { failed(x); }
  };
  return (
    <form onSubmit={submit}>
      <label class="field"><span>{t("poll.question")}</span><input ref={first} value={question()} maxlength="300" onInput={(e) => setQuestion(e.currentTarget.value)} /></label>
      <fieldset class="options"><legend>{t("poll.options")}</legend>
        <For each={options().map((_, i) => i)}>{(i) => <input value={options()[i]} maxlength="100" aria-label={t("poll.option", i + 1)} placeholder={t("poll.option", i + 1)} onInput={(e) => change(i, e.currentTarget.value)} />}</For>
      </fieldset>
      <label class="check"><input type="checkbox" checked={multiple()} onChange={(e) => setMultiple(e.currentTarget.checked)} />{t("poll.multiple")}</label>
      <p class="dim">{t("poll.open")}</p>
      <button class="primary" disabled={!question().trim() || filled().length < 2}>{t("poll.make")}</button>
    </form>
  );
}

/** A list that everybody adds lines to. */
export function ListForm(p: { chat: Chat }): JSX.Element {
  const [title, setTitle] = createSignal("");
  const submit = async (e: Event) => {
    e.preventDefault();
    try {
      toNewest(p.chat.chat);
      await core.call("list.begin", { id: newID(), to: destination(p.chat.chat), title: title().trim(), wait: "none" });
      closeDialog();
    } catch (x) { failed(x); }
  };
  return (
    <form onSubmit={submit}>
      <label class="field"><span>{t("list.title")}</span><input ref={first} value={title()} maxlength="300" onInput={(e) => setTitle(e.currentTarget.value)} /></label>
      <button class="primary" disabled={!title().trim()}>{t("list.make")}</button>
    </form>
  );
}

const two = (n: number) => String(n).padStart(2, "0");
/** A time as the browser's field writes it, in the zone of the person. */
const local = (d: Date) => `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;

/** A text for later, and those of the chat that wait. */
export function Schedule(p: { chat: Chat; text: string; chosen: Chosen[]; sent: () => void }): JSX.Element {
  const { text, bind, menu, said } = useWords(p.chat, p.text, p.chosen);
  const [at, setAt] = createSignal(local(new Date(Date.now() + 3_600_000)));
  const [waiting, { refetch }] = asked(() => true, async () => (await core.call("scheduled", { count: 200 })).texts?.filter((x) => x.chat === p.chat.chat) ?? []);
  const submit = async (e: Event) => {
    e.preventDefault();
    const time = new Date(at()), { text: words, calls } = said();
    if (await send(p.chat.chat, words, undefined, { at: time.toISOString() }, calls)) {
      toast(t("schedule.done", long(time)));
      p.sent();
      closeDialog();
    }
  };
  const cancel = async (id: string) => { try { await core.call("scheduled.cancel", { id }); void refetch(); } catch (x) { failed(x); } };
  return (
    <>
      <form onSubmit={submit}>
        <label class="field"><span>{t("message.placeholder")}</span><textarea ref={bind} rows="3" aria-autocomplete="list" aria-controls={menu.open()} aria-activedescendant={menu.active()} /></label>
        <menu.List />
        <label class="field"><span>{t("schedule.at")}</span><input type="datetime-local" required min={local(new Date())} max="9999-12-31T23:59" value={at()} onInput={(e) => setAt(e.currentTarget.value)} /></label>
        <p class="dim">{t("schedule.text")}</p>
        <button class="primary" disabled={!text().trim() || !(Date.parse(at()) > Date.now())}>{t("schedule.do")}</button>
      </form>
      <Show when={waiting()?.length}><h3>{t("schedule.waiting")}</h3>
        <ul class="people"><For each={waiting()}>{(x) => <li class="line"><span><bdi>{clean(x.text)}</bdi><br /><small class="dim">{long(new Date(x.at))}</small></span><button class="danger" onClick={() => cancel(x.id)}>{t("cancel")}</button></li>}</For></ul>
      </Show>
    </>
  );
}

