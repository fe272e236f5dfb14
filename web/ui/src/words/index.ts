import { createSignal } from "solid-js";
import type { Text } from "@rpc";
import { Refused } from "../rpc";
import { en } from "./en";
import { zh, type Word } from "./zh";

export type { Word } from "./zh";
export type Lang = "zh-TW" | "en";

const key = "omega.lang";
const chosen = (): Lang => {
  const kept = localStorage.getItem(key);
  if (kept === "zh-TW" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh-TW" : "en";
};

const [lang, set] = createSignal<Lang>(chosen());
export { lang };

/** Changes the language of the pages, now and later. */
export function setLang(l: Lang) {
  localStorage.setItem(key, l);
  set(l);
  document.documentElement.lang = l === "en" ? "en" : "zh-Hant-TW";
}

const fill = (form: string, args: (string | number)[]) => form.replace(/\{(\d)\}/g, (_, n) => String(args[Number(n)] ?? ""));

/** A word or sentence of the pages. What a newer core says that has none here is shown as it came. */
export function t(word: Word, ...args: (string | number)[]): string {
  return fill((lang() === "en" ? en[word] : zh[word]) ?? word.slice(word.lastIndexOf(".") + 1), args);
}

type Catalogue = Record<string, [zh: string, en: string]>;
const [core, setCore] = createSignal<Catalogue>({});
let asked = false;

/** Words of the core, fetched when the first one is shown. */
export function coreText(x?: Text): string {
  if (!x?.key) return "";
  if (!asked) {
    asked = true;
    void import("../gen/core.json").then((m) => setCore(m.default as unknown as Catalogue));
  }
  const form = core()[x.key];
  if (!form) return "";
  const english = lang() === "en";
  const args = (x.args ?? []).map((a) => a.replace(/^duration:/, ""));
  return fill(english ? form[1] : form[0], args).replace(/\{(\d) ([^}]*)\}/g, (_, n, noun) => {
    const many = args[Number(n)] ?? "";
    return `${many} ${noun}${many === "1" ? "" : "s"}`;
  });
}

/** What went wrong, for a person: what was being done, why it failed, what to do. */
export function explain(e: unknown): string {
  if (e instanceof Refused && e.why?.key) {
    return [coreText(e.doing), coreText(e.why), coreText(e.next)].filter(Boolean).join(lang() === "en" ? ". " : "。");
  }
  return t("error.unknown", e instanceof Error ? e.message : String(e));
}
