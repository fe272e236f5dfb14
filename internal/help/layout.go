package help

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/width"

	"github.com/omega-im/omega/internal/i18n"
)

// columns is how wide help is.
const columns = 80

// placeholders are the library's names for arguments and values, and what they are
// called in Chinese.
var placeholders = map[string]string{
	"chat": "聊天", "choice": "選項", "command": "命令", "device": "裝置", "emoji": "表情", "file": "檔案", "folder": "資料夾", "fpr": "指紋",
	"group": "群組", "id": "編號", "line": "行", "link": "連結", "name": "名字", "number": "號碼", "option": "選項", "pack": "貼圖包", "paths": "檔案",
	"peer": "對方", "query": "字", "question": "問題", "role": "身分", "state": "狀態", "text": "文字", "title": "標題", "typed": "字", "what": "什麼",
	"which": "哪個", "who": "誰", "dir": "目錄", "path": "路徑", "fingerprint": "指紋", "address": "位址", "certificate": "憑證",

	"FPR|CHAT": "誰", "CHAT|FPR": "聊天", "FPR": "指紋", "ID": "編號", "TEXT": "文字", "NAME": "名字", "DIR": "目錄", "PATH": "路徑", "FILE": "檔案",
	"FILE.png": "檔案.png", "DATE": "日期", "COUNT": "數量", "N": "數字", "STRING": "文字", "DURATION": "時間", "HOST:PORT[#FPR]": "主機:連接埠[#指紋]",
	"CODE|LINK": "代碼|連結", "KIND": "種類", "WHAT": "什麼", "EMOJI": "表情", "EMOJI,…": "表情,…", "HEX": "十六進位", "GROUP": "群組", "PACK": "貼圖包",
	"TITLE": "標題", "NUMBER": "號碼", "PLACE": "位置", "LINK|ID": "連結|編號", "N|EMOJI": "號碼|表情", "YYYY-MM": "年-月", "INT": "數字", "INT-64": "數字",
	"ADDRESS": "位址", "SECONDS": "秒數", "WHO": "誰",
}

// Names puts the names of arguments and values that stand in a usage into words.
func Names(text string, l i18n.Lang) string {
	if l != i18n.Chinese {
		return text
	}
	text = argument.ReplaceAllStringFunc(text, func(s string) string { return "<" + placeholder(s[1:len(s)-1]) + ">" })
	return value.ReplaceAllStringFunc(text, func(s string) string {
		flag, name, _ := strings.Cut(s, "=")
		return flag + "=" + placeholder(name)
	})
}

func placeholder(name string) string {
	if zh, ok := placeholders[name]; ok {
		return zh
	}
	return name
}

var (
	argument = regexp.MustCompile(`<[a-z-]+>`)
	value    = regexp.MustCompile(`--[a-z-]+=[A-Za-z:|#,….-]+(?:\[#FPR\])?`)
	// entry is a line about a flag or an argument: what is typed, and what it is for.
	entry = regexp.MustCompile(`^ +(?:-\w, +)?(?:--[a-z-]+(?:\[?=\S+)?|\[?<[^>]+>(?: \.\.\.)?\]?)(?:  +|$)`)
)

// layOut sets help anew whose words have other widths than the library's: names in
// Chinese, entries in two columns, no line wider than a terminal.
func layOut(text string, l i18n.Lang) string {
	if l != i18n.Chinese {
		return text
	}
	var out []string
	var block []string
	end := func() {
		out = append(out, entries(block)...)
		block = nil
	}
	for _, line := range strings.Split(text, "\n") {
		continues := len(block) > 0 && strings.HasPrefix(line, "          ") && strings.TrimSpace(line) != ""
		switch {
		case entry.MatchString(line):
			block = append(block, line)
		case continues: // the library wrapped it
			block[len(block)-1] += " " + strings.TrimSpace(line)
		case strings.TrimSpace(line) == "" && len(block) > 0:
			block = append(block, "")
		default:
			end()
			out = append(out, wrap("", Names(line, l), strings.Repeat(" ", len(line)-len(strings.TrimLeft(line, " "))))...)
		}
	}
	end()
	return strings.Join(out, "\n")
}

// entries sets lines about flags or arguments in two columns.
func entries(block []string) (out []string) {
	left, right, widest := make([]string, len(block)), make([]string, len(block)), 0
	for i, line := range block {
		at := entry.FindString(line)
		left[i], right[i] = Names(strings.TrimRight(at, " "), i18n.Chinese), strings.TrimSpace(line[len(at):])
		widest = max(widest, cells(left[i]))
	}
	for i := range block {
		if left[i] == "" {
			out = append(out, "")
			continue
		}
		gap := strings.Repeat(" ", widest-cells(left[i])+4)
		out = append(out, wrap(left[i]+gap, right[i], strings.Repeat(" ", widest+4))...)
	}
	return out
}

// wrap breaks a text behind what begins its first line; the other lines are indented.
// Han characters may be parted anywhere but before a mark that closes something.
func wrap(begin, text, indent string) (out []string) {
	line := begin
	for _, part := range breakable(text) {
		if cells(line)+cells(strings.TrimRight(part, " ")) > columns && strings.TrimSpace(line) != "" && line != begin {
			out = append(out, strings.TrimRight(line, " "))
			line = indent
			part = strings.TrimLeft(part, " ")
		}
		line += part
	}
	return append(out, strings.TrimRight(line, " "))
}

// breakable cuts a text where a line may end.
func breakable(text string) (out []string) {
	var last rune
	for _, r := range text {
		glued := last == 0 || !isWide(r) && !isWide(last) && last != ' ' ||
			strings.ContainsRune("，。、；：」）！？…", r) || strings.ContainsRune("「（", last)
		if r == ' ' && last != 0 {
			glued = true
		}
		if glued && len(out) > 0 {
			out[len(out)-1] += string(r)
		} else {
			out = append(out, string(r))
		}
		last = r
	}
	return out
}

// cells is how many columns of a terminal a text takes.
func cells(text string) (n int) {
	for _, r := range text {
		switch {
		case unicode.Is(unicode.Mn, r):
		case isWide(r):
			n += 2
		default:
			n++
		}
	}
	return n
}

func isWide(r rune) bool {
	k := width.LookupRune(r).Kind()
	return k == width.EastAsianWide || k == width.EastAsianFullwidth
}
