package i18n

// secrets are the texts about secure chats.
var secrets = map[string]entry{
	"help.secure":         {"安全聊天：安全第一，每則訊息一把金鑰，用過即毀。", "Secure chats: security first; a key per message, destroyed once used."},
	"help.secure_start":   {"和對方開始安全聊天。", "Begin a secure chat with somebody."},
	"help.secure_list":    {"列出安全聊天。", "List your secure chats."},
	"help.secure_info":    {"顯示安全聊天的金鑰、期限與裝置。", "Show the keys of a secure chat, when they end, and for which devices they are."},
	"help.secure_end":     {"結束安全聊天，雙方銷毀金鑰；已讀過的訊息留在紀錄裡。", "End a secure chat: both sides destroy the keys; what was read stays in the history."},
	"help.secure_peer":    {"對方的帳號指紋、安全聊天的聊天編號，或安全群組的名稱。", "Fingerprint of the other account, id of the secure chat, or name of a secure group."},
	"help.secure_classic": {"同意對沒有預備金鑰的裝置用一般加密子金鑰（沒有前向保密，也不抗量子電腦）。", "Agree to use the encryption subkey for devices without prekeys (no forward secrecy, not safe against quantum computers)."},
	"help.send_secure":    {"在和對方的安全聊天中傳送；安全群組一律如此。", "Send it in the secure chat with them; to secure groups that is always so."},

	"doing.secure":    {"處理安全聊天", "working on a secure chat"},
	"doing.secureend": {"結束安全聊天", "ending a secure chat"},

	"why.nosecurekey":   {"{0} 的裝置都沒有可用的預備金鑰", "no device of {0} has a prekey"},
	"why.noprekeys":     {"存放預備金鑰的伺服器沒有回應", "no server that keeps the prekeys answers"},
	"why.epochpause":    {"每十分鐘只能換一次金鑰，{0} 之後再換", "keys may be changed once in ten minutes, the next time after {0}"},
	"why.nosecure":      {"和 {0} 沒有安全聊天", "there is no secure chat with {0}"},
	"why.securegroup":   {"這個群組是一般群組，不是安全群組", "this group is a normal one, not a secure one"},
	"why.securelarge":   {"安全群組最多 {0} 個裝置", "a secure group has at most {0} devices"},
	"why.endgroup":      {"安全群組的金鑰屬於全體成員，不能由一人結束", "the keys of a secure group belong to all its members, and no one of them can end them"},
	"why.secureended":   {"傳送前安全聊天就已結束", "the secure chat was ended before this was sent"},
	"why.secureself":    {"不能和自己安全聊天", "nobody has a secure chat with themselves"},
	"why.notsecure":     {"安全聊天還不能傳這種內容", "this cannot be sent in a secure chat yet"},
	"why.packsecure":    {"貼圖包放在伺服器上，沒有密封；安全聊天和安全群組只傳單張貼圖", "packs of stickers lie at servers unsealed; secure chats and groups take single stickers"},
	"why.forwardsecure": {"安全聊天的訊息不會轉傳到一般聊天", "messages of a secure chat are not sent on into a normal one"},

	"next.nosecurekey":   {"請對方用新版程式上線一次；或用 omega secure start --classic 同意較弱的加密", "ask them to go online once with a current version; or agree to weaker encryption with omega secure start --classic"},
	"next.packsecure":    {"用 omega sticker send 傳一張，或在一般聊天分享整包", "send one with omega sticker send, or share the pack in a normal chat"},
	"next.normalchat":    {"請改用一般聊天", "use a normal chat"},
	"next.securegroup":   {"用 omega group create --secure 建立安全群組", "make a secure one with omega group create --secure"},
	"next.securelarge":   {"請幾位成員撤銷不用的裝置，或分成兩個群組", "have members revoke devices that they do not use, or make two groups"},
	"next.endgroup":      {"用 omega group leave 離開群組，或由擁有者用 omega group dissolve 解散", "leave it with omega group leave, or as its owner end it with omega group dissolve"},
	"next.secureended":   {"再傳一次就會重新開始", "send it again: that begins it anew"},
	"next.forwardsecure": {"轉傳到另一個安全聊天，或自己重打一次", "send it on into another secure chat, or write it again"},
	"next.securestart":   {"用 omega secure start 開始安全聊天", "begin one with omega secure start"},

	"secure.group":      {"安全群組", "secure group"},
	"line.secure-ended": {"— {1} 結束了這個安全聊天，金鑰已經銷毀 —", "— {1} ended this secure chat; its keys are destroyed —"},

	"history.secure": {"「{0}」還有一個安全聊天，看它：omega history --chat 密:{0}", "There is a secure chat with “{0}” too: omega history --chat secure:{0}"},

	"secure.mark":    {"密", "secure"},
	"secure.open":    {"可傳送", "can send"},
	"secure.closed":  {"目前沒有可傳送的金鑰，下次傳送時會換新", "no keys to send with now; the next message brings new ones"},
	"secure.ended":   {"已於 {0} 結束", "ended {0}"},
	"secure.epoch":   {"金鑰 {0}（{1} 產生）：{2} 起，{3} 到期，已傳 {4}/{5} 則", "keys {0} (made by {1}): since {2}, until {3}, {4} of {5} messages sent"},
	"secure.current": {"← 目前使用", "← in use"},
	"secure.waiting": {"有 {0} 個封包還打不開，正向對方要求補傳", "{0 payload} cannot be opened yet; they are asked for again"},
	"secure.unsent":  {"有 {0} 則訊息等待金鑰", "{0 message} waiting for keys"},
	"secure.none":    {"還沒有安全聊天；用 omega secure start 開始", "no secure chats yet; begin one with omega secure start"},
	"secure.once":    {"一次性金鑰", "key used once"},
	"secure.week":    {"一週金鑰", "key of a week"},
	"secure.chat":    {"此安全聊天的下一把金鑰", "next key of this chat"},
	"secure.classic": {"⚠ 一般子金鑰：沒有前向保密，也不抗量子電腦", "⚠ encryption subkey: no forward secrecy, not safe against quantum computers"},
	"secure.nokey":   {"⚠ 沒有金鑰，讀不到", "⚠ no key: cannot read"},
}
