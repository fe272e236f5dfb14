// What a person should know about the other side of a chat, and what to do about it.
import { For, Show, type JSX } from "solid-js";
import type { Chat, Contact, Fingerprint, Message, Notice } from "@rpc";
import { isTime } from "../ids";
import { core, failed, openContact } from "../state/app";
import { asked } from "../state/asked";
import { hear, noted } from "../state/beside";
import { sure } from "../state/sure";
import { short } from "../time";
import { t, type Word } from "../words";
import "../words/rare";
import { called } from "./called";
import "../style/noted.css";

/** A fingerprint as people compare it. */
const grouped = (fingerprint: string) => fingerprint.replace(/(.{4})/g, "$1 ").trim();

/** Goes on with the account that another one goes on as, once the person has said that they asked. */
export async function agree(c: Pick<Contact, "fingerprint" | "successor" | "notices">): Promise<void> {
  if (!(await sure({ text: t("succeed.sure", grouped(c.successor!)), yes: t("succeed.do"), danger: true }))) return;
  await core.call("contact.succeed", { account: c.fingerprint }).then((next) => {
    hear(c.notices?.map((n) => ({ ...n, settled: n.settled ?? n.time }))); // they stand in the new chat, too, where there is no history yet
    openContact(next);
  }, failed);
}

/** Where a message stands, as a time: places rise, times may not. */
const came = (m: Message) => m.place ?? Date.parse(isTime(m.received) ? m.received! : m.time);

/** What came up about the other side between two messages, also when it is over: before the first and after the last where there is none. */
export function Beside(p: { chat: Chat; from?: Message; to?: Message }): JSX.Element {
  const list = () => Object.values(noted() ?? {}).filter((n) => (n.account === p.chat.peer || n.successor === p.chat.peer) && (!p.from || Date.parse(n.time) >= came(p.from)) && (!p.to || Date.parse(n.time) < came(p.to)));
  return (
    <For each={list()}>{(n) => (
      <div class="service"><span>⚠ {n.account === p.chat.peer ? t(`notice.${n.kind}` as Word) : t("succeed.here", called(n, n.account, 8))} <small>{short(n.time)}</small></span>
        <Show when={n.account === p.chat.peer} fallback={<To account={n.account} word="succeed.before" />}><Show when={isTime(n.settled) && n.successor}>{(next) => <To account={next()} word="succeed.open" />}</Show></Show></div>
    )}</For>
  );
}

/** What stands in place of the composer where nothing more is written. */
export function Onward(p: { notice: Notice }): JSX.Element {
  return <div class="note">{t("notice.succeeded")} <Show when={isTime(p.notice.settled) && p.notice.successor}>{(next) => <To account={next()} word="succeed.open" />}</Show></div>;
}

/** The way to the chat with an account. */
const To = (p: { account: Fingerprint; word: Word }) => <button class="small" onClick={() => void core.call("contact.show", { account: p.account }).then(openContact, failed)}>{t(p.word)}</button>;

/** The line above the messages. */
export function Noted(p: { chat: Chat }): JSX.Element {
  return (
    <div class="contact-note warn" role="alert">
      <p>⚠ {t(`notice.${p.chat.notice}` as Word)}</p>
      <Show when={p.chat.notice === "succeeded"}><Successor account={p.chat.peer} /></Show>
    </div>
  );
}

function Successor(p: { account: string }) {
  const [person] = asked(() => p.account, (account) => core.call("contact.show", { account }));
  return (
    <Show when={person.latest?.successor ? person.latest : undefined}>{(c) => (
      <>
        <p>{t("succeed.as", grouped(c().successor!))}</p>
        <div class="actions"><button class="danger" onClick={() => void agree(c())}>{t("succeed.do")}</button></div>
      </>
    )}</Show>
  );
}
