import { createSignal } from "solid-js";
import type { Message } from "@rpc";

/** What lies over the pages: one thing at a time. */
export type DialogState = { kind: "new" } | { kind: "settings" } | { kind: "keys" } | { kind: "forward"; message: Message } | { kind: "reach"; message: Message };

export const [dialog, setDialog] = createSignal<DialogState>();
/** Whether the panel about the open chat is there. */
export const [info, setInfo] = createSignal(false);
