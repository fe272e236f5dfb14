// What a sticker pack is called here, and packs that others made, by their links.
import { createSignal, type JSX } from "solid-js";
import type { StickerPack } from "@rpc";
import { noID, seconds } from "../ids";
import { core, failed, toast } from "../state/app";
import { t } from "../words";
import "../words/rare";
import { closeDialog } from "./Dialog";
import { first } from "./focus";
import { clean } from "./text";

export function RenamePack(p: { pack: StickerPack; done: () => void }): JSX.Element {
  const [title, setTitle] = createSignal(clean(p.pack.title));
  const save = async (e: Event) => {
    e.preventDefault();
    try {
      await core.call("stickers.rename", { pack: p.pack.pack, title: title().trim() });
      p.done();
      closeDialog();
    } catch (x) { failed(x); }
  };
  return <form onSubmit={save}><label class="field"><span>{t("panel.rename")}</span><input ref={first} value={title()} maxlength="64" onInput={(e) => setTitle(e.currentTarget.value)} /></label><button class="primary" disabled={!title().trim()}>{t("save")}</button></form>;
}

const wait = seconds(60);

export function AddPack(p: { done: (pack: string) => void }): JSX.Element {
  const [link, setLink] = createSignal(""), [busy, setBusy] = createSignal(false);
  const add = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      const k = await core.call("stickers.add", { link: link().trim(), message: noID, timeout: wait });
      toast(t("panel.added", clean(k.title)));
      p.done(k.pack);
      closeDialog();
    } catch (x) { failed(x); } finally { setBusy(false); }
  };
  return <form onSubmit={add}><label class="field"><span>{t("panel.linktext")}</span><input ref={first} value={link()} maxlength="1000" autocomplete="off" onInput={(e) => setLink(e.currentTarget.value)} /></label><button class="primary" disabled={busy() || !link().trim()}>{t("panel.add")}</button></form>;
}
