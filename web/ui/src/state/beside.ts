// What the core noted about the other side of a direct chat: it stands between the messages.
import { createSignal } from "solid-js";
import type { Chat, Notice } from "@rpc";

/** By their numbers; undefined until there is one. */
export const [noted, setNoted] = createSignal<Record<number, Notice>>();

export const hear = (list?: Notice[] | null) => { for (const n of list ?? []) setNoted((all) => ({ ...all, [n.number]: n })); };

/** That the other side of a chat goes on as another account: nothing more is written to this one. */
export const wentOn = (c: Chat): Notice | undefined => (c.kind === "direct" ? Object.values(noted() ?? {}).find((n) => n.account === c.peer && n.kind === "succeeded") : undefined);
