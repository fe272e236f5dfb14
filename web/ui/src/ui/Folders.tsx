// Folders of the person's own: which a chat stands in, and new ones.
import { createSignal, For, type JSX } from "solid-js";
import type { Chat } from "@rpc";
import { core, failed } from "../state/app";
import { fetchFolders, folders } from "../state/folders";
import { sure } from "../state/sure";
import { t } from "../words";
import "../words/rare";
import { Icon } from "./icons";
import { clean } from "./text";

const newFolder = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (x) => x.toString(16).padStart(2, "0")).join("");

export function ChatFolders(p: { chat: Chat }): JSX.Element {
  const [title, setTitle] = createSignal("");
  const set = (folder: string, what: { title?: string; add?: string[]; remove?: string[]; delete?: boolean }) => core.call("folder.set", { folder, ...what }).then(fetchFolders, failed);
  const make = (e: Event) => {
    e.preventDefault();
    void set(newFolder(), { title: title().trim(), add: [p.chat.chat] });
    setTitle("");
  };
  return (
    <>
      <ul class="people"><For each={folders()} fallback={<li class="dim">{t("folder.none")}</li>}>{(f) => (
        <li class="line">
          <label class="check"><input type="checkbox" checked={!!f.chats?.includes(p.chat.chat)} onChange={(e) => void set(f.folder, e.currentTarget.checked ? { add: [p.chat.chat] } : { remove: [p.chat.chat] })} /><bdi>{clean(f.title)}</bdi></label>
          <button class="icon-button" aria-label={`${t("folder.delete")} ${clean(f.title)}`} title={t("folder.delete")} onClick={async () => { if (await sure({ text: t("folder.delete.sure", clean(f.title)), yes: t("folder.delete"), danger: true })) void set(f.folder, { delete: true }); }}><Icon name="close" size={18} /></button>
        </li>
      )}</For></ul>
      <form class="inline" onSubmit={make}><label class="field"><span>{t("folder.new")}</span><input value={title()} maxlength="32" onInput={(e) => setTitle(e.currentTarget.value)} /></label><button disabled={!title().trim()}>{t("group.make")}</button></form>
    </>
  );
}
