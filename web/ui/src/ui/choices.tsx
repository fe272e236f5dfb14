// The menu at the caret of a field: whom to call, or which command.
import { createEffect, createSignal, For, on, Show, type JSX } from "solid-js";
import type { Callable, ChatID } from "@rpc";
import { core, failed } from "../state/app";
import type { Called } from "../state/calls";
import { t, type Word } from "../words";
import { called } from "./called";
import { clean } from "./text";

export type Field = HTMLTextAreaElement | HTMLInputElement;

export interface Choice { whom?: Called; key: string; label: string; hint: () => string; insert: string }

/** What stands before the caret. */
export const before = (f: Field) => f.value.slice(0, f.selectionStart!);
/** What stands at the end of a text and asks whom to call. */
export const calling = (text: string) => /(?:^|[\s\p{P}\p{Script=Han}])([@＠][^\s@＠]*)$/u.exec(text)?.[1];

const person = (c: Callable): Choice => ({ whom: c.ambiguous && c.account ? { name: c.insert, account: c.account } : undefined, key: c.account ?? "all", label: c.account ? called(c, c.account) : c.insert, hint: () => (c.role ? t(`role.${c.role}` as Word) : ""), insert: c.insert });
/** Whom a group lets this account call. */
export const callable = async (group: ChatID, typed: string) => ((await core.call("mention.complete", { group, typed, count: 8 })).people ?? []).map(person);

/** A menu under a name of its own: what asks for it, what is in it, and what happens when something was put into the text, from where on. */
export function useChoices(p: { id: string; field: () => Field; asked: () => string | undefined; find: (word: string) => Promise<Choice[]>; chosen: (c: Choice, at: number) => void }) {
  const [choices, setChoices] = createSignal<Choice[]>([]), [at, setAt] = createSignal(0);
  createEffect(on(at, (i) => document.getElementById(`${p.id}-${i}`)?.scrollIntoView({ block: "nearest" }), { defer: true })); // the list may be longer than its box
  let round = 0;
  /** A menu that is on its way does not come any more, either. */
  const close = () => { round++; setChoices([]); };
  const look = async () => {
    const mine = ++round, word = p.asked();
    if (!word) return setChoices([]);
    try {
      const list = await p.find(word);
      if (mine !== round) return;
      setAt(0);
      setChoices(list);
    } catch (e) { failed(e); }
  };
  const choose = (c: Choice) => {
    const f = p.field(), end = f.selectionStart!, begin = end - (p.asked() ?? "").length;
    f.setRangeText(c.insert + " ", begin, end, "end");
    close();
    p.chosen(c, begin);
    f.focus();
  };
  /** Does what a key does in the menu; says whether it did. */
  const key = (e: KeyboardEvent): boolean => {
    const n = choices().length, one = choices()[at()];
    if (!one || (e.key === "Enter" && !one.whom && one.insert === p.asked())) return false; // nothing is left to choose
    switch (e.key) {
      case "ArrowDown": setAt((at() + 1) % n); break;
      case "ArrowUp": setAt((at() + n - 1) % n); break;
      case "Enter": case "Tab": choose(one); break;
      case "Escape": close(); e.stopPropagation(); break;
      default: return false;
    }
    e.preventDefault();
    return true;
  };
  const List = (): JSX.Element => (
    <Show when={choices().length}>
      <ul class="choices" role="listbox" id={p.id} aria-label={t("message.placeholder")}>
        <For each={choices()}>{(c, i) => (
          <li role="option" id={`${p.id}-${i()}`} aria-selected={i() === at()} classList={{ on: i() === at() }} onMouseDown={(e) => { e.preventDefault(); choose(c); }}><b>{clean(c.label)}</b> <span>{clean(c.hint())}</span></li>
        )}</For>
      </ul>
    </Show>
  );
  return { look, close, key, List, open: () => (choices().length ? p.id : undefined), active: () => (choices().length ? `${p.id}-${at()}` : undefined) };
}
