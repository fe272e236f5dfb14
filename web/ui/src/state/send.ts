// Sending: a bubble is there at once, under an id made here; the core says later how
// far the message is.
import type { ChatID, Entity, ID, Message, ReplyTo, Time } from "@rpc";
import { newID, seconds } from "../ids";
import { chats, core, failed, me, toast } from "./app";
import { marked } from "./calls";
import { drop, patch, put, toNewest } from "./conversation";
import { setDialog } from "./dialog";
import { lifetime } from "./lifetime";
import { Refused } from "../rpc";
import { clean } from "../ui/text";
import { coreText, coreWords } from "../words";

/** How a text is sent otherwise than at once, with a sound. */
export interface How { silent?: boolean; at?: Time }

/** Sends a text as it was typed, or runs the command that it is; says whether the text is kept, by the core or as a
 * message of which nothing is known. Entities are of those who are called. What was refused is in no history, and has to go back to who wrote it. */
export async function send(chat: ChatID, text: string, reply?: ReplyTo, how: How = {}, entities?: Entity[]): Promise<boolean> {
  const id = newID();
  const command = /^[/／、]\S/.test(text) && !how.at;
  const shown = !command && !how.at;
  if (shown) {
    put(draft(chat, id, text, reply));
    toNewest(chat);
  }
  try {
    if (command) {
      toNewest(chat);
      const r = await core.call("command.run", { id, chat, text, reply: reply?.message, markup: true, wait: "none" }, undefined, chat);
      if (r.done?.key) void coreWords().then(() => toast(coreText(r.done)));
      if (r.commands || r.messages || r.members || r.link) setDialog({ kind: "result", chat: chats.by[chat]!, title: clean(text), result: r });
      return true;
    }
    await core.call("send", { id, ...addressee(chat), ...written(text, entities), reply, ...how, expire: seconds(lifetime(chat)) || undefined, wait: "none", timeout: 0 }, undefined, chat);
    return true;
  } catch (e) {
    failed(e);
    if (e instanceof Refused) return drop(id), false;
    if (shown) patch(id, { state: "failed", why: "internal" });
    return shown;
  }
}

/** A text as the core takes it: with markup, unless that could hide who is called. */
export function written(text: string, entities?: Entity[]): { text: string; markup?: boolean; entities?: Entity[] } {
  const all = entities ? marked(text, entities) : text;
  return all === undefined ? { text, entities } : { text: all, markup: true };
}

/** Whom a message of a chat is for: of a chat of two the account, since there may be no chat yet. */
export function addressee(chat: ChatID): { to: string; secure?: boolean } {
  const c = chats.by[chat];
  return c?.kind === "direct" || c?.kind === "secure" || c?.kind === "saved" ? { to: c.peer, secure: c.kind === "secure" || undefined } : { to: chat };
}

/** The same for calls that cannot be told to be secure: a secure chat is named itself. */
export const destination = (chat: ChatID) => (chats.by[chat]?.kind === "direct" || chats.by[chat]?.kind === "saved" ? chats.by[chat]!.peer : chat);

function draft(chat: ChatID, id: ID, text: string, reply?: ReplyTo): Message {
  const account = me()!;
  return {
    id, chat, from: account.fingerprint, device: account.device, name: account.name, time: new Date().toISOString(), kind: "text", text,
    secure: !!chats.by[chat]?.secure, verified: true, state: "queued",
    reply: reply && { message: reply.message, quote: reply.quote },
  };
}
