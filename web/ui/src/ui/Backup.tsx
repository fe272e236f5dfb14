// A backup: made, and read again as one would after losing the computer.
import { createSignal, Show, type JSX } from "solid-js";
import { at, upload } from "../rpc";
import { core, failed } from "../state/app";
import { long } from "../time";
import { t } from "../words";
import "../words/rare";
import { clean } from "./text";

const least = 12; // octets of the password
const octets = (s: string) => new TextEncoder().encode(s).length;

/** Makes a backup under a password that was typed twice, and tries it in the same place. made is told when there is one to try, and when another is to be made. */
export function Backup(p: { made?: (is: boolean) => void }): JSX.Element {
  const [pass, setPass] = createSignal(""), [twice, setTwice] = createSignal(""), [busy, setBusy] = createSignal(false), [made, setMade] = createSignal("");
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      const r = (await core.call("backup", { path: "", passphrase: pass() })) as unknown as { download: string };
      location.assign(at(`/download/${r.download}`));
      setMade(pass());
      setPass("");
      setTwice("");
      p.made?.(true);
    } catch (x) { failed(x); } finally { setBusy(false); }
  };
  return (
    <Show when={made()} fallback={
      <form class="backup" onSubmit={submit}>
        <Password label={t("setup.backup.pass")} value={pass()} set={setPass} />
        <Password label={t("setup.passphrase.again")} value={twice()} set={setTwice} hint={twice() && pass() !== twice() ? t("setup.passphrase.differs") : undefined} />
        <button class="primary" disabled={busy() || octets(pass()) < least || pass() !== twice()}>{t("setup.backup.make")}</button>
      </form>}>
      <div ref={(x) => queueMicrotask(() => x.scrollIntoView?.({ block: "nearest" }))}><p class="safe" role="status">{t("backup.made")}</p><Try pass={made()} /><button type="button" class="link" onClick={() => { setMade(""); p.made?.(false); }}>{t("backup.again")}</button></div>
    </Show>
  );
}

function Password(p: { label: string; value: string; set: (v: string) => void; hint?: string; complete?: string }) {
  return <label class="field"><span>{p.label}</span><input type="password" autocomplete={p.complete ?? "new-password"} maxlength="256" value={p.value} onInput={(e) => p.set(e.currentTarget.value)} /><Show when={p.hint}>{(x) => <small class="warn">{x()}</small>}</Show></label>;
}

/** Reads a backup whole and changes nothing; pass is its password, if it is known here. */
export function Try(p: { pass?: string }): JSX.Element {
  const [pass, setPass] = createSignal(p.pass ?? ""), [busy, setBusy] = createSignal(false), [said, setSaid] = createSignal("");
  const take = async (file?: File) => {
    if (!file) return;
    setBusy(true);
    setSaid("");
    try {
      const b = await core.call("backup.verify", { path: await upload(file, file.name), passphrase: p.pass ?? pass() });
      setSaid(t("backup.tried", clean(b.name), b.messages, long(new Date(b.created))));
    } catch (x) { failed(x); } finally { setBusy(false); }
  };
  return (
    <div class="backup">
      <Show when={!p.pass}><Password label={t("setup.restore.pass")} complete="off" value={pass()} set={setPass} /></Show>
      <label class="button" classList={{ off: busy() || !pass() }}>{t("backup.try")}<input type="file" class="hidden" accept=".pgp" disabled={busy() || !pass()} onChange={(e) => { void take(e.currentTarget.files?.[0]); e.currentTarget.value = ""; }} /></label>
      <Show when={busy()}><p class="busy" role="status">{t("backup.trying")}</p></Show>
      <Show when={said()}>{(x) => <p class="safe" role="status">✓ {x()}</p>}</Show>
    </div>
  );
}
