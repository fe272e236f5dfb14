package i18n

// browser are the texts about the web face and about a home that has no account yet.
var browser = map[string]entry{
	"doing.setup":        {"打開帳號", "opening the account"},
	"doing.setupservers": {"尋找伺服器", "looking for servers"},
	"doing.setupkeys":    {"尋找 GnuPG 金鑰", "looking for keys of GnuPG"},
	"doing.web":          {"打開網頁介面", "opening the web pages"},
	"next.web":           {"請檢查帳號目錄的權限與磁碟空間", "check permissions and space of the home directory"},
	"why.linkended":      {"已經取消", "it was given up"},
	"why.upload":         {"檔案已經不在了", "the file is not here any more"},
	"next.upload":        {"請再選一次檔案", "choose the file again"},
	"help.web":           {"在瀏覽器裡使用 ω IM（沒有其他參數時就是這個；沒有螢幕就用終端機）。", "Use ω IM in the browser (what omega does without an argument; in the terminal where there is no screen)."},
	"help.web_noopen":    {"只印出網址，不開啟瀏覽器。", "Print the address and open no browser."},
	"help.web_server":    {"新帳號可以從這裡開始的伺服器。", "A server at which a new account may begin."},
	"web.address":        {"在這部電腦的瀏覽器開啟（網址只能用一次）：", "Open in a browser of this computer (the address works once):"},
	"web.stop":           {"按 Ctrl+C 結束。", "Ctrl+C ends it."},
}
