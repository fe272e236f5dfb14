import type { ID, Time } from "@rpc";

/** A new id, as calls that happen once carry it. */
export function newID(): ID {
  const b = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(b, (x) => x.toString(16).padStart(2, "0")).join("");
}

/** The id that is none. */
export const noID: ID = "0".repeat(32);

/** Nanoseconds, as clientrpc counts time. */
export const seconds = (n: number) => n * 1e9;

/** Whether a time is said at all. */
export const isTime = (t?: Time): t is Time => !!t && !t.startsWith("0001-");
