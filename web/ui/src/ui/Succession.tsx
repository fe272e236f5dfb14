// Going on as another account: both accounts say so, each in its own settings.
import { createSignal, For, type JSX } from "solid-js";
import { core, failed } from "../state/app";
import { t } from "../words";
import "../words/rare";
import { goOnAs, goOnFor } from "./newsdo";
import { reveal } from "./reveal";

/** Folded away, since hardly anybody needs it. */
export function Succession(): JSX.Element {
  return (
    <section><h3>{t("succession")}</h3>
      <details onToggle={(e) => { if (e.currentTarget.open) reveal(e.currentTarget); }}><summary>{t("succession.about")}</summary>
        <p class="dim">{t("succession.text")}</p>
        <For each={["new", "old"] as const}>{(side) => <Side side={side} />}</For>
      </details>
    </section>
  );
}

function Side(p: { side: "new" | "old" }) {
  const [who, setWho] = createSignal(""), [busy, setBusy] = createSignal(false);
  const go = async (e: Event) => {
    e.preventDefault();
    setBusy(true);
    try {
      const c = await core.call("contact.show", { account: who().trim() });
      if (await (p.side === "new" ? goOnFor : goOnAs)(c.fingerprint, c.name ?? "")) setWho("");
    } catch (x) { failed(x); } finally { setBusy(false); }
  };
  return (
    <form class="inline" onSubmit={go}>
      <label class="field"><span>{t(p.side === "new" ? "succession.new" : "succession.old")}</span><input value={who()} maxlength="400" onInput={(e) => setWho(e.currentTarget.value)} /></label>
      <button class="danger" disabled={busy() || !who().trim()}>{t(p.side === "new" ? "succession.new.do" : "succession.old.do")}</button>
    </form>
  );
}
