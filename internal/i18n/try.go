package i18n

// trial are the texts of the first look at a cloud on one's own machine.
var trial = map[string]entry{
	"try.title":    {"：一則訊息怎麼走", ": how a message travels"},
	"try.starting": {"正在啟動雲端……", "Starting the cloud…"},
	"try.cloud":    {"雲端", "Cloud"},
	"try.you":      {"你", "You"},
	"try.me":       {"我", "Me"},
	"try.echo":     {"回聲", "Echo"},

	"try.shape":      {"{0} 部伺服器、{1} 條連線", "{0 server}, {1 link}"},
	"try.bridgeless": {"斷了任何一條，大家仍然相連", "any one of them may break"},
	"try.ready":      {"{0} 秒就緒，資料在 {1}", "ready in {0} s, kept in {1}"},
	"try.livesat":    {"信箱在{0}", "has its mailbox on {0}"},
	"try.made":       {"{0}（剛建立）", "{0} (new)"},
	"try.ordinary":   {"另一個普通的 omega 程式，收到什麼就回什麼", "an ordinary omega too; it repeats what it gets"},

	"try.first":     {"哈囉，這是我的第一則訊息！", "Hello, this is my first message!"},
	"try.again":     {"哈囉，我又來了！", "Hello, here I am again!"},
	"try.yousay":    {"你說「{0}」", "You say “{0}”"},
	"try.echosays":  {"回聲說「{0}」 {1}", "Echo says “{0}” {1}"},
	"try.sealed":    {"簽章，再為回聲的裝置加密", "signed and encrypted for the echo's devices"},
	"try.proxy":     {"你的代理伺服器，看不到內容", "your proxy; it cannot read the text"},
	"try.direct":    {"直接連到{0}，來回 {1}", "directly to {0}, round trip {1}"},
	"try.forwarded": {"轉送到{0}，來回 {1}", "forwarded to {0}, round trip {1}"},
	"try.home":      {"回聲的信箱，已寫進硬碟", "the echo's mailbox; on stable storage"},
	"try.opened":    {"解密、驗章、讀了", "decrypted, verified, read"},
	"try.verified":  {"✓ 簽章正確", "✓ signature good"},

	"try.gpgok":    {"簽章正確，金鑰是", "good signature by the key"},
	"try.received": {"回聲收到的原文和簽章在 {0}", "what the echo got, with signatures: {0}"},
	"try.nogpg": {
		"這部電腦沒有 gpg；簽章由 omega 自己驗過", "gpg is not installed; omega itself checked the signature",
	},

	"try.yourturn": {"換你說，按 Enter 傳送；/quit 離開。", "Your turn: Enter sends, /quit leaves."},
	"try.web":      {"在瀏覽器裡聊：{0}", "In the browser: {0}"},
	"try.webagain": {"這個網址只能用一次，十分鐘內有效；要新的：{0} --home {1} web", "It works once, within ten minutes; for a new one: {0} --home {1} web"},
	"try.contest":  {"不是你移除的，72 小時內執行：{0} --home {1} device contest", "if it was not you who removed it, within 72 hours: {0} --home {1} device contest"},
	"try.also":     {"另開終端機也行：{0} --home {1} chats", "In another terminal: {0} --home {1} chats"},
	"try.prompt":   {"你> ", "You> "},
	"try.commands": {"這裡只有 /quit", "/quit is all there is here"},
	"try.bye":      {"雲端已關閉。資料都在 {0}，下次還是同一批人。", "Cloud closed. All is kept in {0} for the next time."},

	"try.busy":      {"另一個 make run 正在使用 {0}，請先結束它", "another make run uses {0}; end that one first"},
	"try.empty":     {"沒有成功：{0}；記錄是空的\n  → 機器可能太忙：稍後再試一次", "This did not work: {0}; the log is empty\n  → the machine may be too busy: try again later"},
	"try.failed":    {"沒有成功：{0}\n  → 詳情在 {1}", "This did not work: {0}\n  → more in {1}"},
	"try.afresh":    {"刪掉 {0} 再試，會重新建立一切", "remove {0} and try again; everything is made anew"},
	"try.nocloud":   {"雲端沒有啟動", "the cloud did not start"},
	"try.slowcloud": {"{0}之內雲端沒有就緒", "the cloud was not ready within {0}"},
	"try.noecho":    {"回聲的程式結束了", "the echo's process ended"},
	"try.badend":    {"{0} 沒有正常結束：{1}", "{0} did not end well: {1}"},
	"try.ingroup":   {"{0}（群組）", "{0} (in a group)"},
	"try.elsewhere": {"（還有文字以外的：用 bin/omega --home run/me tui 看）", "(more than text: see bin/omega --home run/me tui)"},
	"try.late":      {"「{0}」", "“{0}”"},
	"try.nofolder":  {"資料夾 {0} 不能用：{1}\n  → 用 --dir 換一個", "The folder {0} cannot be used: {1}\n  → choose another with --dir"},
	"try.unknown":   {"沒有成功：{0}", "This did not work: {0}"},
}
