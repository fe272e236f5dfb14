// Sending: a bubble is there at once, under an id made here; the core says later how
// far the message is.
import type { ChatID, ID, Message, ReplyTo } from "@rpc";
import { newID } from "../ids";
import { chats, core, failed, me, toast } from "./app";
import { patch, put } from "./conversation";
import { Refused } from "../rpc";
import { coreText } from "../words";

/** Sends a text as it was typed, or runs the command that it is. */
export async function send(chat: ChatID, text: string, reply?: ReplyTo): Promise<void> {
  const id = newID();
  const command = /^[/／、]\S/.test(text);
  if (!command) put(draft(chat, id, text, reply), true);
  try {
    if (command) {
      const r = await core.call("command.run", { id, chat, text, reply: reply?.message, markup: true, wait: "none" });
      if (r.done?.key) toast(coreText(r.done));
      return;
    }
    await core.call("send", { id, ...addressee(chat), text, markup: true, reply, wait: "none", timeout: 0 });
  } catch (e) {
    if (!command) patch(id, { state: "failed", why: e instanceof Refused ? e.code : "internal" });
    failed(e);
  }
}

/** Whom a message of a chat is for: of a chat of two the account, since there may be no chat yet. */
export function addressee(chat: ChatID): { to: string; secure?: boolean } {
  const c = chats.by[chat];
  return c?.kind === "direct" || c?.kind === "secure" ? { to: c.peer, secure: c.kind === "secure" || undefined } : { to: chat };
}

function draft(chat: ChatID, id: ID, text: string, reply?: ReplyTo): Message {
  const account = me()!;
  return {
    id, chat, from: account.fingerprint, device: account.device, name: account.name, time: new Date().toISOString(), kind: "text", text,
    secure: !!chats.by[chat]?.secure, verified: true, state: "queued",
    reply: reply && { message: reply.message, quote: reply.quote },
  };
}
