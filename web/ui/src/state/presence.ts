// Whether the other side of the open chat looks at it. While the person looks, the core
// is told so now and then; who says nothing is told nothing.
import { createStore } from "solid-js/store";
import { createEffect, createMemo, on, onCleanup } from "solid-js";
import type { Chat, ChatID, PresenceEvent, Time } from "@rpc";
import { core } from "./app";

const every = 30_000; // ms

const lasts = 2 * every; // ms: as long as a word about being there holds that says no end

interface There { online: boolean; seen?: Time; until: number }
const [presence, set] = createStore<Record<ChatID, There>>({});
export { presence };

function say(chat: ChatID, online: boolean, seen?: Time, until?: Time) {
  const end = online ? Date.parse(until ?? "") || Date.now() + lasts : 0;
  set(chat, { online: end > Date.now(), seen, until: end });
  if (online) setTimeout(() => { if (presence[chat]?.online && presence[chat].until <= Date.now()) set(chat, "online", false); }, end - Date.now());
}

export const setPresence = (e: PresenceEvent) => say(e.chat, e.online, e.seen, e.until);

/** Says that the person looks at a chat of two, for as long as that is so. */
export function lookAt(chat: () => Chat) {
  const friend = createMemo(() => (chat().kind === "direct" && chat().contact === "contact" ? chat().chat : undefined));
  createEffect(on(friend, (id) => {
    if (!id) return;
    const look = () => {
      if (document.hasFocus()) void core.call("chat.look", { chat: id }).then((r) => { if (r.shared) say(id, !!r.online, r.seen); }, () => {}); // one may do without
    };
    look();
    const timer = setInterval(look, every);
    onCleanup(() => clearInterval(timer));
  }));
}
