// Texts of other people: shown as they are, and never able to do anything. Entities
// come from the core (UTF-16 offsets); nothing here reads markup and nothing becomes
// HTML.
import { createSignal, For, Show, type JSX } from "solid-js";
import type { Entity } from "@rpc";
import { t } from "../words";
import { toast } from "../state/app";

const longest = 4000; // UTF-16 units that are shown at once
const marks = 4; // combining marks on one letter; more are a trick

// Letters that turn the direction of what follows, or that nobody can see.
const hidden = /[\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\u061c\u2060-\u2064\u206a-\u206f\ufeff\u00ad]/g;
// What looks like nothing, and stands in names to look like somebody else or like nobody; and what only some flags need.
const blank = /[\u034f\u115f\u1160\u17b4\u17b5\u180e\u2800\u3164\uffa0\u{e0000}-\u{e0fff}]/gu;
const joiners = /^[\u200c\u200d\ufe00-\ufe0f\s]*$/;
const control = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const piled = new RegExp(`(\\p{M}{${marks}})\\p{M}+`, "gu");

const longestLine = 300; // UTF-16 units of what stands in one line

/** A text in one line, harmless; empty where there is nothing in it to be seen. */
export function clean(s: string): string {
  const line = s.slice(0, s.length > longestLine ? safeCut(s, longestLine) : undefined).replace(hidden, "").replace(blank, "").replace(control, " ").replace(piled, "$1").replace(/\s+/g, " ").trim();
  return joiners.test(line) ? "" : line;
}

/** A text in its lines, as long as it was for offsets; what is hidden shows as nothing. */
const harmless = (s: string) => s.replace(control, "\ufffd").replace(piled, "$1");

interface Props { text: string; entities?: Entity[] | null; inert?: boolean; onMention?: (account: string) => void }

/** A text with its entities. */
export function Rich(p: Props): JSX.Element {
  const [all, setAll] = createSignal(false);
  const cut = () => (!all() && p.text.length > longest ? safeCut(p.text, longest) : p.text.length);
  return (
    <bdi class="rich" dir="auto">
      {pieces(p.text.slice(0, cut()), p.entities ?? [], p)}
      <Show when={cut() < p.text.length}><button class="link" onClick={() => setAll(true)}>… {t("more")}</button></Show>
    </bdi>
  );
}

/** Cuts no pair of surrogates in two. */
const safeCut = (s: string, n: number) => (/[\ud800-\udbff]/.test(s[n - 1] ?? "") ? n - 1 : n);

// A piece of text lies between two places where an entity begins or ends.
function pieces(text: string, entities: Entity[], p: Props): JSX.Element {
  const inside = entities.filter((e) => e.length > 0 && e.offset >= 0 && e.offset + e.length <= text.length);
  if (inside.length === 0) return plain(text);
  const cuts = [...new Set([0, text.length, ...inside.flatMap((e) => [e.offset, e.offset + e.length])])].sort((a, b) => a - b);
  const parts = cuts.slice(0, -1).map((from, i) => {
    const to = cuts[i + 1]!;
    return { text: text.slice(from, to), over: inside.filter((e) => e.offset <= from && e.offset + e.length >= to) };
  });
  return <For each={parts}>{(part) => wrap(part.text, part.over, p)}</For>;
}

const isolate = "\u2068", end = "\u2069";
const plain = (s: string) => (hidden.test(s) ? isolate + harmless(s.replace(hidden, "")) + end : harmless(s));

function wrap(text: string, over: Entity[], p: Props): JSX.Element {
  return over.reduceRight<JSX.Element>((inner, e) => dress(inner, text, e, p), plain(text));
}

function dress(inner: JSX.Element, text: string, e: Entity, p: Props): JSX.Element {
  switch (e.type) {
    case "bold": return <strong>{inner}</strong>;
    case "italic": return <em>{inner}</em>;
    case "underline": return <u>{inner}</u>;
    case "strike": return <s>{inner}</s>;
    case "code": return <code>{inner}</code>;
    case "pre": return <code class="pre">{inner}</code>;
    case "quote": return <span class="quoted">{inner}</span>;
    case "spoiler": return <Spoiler>{inner}</Spoiler>;
    case "mention": return <button class="link mention" onClick={() => e.account && p.onMention?.(e.account)}>{inner}</button>;
    case "hashtag": case "command": return <span class="tag">{inner}</span>;
    case "link": return <Link to={e.address || text} inert={p.inert}>{inner}</Link>;
  }
  return inner;
}

function Spoiler(p: { children: JSX.Element }) {
  const [shown, show] = createSignal(false);
  return <button class="spoiler" classList={{ shown: shown() }} title={t("message.spoiler")} onClick={() => show(true)}>{p.children}</button>;
}

/** Only these lead anywhere; others stay text. */
const schemes = new Set(["http:", "https:", "mailto:", "tel:"]);

function Link(p: { to: string; inert?: boolean; children: JSX.Element }) {
  const address = () => {
    try {
      const u = new URL(/^[a-z][a-z0-9+.-]*:/i.test(p.to) ? p.to : "https://" + p.to);
      return schemes.has(u.protocol) ? u.href : undefined;
    } catch { return undefined; }
  };
  return (
    <Show when={address() && !p.inert} fallback={<span class="dead" title={p.to}>{p.children}</span>}>
      <a href={address()} target="_blank" rel="noopener noreferrer nofollow" title={address()} onAuxClick={() => toast(address()!)}>{p.children}</a>
    </Show>
  );
}
