// What this account calls itself.
import { createSignal, Show, type JSX } from "solid-js";
import { core, failed, me, setMe, toast } from "../state/app";
import { t } from "../words";
import "../words/rare";
import { clean } from "./text";

/** The name as a heading, and a field in its place while it is being changed. */
export function OwnName(): JSX.Element {
  const [open, setOpen] = createSignal(false);
  const name = () => clean(me()?.name ?? "");
  return (
    <Show when={open()} fallback={<h3 class="line"><bdi>{name()}</bdi> <button class="small" onClick={() => setOpen(true)}>{t("account.rename")}</button></h3>}>
      <Naming name={name()} done={() => setOpen(false)} />
    </Show>
  );
}

function Naming(p: { name: string; done: () => void }) {
  const [name, setName] = createSignal(p.name), [busy, setBusy] = createSignal(false);
  const save = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      const r = await core.call("account.name", { name: name().trim() });
      setMe({ ...me()!, name: r.name });
      toast(t("account.renamed"));
      p.done();
    } catch (x) { failed(x); } finally { setBusy(false); }
  };
  return (
    <><form class="inline" onSubmit={save}>
      <label class="field"><span>{t("account.rename.field")}</span><input ref={(x) => queueMicrotask(() => x.focus())} value={name()} maxlength="64" onInput={(e) => setName(e.currentTarget.value)} /></label>
      <button type="button" onClick={p.done}>{t("cancel")}</button><button class="primary" disabled={busy() || !name().trim() || name().trim() === p.name}>{t("save")}</button>
    </form><p class="dim">{t("account.rename.text")}</p></>
  );
}
