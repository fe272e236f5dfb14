package tui

import (
	"fmt"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// mediaRows are the files of a message: a picture where the terminal can show one,
// and a line with what it is and how to open it.
func (m *Model) mediaRows(e *entry, w int) []row {
	var out []row
	for i := range e.msg.Media {
		medium := &e.msg.Media[i]
		if !e.msg.Inert {
			out = append(out, m.pictureRows(e, i, w)...)
		}
		label := m.bracketed(m.text("what."+medium.What), m.clean(medium.Name)) + "  " + i18n.Size(medium.Size)
		if medium.DurationMS > 0 {
			label += fmt.Sprintf("  %d:%02d", medium.DurationMS/60000, medium.DurationMS/1000%60)
		}
		if medium.Emoji != "" {
			label += " " + m.metric.fit(m.clean(medium.Emoji), 12)
		}
		spans := []span{{text: label, ink: inkLink}}
		if t, ok := m.transfers[medium.Blob]; ok && t.Done < t.Total {
			spans = append(spans, span{text: fmt.Sprintf("  %d%%", t.Done*100/max(1, t.Total)), ink: inkAccent})
		}
		if medium.Unsigned {
			spans = append(spans, span{text: "  ⚠ " + m.text("file.unsigned"), ink: inkWarn})
		}
		out = append(out, m.metric.wrap(spans, w)...)
	}
	return out
}

// isPicture reports whether there is something that can be drawn.
func isPicture(m *clientrpc.Medium) bool {
	return m.What == "photo" || m.What == "sticker" && m.Type != "application/x-tgsticker" && m.Type != "video/webm" || m.Thumb != ""
}
