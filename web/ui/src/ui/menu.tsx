import { createSignal, For, onCleanup, onMount, Show, type JSX } from "solid-js";
import { Portal } from "solid-js/web";
import type { Chat, Message } from "@rpc";
import { isTime, newID } from "../ids";
import { core, failed, toast } from "../state/app";
import { pinned } from "../state/conversation";
import { setDialog } from "../state/dialog";
import { groupOf, mayPin, readOnly, roleIn } from "../state/groups";
import { useLayer } from "../state/layers";
import { sure } from "../state/sure";
import { editOf, replyTo } from "../state/compose";
import { toggle } from "../state/selection";
import { clock } from "../time";
import { t, thing } from "../words";
import { react } from "./Bubble";
import { clean } from "./text";

export interface Action { key: string; label: string; danger?: boolean; run: () => void }
interface Menu { x: number; y: number; actions: Action[]; emoji?: Message; back: Element | null }

const [menu, setMenu] = createSignal<Menu>();
const quick = ["👍", "❤️", "😂", "😮", "😢", "🙏"];

/** What can be done with a message. */
export function menuFor(m: Message, chat: Chat, own: boolean): Action[] {
  if (m.deleted) return [remove(m, true)];
  const can = chat.kind !== "imported", poll = m.kind === "poll" || m.kind === "list", list: Action[] = [];
  if (!readOnly(chat)) list.push({ key: "reply", label: t("message.reply"), run: () => replyTo(m) });
  if (own && can && m.kind === "text") list.push({ key: "edit", label: t("message.edit"), run: () => editOf(m) });
  if (m.text) list.push({ key: "copy", label: t("message.copy"), run: () => copy([m]) });
  if (mayPin(chat)) { const on = !pinned().has(m.id); list.push({ key: "pin", label: t(on ? "message.pin" : "message.unpin"), run: () => pin(m, on) }); }
  if (mayForward(m)) list.push({ key: "forward", label: t("message.forward"), run: () => setDialog({ kind: "forward", messages: [m] }) });
  if (chat.kind === "group" && m.verified && m.media?.[0]?.what === "photo") list.push({ key: "picture", label: t("group.picture", thing(groupOf(chat.chat))), run: () => void core.call("group.profile", { group: chat.chat, picture: m.id }).then(() => toast(t("saved")), failed) });
  list.push({ key: "select", label: t("message.select"), run: () => toggle(m.id) });
  if (own && chat.kind === "group") list.push({ key: "reach", label: t("message.info"), run: () => setDialog({ kind: "reach", message: m }) });
  if (chat.kind === "group" && (m.reactions?.length || m.counted?.known)) list.push({ key: "said", label: t("poll.who"), run: () => setDialog({ kind: "voters", message: m }) });
  if (own && can && poll && !isTime(m.poll?.closed ?? m.list?.closed)) list.push({ key: "end", label: t("poll.close"), run: () => void core.call("poll.close", { id: newID(), chat: m.chat, message: m.id }).catch(failed) });
  if (own && can) list.push(remove(m, false));
  if (!own && can && !m.service && ["owner", "admin"].includes(roleIn(m.chat))) list.push({ key: "redact", label: t("message.redact"), danger: true, run: async () => { if (await sure({ text: t("message.redact.sure", clean(m.name ?? "")), yes: t("message.redact"), danger: true })) void core.call("group.redact", { group: m.chat, messages: [m.id] }).catch(failed); } });
  list.push(remove(m, true));
  return list.map((a) => ({ ...a, emojiFor: can ? m : undefined })) as Action[];
}

/** Texts go on to others, but none of a secure chat. */
export const mayForward = (m: Message) => m.kind === "text" && !m.deleted && !m.service && !m.secure && !m.imported;

/** Puts texts where they can be pasted. */
export const copy = (list: Message[]) => void navigator.clipboard.writeText(list.map((m) => (list.length > 1 ? `${clean(m.name ?? "")} ${clock(m.time)}\n${m.text}` : m.text)).join("\n\n")).then(() => toast(t("copied")), failed);

/** Puts a message on top of its chat, or takes it down. */
export const pin = (m: Message, pinned: boolean) => void core.call("message.pin", { id: newID(), chat: m.chat, message: m.id, pinned }).catch(failed);

const remove = (m: Message, forMe: boolean): Action => ({
  key: forMe ? "forget" : "delete", label: t(forMe ? "message.delete.me" : "message.delete.all"), danger: true,
  run: async () => {
    if (!forMe && !(await sure({ text: t("message.delete.sure"), yes: t("message.delete.all"), danger: true }))) return;
    void core.call("message.delete", { id: newID(), chat: m.chat, messages: [m.id], for_me: forMe }).catch(failed);
  },
});

/** Opens a menu where the person pointed. */
export function openMenu(e: MouseEvent, actions: Action[]) {
  e.preventDefault();
  const m = (actions[0] as { emojiFor?: Message } | undefined)?.emojiFor;
  const box = e.currentTarget instanceof Element ? e.currentTarget.getBoundingClientRect() : undefined; // where one menu leads to another it is the document
  setMenu({ x: e.clientX || (box?.left ?? 0), y: e.clientY || (box?.bottom ?? 0), actions, emoji: m, back: document.activeElement });
}

/** The menu that is open, if one is. */
export function MenuLayer(): JSX.Element {
  // Nothing outside of a dialog can be touched while it is open, so its menus are in it.
  return <Show when={menu()} keyed>{(m) => <Portal mount={[...document.querySelectorAll("dialog[open]")].at(-1) ?? document.querySelector("main") ?? document.body} ref={(x) => x.style.setProperty("display", "contents")}><Open menu={m} /></Portal>}</Show>;
}

function Open(p: { menu: Menu }) {
  let box!: HTMLDivElement;
  const close = () => {
    setMenu(undefined);
    (p.menu.back as HTMLElement | null)?.focus?.();
  };
  const items = () => [...box.querySelectorAll<HTMLElement>("button")];
  const key = (e: KeyboardEvent) => {
    const list = items(), i = list.indexOf(document.activeElement as HTMLElement);
    if (e.key === "ArrowDown") list[(i + 1) % list.length]?.focus();
    else if (e.key === "ArrowUp") list[(i + list.length - 1) % list.length]?.focus();
    else return;
    e.preventDefault();
    e.stopPropagation();
  };
  useLayer(close);
  onMount(() => {
    const r = box.getBoundingClientRect();
    box.style.left = `${Math.max(8, Math.min(p.menu.x, innerWidth - r.width - 8))}px`;
    box.style.top = `${Math.max(8, Math.min(p.menu.y, innerHeight - r.height - 8))}px`;
    items()[0]?.focus();
    window.addEventListener("blur", close);
    onCleanup(() => window.removeEventListener("blur", close));
  });
  return (
    <div class="layer" onPointerDown={(e) => { if (e.target === e.currentTarget) close(); }} onContextMenu={(e) => e.preventDefault()}>
      <div class="menu" role="menu" ref={box} onKeyDown={key}>
        <Show when={p.menu.emoji}>{(m) => (
          <div class="quick"><For each={quick}>{(x) => <button role="menuitem" aria-label={`${t("message.react")} ${x}`} onClick={() => { close(); react(m(), x); }}>{x}</button>}</For></div>
        )}</Show>
        <Show when={p.menu.emoji && roleIn(p.menu.emoji.chat) === "subscriber"}><small class="dim">{t("channel.seen")}</small></Show>
        <For each={p.menu.actions}>{(a) => <button role="menuitem" classList={{ danger: !!a.danger }} onClick={() => { close(); a.run(); }}>{a.label}</button>}</For>
      </div>
    </div>
  );
}
