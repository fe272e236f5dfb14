import { createStore, produce } from "solid-js/store";
import type { ChatID, Fingerprint, TypingEvent } from "@rpc";

interface Typist { what: string; until: number }
const lasts = 6500; // ms: who types says so again before that

/** Who does something, by chat and account. */
export const [typing, set] = createStore<Record<ChatID, Record<Fingerprint, Typist>>>({});

export function setTyping(e: TypingEvent) {
  if (e.what === "stopped") return typingOver(e.chat, e.account);
  const until = Date.now() + lasts;
  set(produce((s) => { (s[e.chat] ??= {})[e.account] = { what: e.what, until }; }));
  setTimeout(() => { if ((typing[e.chat]?.[e.account]?.until ?? 0) <= Date.now()) typingOver(e.chat, e.account); }, lasts + 50);
}

export function typingOver(chat: ChatID, who: Fingerprint) {
  if (typing[chat]?.[who]) set(produce((s) => { delete s[chat]![who]; }));
}
