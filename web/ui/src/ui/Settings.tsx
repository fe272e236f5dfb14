import { createSignal, For, onCleanup, Show, type JSX } from "solid-js";
import type { Device } from "@rpc";
import { leave, at, upload } from "../rpc";
import { core, failed, me, toast } from "../state/app";
import { asked } from "../state/asked";
import { look, setLook, type Look } from "../state/look";
import { short } from "../time";
import { lang, setLang, t, type Word } from "../words";
import { Homes } from "./Homes";
import { Scan } from "./Scan";
import { clean } from "./text";

/** What a person may change. */
export function Settings(): JSX.Element {
  return (
    <div class="settings">
      <Account />
      <section><h3>{t("theme")}</h3>
        <Choice name="theme" value={look().theme} options={[["system", "theme.system"], ["light", "theme.light"], ["dark", "theme.dark"]]} set={(theme) => setLook({ ...look(), theme: theme as Look["theme"] })} />
        <label class="check"><input type="checkbox" checked={look().big} onChange={(e) => setLook({ ...look(), big: e.currentTarget.checked })} />{t("text.big")}</label>
      </section>
      <section><h3>{t("language")}</h3><Choice name="lang" value={lang()} options={[["zh-TW", "lang.zh"], ["en", "lang.en"]]} set={(l) => void setLang(l as "zh-TW" | "en").catch(failed)} /></section>
      <Privacy />
      <Devices />
      <Homes />
      <Data />
    </div>
  );
}

function Choice(p: { name: string; value: string; options: [string, Word][]; set: (v: string) => void }) {
  return <div class="choice" role="radiogroup"><For each={p.options}>{([v, w]) => <label><input type="radio" name={p.name} checked={p.value === v} onChange={() => p.set(v)} />{t(w)}</label>}</For></div>;
}

function Account() {
  const [status] = asked(() => true, () => core.call("status", {}));
  return (
    <section><h3>{clean(me()?.name ?? "")}</h3>
      <code class="fingerprint">{me()?.fingerprint.replace(/(.{4})/g, "$1 ")}</code>
      <p class="dim">{status()?.online ? t("status.online", status()!.server) : t("offline")}</p>
      <button onClick={() => { if (confirm(t("signout.sure"))) void leave(); }}>{t("signout")}</button>
      <Show when={status() && !status()!.backup}><p class="warn">{t("backup.never")}</p></Show>
    </section>
  );
}

function Privacy() {
  const [listed, { mutate: setListed }] = asked(() => true, async () => (await core.call("account.listed", {})).listed);
  const [presence, { mutate: setPresence }] = asked(() => true, async () => (await core.call("account.presence", {})).shared);
  const [notes, setNotes] = createSignal("Notification" in window ? Notification.permission : "denied");
  return (
    <section><h3>{t("privacy")}</h3>
      <label class="check"><input type="checkbox" checked={!!presence()} onChange={async (e) => { try { setPresence((await core.call("account.presence", { shared: e.currentTarget.checked })).shared); } catch (x) { failed(x); } }} />{t("privacy.presence")}</label>
      <label class="check"><input type="checkbox" checked={!!listed()} onChange={async (e) => { try { setListed((await core.call("account.listed", { listed: e.currentTarget.checked })).listed); } catch (x) { failed(x); } }} />{t("privacy.listed")}</label>
      <Show when={notes() === "default"}><button onClick={async () => setNotes(await Notification.requestPermission())}>{t("notify.allow")}</button></Show>
    </section>
  );
}

function Devices() {
  const [list, { refetch }] = asked(() => true, async () => (await core.call("devices", {})).devices ?? []);
  const [text, setText] = createSignal(""), [busy, setBusy] = createSignal(false);
  const approve = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      await core.call("device.approve", { text: text().trim(), history: true });
      setText("");
      toast(t("device.approved"));
      void refetch();
    } catch (x) { failed(x); } finally { setBusy(false); }
  };
  const revoke = async (d: Device) => {
    if (!confirm(t("device.revoke.sure", clean(d.name)))) return;
    try {
      await core.call("device.revoke", { device: d.fingerprint });
      void refetch();
    } catch (x) { failed(x); }
  };
  return (
    <section><h3>{t("devices")}</h3>
      <ul class="people"><For each={list() ?? []}>{(d) => (
        <li class="line"><span><b><bdi>{clean(d.name) || d.fingerprint.slice(-16)}</bdi></b> <Show when={d.this}><small>{t("device.this")}</small></Show><br /><small class="dim">{d.status === "active" ? short(d.added) : t(`device.${d.status}` as Word)} · {d.fingerprint.slice(-16)}</small></span>
          <Show when={!d.this && d.status === "active"}><button class="danger" onClick={() => revoke(d)}>{t("device.revoke")}</button></Show></li>
      )}</For></ul>
      <Handovers />
      <form onSubmit={approve}><label class="field"><span>{t("device.approve")}</span><textarea rows="2" value={text()} onInput={(e) => setText(e.currentTarget.value)} /></label><Scan wants={/^omega-link:/} take={setText} /><button disabled={busy() || !text().trim()}>{t("device.approve.do")}</button></form>
    </section>
  );
}

const handed = new Set(["done", "expired"]); // nothing moves any more

/** Histories on their way between devices of this account. */
function Handovers() {
  const [list, { refetch }] = asked(() => true, async () => (await core.call("device.history", {})).handovers?.filter((h) => !handed.has(h.state)) ?? []);
  const timer = setInterval(() => { if (list.latest?.length) void refetch(); }, 2000);
  onCleanup(() => clearInterval(timer));
  const give = (device: string) => core.call("device.history.give", { device }).then(() => void refetch(), failed);
  return <For each={list.latest ?? []}>{(h) => (
    <p>{t(h.gives ? "history.gives" : "history.takes", clean(h.device_name), h.messages)}
      <Show when={h.gives && h.state === "wanted"} fallback={<Show when={h.size}>{(size) => <progress max={size()} value={h.moved ?? 0} aria-label={t("history")} />}</Show>}> <button class="small" onClick={() => give(h.device)}>{t("history.give")}</button></Show></p>
  )}</For>;
}

function Data() {
  const [imports, { refetch }] = asked(() => true, async () => (await core.call("import.list", { count: 50 })).imports ?? []);
  const undo = (n: number) => { if (confirm(t("import.undo.sure"))) core.call("import.undo", { import: n }).then(() => void refetch(), failed); };
  const [pass, setPass] = createSignal(""), [busy, setBusy] = createSignal(false);
  const run = (f: () => Promise<unknown>) => async () => {
    setBusy(true);
    try { await f(); } catch (x) { failed(x); } finally { setBusy(false); }
  };
  const fetchMade = (made: unknown) => location.assign(at(`/download/${(made as { download: string }).download}`));
  const backup = run(async () => { fetchMade(await core.call("backup", { path: "", passphrase: pass() })); setPass(""); });
  const exported = run(async () => fetchMade(await core.call("export", { dir: "", format: "html", chinese: lang() !== "en" })));
  const imported = (files: FileList | null) => run(async () => {
    const f = files?.[0];
    if (!f) return;
    const r = await core.call("import", { path: await upload(f, f.name), zone: -new Date().getTimezoneOffset() * 60 });
    toast(t("import.done", r.messages));
    void refetch();
  })();
  return (
    <section><h3>{t("data")}</h3>
      <div class="inline"><label class="field"><span>{t("setup.backup.pass")}</span><input type="password" autocomplete="new-password" maxlength="256" value={pass()} onInput={(e) => setPass(e.currentTarget.value)} /></label><button disabled={busy() || [...pass()].length < 12} onClick={backup}>{t("setup.backup.make")}</button></div>
      <ul class="people"><For each={imports.latest ?? []}>{(x) => <li class="line"><span><bdi>{clean(x.file)}</bdi><br /><small class="dim">{short(x.time)} · {t("import.done", x.messages)}</small></span><button class="danger" onClick={() => undo(x.import)}>{t("import.undo")}</button></li>}</For></ul>
      <div class="actions"><button disabled={busy()} onClick={exported}>{t("export.do")}</button><label class="button">{t("import.do")}<input type="file" hidden accept=".txt,.json" onChange={(e) => { void imported(e.currentTarget.files); e.currentTarget.value = ""; }} /></label></div>
    </section>
  );
}
