// The servers that keep this account's mail and files: which they are, how full, and
// others instead.
import { createSignal, For, Show, type JSX } from "solid-js";
import type { Fingerprint, Home, HomeQuota, SetupServer, StatusResult } from "@rpc";
import { isTime, seconds } from "../ids";
import { core, failed, toast } from "../state/app";
import { asked } from "../state/asked";
import { short } from "../time";
import { coreText, t } from "../words";
import "../words/rare";
import { bytes } from "./Media";
import { clean } from "./text";
import "../style/servers.css";

const most = 5; // homes of an account (omega.MaxHomes)
const wait = 8; // seconds for a home that does not answer

/** Folded away until somebody wants it: it asks every home. */
export function Homes(): JSX.Element {
  const [open, setOpen] = createSignal(false);
  return (
    <section><h3>{t("homes")}</h3>
      <details onToggle={(e) => setOpen(e.currentTarget.open)}><summary>{t("homes.show")}</summary><Show when={open()}><Kept /></Show></details>
    </section>
  );
}

function Kept() {
  const [status, { refetch: look }] = asked(() => true, () => core.call("status", {}));
  const [nearer, setNearer] = createSignal(false); // another server to be connected to is looked for
  const [homes, { mutate, refetch }] = asked(() => true, () => core.call("homes", {}));
  const [quota, { refetch: weigh }] = asked(() => true, async () => (await core.call("quota", { timeout: seconds(wait) })).homes ?? []);
  const [choosing, choose] = createSignal(false), [busy, setBusy] = createSignal(false);
  const move = async (to: Fingerprint[]) => {
    setBusy(true);
    try {
      mutate(await core.call("homes.set", { homes: to }));
      choose(false);
      toast(t("saved"));
      void weigh();
    } catch (e) { failed(e); } finally { setBusy(false); }
  };
  const list = () => homes.latest?.homes ?? [];
  const of = (h: Home) => quota.latest?.find((q) => q.server === h.server);
  return (
    <>
      <Show when={status()}>{(x) => <p class="dim">{!x().online ? t("homes.off") : clean(x().server_name ?? "") ? t("homes.now", clean(x().server_name!), x().server.split("#")[0]!) : t("status.online", x().server.split("#")[0]!)} <button class="small" aria-expanded={nearer()} onClick={() => setNearer(!nearer())}>{t("homes.prefer")}</button></p>}</Show>
      <Show when={nearer()}><Prefer now={status.latest?.proxy} moved={() => { setNearer(false); void look(); }} /></Show>
      <p class="dim">{t(homes.latest?.chosen ? "homes.chosen" : "homes.auto")}</p>
      <ul class="people"><For each={list()} fallback={<li class="dim">…</li>}>{(h) => (
        <li class="line"><span><b><bdi>{clean(h.name ?? "") || h.server.slice(-16)}</bdi></b> <small class="dim">{[clean(h.operator ?? ""), clean(h.site ?? "")].filter(Boolean).join(" · ")}</small>
          <br /><small classList={{ warn: !!h.code, dim: !h.code }}>{state(h)}</small><Room of={of(h)} asked={!quota.loading} down={!!h.code} /></span></li>
      )}</For></ul>
      <Show when={homes.latest?.want}><p class="warn">{t("homes.few", list().filter((h) => !h.former).length, homes.latest!.want!)}</p>
        <ul class="people"><For each={homes.latest?.passed ?? []}>{(x) => <li class="line"><bdi>{clean(x.name ?? "") || x.server.slice(-16)}</bdi><small class="dim">{isTime(x.until) ? coreText({ key: "homes.why.until", args: [short(x.until)] }) : coreText({ key: `homes.why.${x.why}` })}</small></li>}</For></ul></Show>
      <div class="actions"><button disabled={busy()} onClick={() => { void refetch(); void weigh(); }}>{t("homes.again")}</button><button disabled={busy()} aria-expanded={choosing()} onClick={() => choose(!choosing())}>{t("homes.choose")}</button>
        <Show when={homes.latest?.chosen}><button disabled={busy()} onClick={() => move([])}>{t("homes.leave")}</button></Show></div>
      <Show when={choosing()}><Choose now={list().filter((h) => !h.former).map((h) => h.server)} busy={busy()} move={move} /></Show>
    </>
  );
}

const down = new Set(["unavailable", "shutdown"]); // codes of the protocol that say so
/** How this device stands with a home. */
const state = (h: Home) => (h.former ? t("homes.former") : h.attached ? t("homes.attached") : h.code ? coreText(down.has(h.code) ? { key: "why.homedown" } : { key: "why.homecode", args: [h.code] }) : t("homes.connecting"));

/** How much room is taken at a home, of how much. */
function Room(p: { of?: HomeQuota; asked: boolean; down: boolean }) {
  return (
    <Show when={p.of} fallback={<Show when={!p.asked}><br /><small class="dim">…</small></Show>}>{(q) => (
      <Show when={!q().problem} fallback={<Show when={!p.down}><br /><small class="warn">{coreText(q().problem!.why)}</small></Show>}>
        <br /><small>{t("homes.room", bytes(q().used), bytes(q().most))}</small><meter class="room" min="0" max={Math.max(1, q().most)} high={q().most * 0.9} value={q().used} aria-label={t("homes.room", bytes(q().used), bytes(q().most))} />
      </Show>
    )}</Show>
  );
}

const soon = 300, tries = 20; // ms between looks whether the device has moved, and how many

/** The server that this device is to be connected to: others are used while it is not to be had. */
function Prefer(p: { now?: Fingerprint; moved: () => void }) {
  const found = near();
  const [busy, setBusy] = createSignal(false), [typed, type] = createSignal("");
  const prefer = async (server: string, to?: Fingerprint, listed?: boolean) => {
    setBusy(true);
    try {
      await core.call("server.prefer", { server, listed });
      const host = (address: string) => address.split("#")[0];
      const there = (s: StatusResult) => s.online && (to ? s.proxy === to : host(s.server) === host(server));
      let moved = false;
      for (let i = 0; i < tries && !(moved = there(await core.call("status", {}))); i++) await new Promise((done) => setTimeout(done, soon));
      toast(t(moved ? "saved" : "homes.later"));
      p.moved();
    } catch (e) { failed(e); } finally { setBusy(false); }
  };
  // As its owner gave it, wherever it leads; an input method may have written it in full width.
  const go = (e: Event) => {
    e.preventDefault();
    const server = typed().normalize("NFKC").replace(/\s/g, "");
    void prefer(server, server.split("#")[1]?.toUpperCase());
  };
  return (
    <fieldset class="servers"><legend>{t("homes.prefer.text")}</legend>
      <Show when={found.loading}><p class="busy" role="status">{t("setup.server.looking")}</p></Show>
      <For each={found.latest ?? []}>{(s) => <label class="server"><input type="radio" name="prefer" checked={s.fingerprint === p.now} disabled={busy()} onChange={() => prefer(s.address, s.fingerprint, true)} /><Server of={s} /></label>}</For>
      <form class="inline" onSubmit={go}>
        <label class="field"><span>{t("homes.address")}</span><input value={typed()} maxlength="1024" autocomplete="off" autocapitalize="off" spellcheck={false} placeholder="192.168.1.20:7000#0123…" onInput={(e) => type(e.currentTarget.value)} /></label>
        <button disabled={busy() || !typed().trim()}>{t("homes.connect")}</button>
      </form>
      <p class="dim">{t("homes.address.text")}</p>
    </fieldset>
  );
}

/** Servers, the nearest first, as the one at hand tells of them. */
const near = () => asked(() => true, async () => (await core.call("setup.servers", { server: (await core.call("status", {})).server })).servers ?? [])[0];

/** What a server is called, who runs it where, whom it takes and how far it is. */
function Server(p: { of: SetupServer }) {
  return <><span><b><bdi>{clean(p.of.name ?? "") || p.of.address}</bdi></b><small>{[clean(p.of.operator ?? ""), clean(p.of.site ?? ""), p.of.registration === "invite" ? t("setup.server.invite") : p.of.registration === "closed" ? t("setup.server.closed") : ""].filter(Boolean).join(" · ")}</small></span>
    <span class="took">{t("setup.server.took", Math.round((p.of.took ?? 0) / 1e6))}</span></>;
}

/** Other servers to keep what the account has. */
function Choose(p: { now: Fingerprint[]; busy: boolean; move: (to: Fingerprint[]) => void }) {
  const found = near();
  const [chosen, setChosen] = createSignal(new Set(p.now));
  const toggle = (s: Fingerprint) => setChosen((all) => { const next = new Set(all); if (!next.delete(s)) next.add(s); return next; });
  const may = (s: SetupServer) => chosen().has(s.fingerprint) || (s.registration === "open" && chosen().size < most) || p.now.includes(s.fingerprint);
  return (
    <fieldset class="servers"><legend>{t("homes.most", most)}</legend>
      <Show when={found.loading}><p class="busy" role="status">{t("setup.server.looking")}</p></Show>
      <For each={found.latest ?? []}>{(s) => (
        <label class="server"><input type="checkbox" checked={chosen().has(s.fingerprint)} disabled={!may(s)} onChange={() => toggle(s.fingerprint)} /><Server of={s} /></label>
      )}</For>
      <button class="primary" disabled={p.busy || chosen().size === 0 || chosen().size > most} onClick={() => p.move([...chosen()])}>{t("homes.move")}</button>
    </fieldset>
  );
}
