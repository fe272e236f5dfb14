// Several messages, chosen together.
import { onCleanup, Show, type JSX } from "solid-js";
import type { Chat } from "@rpc";
import { newID } from "../ids";
import { core, failed, me } from "../state/app";
import { setDialog } from "../state/dialog";
import { useLayer } from "../state/layers";
import { selectNothing, selection } from "../state/selection";
import { sure } from "../state/sure";
import { t } from "../words";
import "../words/rare";
import { Icon } from "./icons";
import { copy, mayForward } from "./menu";

/** What can be done with messages that were chosen together. */
export function Selected(p: { chat: Chat }): JSX.Element {
  useLayer(selectNothing);
  onCleanup(selectNothing);
  const own = () => selection().every((m) => m.from === me()?.fingerprint && !m.imported && !m.service);
  const remove = async (forMe: boolean) => {
    const list = selection(), chat = p.chat.chat;
    if (!(await sure({ text: t(forMe ? "select.forget.sure" : "select.delete.sure", list.length), yes: t(forMe ? "select.forget" : "message.delete.all"), danger: true }))) return;
    selectNothing();
    void core.call("message.delete", { id: newID(), chat, messages: list.map((m) => m.id), for_me: forMe || undefined, wait: "none" }).catch(failed);
  };
  return (
    <div class="composer selected" role="toolbar" aria-label={t("select.count", selection().length)}>
      <button class="icon-button" aria-label={t("cancel")} onClick={selectNothing}><Icon name="close" /></button>
      <b aria-live="polite">{t("select.count", selection().length)}</b>
      <button disabled={!selection().some((m) => m.text)} onClick={() => { copy(selection().filter((m) => m.text)); selectNothing(); }}>{t("copy")}</button>
      <button disabled={!selection().every(mayForward)} onClick={() => setDialog({ kind: "forward", messages: selection() })}>{t("message.forward")}</button>
      <Show when={p.chat.kind !== "imported" && own()}><button class="danger" onClick={() => remove(false)}>{t("message.delete.all")}</button></Show>
      <button class="danger" onClick={() => remove(true)}>{t("select.forget")}</button>
    </div>
  );
}
