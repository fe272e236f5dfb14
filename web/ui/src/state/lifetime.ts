// How long what is written in a chat lives: chosen per chat, kept in this browser.
import { createStore } from "solid-js/store";
import type { ChatID } from "@rpc";

const key = "omega.lifetime";
const kept = (): Record<ChatID, number> => { try { return JSON.parse(localStorage.getItem(key) ?? "{}") as Record<ChatID, number>; } catch { return {}; } };

const [lifetimes, set] = createStore<Record<ChatID, number>>(kept());

/** Lifetimes that can be chosen, in seconds; 0 is without an end. */
export const choices = [0, 3600, 86_400, 604_800] as const;
export type Lifetime = (typeof choices)[number];

/** In seconds; 0: it stays. */
export const lifetime = (chat: ChatID): Lifetime => choices.find((x) => x === lifetimes[chat]) ?? 0;

export function setLifetime(chat: ChatID, seconds: Lifetime) {
  set(chat, seconds);
  localStorage.setItem(key, JSON.stringify(lifetimes));
}
