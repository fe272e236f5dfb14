import { createSignal } from "solid-js";
import type { Text } from "@rpc";
import { part } from "../part";
import { Refused } from "../rpc";
import { clean } from "../ui/text";
import { zh } from "./zh";
import type { rare } from "./rare";

/** Names of words and sentences of the pages. */
export type Word = keyof typeof zh | keyof typeof rare;

// Words that come with the parts of the pages that say them (rare.ts).
const further: Partial<Record<Word, string>> = {};
export const learn = (words: Partial<Record<Word, string>>) => void Object.assign(further, words);

export type Lang = "zh-TW" | "en";

const key = "omega.lang";
const chosen = (): Lang => {
  const kept = localStorage.getItem(key);
  if (kept === "zh-TW" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh-TW" : "en";
};

const [lang, set] = createSignal<Lang>(chosen());
export { lang };

const [english, setEnglish] = createSignal<Record<Word, string>>(); // a part of its own, since few need it

let wanted = 0;

/** Changes the language of the pages, now and later: once its words are here, unless another was asked for since. */
export async function setLang(l: Lang): Promise<void> {
  const mine = ++wanted;
  if (l === "en" && !english()) setEnglish((await part(() => import("./en"))).en);
  if (mine !== wanted) return;
  localStorage.setItem(key, l);
  set(l);
  document.documentElement.lang = l === "en" ? "en" : "zh-Hant-TW";
}

// {0} is the first thing that goes in; {0 one|many} goes by its number, in English.
const fill = (form: string, args: (string | number)[]) => form.replace(/\{(\d)(?: ([^|}]*)\|([^}]*))?\}/g, (_, n, one?: string, many?: string) => {
  const arg = String(args[Number(n)] ?? "");
  return one === undefined ? arg : arg === "1" ? one : many!;
});

/** A word or sentence of the pages. What a newer core says that has none here is shown as it came. */
export function t(word: Word, ...args: (string | number)[]): string {
  return fill((lang() === "en" ? english()?.[word] : undefined) ?? zh[word as keyof typeof zh] ?? further[word] ?? word.slice(word.lastIndexOf(".") + 1), args);
}

/** What it is that a word or sentence is about. */
export const thing = (g?: { channel?: boolean }): string => t(g?.channel ? "channel" : "group");

type Catalogue = Record<string, [zh: string, en: string]>;
const [core, setCore] = createSignal<Catalogue>({});
let asked: Promise<void> | undefined;

/** Words of the core are a part of their own. Resolves when they are here, for what is said once. */
export const coreWords = (): Promise<void> => (asked ??= part(() => Promise.all([import("../gen/core.json"), import("./core")])).then(([all, ours]) => void setCore({ ...(all.default as unknown as Catalogue), ...ours.said }), () => { asked = undefined; }));

/** A text of the core; empty until its words are here. */
export function coreText(x?: Text): string {
  if (!x?.key) return "";
  void coreWords();
  const form = core()[x.key];
  if (!form) return "";
  const english = lang() === "en";
  const args = (x.args ?? []).map((a) => clean(a.replace(/^duration:/, ""))); // names of others are among them
  return fill(english ? form[1] : form[0], args).replace(/\{(\d) ([^}]*)\}/g, (_, n, noun) => {
    const many = args[Number(n)] ?? "";
    return `${many} ${noun}${many === "1" ? "" : "s"}`;
  });
}

const ended = /\bsignal received$|^context canceled$/; // what a core has as a cause when it is told to end

/** What went wrong, for a person: what was being done, why it failed, what to do. */
export function explain(e: unknown): string {
  if (e instanceof Refused && e.why?.key) {
    const doing = coreText(e.doing), why = coreText(e.why);
    return [doing && why ? t("error.why", doing, why) : doing || why, coreText(e.next)].filter(Boolean).join(lang() === "en" ? ". " : "。");
  }
  const said = e instanceof Error ? e.message : String(e);
  return ended.test(said) ? t("error.ended") : t("error.unknown", said);
}
