// The end of an account: what it means, what to keep before, and the last question.
import { createSignal, Show, type JSX } from "solid-js";
import { Refused } from "../rpc";
import { core, failed, me } from "../state/app";
import { sure } from "../state/sure";
import { t } from "../words";
import "../words/rare";
import { Backup } from "./Backup";

/** Folded away, and asked about twice where the key is more than this account. */
export function EndAccount(p: { export: () => void }): JSX.Element {
  const [gone, setGone] = createSignal(false), [busy, setBusy] = createSignal(false), [kept, setKept] = createSignal(false);
  const end = () => me()!.fingerprint.slice(-8);
  const ask = (text: string) => sure({ text, yes: t("account.delete"), danger: true, typed: end(), hint: t("account.delete.type", end()) });
  const remove = async () => {
    if (!(await ask(t("account.delete.sure")))) return;
    setBusy(true);
    try {
      for (let revoke = false; ; revoke = true) {
        try {
          await core.call("account.delete", { fingerprint: me()!.fingerprint, revoke_key: revoke || undefined });
          return void setGone(true);
        } catch (e) {
          if (revoke || !(e instanceof Refused) || e.why?.key !== "why.revokeskey") throw e;
          if (!(await ask(t("account.delete.key")))) return; // it was a key before it was an account
        }
      }
    } catch (e) { failed(e); } finally { setBusy(false); }
  };
  return (
    <section class="end"><h3>{t("account.delete")}</h3>
      <Show when={!gone()} fallback={<p role="status">{t("account.deleted")}</p>}>
        <details><summary>{t("account.delete.about")}</summary>
          <p>{t("account.delete.text")}</p>
          <Show when={!kept()}><button onClick={p.export}>{t("export.do")}</button></Show><Backup made={setKept} />
          <button class="danger" disabled={busy()} onClick={remove}>{t("account.delete")}</button>
        </details>
      </Show>
    </section>
  );
}
