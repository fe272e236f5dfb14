// The page is fetched anew since a newer program has other parts: not while something
// would be lost that is nowhere else, and not again and again.
import { toast } from "./app";
import { unsaved } from "./notes";
import { t } from "../words";

const key = "omega.renewed";
const seldom = 60_000; // ms
const look = 1000; // ms
let asked = false;

/** Fetches the page anew, once no voice note would be lost. */
export function renew() {
  if (asked || Date.now() - Number(sessionStorage.getItem(key)) < seldom) return;
  asked = true;
  if (unsaved()) toast(t("part.stale"));
  const now = () => {
    if (unsaved()) return void setTimeout(now, look);
    asked = false;
    sessionStorage.setItem(key, String(Date.now()));
    (document.activeElement as HTMLElement | null)?.blur(); // a draft is kept
    location.reload();
  };
  now();
}
