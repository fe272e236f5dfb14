package directory

import (
	"testing"

	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/mesh"
)

// TestLabels: the name of a server that stands beside another one gives way to it.
func TestLabels(t *testing.T) {
	w := words{lang: i18n.Chinese}
	at := func(name string, x, y float64) view {
		return view{Record: &mesh.Record{Announcement: &mesh.Announcement{Name: name}}, at: point{x, y}}
	}
	for name, views := range map[string][]view{
		"neighbours":       {at("北大武", 0.5, 0.5), at("南湖大", 0.53, 0.5)},
		"one over another": {at("北大武", 0.5, 0.5), at("南湖大", 0.5, 0.6)},
		"at the edge":      {at("北大武", 0.5, 1), at("南湖大", 0.9, 1)},
	} {
		s := &scene{views: views}
		r := dotSize(len(views))
		got := s.labels(w, r)
		var boxes []box
		for i, v := range views {
			x, y := place(v.at)
			b := labelBox(v.Name, x, got[i])
			if b.top < 0 || b.bottom > pictureHeight {
				t.Errorf("%s: name %d is cut off: %+v", name, i, b)
			}
			for j, o := range views {
				if ox, oy := place(o.at); j != i && b.meets(box{ox - r, oy - r, ox + r, oy + r}) {
					t.Errorf("%s: name %d lies on server %d", name, i, j)
				}
			}
			if crowded(b, boxes, -1) {
				t.Errorf("%s: name %d lies on another (server at %v)", name, i, y)
			}
			boxes = append(boxes, b)
		}
	}
	if (&scene{views: make([]view, labelled+1)}).labels(w, 4) != nil {
		t.Error("names in a picture of many")
	}
}
