// What a person should know about the own account: notices that stand, until they were
// seen in this browser or are over.
import { createSignal } from "solid-js";
import type { Notice } from "@rpc";
import { core, failed, me } from "./app";

const key = "omega.notices";
const most = 200; // that are remembered as seen
const pages = 10; // of notices about anybody that are looked through

const kept = (): number[] => {
  try {
    const list: unknown = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(list) ? list.filter((n) => typeof n === "number") : [];
  } catch { return []; } // what is there is not ours
};

const [all, set] = createSignal<Notice[]>([]);
const [seen, setSeen] = createSignal(kept());

/** Those about this account that stand and were not seen; who says to go on for it is about it. */
export const ownNotices = () => all().filter((n) => (n.account === me()?.fingerprint || n.kind === "heir") && !seen().includes(n.number));

/** Fetches what stands. */
export async function fetchNotices() {
  try {
    const out: Notice[] = [];
    for (let i = 0, after = 0; i < pages; i++) {
      const list = (await core.call("notices", { after, standing: true, timeout: 0 })).notices ?? [];
      if (list.length === 0) break;
      out.push(...list);
      after = list.at(-1)!.number;
    }
    set(out);
  } catch (e) { failed(e); }
}

/** The person has seen a notice. */
export function seeNotice(n: Notice) {
  const list = [...seen(), n.number].slice(-most);
  setSeen(list);
  localStorage.setItem(key, JSON.stringify(list));
}
