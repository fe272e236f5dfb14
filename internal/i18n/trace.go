package i18n

// tracing are the texts of omegad trace.
var tracing = map[string]entry{
	"trace.direct":    {"直接連線，來回 {0} 毫秒", "directly connected, round trip {0} ms"},
	"trace.forwarded": {"經 {0} 部伺服器轉送，來回 {1} 毫秒", "forwarded by {0 server}, round trip {1} ms"},
	"trace.self":      {"就是這部伺服器自己", "that is this server itself"},
	"trace.lost":      {"伺服器 {0} 沒有回應；以上是回應過的伺服器", "server {0} does not answer; above is who did"},
}
