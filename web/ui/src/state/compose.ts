// What the composer is doing in each chat: answering a message, or editing one.
import { createStore, produce } from "solid-js/store";
import type { ChatID, Message } from "@rpc";

interface Task { reply?: Message; edit?: Message }

export const [tasks, set] = createStore<Record<ChatID, Task>>({});

export const replyTo = (m: Message) => set(m.chat, { reply: m, edit: undefined });
export const editOf = (m: Message) => set(m.chat, { edit: m, reply: undefined });
export const nothing = (chat: ChatID) => set(produce((s) => { delete s[chat]; }));
