// Dates and times as people in Taiwan write them: 下午7:09, 昨天, 11/22（週日）.
import { lang, t } from "./words";

const day = 86_400_000;
const midnight = (d: Date) => new Date(d.getFullYear(), d.getMonth(), d.getDate()).getTime();
const made = new Map<string, Intl.DateTimeFormat>();

type Form = "clock" | "weekday" | "date" | "full";
const forms: Record<Form, Intl.DateTimeFormatOptions> = {
  clock: { hour: "numeric", minute: "2-digit" }, weekday: { weekday: "short" }, date: { month: "numeric", day: "numeric" }, full: { year: "numeric", month: "numeric", day: "numeric" },
};

function format(form: Form): Intl.DateTimeFormat {
  const key = lang() + form;
  let f = made.get(key);
  if (!f) made.set(key, (f = new Intl.DateTimeFormat(lang() === "en" ? "en-US" : "zh-TW", forms[form])));
  return f;
}

/** 下午7:09 */
export const clock = (at: string) => format("clock").format(new Date(at));

/** In the list: the time today, 昨天, the day of the week, the date. */
export function short(at: string, now = new Date()): string {
  const d = new Date(at), days = Math.round((midnight(now) - midnight(d)) / day);
  if (days <= 0) return clock(at);
  if (days === 1) return t("day.yesterday");
  if (days < 7) return format("weekday").format(d);
  if (d.getFullYear() === now.getFullYear()) return format("date").format(d);
  return format("full").format(d);
}

/** Between messages: 今天, 昨天, 11/22（週日）, 2025/3/1（週六）. */
export function dayOf(at: string, now = new Date()): string {
  const d = new Date(at), days = Math.round((midnight(now) - midnight(d)) / day);
  if (days === 0) return t("day.today");
  if (days === 1) return t("day.yesterday");
  const date = format(d.getFullYear() === now.getFullYear() ? "date" : "full").format(d);
  const week = format("weekday").format(d);
  return lang() === "en" ? `${week}, ${date}` : `${date}（${week}）`;
}

/** A day and a time: 11/22（週日）下午7:09. */
export const long = (d: Date) => `${dayOf(d.toISOString())} ${clock(d.toISOString())}`;

/** Which day a message is of, for comparing. */
export const dayKey = (at: string) => midnight(new Date(at));
