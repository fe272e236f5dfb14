// The page is fetched anew since a newer program has other parts: not while something
// would be lost that is nowhere else, and not again and again.
import { toast } from "./app";
import { tasks } from "./compose";
import { dialog } from "./dialog";
import { unsaved } from "./notes";
import { question } from "./sure";
import { t } from "../words";

const key = "omega.renewed";
const seldom = 60_000; // ms
const look = 1000; // ms
let asked = false;

/** Whether somebody is at something that is kept nowhere: not a dialog whose own part is what did not come. */
const busy = () => unsaved() || !!question() || !!dialog() && !document.querySelector("dialog .broken") || Object.values(tasks).some((x) => x.edit)
  || document.activeElement instanceof HTMLInputElement && document.activeElement.value !== "" && document.activeElement.type !== "search";

/** Fetches the page anew, once nothing would be lost. */
export function renew() {
  if (asked || Date.now() - Number(sessionStorage.getItem(key)) < seldom) return;
  asked = true;
  if (busy()) toast(t("part.stale"));
  const now = () => {
    if (busy()) return void setTimeout(now, look);
    asked = false;
    sessionStorage.setItem(key, String(Date.now()));
    (document.activeElement as HTMLElement | null)?.blur(); // a draft is kept
    location.reload();
  };
  now();
}
