import type { ChatID, Fingerprint, ID, Time } from "@rpc";

/** A new id, as calls that happen once carry it. */
export function newID(): ID {
  return hex(crypto.getRandomValues(new Uint8Array(16)));
}

const hex = (b: Uint8Array) => Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
const wire = (f: Fingerprint) => [f.length === 40 ? 4 : 6, ...f.match(/../g)!.map((x) => parseInt(x, 16))];

/** The chat of two accounts, which may be one (spec/chat.md, CHAT-1). */
export async function directChat(a: Fingerprint, b: Fingerprint): Promise<ChatID> {
  const label = new TextEncoder().encode("omega-im/chat/direct/v1\n"), [first, second] = [a, b].sort();
  const sum = await crypto.subtle.digest("SHA-256", new Uint8Array([...label, ...wire(first!), ...wire(second!)]));
  return hex(new Uint8Array(sum, 0, 16));
}

/** The id that is none. */
export const noID: ID = "0".repeat(32);

/** Nanoseconds, as clientrpc counts time. */
export const seconds = (n: number) => n * 1e9;

/** Whether a time is said at all. */
export const isTime = (t?: Time): t is Time => !!t && !t.startsWith("0001-");
