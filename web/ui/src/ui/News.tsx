// What a person should know before anything else: a device came to an account or went,
// and how far what waited at the homes is. It stands above the list until it was seen.
import { createSignal, For, Show, type JSX } from "solid-js";
import type { DeviceNews, Notice } from "@rpc";
import { part } from "../part";
import { core, failed } from "../state/app";
import { catchup } from "../state/catchup";
import { fetchNews, news } from "../state/news";
import { sure } from "../state/sure";
import { fetchNotices, ownNotices, seeNotice } from "../state/notices";
import { short } from "../time";
import { t, type Word } from "../words";
import "../words/rare";
import { Icon } from "./icons";
import type { Place } from "./newsdo";
import { clean } from "./text";

export function News(): JSX.Element {
  return (
    <>
      <Show when={catchup()}>{(c) => <div class="catchup" role="status">{t("catchup", c().done, c().total)}<progress max={c().total} value={c().done} aria-label={t("catchup", c().done, c().total)} /></div>}</Show>
      <For each={ownNotices()}>{(n) => <Own notice={n} />}</For>
      <For each={news()}>{(n) => <One news={n} />}</For>
    </>
  );
}

/** Something about the own account that is not as it should be. */
function Own(p: { notice: Notice }) {
  const [busy, setBusy] = createSignal(false);
  const act = (f: (doing: typeof import("./newsdo"), at: Place) => Promise<unknown>) => doing(setBusy, f, fetchNotices);
  const n = () => p.notice;
  return (
    <div class="news own" role="alert">
      <p>⚠ {t(`own.${n().kind}` as Word, clean(n().name ?? "") || n().account.slice(-8), n().account.replace(/(.{4})/g, "$1 ").trim())} <small>{short(n().time)}</small></p>
      <div class="actions"><button onClick={() => seeNotice(n())}>{t("news.seen")}</button>
        <Show when={n().kind === "disputed"}><button class="danger" disabled={busy()} onClick={act((d, at) => d.contest(at, undefined, fetchNotices))}>{t("news.contest")}</button></Show>
        <Show when={n().kind === "heir"}><button class="danger" disabled={busy()} onClick={act((d) => d.goOnAs(n().account, n().name ?? ""))}>{t("news.heir")}</button></Show></div>
    </div>
  );
}

/** Does something of a part that comes with it, and looks again. */
const doing = (busy: (b: boolean) => void, f: (part: typeof import("./newsdo"), at: Place) => Promise<unknown>, then: () => unknown) => async (e: MouseEvent) => {
  const at: Place = { clientX: e.clientX, clientY: e.clientY, currentTarget: e.currentTarget, preventDefault: () => {} };
  busy(true);
  try { await f(await part(() => import("./newsdo")), at); } catch (x) { failed(x); } finally { busy(false); }
  void then();
};

function One(p: { news: DeviceNews }) {
  const [busy, setBusy] = createSignal(false);
  const n = () => p.news;
  const who = () => (n().own ? t("news.own") : clean(n().name ?? "") || n().account.slice(-8));
  const run = (f: () => Promise<unknown>) => async () => {
    setBusy(true);
    try { await f(); } catch (e) { failed(e); } finally { setBusy(false); }
    void fetchNews();
  };
  const seen = run(() => core.call("device.news.seen", n().own && n().kind === "device-added" ? { numbers: [n().number], devices: [n().device] } : { numbers: [n().number] }));
  const revoke = run(() => core.call("device.revoke", { device: n().device }));
  const contest = doing(setBusy, (d, at) => d.contest(at, n().device, fetchNews), fetchNews);
  const robbed = () => !!n().own && n().kind === "device-revoked";
  const theft = () => !!n().own && n().kind === "device-added";
  return (
    <div class="news" classList={{ own: !!n().own }} role={n().own ? "alert" : "status"}>
      <p><Icon name="lock" size={16} /> {t(`news.${n().kind}` as Word, who(), clean(n().device_name), short(n().time))}</p>
      <Show when={theft()}><small>{t("news.theft")}</small></Show>
      <div class="actions"><button disabled={busy()} onClick={seen}>{t(theft() ? "news.mine" : "news.seen")}</button>
        <Show when={theft()}><button class="danger" disabled={busy()} onClick={async () => { if (await sure({ text: t("device.revoke.sure", clean(n().device_name)), yes: t("news.notmine"), danger: true })) void revoke(); }}>{t("news.notmine")}</button></Show>
        <Show when={robbed()}><button class="danger" disabled={busy()} onClick={contest}>{t("news.contest")}</button></Show></div>
    </div>
  );
}
