import { createSignal } from "solid-js";
import type { Chosen } from "./calls";
import type { Chat, CommandResult, Message, StickerPack } from "@rpc";

/** What lies over the pages: one thing at a time. */
export type DialogState =
  | { kind: "new" } | { kind: "settings" } | { kind: "keys" }
  | { kind: "forward"; messages: Message[] } | { kind: "reach"; message: Message } | { kind: "voters"; message: Message }
  | { kind: "files"; chat: Chat; files: File[]; caption: string; chosen: Chosen[]; sent: () => void }
  | { kind: "mentions" } | { kind: "pack"; pack: StickerPack; done: () => void } | { kind: "packlink"; done: (pack: string) => void }
  | { kind: "poll"; chat: Chat } | { kind: "list"; chat: Chat } | { kind: "folders"; chat: Chat }
  | { kind: "result"; chat: Chat; title: string; result: CommandResult }
  | { kind: "schedule"; chat: Chat; text: string; chosen: Chosen[]; sent: () => void };

export const [dialog, setDialog] = createSignal<DialogState>();
/** Whether the panel about the open chat is there. */
export const [info, setInfo] = createSignal(false);
