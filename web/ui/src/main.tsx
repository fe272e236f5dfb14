import { render } from "solid-js/web";
import "./style/app.css";
import "./state/look"; // before anything is painted
import { core, failed, setPhase, setSetup } from "./state/app";
import { follow } from "./state/events";
import { paint } from "./state/snapshot";
import { enter } from "./rpc";
import { restoreNotes } from "./state/notes";
import { lang, setLang } from "./words";
import { App } from "./ui/App";
import { createEffect, createRoot } from "solid-js";
import { phase } from "./state/app";
import { renew } from "./state/renew";
import { forgetStyle, stale } from "./part";

async function begin() {
  await setLang(lang());
  render(() => <App />, document.getElementById("app")!);
  const token = location.hash.slice(1);
  if (token) history.replaceState(null, "", "/"); // it is worth nothing any more, and nobody has to see it
  if (!token && paint()) setPhase("ready"); // before the program has answered
  if (!(await enter(token))) return setPhase("denied");
  core.start();
  const s = await core.call("setup", {});
  setSetup(s);
  setPhase(s.state === "ready" ? "ready" : "setup");
}

window.addEventListener("vite:preloadError", forgetStyle);
window.addEventListener(stale, renew);
createRoot(() => {
  let following = false;
  createEffect(() => {
    if (phase() !== "ready" || following) return;
    following = true;
    void follow();
    restoreNotes().catch(failed);
  });
});
begin().catch(failed);
