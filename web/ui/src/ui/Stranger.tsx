// Somebody who is no contact and wrote: who it may be, and what to do about it.
import { For, Show, type JSX } from "solid-js";
import type { Chat } from "@rpc";
import { core, failed, putChats } from "../state/app";
import { asked } from "../state/asked";
import { part, setPart } from "../state/folders";
import { t } from "../words";
import "../words/rare";
import { clean } from "./text";

/** The question above the messages. */
export function Stranger(p: { chat: Chat }): JSX.Element {
  const act = (method: "contact.add" | "contact.decline" | "contact.block") => core.call(method, { account: p.chat.peer }).then(() => core.call("chat", { chat: p.chat.chat })).then((c) => { putChats([c]); if (part() === "requests" && method === "contact.add") setPart("all"); }, failed);
  return (
    <div class="contact-note" role="note">
      <p>{t("chat.request", clean(p.chat.name) || p.chat.peer.slice(-8))}</p>
      <code>{p.chat.peer.replace(/(.{4})/g, "$1 ").trim()}</code>
      <Common account={p.chat.peer} />
      <Show when={p.chat.similar?.[0]}>{(s) => <p class="warn">⚠ {t("chat.similar", clean(s().name ?? ""))}</p>}</Show>
      <div class="actions">
        <button class="primary" onClick={() => act("contact.add")}>{t("chat.accept")}</button>
        <button onClick={() => act("contact.decline")}>{t("chat.decline")}</button>
        <button class="danger" onClick={() => act("contact.block")}>{t("chat.block")}</button>
      </div>
    </div>
  );
}

/** In which groups a stranger is with this account: nothing proves more about who it is. */
function Common(p: { account: string }) {
  const [person] = asked(() => p.account, (account) => core.call("contact.show", { account }));
  return (
    <Show when={person.latest}>{(c) => (
      <p>{c().groups?.length ? <>{t("groups.common.are")}<For each={c().groups}>{(g, i) => <>{i() ? t("and") : ""}<bdi>{clean(g.name)}</bdi></>}</For></> : t("groups.nocommon")}
        <Show when={c().certified?.length}><br />{t("key.certified", c().certified!.map((x) => clean(x.name ?? "")).join(t("and")))}</Show></p>
    )}</Show>
  );
}
