package i18n

// faces are the texts about what every face has: events, commands with a slash,
// mentions, and who is typing.
var faces = map[string]entry{
	"doing.events":       {"讀取事件", "reading events"},
	"why.fewevents":      {"{2} 內只有 {0} 個事件，要 {1} 個", "only {0} of {1} events within {2}"},
	"help.events":        {"印出核心裡發生的事：訊息、聊天、連線、傳檔進度。", "Print what happens in the core: messages, chats, connection, transfers."},
	"help.events_run":    {"從這次執行接下去（前一次印出的 run）。", "Go on with this run of the core, as an earlier command printed it."},
	"help.events_after":  {"從這個編號之後接下去。", "Go on behind this number."},
	"help.events_follow": {"一直等候，直到中斷。", "Go on until interrupted."},
	"help.events_count":  {"印出這麼多個就結束。", "End after so many events."},
	"events.reset.start": {"從編號 {1} 之後開始，這次執行是 {0}", "begins behind number {1} of run {0}"},
	"events.reset.run":   {"核心重新啟動了：請重新讀取畫面。從編號 {1} 之後開始，這次執行是 {0}", "another run of the core: look at everything anew. Begins behind number {1} of run {0}"},
	"events.reset.late":  {"發生的事太多，來不及讀：請重新讀取畫面。從編號 {1} 之後開始，這次執行是 {0}", "more happened than was read: look at everything anew. Begins behind number {1} of run {0}"},
}
