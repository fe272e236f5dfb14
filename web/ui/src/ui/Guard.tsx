import { createEffect, ErrorBoundary, on, type JSX } from "solid-js";
import { explain, t } from "../words";

/** A part of the pages that may fail alone: the others stay, and it is tried again when asked, or when what it shows is something else. */
export function Guard(p: { about?: () => unknown; children: JSX.Element }): JSX.Element {
  return (
    <ErrorBoundary fallback={(e: unknown, again) => {
      console.error(e);
      if (p.about) createEffect(on(p.about, again, { defer: true }));
      return <div class="broken" role="alert"><p>{explain(e)}</p><button onClick={again}>{t("again")}</button></div>;
    }}>{p.children}</ErrorBoundary>
  );
}
