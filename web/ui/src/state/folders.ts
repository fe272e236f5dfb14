// Which chats stand in which part of the list: the parts that everybody has, and folders
// of the person's own. All are counted in one walk, once per change.
import { createMemo, createRoot, createSignal } from "solid-js";
import type { Chat, ChatID, Folder } from "@rpc";
import { isTime } from "../ids";
import { chats, core, failed, listed, plainChat } from "./app";

export type Part = "all" | "unread" | "groups" | "archive" | "requests" | `folder:${string}`;

export const [folders, setFolders] = createSignal<Folder[]>([]);
export const [part, setPart] = createSignal<Part>("all");

const isRequest = (c: Chat) => c.kind === "direct" && c.contact === "request" && !c.blocked;

/** Whether the person is told nothing of a chat for now. */
export const muted = (c: Chat) => isTime(c.muted) && Date.parse(c.muted) > Date.now();

/** The parts in which a chat stands, and those of the folders that have it. */
export function partsOf(c: Chat, inside: string[] = []): Part[] {
  if (isRequest(c)) return ["requests"];
  if (c.archived) return ["archive"];
  const out: Part[] = ["all"];
  if (c.marked || c.unread > 0 && (!muted(c) || c.mentions)) out.push("unread"); // what was muted may wait, but not who calls
  if (c.kind === "group") out.push("groups");
  for (const f of inside) out.push(`folder:${f}`);
  return out;
}

/** The chats of each part, in the order of the list. */
export const inPart = createRoot(() => createMemo(() => {
  const out = new Map<Part, ChatID[]>();
  const inside = new Map<ChatID, string[]>();
  for (const f of folders()) for (const id of f.chats ?? []) inside.set(id, [...(inside.get(id) ?? []), f.folder]);
  listed();
  for (const id of chats.order) {
    const c = plainChat(id);
    if (!c) continue;
    for (const p of partsOf(c, inside.get(id))) {
      const list = out.get(p);
      if (list) list.push(id);
      else out.set(p, [id]);
    }
  }
  return out;
}));

const most = 50; // folders that are shown

/** Fetches the folders. */
export const fetchFolders = () => core.call("folders", { count: most }).then((r) => {
  setFolders(r.folders ?? []);
  const p = part();
  if (p.startsWith("folder:") && !folders().some((f) => p === `folder:${f.folder}`)) setPart("all");
}, failed);
