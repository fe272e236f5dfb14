import { createSignal } from "solid-js";

export interface Look { theme: "system" | "light" | "dark"; big: boolean }

const key = "omega.look";
const kept = (): Look => {
  try { return { theme: "system", big: false, ...(JSON.parse(localStorage.getItem(key) ?? "{}") as Partial<Look>) }; } catch { return { theme: "system", big: false }; }
};

const [look, set] = createSignal(kept());
export { look };

function apply(l: Look) {
  const root = document.documentElement;
  if (l.theme === "system") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", l.theme);
  root.toggleAttribute("data-big", l.big);
}
apply(look());

/** Changes how the pages look, now and later. */
export function setLook(l: Look) {
  localStorage.setItem(key, JSON.stringify(l));
  set(l);
  apply(l);
}
