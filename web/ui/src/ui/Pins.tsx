// What is pinned in a chat, over its history.
import { createEffect, createMemo, createSignal, on, Show, type JSX } from "solid-js";
import type { Chat, Message } from "@rpc";
import { gone } from "../rpc";
import { core } from "../state/app";
import { asked } from "../state/asked";
import { jump, pinsChanged, setPinned } from "../state/conversation";
import { t } from "../words";
import { Icon } from "./icons";
import { openMenu, pin } from "./menu";
import { preview } from "./preview";

/** Where nobody has written yet nothing is pinned. */
const noneYet = (e: unknown) => { if (gone(e)) return { messages: [] as Message[] }; throw e; };

/** The pinned messages, one at a time: a touch shows it and goes on to the next. */
export function Pins(p: { chat: Chat }): JSX.Element {
  const [list] = asked(() => `${p.chat.chat} ${pinsChanged()}`, async (key) => {
    const chat = key.slice(0, key.indexOf(" "));
    return (await core.call("message.pinned", { chat, count: 20 }).catch(noneYet)).messages ?? [];
  });
  const [at, setAt] = createSignal(0);
  createEffect(on(createMemo(() => p.chat.chat), () => setAt(0)));
  createEffect(() => setPinned(new Set(list()?.map((m) => m.id))));
  const one = () => list.latest?.[at() % Math.max(1, list.latest.length)];
  return (
    <Show when={one()}>{(m) => (
      <button class="pins" onContextMenu={(e) => openMenu(e, [{ key: "unpin", label: t("message.unpin"), run: () => pin(m(), false) }])} onClick={() => { void jump(p.chat.chat, { message: m().id }); setAt(at() + 1); }}>
        <Icon name="pin" size={18} /><span><b>{t("pins")}</b> {preview(m())}</span><Show when={list()!.length > 1}><small class="dim">{(at() % list()!.length) + 1}/{list()!.length}</small></Show>
      </button>
    )}</Show>
  );
}
