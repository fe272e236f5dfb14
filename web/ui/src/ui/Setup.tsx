// The first minutes: an account, a server, a backup, the first contact.
import { createSignal, For, Match, Show, Switch, type JSX } from "solid-js";
import type { SetupKey, SetupLinkState, SetupServer } from "@rpc";
import { seconds } from "../ids";
import { at, upload } from "../rpc";
import { core, failed, setPhase, setSetup, setup, toast } from "../state/app";
import { asked } from "../state/asked";
import { coreText, explain, t } from "../words";
import "../words/rare";
import { clean } from "./text";
import { Icon, type IconName } from "./icons";
import { Backup } from "./Backup";
import { goTo, leadsToGroup } from "./joining";
import { contactCode, Scan } from "./Scan";
import "../style/servers.css";

type Step = "begin" | "create" | "adopt" | "link" | "restore" | "unlock" | "backup" | "contact";

const grouped = (fpr: string) => fpr.replace(/(.{4})/g, "$1 ").trim();

export function Setup(): JSX.Element {
  const [step, setStep] = createSignal<Step>(setup()?.state === "locked" ? "unlock" : "begin");
  const done = () => setPhase("ready");
  return (
    <main class="setup">
      <div class="panel">
        <Show when={step() !== "begin" && step() !== "unlock" && step() !== "backup" && step() !== "contact"}><button class="icon-button back" aria-label={t("back")} onClick={() => setStep("begin")}><Icon name="back" /></button></Show>
        <Switch>
          <Match when={step() === "begin"}><Begin go={setStep} /></Match>
          <Match when={step() === "create"}><Create done={() => setStep("backup")} /></Match>
          <Match when={step() === "adopt"}><Create adopt done={() => setStep("backup")} /></Match>
          <Match when={step() === "link"}><Link done={done} /></Match>
          <Match when={step() === "restore"}><Restore done={() => void core.call("setup", {}).then((s) => { setSetup(s); if (s.state === "locked") setStep("unlock"); else done(); }, failed)} /></Match>
          <Match when={step() === "unlock"}><Unlock done={done} /></Match>
          <Match when={step() === "backup"}><FirstBackup done={() => setStep("contact")} /></Match>
          <Match when={step() === "contact"}><FirstContact done={done} /></Match>
        </Switch>
      </div>
    </main>
  );
}

function Begin(p: { go: (s: Step) => void }) {
  const ways: [Step, IconName, () => string][] = [["create", "person", () => t("setup.create")], ["adopt", "lock", () => t("setup.adopt")], ["link", "scan", () => t("setup.link")], ["restore", "down", () => t("setup.restore")]];
  return (
    <>
      <img src="/icon.svg" alt="" width="88" height="88" />
      <h1>{t("setup.title")}</h1><p>{t("setup.text")}</p>
      <div class="ways"><For each={ways}>{([step, icon, label], i) => <button classList={{ primary: i() === 0 }} onClick={() => p.go(step)}><Icon name={icon} />{label()}</button>}</For></div>
    </>
  );
}

function Field(p: { label: string; hint?: string; value: string; set: (v: string) => void; type?: string; autofocus?: boolean; max?: number; complete?: string }) {
  return <label class="field"><span>{p.label}</span><input type={p.type ?? "text"} value={p.value} maxlength={p.max ?? 64} autocomplete={p.complete ?? "off"} autofocus={p.autofocus} onInput={(e) => p.set(e.currentTarget.value)} /><Show when={p.hint}><small>{p.hint}</small></Show></label>;
}

/** A passphrase twice, or none on purpose. */
function usePassphrase() {
  const [one, setOne] = createSignal(""), [two, setTwo] = createSignal(""), [none, setNone] = createSignal(false);
  const fine = () => none() || (one() !== "" && one() === two());
  const view = () => (
    <>
      <Show when={!none()}>
        <Field label={t("setup.passphrase")} hint={t("setup.passphrase.text")} type="password" complete="new-password" max={256} value={one()} set={setOne} />
        <Field label={t("setup.passphrase.again")} hint={two() && one() !== two() ? t("setup.passphrase.differs") : undefined} type="password" complete="new-password" max={256} value={two()} set={setTwo} />
      </Show>
      <label class="check"><input type="checkbox" checked={none()} onChange={(e) => setNone(e.currentTarget.checked)} />{t("setup.passphrase.none")}</label>
    </>
  );
  return { fine, view, value: () => (none() ? "" : one()) };
}

function useServer() {
  const [typed, setTyped] = createSignal(setup()?.servers?.[0] ?? ""), [chosen, choose] = createSignal<SetupServer>();
  const [look, setLook] = createSignal(typed() || undefined);
  const [found] = asked(look, async (server) => {
    const r = await core.call("setup.servers", { server });
    const list = r.servers ?? [];
    choose(list.find((s) => s.registration === "open") ?? list.find((s) => s.registration !== "closed") ?? list[0]);
    return list;
  });
  const view = () => (
    <fieldset class="servers"><legend>{t("setup.server")}</legend><small>{t("setup.server.text")}</small>
      <Show when={found.loading}><p class="busy" role="status">{t("setup.server.looking")}</p></Show>
      <Show when={found.error}><p class="warn" role="alert">{explain(found.error)}</p></Show>
      <Show when={!found.error}><For each={found() ?? []}>{(s) => (
        <label class="server"><input type="radio" name="server" checked={chosen()?.fingerprint === s.fingerprint} onChange={() => choose(s)} />
          <span><b>{clean(s.name ?? "") || s.address}</b><small>{[clean(s.operator ?? ""), clean(s.site ?? ""), s.registration === "invite" ? t("setup.server.invite") : s.registration === "closed" ? t("setup.server.closed") : ""].filter(Boolean).join(" · ")}</small></span>
          <span class="took">{t("setup.server.took", Math.round((s.took ?? 0) / 1e6))}</span></label>
      )}</For></Show>
      <details open={!setup()?.servers?.length || !!found.error}><summary>{t("setup.server.another")}</summary>
        <div class="inline"><Field label={t("setup.server.other")} max={300} value={typed()} set={setTyped} /><button type="button" disabled={!typed().trim()} onClick={() => setLook(typed().trim())}>{t("setup.server.look")}</button></div>
      </details>
    </fieldset>
  );
  const invite = () => (/^(omega:|https?:)/i.test(typed().trim()) ? typed().trim() : "");
  return { view, address: () => chosen()?.address ?? (invite() ? "" : typed().trim()), invite, fine: () => !!(chosen() || typed().trim()) };
}

function Create(p: { adopt?: boolean; done: () => void }) {
  const [name, setName] = createSignal(""), [key, setKey] = createSignal<SetupKey>(), [busy, setBusy] = createSignal(false), [wrong, setWrong] = createSignal<unknown>();
  const pass = usePassphrase(), server = useServer();
  const [keys] = asked(() => p.adopt, () => core.call("setup.keys", {}));
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setWrong(undefined);
    try {
      await core.call("setup.create", { name: name().trim(), server: server.address(), invite: server.invite() || undefined, key: key()?.fingerprint, passphrase: pass.value() });
      p.done();
    } catch (e) { setWrong(e); } finally { setBusy(false); }
  };
  return (
    <form onSubmit={submit}>
      <h1>{t(p.adopt ? "setup.adopt" : "setup.create")}</h1>
      <Show when={p.adopt}>
        <fieldset class="servers"><legend>{t("setup.key")}</legend>
          <Show when={keys()?.problem}>{(x) => <p class="warn">{coreText(x().why)}</p>}</Show>
          <For each={keys()?.keys ?? []} fallback={<Show when={!keys.loading}><p>{t("setup.key.none")}</p></Show>}>{(k) => (
            <label class="server"><input type="radio" name="key" disabled={!!k.problem} onChange={() => setKey(k)} /><span><b>{clean(k.user_id)}</b><small>{k.kind} · {grouped(k.fingerprint)}</small><Show when={k.problem}>{(x) => <small class="warn">{coreText(x().why)}</small>}</Show></span></label>
          )}</For>
        </fieldset>
      </Show>
      <Field label={t("setup.name")} hint={t("setup.name.text")} value={name()} set={setName} autofocus complete="nickname" />
      {pass.view()}
      {server.view()}
      <Show when={wrong()}><p class="warn" role="alert">{explain(wrong())}</p></Show>
      <button class="primary" disabled={busy() || !name().trim() || !pass.fine() || !server.fine() || (!!p.adopt && !key())}>{busy() ? t("setup.making") : t("setup.create")}</button>
    </form>
  );
}

function Link(p: { done: () => void }) {
  const [state, setState] = createSignal<SetupLinkState>();
  const pass = usePassphrase(), server = useServer();
  const follow = async (first: Promise<SetupLinkState>) => {
    try {
      for (let s = await first; ; s = await core.call("setup.link", { server: server.address(), step: s.step, timeout: seconds(20) })) {
        setState(s);
        if (s.step === "done") return p.done();
        if (s.step === "failed") return failed(s.problem ? Object.assign(new Error(), s.problem) : new Error(s.step));
      }
    } catch (e) { failed(e); setState(undefined); }
  };
  const begin = (e: Event) => {
    e.preventDefault();
    void follow(core.call("setup.link", { server: server.address(), passphrase: pass.value(), timeout: seconds(20) }));
  };
  const say = (mine: boolean) => mine
    ? void core.call("setup.link", { server: server.address(), step: "confirm", confirm: state()!.account, timeout: 0 }).catch(failed)
    : void core.call("setup.link", { server: server.address(), cancel: true, timeout: 0 }).then(() => setState(undefined), failed);
  return (
    <>
      <h1>{t("setup.link")}</h1>
      <Switch fallback={<form onSubmit={begin}>{server.view()}{pass.view()}<button class="primary" disabled={!pass.fine() || !server.fine()}>{t("next")}</button></form>}>
        <Match when={state()?.step === "carry"}><p>{t("setup.link.text")}</p><img class="qr" src={at(`/qr.svg?text=${encodeURIComponent(state()!.text ?? "")}`)} alt="" width="260" height="260" /><textarea readonly rows="4" aria-label={t("setup.link")}>{state()!.text}</textarea><p class="busy" role="status">{t("setup.link.wait")}</p></Match>
        <Match when={state()?.step === "confirm"}><p>{t("setup.link.confirm")}</p><code class="fingerprint">{grouped(state()!.account ?? "")}</code><div class="actions"><button class="primary" onClick={() => say(true)}>{t("setup.link.yes")}</button><button onClick={() => say(false)}>{t("setup.link.no")}</button></div></Match>
      </Switch>
    </>
  );
}

function Restore(p: { done: () => void }) {
  const [file, setFile] = createSignal<File>(), [pass, setPass] = createSignal(""), [busy, setBusy] = createSignal(false);
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      await core.call("setup.restore", { path: await upload(file()!, file()!.name), passphrase: pass() });
      p.done();
    } catch (e) { failed(e); } finally { setBusy(false); }
  };
  return (
    <form onSubmit={submit}><h1>{t("setup.restore")}</h1>
      <label class="button wide">{file() ? <bdi>{clean(file()!.name)}</bdi> : t("setup.restore.file")}<input type="file" class="hidden" onChange={(e) => setFile(e.currentTarget.files?.[0])} /></label>
      <Field label={t("setup.restore.pass")} type="password" max={256} value={pass()} set={setPass} />
      <button class="primary" disabled={busy() || !file() || !pass()}>{t("setup.restore")}</button></form>
  );
}

function Unlock(p: { done: () => void }) {
  const [pass, setPass] = createSignal(""), [busy, setBusy] = createSignal(false), [wrong, setWrong] = createSignal<unknown>();
  const submit = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    setWrong(undefined);
    try {
      setSetup(await core.call("setup.unlock", { passphrase: pass() }));
      p.done();
    } catch (e) { setWrong(e); } finally { setBusy(false); }
  };
  return (
    <form onSubmit={submit}><img src="/icon.svg" alt="" width="72" height="72" /><h1>{t("setup.unlock")}</h1>
      <Field label={t("setup.unlock.text")} type="password" complete="current-password" max={256} value={pass()} set={setPass} autofocus />
      <Show when={wrong()}><p class="warn" role="alert">{explain(wrong())}</p></Show>
      <button class="primary" disabled={busy() || !pass()}>{t("setup.unlock")}</button></form>
  );
}

function FirstBackup(p: { done: () => void }) {
  const [made, setMade] = createSignal(false);
  return (
    <><h1>{t("setup.backup.title")}</h1><p>{t("setup.backup.text")}</p>
      <Backup made={setMade} />
      <button type="button" classList={{ link: !made(), primary: made() }} onClick={p.done}>{t(made() ? "next" : "setup.backup.later")}</button></>
  );
}

function FirstContact(p: { done: () => void }) {
  const [card] = asked(() => true, () => core.call("contact.card", {}));
  const [theirs, setTheirs] = createSignal("");
  const group = () => leadsToGroup(theirs());
  const add = async (e: Event) => {
    e.preventDefault();
    try {
      await goTo(theirs());
      if (!group()) toast(t("contact.added"));
      p.done();
    } catch (e) { failed(e); }
  };
  return (
    <form onSubmit={add}><h1>{t("setup.contact.title")}</h1><p>{t("setup.contact.mine")}</p>
      <Show when={card()}>{(c) => <MyLink link={c().link} />}</Show>
      <Field label={t("setup.contact.theirs")} max={600} value={theirs()} set={setTheirs} />
      <Scan wants={contactCode} take={setTheirs} />
      <button class="primary" disabled={!theirs().trim()}>{t(group() ? "group.join" : "contact.add")}</button>
      <button type="button" class="link" onClick={p.done}>{t("setup.contact.skip")}</button></form>
  );
}

/** A link, to be scanned or copied; code is what is scanned, where capitals are not the same. */
export function MyLink(p: { link: string; code?: string }): JSX.Element {
  const copy = () => void navigator.clipboard.writeText(p.link).then(() => toast(t("copied")), failed);
  return <div class="mylink"><img class="qr" src={at(`/qr.svg?text=${encodeURIComponent(p.code ?? p.link.toUpperCase())}`)} alt={t("contact.mine")} width="200" height="200" /><code>{p.link}</code><button type="button" onClick={copy}>{t("copy")}</button></div>;
}
