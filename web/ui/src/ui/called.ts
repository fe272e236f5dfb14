import type { Fingerprint } from "@rpc";
import { t } from "../words";
import { clean } from "./text";

/** Somebody, as calls of the core say who it is. */
export interface Somebody { name?: string; self_named?: boolean }

/** What somebody is called; a name that only they say is theirs is marked, since anybody may say it. */
export function called(who: Somebody, account: Fingerprint, end = 16): string {
  const name = clean(who.name ?? "");
  if (!name) return account.slice(-end);
  return who.self_named ? t("name.self", name, account.slice(-8)) : name;
}
