// What groups look like, and how this account stands in them, as far as lists and
// invitations show it: without their members.
import { batch } from "solid-js";
import { createStore, reconcile } from "solid-js/store";
import type { Chat, ChatID, Group } from "@rpc";
import { at, gone } from "../rpc";
import { core, failed } from "./app";
import type { Word } from "../words";

const pages = 50; // of 200: ten thousand groups

const [groups, set] = createStore<{ by: Record<string, Group>; of: Record<ChatID, string>; changes: Record<ChatID, number>; loaded: boolean }>({ by: {}, of: {}, changes: {}, loaded: false });

/** A group by its own id, as invitations name it. */
export const groupNamed = (id?: string): Group | undefined => groups.by[id ?? ""];
/** Whether the groups are known: one that is not among them is unknown here. */
export const groupsLoaded = () => groups.loaded;

/** Why this account cannot write in a chat, as far as is known; undefined if it can. */
export function readOnly(chat: Chat): Word | undefined {
  if (chat.kind === "imported") return "chat.imported";
  const g = groups.by[groups.of[chat.chat] ?? ""];
  if (chat.kind !== "group" || !g) return undefined;
  if (g.role === "asking") return "chat.asking";
  if (g.role === "invited") return "chat.invited";
  if (g.role === "subscriber") return "chat.channel";
  if (!g.role || g.role === "refused") return "chat.outside";
  if (g.dissolved) return "group.dissolved";
  return allows(g.rules.write, g.role) ? undefined : "chat.channel";
}

const ranks = { members: ["member", "admin", "owner"], admins: ["admin", "owner"], owners: ["owner"] };
/** Whether a rule of a group lets a role do something, as far as is known. */
const allows = (rule: string, role: string) => ranks[rule as keyof typeof ranks]?.includes(role) ?? true;

/** The group of a chat, as far as it is known. */
export const groupOf = (chat: ChatID): Group | undefined => groups.by[groups.of[chat] ?? ""];

/** Whether this account may pin messages in a chat, as far as is known. */
export function mayPin(chat: Chat): boolean {
  const g = groupOf(chat.chat);
  return chat.kind !== "imported" && (chat.kind !== "group" || !g || !g.dissolved && allows(g.rules.pin, g.role));
}

/** Whether this account may do something in a group, as far as is known. */
export const may = (what: "invite" | "write", g: Group): boolean => !g.dissolved && allows(g.rules[what], g.role ?? "");

/** What this account is in the group of a chat. */
export const roleIn = (chat: ChatID): string => groups.by[groups.of[chat] ?? ""]?.role ?? "";

/** How often something of a group became another, its members too: what shows more of it asks anew then. */
export const changesOf = (chat: ChatID): number => groups.changes[chat] ?? 0;

/** Where the picture of a chat is to be had, if it is a group that has one. */
export function pictureOf(chat: ChatID): string | undefined {
  const of = groups.by[groups.of[chat] ?? ""]?.picture;
  return of?.here ? at(`/media/${of.id}/${of.item}`) : undefined;
}

/** Keeps what is known of groups now. */
export const putGroups = (list: Group[]) => batch(() => list.forEach((g) => {
  set("by", g.group, reconcile({ ...g, members: undefined, invited: undefined, banned: undefined })); // whole: what it has no more is gone
  set("of", g.chat, g.group);
}));

/** Fetches all groups. */
export async function fetchGroups() {
  try {
    for (let next: string | undefined, i = 0; i < pages; i++) {
      const r = await core.call("groups", { count: 200, next });
      putGroups(r.groups ?? []);
      if (!(next = r.next)) break;
    }
    set("loaded", true);
  } catch (e) { failed(e); }
}

/** Keeps a group as a call answered, and asks for it again: what came of the call may have been told before its answer. */
export const answered = (g: Group) => { putGroups([g]); void refreshGroups([g.chat]); };

/** Fetches groups of which something is another now. */
export const refreshGroups = (chats: Iterable<ChatID>) => Promise.all([...chats].map(async (group) => {
  try {
    const mine = changesOf(group) + 1;
    set("changes", group, mine);
    const g = await core.call("group", { group });
    if (changesOf(group) === mine) putGroups([g]); // else it is asked for again, and this may be older
  } catch (e) {
    if (!gone(e)) failed(e);
  }
}));
