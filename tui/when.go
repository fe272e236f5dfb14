package tui

import (
	"fmt"
	"time"

	"github.com/omega-im/omega/internal/i18n"
)

var weekdays = map[i18n.Lang][7]string{
	i18n.Chinese: {"週日", "週一", "週二", "週三", "週四", "週五", "週六"},
	i18n.English: {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"},
}

// clock is the time of a day: 下午7:09, 7:09 PM.
func clock(t time.Time, lang i18n.Lang) string {
	t = t.Local()
	if lang == i18n.English {
		return t.Format("3:04 PM")
	}
	half := "上午"
	if t.Hour() >= 12 {
		half = "下午"
	}
	return half + t.Format("3:04")
}

// daysAgo counts midnights between t and now.
func daysAgo(t, now time.Time) int {
	t, now = t.Local(), now.Local()
	a := time.Date(t.Year(), t.Month(), t.Day(), 12, 0, 0, 0, time.UTC)
	b := time.Date(now.Year(), now.Month(), now.Day(), 12, 0, 0, 0, time.UTC)
	return int(b.Sub(a).Hours()) / 24
}

// date is month and day, with the year where it is another one.
func date(t, now time.Time, lang i18n.Lang) string {
	t = t.Local()
	switch {
	case t.Year() == now.Local().Year():
		return t.Format("1/2")
	case lang == i18n.English:
		return t.Format("1/2/2006")
	}
	return t.Format("2006/1/2")
}

// short is how the list says when: the time today, 昨天, the day of the week, the date.
func short(t, now time.Time, lang i18n.Lang) string {
	switch days := daysAgo(t, now); {
	case days <= 0:
		return clock(t, lang)
	case days == 1:
		return i18n.T("tui.yesterday").In(lang)
	case days < 7:
		return weekdays[lang][t.Local().Weekday()]
	}
	return date(t, now, lang)
}

// dayOf is what stands between messages of two days: 今天, 昨天, 11/22（週日）.
func dayOf(t, now time.Time, lang i18n.Lang) string {
	switch daysAgo(t, now) {
	case 0:
		return i18n.T("tui.today").In(lang)
	case 1:
		return i18n.T("tui.yesterday").In(lang)
	}
	week := weekdays[lang][t.Local().Weekday()]
	if lang == i18n.English {
		return fmt.Sprintf("%s, %s", week, date(t, now, lang))
	}
	return fmt.Sprintf("%s（%s）", date(t, now, lang), week)
}

// parseDay reads a day that a person typed: 2026-11-22, 11/22, 今天, yesterday. A day
// without a year is the last one that was.
func parseDay(s string, now time.Time) (time.Time, bool) {
	y, mo, d := now.Local().Date()
	today := time.Date(y, mo, d, 0, 0, 0, 0, time.Local)
	for _, lang := range []i18n.Lang{i18n.Chinese, i18n.English} {
		switch s {
		case i18n.T("tui.today").In(lang):
			return today, true
		case i18n.T("tui.yesterday").In(lang):
			return today.AddDate(0, 0, -1), true
		}
	}
	for _, form := range []string{"2006-1-2", "2006/1/2", "20060102"} {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil {
			return t, true
		}
	}
	for _, form := range []string{"1/2", "1-2", "1月2日"} {
		if t, err := time.ParseInLocation(form, s, time.Local); err == nil {
			t = t.AddDate(y-t.Year(), 0, 0)
			if t.After(today) {
				t = t.AddDate(-1, 0, 0)
			}
			return t, true
		}
	}
	return time.Time{}, false
}
