package node

import (
	"net/http"
	"reflect"
	"strings"
	"unicode"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/omega-im/omega/mailbox"
)

// metrics is what an operator's monitoring reads. Nothing in it names a user.
type metrics struct {
	items prometheus.Histogram // envelopes per durable commit
	sync  prometheus.Histogram // seconds from applied to stable
	bytes prometheus.Counter   // octets of envelopes stored
}

func newMetrics() *metrics {
	return &metrics{
		items: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "omega_mail_commit_items", Help: "Envelopes per durable commit.", Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		sync: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "omega_mail_sync_seconds", Help: "Time from applied to stable storage.", Buckets: prometheus.ExponentialBuckets(0.0001, 2, 16),
		}),
		bytes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "omega_mail_stored_bytes_total", Help: "Octets of envelopes stored.",
		}),
	}
}

// committed is told of every durable commit.
func (m *metrics) committed(c mailbox.Commit) {
	m.items.Observe(float64(c.Items))
	m.sync.Observe(c.Sync.Seconds())
	m.bytes.Add(float64(c.Bytes))
}

// handler serves all figures of n.
func (m *metrics) handler(n *Node) http.Handler {
	reg := prometheus.NewRegistry()
	reg.MustRegister(m.items, m.sync, m.bytes, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		counts{"omega_proxy", func() any { return n.proxy.Metrics() }},
		counts{"omega_cloud", func() any { return n.cloud.Stats() }},
		counts{"omega_mail", func() any { return n.mail.Stats() }},
		counts{"omega_spool", func() any { return n.spool.Stats() }},
		counts{"omega_media", func() any { return n.media.Stats() }},
		counts{"omega_keys", func() any { return n.keys.Metrics() }},
		counts{"omega_transport", func() any { return n.transport.Stats() }},
		counts{"omega_connections", func() any {
			return struct {
				Open    int64  // of clients and visitors, now
				Refused uint64 // closed at once: there were too many
			}{n.budget.Open(), n.budget.Refused()}
		}},
	)
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{})
}

// counts shows every integer field of a struct that a package gives as its
// figures, under the field's name.
type counts struct {
	prefix string
	read   func() any
}

// Describe sends nothing: the set of figures is known once they are read.
func (counts) Describe(chan<- *prometheus.Desc) {}

// Collect reads the figures.
func (c counts) Collect(ch chan<- prometheus.Metric) {
	c.collect(reflect.ValueOf(c.read()), ch)
}

func (c counts) collect(v reflect.Value, ch chan<- prometheus.Metric) {
	for i := range v.NumField() {
		f, field := v.Field(i), v.Type().Field(i)
		var value float64
		switch {
		case f.Kind() == reflect.Struct:
			c.collect(f, ch)
			continue
		case f.CanInt():
			value = float64(f.Int())
		case f.CanUint():
			value = float64(f.Uint())
		default:
			continue
		}
		desc := prometheus.NewDesc(c.prefix+"_"+snake(field.Name), field.Name+" of package "+v.Type().PkgPath()+".", nil, nil)
		ch <- prometheus.MustNewConstMetric(desc, prometheus.UntypedValue, value)
	}
}

// snake writes LinksLost as links_lost.
func snake(name string) string {
	var b strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(name[i-1])) {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
