// The devices of this account: what they are called, which are let in or put out, and
// histories on their way between them.
import { createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import type { Device } from "@rpc";
import { core, failed, toast } from "../state/app";
import { asked } from "../state/asked";
import { sure } from "../state/sure";
import { short } from "../time";
import { t, type Word } from "../words";
import "../words/rare";
import { Icon } from "./icons";
import { openMenu, type Action } from "./menu";
import { contest, placeOf, type Place } from "./newsdo";
import { reveal } from "./reveal";
import { Scan } from "./Scan";
import { clean } from "./text";

const nameOf = (d: Device) => clean(d.name) || d.fingerprint.slice(-16);

export function Devices(): JSX.Element {
  const [list, { refetch }] = asked(() => true, async () => (await core.call("devices", {})).devices ?? []);
  const [naming, setNaming] = createSignal<string>();
  const [adding, add] = createSignal(false), [text, setText] = createSignal(""), [busy, setBusy] = createSignal(false), [moved, setMoved] = createSignal(0);
  const approve = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      await core.call("device.approve", { text: text().trim(), history: true });
      setText("");
      add(false);
      toast(t("device.approved"));
      void refetch();
    } catch (x) { failed(x); } finally { setBusy(false); }
  };
  const done = (f: () => Promise<unknown>) => f().then(() => { setMoved((n) => n + 1); void refetch(); }, failed);
  const revoke = async (d: Device) => {
    if (await sure({ text: t("device.revoke.sure", nameOf(d)), yes: t("device.revoke"), danger: true })) await done(() => core.call("device.revoke", { device: d.fingerprint }));
  };
  let place: Place | undefined; // where a further menu opens
  const removed = (d: Device) => list.latest?.some((o) => o.removed?.includes(d.fingerprint));
  const actions = (d: Device): Action[] => [
    ...(d.status === "active" ? [{ key: "name", label: t("device.rename"), run: () => setNaming(d.fingerprint) }] : []),
    ...(d.this || d.status !== "active" ? [] : [
      { key: "ask", label: t("device.ask"), run: () => void done(() => core.call("device.history.ask", { device: d.fingerprint })) },
      { key: "give", label: t("device.give"), run: () => void done(() => core.call("device.history.give", { device: d.fingerprint })) },
      { key: "revoke", label: t("device.revoke"), danger: true, run: () => void revoke(d) },
    ]),
    ...(removed(d) ? [{ key: "contest", label: t("news.contest"), danger: true, run: () => void contest(place!, d.fingerprint, refetch).catch(failed) }] : []),
  ];
  return (
    <section><div class="line"><h3>{t("devices")}</h3><button class="small" aria-expanded={adding()} onClick={() => add(!adding())}>{t("device.approve.do")}</button></div>
      <ul class="people devices"><For each={list.latest ?? []}>{(d) => (
        <Show when={naming() !== d.fingerprint} fallback={<li><Naming device={d} done={(changed) => { setNaming(); if (changed) void refetch(); }} /></li>}>
          <li class="line"><span><b><bdi>{nameOf(d)}</bdi></b> <Show when={d.this}><small>{t("device.this")}</small></Show><br /><small class="dim">{d.status === "active" ? short(d.added) : t(`device.${d.status}` as Word)} · {d.fingerprint.slice(-16)}</small></span>
            <Show when={d.status === "active" || removed(d)}><button class="icon-button" aria-haspopup="menu" aria-label={`${t("more")} ${nameOf(d)}`} onClick={(e) => { place = placeOf(e); openMenu(e, actions(d)); }}><Icon name="more" size={18} /></button></Show></li>
        </Show>
      )}</For></ul>
      <Handovers moved={moved()} />
      <Show when={adding()}><form ref={reveal} onSubmit={approve}><p class="dim">{t("device.approve.text")}</p><label class="field"><span>{t("device.approve")}</span><textarea rows="2" value={text()} onInput={(e) => setText(e.currentTarget.value)} /></label><Scan wants={/^omega-link:/} take={setText} />
        <Show when={busy()}><p class="busy" role="status">{t("device.approve.wait")}</p></Show>
        <button class="primary" disabled={busy() || !text().trim()}>{t("device.approve.do")}</button></form></Show>
    </section>
  );
}

/** Says what a device is called, for all devices of the account. */
function Naming(p: { device: Device; done: (changed: boolean) => void }) {
  let field!: HTMLInputElement;
  const save = async (e: Event) => {
    e.preventDefault();
    try {
      await core.call("device.rename", { device: p.device.fingerprint, name: field.value.trim() });
      p.done(true);
    } catch (x) { failed(x); }
  };
  return <form class="inline" onSubmit={save}><label class="field"><span>{t("device.rename")}</span><input ref={(x) => { field = x; queueMicrotask(() => x.focus()); }} value={clean(p.device.name)} maxlength="64" /></label><button type="button" onClick={() => p.done(false)}>{t("cancel")}</button><button class="primary">{t("save")}</button></form>;
}

const handed = new Set(["done", "expired"]); // nothing moves any more

/** Histories on their way between devices of this account. */
function Handovers(p: { moved: number }) {
  const [list, { refetch }] = asked(() => p.moved + 1, async () => (await core.call("device.history", {})).handovers?.filter((h) => !handed.has(h.state)) ?? []);
  const timer = setInterval(() => { if (list.latest?.length) void refetch(); }, 2000);
  onCleanup(() => clearInterval(timer));
  const give = (device: string) => core.call("device.history.give", { device }).then(() => void refetch(), failed);
  return <For each={list.latest ?? []}>{(h) => (
    <p>{t(h.gives ? "history.gives" : "history.takes", clean(h.device_name), h.messages)}
      <Show when={h.gives && h.state === "wanted"} fallback={<Show when={h.size}>{(size) => <progress max={size()} value={h.moved ?? 0} aria-label={t("history")} />}</Show>}> <button class="small" onClick={() => give(h.device)}>{t("history.give")}</button></Show></p>
  )}</For>;
}
