// The links by which others come into a group: of each kind one, made when it is asked for.
import { createSignal, For, Show, type JSX } from "solid-js";
import type { Group } from "@rpc";
import { core, failed, toast } from "../state/app";
import { asked } from "../state/asked";
import { may } from "../state/groups";
import { sure } from "../state/sure";
import { t, type Word } from "../words";
import "../words/rare";
import { MyLink } from "./Setup";

type Kind = "ask" | "open" | "subscribe";

export function GroupLinks(p: { group: Group }): JSX.Element {
  const kinds = (): Kind[] => (p.group.channel && !p.group.secure && may("write", p.group) ? ["subscribe", "ask", "open"] : ["ask", "open"]);
  const [kind, setKind] = createSignal<Kind>(kinds()[0]!), [over, setOver] = createSignal(false);
  const call = (group: string, kind: Kind, more: { new?: boolean; close?: boolean } = {}) => core.call("group.link", { group, open: kind === "open" || undefined, subscribe: kind === "subscribe" || undefined, ...more });
  const [link, { mutate }] = asked(kind, async (kind) => { setOver(false); return (await call(p.group.chat, kind)).link ?? ""; });
  const change = async (close: boolean) => {
    const group = p.group.chat, of = kind();
    if (!(await sure({ text: t("link.sure"), yes: t(close ? "link.close" : "link.new"), danger: true }))) return;
    try {
      const made = (await call(group, of, close ? { close } : { new: true })).link ?? "";
      if (kind() === of && p.group.chat === group) { mutate(made); setOver(close); }
      if (close) toast(t("link.closed"));
    } catch (e) { failed(e); }
  };
  return (
    <>
      <div class="choice" role="radiogroup" aria-label={t("group.link")}><For each={kinds()}>{(k) => <label><input type="radio" name="link" checked={kind() === k} onChange={() => setKind(k)} />{t(`link.${k}` as Word)}</label>}</For></div>
      <p class="dim">{t(`link.${kind()}.text` as Word)}</p>
      <Show when={link.latest && !over() && link.latest}>{(x) => <>
        <MyLink link={x()} code={x()} />
        <div class="actions"><button onClick={() => change(false)}>{t("link.new")}</button><button class="danger" onClick={() => change(true)}>{t("link.close")}</button></div>
      </>}</Show>
    </>
  );
}
