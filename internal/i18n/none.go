package i18n

// none are the texts of commands about lists that are empty.
var none = map[string]entry{
	"none.chats":         {"還沒有聊天；用「omega send --to 指紋 文字」開始", "no chats yet; begin one with “omega send --to FPR TEXT”"},
	"none.messages":      {"這個聊天還沒有訊息", "no messages in this chat yet"},
	"none.after":         {"那之後沒有訊息", "no messages after that"},
	"none.contacts":      {"還沒有聯絡人；用「omega contact add 指紋 --name 名字」加入", "no contacts yet; add one with “omega contact add FPR --name NAME”"},
	"none.found":         {"沒有符合的人", "nobody fits"},
	"none.blocked":       {"沒有封鎖任何人", "nobody is blocked"},
	"none.declined":      {"沒有略過任何人", "nobody was declined"},
	"none.requests":      {"沒有陌生人的訊息", "no messages from strangers"},
	"none.groups":        {"還沒有群組；用「omega group create --name 名稱」建立", "no groups yet; make one with “omega group create --name NAME”"},
	"none.members":       {"沒有這樣的成員", "no such members"},
	"none.grouprequests": {"沒有人申請加入", "nobody asks to join"},
	"none.reach":         {"還沒有人收到", "nobody has got it yet"},
	"none.mentions":      {"沒有提到你而還沒讀的訊息；讀過的用 --all 列出", "no unread messages mention you; --all lists those that were read"},
	"none.allmentions":   {"沒有提到你的訊息", "no messages mention you"},
	"none.commands":      {"沒有這樣的指令", "there is no such command"},
	"none.stickers":      {"還沒有貼圖包；用「omega sticker import 檔案」匯入", "no sticker packs yet; bring one in with “omega sticker import FILE”"},
	"none.folders":       {"還沒有資料夾；用「omega folder make 名稱」建立", "no folders yet; make one with “omega folder make TITLE”"},
	"none.scheduled":     {"沒有預約的訊息", "no messages are scheduled"},
	"none.reactions":     {"沒有人回應這則訊息", "nobody reacted to this message"},
	"none.pins":          {"這個聊天沒有公告", "nothing is pinned in this chat"},
	"none.days":          {"{0} 沒有訊息", "no messages in {0}"},
}
