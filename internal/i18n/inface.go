package i18n

import "regexp"

// inFaces are texts of the core as faces say them in which nobody types a command: where
// advice names a command or an option, what to do there instead. Advice that names one and
// is not here is left out there.
var inFaces = map[string]entry{
	"news.own.contest":    {"不是你撤銷的：72 小時內可以收回", "if it was not you: it can be taken back within 72 hours"},
	"news.own.what":       {"不是你加的：立刻在裝置的清單裡撤銷它，再換掉主金鑰的密碼，並告訴聯絡人", "if it was not you: revoke it at once in the list of devices, change the passphrase of the primary key, and tell your contacts"},
	"next.inherit":        {"先在新帳號的「換金鑰：改用新帳號」裡說它接續這個帳號，指紋 {0}；已經說過，就等它送到了再試一次", "first say on the new account, under “Go on as another account”, that it goes on for this one, fingerprint {0}; if you did, try again once that has arrived"},
	"notice.disputed":     {"裝置清單有爭議：有裝置移除了比它早加入的裝置，或被收回；是你的帳號而不是你做的，72 小時內可以收回；是對方的，請用別的管道確認", "the list of devices is in dispute: a device removed one that was linked before it, or that was taken back. If it is your account and it was not you, it can be taken back within 72 hours; if it is somebody else's, ask in another way"},
	"notice.heir":         {"說要接續你的帳號；是你自己的，在「換金鑰：改用新帳號」裡改用它；不是，就不用理它", "says that it goes on for your account; if it is yours, go on as it under “Go on as another account”; if not, leave it alone"},
	"next.askinvite":      {"請向營運者要一個新的邀請；或換一部開放註冊的伺服器", "ask its operator for a new invite, or choose a server that is open"},
	"next.backup":         {"請從備份還原", "restore it from a backup"},
	"next.compare":        {"和對方比對安全碼，或掃描對方畫面上的行動條碼", "compare the safety number with them, or scan the code on their screen"},
	"next.contestwhich":   {"說出是哪一部裝置", "say which device"},
	"next.deleted":        {"刪除無法復原；要建新帳號，請用另一把金鑰", "that cannot be undone; a new account needs another key"},
	"next.endgroup":       {"離開群組，或由擁有者解散", "leave the group, or as its owner end it"},
	"next.filelate":       {"再試一次，會從中斷的地方繼續", "try again: it goes on where it stopped"},
	"next.fingerprint":    {"請用對方帳號頁上的 40 位指紋", "use the 40 digits of the other side's account"},
	"next.forme":          {"可以只從自己的裝置刪除", "you can delete it from your own devices only"},
	"next.handlate":       {"會自己繼續", "it goes on by itself"},
	"next.hasaccount":     {"請把這部裝置連結到那個帳號", "link this device to that account"},
	"next.homes":          {"伺服器的清單在帳號的設定裡", "the settings of the account list servers"},
	"next.lastowner":      {"先把別人設為擁有者；或解散群組", "make somebody else an owner first, or end the group"},
	"next.contest":        {"不是你移除的，72 小時內可以在裝置的清單收回", "if it was not you who removed it, take that back in the list of devices within 72 hours"},
	"next.linkagain":      {"紀錄還在這裡；要再使用帳號，請從另一部裝置重新連結", "the history is still here; to use the account again link it anew"},
	"next.manypacks":      {"先移除一些貼圖包", "take some packs out first"},
	"next.nobody":         {"還不是聯絡人的，先用指紋或連結加入", "who is no contact yet is added by fingerprint or link"},
	"next.nocontest":      {"裝置的清單上看得到現況；主金鑰撤銷的裝置收不回來", "the list of devices tells how they stand; what the primary key revoked cannot be taken back"},
	"next.nosecurekey":    {"請對方用新版程式上線一次", "ask them to go online once with a current version"},
	"next.notverified":    {"不要繼續：對方可能不是你想的那個人，或有人冒充。兩邊再看一次安全碼", "stop here: that may not be who you think, or somebody is pretending. Look at the safety number again on both sides"},
	"next.notyours":       {"只能編輯自己傳的訊息；可以改用回覆", "only your own can be edited; you can answer it"},
	"next.oldkeys":        {"校正兩部裝置的時鐘，再從新裝置重新連結", "set the clocks of both devices right, and link the new one again"},
	"next.otherdevice":    {"請在另一部持有主金鑰的裝置上撤銷它", "revoke it on another device that holds the primary key"},
	"next.othersfpr":      {"用對方的指紋或連結", "use the other person's fingerprint or link"},
	"next.packoffline":    {"連上網路後再試一次", "try again when there is a connection"},
	"next.packsecure":     {"一次傳一張，或在一般聊天分享整包", "send one sticker, or share the pack in a normal chat"},
	"next.primarycontest": {"請在比較早加入的裝置上收回；有主金鑰的裝置任何時候都可以", "take it back on a device that was linked earlier; one that has the primary key can do it at any time"},
	"next.program":        {"先確認對方是誰，並加為聯絡人", "find out who they are, and add them as a contact"},
	"next.quota":          {"收回不要的檔案，或換一部伺服器", "take back files that nobody needs, or use another server"},
	"next.relink":         {"請在新裝置上重新開始連結", "begin again on the new device"},
	"next.revokeskey":     {"請保留帳號，只停用裝置", "keep the account and end its devices"},
	"next.scan":           {"掃描對方畫面上的行動條碼", "scan the code on the other screen"},
	"next.securegroup":    {"請建立安全群組", "make a secure group"},
	"next.securestart":    {"請先開始安全聊天", "begin a secure chat first"},
	"next.server":         {"請確認伺服器位址與網路", "check the server's address and the network"},
	"next.succeeded":      {"先向本人確認", "ask the person by another way first"},
	"next.thesedevices":   {"有這些：{0}", "there are: {0}"},
	"next.unban":          {"先准許再加入", "let them be invited again first"},
	"next.unblock":        {"要先解除封鎖", "block it no more first"},
	"next.verify":         {"先當面比對", "verify it in person first"},
	"next.waits":          {"不用再傳一次", "no need to send it again"},
	"next.whichserver":    {"架伺服器的人會給你位址或邀請連結", "whoever runs a server has an address or an invite"},
	"next.younger":        {"請比較早加入的那一部裝置", "ask a device that was linked earlier"},
}

// named finds a command of omega, or an option, in a text.
var named = regexp.MustCompile(`\bomegad? [a-z-]|(^|[ 「“（(])--[a-z]`)

// isCommand reports whether a text names a command or an option of omega. Those of GnuPG
// are for who has it.
func (e entry) isCommand() bool { return named.MatchString(e.zh) || named.MatchString(e.en) }

// faceEntry is an entry as faces say it in which nobody types a command.
func faceEntry(key string, e entry) entry {
	if o, ok := inFaces[key]; ok {
		return o
	}
	if len(key) > 5 && key[:5] == "next." && !(len(key) > 9 && key[:9] == "next.gpg.") && e.isCommand() {
		return entry{}
	}
	return e
}

// InFace is In for faces in which nobody types a command; empty: there is nothing to say.
func (t Text) InFace(l Lang) string {
	e, ok := find(t.Key)
	if !ok {
		return t.In(l)
	}
	return t.form(faceEntry(t.Key, e), l)
}
