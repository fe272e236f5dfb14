// What can be done about news of the own account: a part that comes when somebody does it.
import type { Device, Fingerprint } from "@rpc";
import { core, failed, toast } from "../state/app";
import { sure } from "../state/sure";
import { lang, t } from "../words";
import "../words/rare";
import { openMenu } from "./menu";
import { clean } from "./text";

/** Where the person pointed; an event has forgotten it by the time that a part is here. */
export type Place = Pick<MouseEvent, "clientX" | "clientY" | "currentTarget" | "preventDefault">;
export const placeOf = (e: MouseEvent): Place => ({ clientX: e.clientX, clientY: e.clientY, currentTarget: e.currentTarget, preventDefault: () => {} });

const nameOf = (d: Device) => clean(d.name) || d.fingerprint.slice(-8);
const groups = (account: Fingerprint) => account.replace(/(.{4})/g, "$1 ").trim();

/** Takes back what a device removed: one of those that removed about, or anything. Where there are several the person says which: one of them may have been right. */
export async function contest(place: Place, about?: Fingerprint, done: () => unknown = () => {}): Promise<void> {
  const list = (await core.call("devices", {})).devices ?? [];
  const removed = (d: Device) => list.filter((o) => d.removed?.includes(o.fingerprint)).map(nameOf).join(lang() === "en" ? ", " : "、");
  const one = async (d: Device) => {
    if (!(await sure({ text: t("contest.sure", nameOf(d), removed(d)), yes: t("news.contest"), danger: true }))) return;
    await core.call("device.contest", { device: d.fingerprint });
    toast(t("contest.done"));
    done();
  };
  const by = list.filter((d) => d.removed?.length && (!about || d.removed.includes(about)));
  if (by.length === 1) return one(by[0]!);
  if (!by.length) return void (await core.call("device.contest", {})); // the core says why not
  openMenu(place as MouseEvent, by.map((d) => ({ key: d.fingerprint, label: t("contest.one", nameOf(d), removed(d)), danger: true, run: () => void one(d).catch(failed) })));
}

/** Has this account go on as another one, which said so. */
export async function goOnAs(account: Fingerprint, name: string): Promise<boolean> {
  if (!(await sure({ text: t("succession.old.sure", clean(name) || account.slice(-8), groups(account)), yes: t("succession.old.do"), danger: true }))) return false;
  const r = await core.call("account.succeed", { account });
  toast(t("succession.told", r.told));
  return true;
}

/** Says that this account is the one that another goes on as. */
export async function goOnFor(account: Fingerprint, name: string): Promise<boolean> {
  if (!(await sure({ text: t("succession.new.sure", clean(name) || account.slice(-8), groups(account)), yes: t("succession.new.do"), danger: true }))) return false;
  await core.call("account.inherit", { account });
  toast(t("succession.inherited"));
  return true;
}
