import { createSignal, For, Show, type JSX } from "solid-js";
import { isTime } from "../ids";
import { leave, at, upload } from "../rpc";
import { core, failed, me, online, server, toast } from "../state/app";
import { asked } from "../state/asked";
import { look, setLook, type Look } from "../state/look";
import { sure } from "../state/sure";
import { short } from "../time";
import { lang, setLang, t, type Word } from "../words";
import "../words/rare";
import { Backup, Try } from "./Backup";
import { Devices } from "./Devices";
import { EndAccount } from "./EndAccount";
import { Homes } from "./Homes";
import { OwnName } from "./OwnName";
import { Succession } from "./Succession";
import { clean } from "./text";
import "../style/settings.css";

/** What a person may change. */
export function Settings(): JSX.Element {
  const [backing, back] = createSignal(false); // the part about backups is open
  return (
    <div class="settings">
      <Account back={() => { back(true); document.querySelector("#backup")?.scrollIntoView({ block: "start" }); }} />
      <section><h3>{t("theme")}</h3>
        <Choice name="theme" value={look().theme} options={[["system", "theme.system"], ["light", "theme.light"], ["dark", "theme.dark"]]} set={(theme) => setLook({ ...look(), theme: theme as Look["theme"] })} />
        <label class="check"><input type="checkbox" checked={look().big} onChange={(e) => setLook({ ...look(), big: e.currentTarget.checked })} />{t("text.big")}</label>
      </section>
      <section><h3>{t("language")}</h3><Choice name="lang" value={lang()} options={[["zh-TW", "lang.zh"], ["en", "lang.en"]]} set={(l) => void setLang(l as "zh-TW" | "en").catch(failed)} /></section>
      <Privacy />
      <Devices />
      <Homes />
      <Data open={backing()} toggle={back} />
    </div>
  );
}

function Choice(p: { name: string; value: string; options: [string, Word][]; set: (v: string) => void }) {
  return <div class="choice" role="radiogroup"><For each={p.options}>{([v, w]) => <label><input type="radio" name={p.name} checked={p.value === v} onChange={() => p.set(v)} />{t(w)}</label>}</For></div>;
}

function Account(p: { back: () => void }) {
  const [status] = asked(() => `${online()} ${server()}`, () => core.call("status", {}));
  return (
    <section><OwnName />
      <code class="fingerprint">{me()?.fingerprint.replace(/(.{4})/g, "$1 ")}</code>
      <p class="dim">{status()?.online ? t("status.online", clean(status()!.server_name ?? "") || status()!.server.split("#")[0]!) : t("offline")}</p>
      <button onClick={async () => { if (await sure({ text: t("signout.sure"), yes: t("signout"), danger: true })) void leave(); }}>{t("signout")}</button>
      <Show when={status()}>{(x) => <Show when={isTime(x().backup)} fallback={<button class="warn" onClick={p.back}>{t("backup.never")}</button>}><p class="dim">{t("backup.last", short(x().backup!))}</p></Show>}</Show>
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

function Data(p: { open: boolean; toggle: (open: boolean) => void }) {
  const [made, setMade] = createSignal(false); // a backup, which is tried where it was made
  const [imports, { refetch }] = asked(() => true, async () => (await core.call("import.list", { count: 50 })).imports ?? []);
  const undo = async (n: number) => { if (await sure({ text: t("import.undo.sure"), yes: t("import.undo"), danger: true })) core.call("import.undo", { import: n }).then(() => void refetch(), failed); };
  const [busy, setBusy] = createSignal(false);
  const run = (f: () => Promise<unknown>) => async () => {
    setBusy(true);
    try { await f(); } catch (x) { failed(x); } finally { setBusy(false); }
  };
  const fetchMade = (made: unknown) => location.assign(at(`/download/${(made as { download: string }).download}`));
  const exported = run(async () => fetchMade(await core.call("export", { dir: "", format: "html", chinese: lang() !== "en" })));
  const imported = (files: FileList | null) => run(async () => {
    const f = files?.[0];
    if (!f) return;
    const r = await core.call("import", { path: await upload(f, f.name), zone: -new Date().getTimezoneOffset() * 60 });
    toast(t("import.done", r.messages));
    void refetch();
  })();
  return (
    <><section><h3>{t("data")}</h3>
      <details id="backup" open={p.open} onToggle={(e) => p.toggle(e.currentTarget.open)}><summary>{t("backup.open")}</summary><Backup made={setMade} /></details>
      <Show when={!made()}><details><summary>{t("backup.check")}</summary><p class="dim">{t("backup.check.text")}</p><Try /></details></Show>
      <ul class="people"><For each={imports.latest ?? []}>{(x) => <li class="line"><span><bdi>{clean(x.file)}</bdi><br /><small class="dim">{short(x.time)} · {t("import.done", x.messages)}</small></span><button class="danger" onClick={() => undo(x.import)}>{t("import.undo")}</button></li>}</For></ul>
      <div class="actions"><button disabled={busy()} onClick={exported}>{t("export.do")}</button><label class="button">{t("import.do")}<input type="file" hidden accept=".txt,.json" onChange={(e) => { void imported(e.currentTarget.files); e.currentTarget.value = ""; }} /></label></div>
    </section>
    <Succession />
    <EndAccount export={exported} /></>
  );
}
