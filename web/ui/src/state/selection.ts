// Messages of the open chat that were chosen together.
import { createSignal } from "solid-js";
import type { ID, Message } from "@rpc";
import { conversation } from "./conversation";

const [ids, set] = createSignal<ReadonlySet<ID>>(new Set());

/** Whether messages are being chosen. */
export const selecting = () => ids().size > 0;
export const isSelected = (id: ID) => ids().has(id);

/** Chooses a message, or does so no more. */
export function toggle(id: ID) {
  const next = new Set(ids());
  if (!next.delete(id)) next.add(id);
  set(next);
}

export const selectNothing = () => set(new Set<ID>());

/** What was chosen, in the order of the chat. */
export const selection = (): Message[] => conversation.list.filter((m) => ids().has(m.id));
