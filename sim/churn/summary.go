package churn

import (
	"strconv"
	"strings"

	"github.com/omega-im/omega/internal/i18n"
)

// Summary is the report in a few lines for people.
func (r *Report) Summary(lang i18n.Lang) []string {
	var lines []string
	for _, t := range r.texts(lang) {
		lines = append(lines, t.In(lang))
	}
	return lines
}

func (r *Report) texts(lang i18n.Lang) []i18n.Text {
	g := r.Grown
	lines := []i18n.Text{
		i18n.T("sim.head", r.Servers, r.Seed), i18n.T("sim.policy"),
		i18n.T("sim.grown", g.Members, g.Links, g.MinDegree, g.MaxDegree, g.MeanDegree, g.Bridges, g.Vertices),
		i18n.T("sim.ways", g.OverlayP50, g.DirectP50, g.Stretch.Mean, g.Diameter),
	}
	if t := r.Turns; t != nil {
		c, s := t.Changes, t.Settled
		lines = append(lines, i18n.T("sim.turns", t.Events, c.Checks, c.Bridges, c.Vertices, c.Splits, s.LeastLinks, s.Below, s.Pairs))
		if a := t.After; a != nil {
			lines = append(lines, i18n.T("sim.turns.after", a.MeanDegree, a.Stretch.Mean, a.Stretch.P50, t.Joined.P50, t.Joined.P99, t.Looks, t.Near))
		}
	}
	if c := r.Churn; c != nil {
		v := c.Invariant
		lines = append(lines,
			i18n.T("sim.churn", r.Hours, c.Ended, v.Events, v.Bridges, v.Vertices, v.Degrees),
			i18n.T("sim.converge", c.ConvergedCrash.P50, c.ConvergedCrash.P99, c.ConvergedSilent.Count, c.ConvergedSilent.P50, c.ConvergedSilent.P99),
			i18n.T("sim.cost", c.BytesPerSecond.total(), round(100*c.Effort.Core, 3)))
	}
	for _, d := range r.Mass {
		lines = append(lines, i18n.T("sim.mass", disasterName(lang, d.Name), d.Lost, d.Bridges, d.Parts, orNever(d.BridgelessS), orNever(d.WholeS), d.LinksPerServer))
	}
	for _, t := range r.Messages {
		lines = append(lines, i18n.T("sim.transit", i18n.T("sim.fail."+t.Failure).In(lang), percent(t.Delivered), t.ExtraP50, t.ExtraP99, t.Duplicates))
	}
	if s := r.Split; s != nil {
		lines = append(lines, i18n.T("sim.split", s.Sides[0], s.Sides[1], orNever(s.TogetherS), orNever(s.WholeS)))
	}
	if m := r.Mail; m != nil {
		lines = append(lines, i18n.T("sim.mail", m.Days, m.Mailboxes, m.Stored, m.Lost, percent(m.BelowMean)))
	}
	return lines
}

func (t Traffic) total() float64 { return round(t.News+t.Hellos+t.Compare, 0) }

// percent keeps three decimals, and no noughts at the end.
func percent(share float64) string {
	s := strconv.FormatFloat(100*share, 'f', 3, 64)
	return strings.TrimSuffix(strings.TrimRight(s, "0"), ".")
}

func orNever(s float64) string {
	if s < 0 {
		return "∞"
	}
	return strconv.FormatFloat(s, 'f', -1, 64)
}

// Stage puts what Config.Progress is told into words: in English it is words
// already.
func Stage(lang i18n.Lang, what string) string {
	if lang != i18n.Chinese {
		return what
	}
	kind, which, several := strings.Cut(what, ": ")
	out := i18n.T("sim.stage." + kind).In(lang)
	switch {
	case !several:
		return out
	case kind == "messages":
		return out + "：" + i18n.T("sim.fail."+which).In(lang)
	}
	return out + "：" + disasterName(lang, which)
}

// disasterName puts the name of a mass failure into words.
func disasterName(lang i18n.Lang, name string) string {
	kind, rest, _ := strings.Cut(name, " ")
	switch kind {
	case "random":
		return i18n.T("sim.page.random", strings.TrimSuffix(rest, " %")).In(lang)
	case "targeted":
		return i18n.T("sim.page.targeted", strings.TrimSuffix(rest, " %")).In(lang)
	}
	return i18n.T("sim.page." + rest).In(lang)
}
