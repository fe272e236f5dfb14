// What a person should know about the other side of a chat, and what to do about it.
import { Show, type JSX } from "solid-js";
import type { Chat, Contact } from "@rpc";
import { core, failed, openContact } from "../state/app";
import { asked } from "../state/asked";
import { sure } from "../state/sure";
import { t, type Word } from "../words";
import "../words/rare";

/** A fingerprint as people compare it. */
const grouped = (fingerprint: string) => fingerprint.replace(/(.{4})/g, "$1 ").trim();

/** Goes on with the account that another one goes on as, once the person has said that they asked. */
export async function agree(c: Pick<Contact, "fingerprint" | "successor">): Promise<void> {
  if (!(await sure({ text: t("succeed.sure", grouped(c.successor!)), yes: t("succeed.do"), danger: true }))) return;
  await core.call("contact.succeed", { account: c.fingerprint }).then((next) => openContact(next), failed);
}

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
