// News of devices that no person has seen: of this account, and of contacts.
import { createSignal } from "solid-js";
import type { DeviceNews } from "@rpc";
import { seconds } from "../ids";
import { core, failed } from "./app";

const most = 3; // at a time: the others come when these were seen
const wait = seconds(50);
const pause = 5000; // ms, after a failure

const [all, set] = createSignal<DeviceNews[]>([]);

/** Those of one's own account first. */
export const news = () => [...all()].sort((a, b) => Number(!!b.own) - Number(!!a.own) || a.number - b.number).slice(0, most);

export const fetchNews = () => core.call("device.news", { after: 0, timeout: 0 }).then((r) => void set(r.news ?? []), failed);

/** Follows the news for as long as the page is there. */
export async function followNews() {
  await fetchNews();
  for (let after = 0; ; ) {
    after = Math.max(after, ...all().map((n) => n.number));
    try {
      if ((await core.call("device.news", { after, timeout: wait })).news?.length) await fetchNews();
    } catch {
      await new Promise((done) => setTimeout(done, pause)); // the bar says that something is wrong
    }
  }
}
