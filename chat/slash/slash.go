// Package slash is the commands that people type into a chat: /mute 8h, or ／靜音
// 8h. It knows their names, what they are given, and where they are of use; what
// they do is the caller's. It is pure.
package slash

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Scope is a set of kinds of chats.
type Scope uint8

// Kinds of chats.
const (
	Direct Scope = 1 << iota
	Group
	Saved  // the account's with itself
	Secure // a secure one of two; one of a group is a Group

	Everywhere = Direct | Group | Saved | Secure
)

// What a command is given. Catalogue keys are slash.arg. and these.
const (
	ArgNone     = ""
	ArgText     = "text"     // must be there
	ArgDuration = "duration" // 8h, 30m, 2d; may be left out
	ArgOnOff    = "onoff"
	ArgMessage  = "message" // an id; left out: the message that is answered, else the last one
	ArgPeople   = "people"  // names of contacts, or fingerprints
	ArgQuestion = "question"
	ArgEmoji    = "emoji"
	ArgLater    = "later"   // a duration, and a text
	ArgCommand  = "command" // name of one; may be left out
)

// A Command is one line of the registry. Its description is the catalogue's
// slash.NAME.
type Command struct {
	Name    string
	Aliases []string // in Chinese, and others that people know
	Arg     string
	Scope   Scope
}

// commands is the registry, in order of the names. (What a face cannot do with it,
// it cannot do otherwise either: every one of them is a call of clientrpc.)
var commands = []Command{
	{"about", []string{"簡介", "群組簡介"}, ArgText, Group},
	{"add", []string{"加", "加一"}, ArgText, Everywhere},
	{"admin", []string{"管理員"}, ArgPeople, Group},
	{"archive", []string{"封存"}, ArgNone, Everywhere},
	{"at", []string{"預約", "schedule"}, ArgLater, Everywhere},
	{"delete", []string{"刪除"}, ArgMessage, Everywhere},
	{"edit", []string{"編輯", "修改"}, ArgText, Everywhere},
	{"expire", []string{"閱後即焚", "限時"}, ArgLater, Everywhere},
	{"help", []string{"說明", "指令", "start"}, ArgCommand, Everywhere},
	{"invite", []string{"邀請"}, ArgPeople, Group},
	{"jielong", []string{"接龍", "list"}, ArgText, Everywhere},
	{"leave", []string{"退出", "退群", "離開"}, ArgNone, Group},
	{"link", []string{"邀請連結", "連結"}, ArgNone, Group},
	{"me", []string{"我"}, ArgText, Everywhere},
	{"members", []string{"成員"}, ArgNone, Group},
	{"mute", []string{"靜音", "關閉提醒"}, ArgDuration, Everywhere},
	{"pin", []string{"公告", "釘選"}, ArgMessage, Everywhere},
	{"pins", []string{"公告欄"}, ArgNone, Everywhere},
	{"poll", []string{"投票"}, ArgQuestion, Everywhere},
	{"react", []string{"回應"}, ArgEmoji, Everywhere},
	{"read", []string{"已讀"}, ArgNone, Everywhere},
	{"recall", []string{"收回", "unsend"}, ArgMessage, Everywhere},
	{"receipts", []string{"已讀回條"}, ArgOnOff, Direct | Group | Secure},
	{"remove", []string{"移除", "踢", "kick"}, ArgPeople, Group},
	{"search", []string{"搜尋", "找"}, ArgText, Everywhere},
	{"secure", []string{"安全聊天", "加密", "秘密聊天"}, ArgNone, Direct},
	{"server", []string{"伺服器", "連線"}, ArgNone, Everywhere},
	{"silent", []string{"無聲", "悄悄說"}, ArgText, Everywhere},
	{"title", []string{"群組名稱", "改名"}, ArgText, Group},
	{"top", []string{"置頂"}, ArgNone, Everywhere},
	{"unarchive", []string{"取消封存"}, ArgNone, Everywhere},
	{"unmute", []string{"取消靜音", "開啟提醒"}, ArgNone, Everywhere},
	{"unpin", []string{"取消公告", "取消釘選"}, ArgMessage, Everywhere},
	{"unread", []string{"標為未讀", "未讀"}, ArgNone, Everywhere},
	{"untop", []string{"取消置頂"}, ArgNone, Everywhere},
}

// Commands returns the registry. It is not to be changed.
func Commands() []Command { return commands }

// Find returns the command that a name or an alias means, however wide or large its
// letters are; nil if there is none.
func Find(name string) *Command {
	name = fold(name)
	for i := range commands {
		if commands[i].Name == name || slices.Contains(commands[i].Aliases, name) {
			return &commands[i]
		}
	}
	return nil
}

// A Call is a command as somebody typed it.
type Call struct {
	Name    string   // without the mark
	Arg     string   // what is behind it, without white space around
	Command *Command // nil: there is none of this name
}

// Parse reads a text that may be a command. Where it is none, is is false and text
// is what is to be sent: of a mark that is doubled (//), one is left. 、 is a mark only
// before the name of a command, since it is a comma as well; /etc/hosts and /2 are
// texts; and what names a bot (/roll@dice) is the bot's.
func Parse(typed string) (call Call, is bool, text string) {
	mark, size := utf8.DecodeRuneInString(typed)
	if !isMark(mark) {
		return Call{}, false, typed
	}
	rest := typed[size:]
	if next, _ := utf8.DecodeRuneInString(rest); isMark(next) {
		return Call{}, false, rest
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !nameRune(r) })
	if end < 0 {
		end = len(rest)
	}
	name, behind := rest[:end], rest[end:]
	after, _ := utf8.DecodeRuneInString(behind)
	if !strings.ContainsFunc(name, unicode.IsLetter) || behind != "" && !unicode.IsSpace(after) {
		return Call{}, false, typed
	}
	call = Call{Name: name, Arg: strings.TrimSpace(behind), Command: Find(name)}
	if call.Command == nil && mark == '、' {
		return Call{}, false, typed
	}
	return call, true, ""
}

// isMark reports whether a command may begin so.
func isMark(r rune) bool { return r == '/' || r == '／' || r == '、' }

func nameRune(r rune) bool {
	return r == '_' || r == '＿' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// A Match is a command that somebody may be about to type.
type Match struct {
	*Command
	Typed string // the name, or the alias, that begins with what was typed
}

// common are the commands that people look for most: where nothing of a name was typed
// yet, they come first, in this order.
var common = []string{
	"poll", "jielong", "add", "react", "recall", "edit", "pin", "silent", "at", "expire", "search", "mute", "invite", "link", "members", "secure",
}

// place is where a command stands among all: the common ones, then the others by name.
func place(m Match) int {
	if i := slices.Index(common, m.Name); i >= 0 {
		return i
	}
	return len(common)
}

// Complete returns the commands of a scope whose name or alias begins with what was
// typed, with or without a mark; those by their names first, in their order. Of a mark
// alone the common ones are the first.
func Complete(typed string, scope Scope) (out []Match) {
	if mark, size := utf8.DecodeRuneInString(typed); isMark(mark) {
		typed = typed[size:]
	}
	typed = fold(typed)
	var others []Match
	for i := range commands {
		c := &commands[i]
		if c.Scope&scope == 0 {
			continue
		}
		if strings.HasPrefix(c.Name, typed) {
			out = append(out, Match{c, c.Name})
			continue
		}
		if j := slices.IndexFunc(c.Aliases, func(a string) bool { return strings.HasPrefix(a, typed) }); j >= 0 {
			others = append(others, Match{c, c.Aliases[j]})
		}
	}
	out = append(out, others...)
	if typed == "" {
		slices.SortStableFunc(out, func(a, b Match) int { return place(a) - place(b) })
	}
	return out
}

// fold makes letters of full width narrow, and large ones small.
func fold(s string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if r >= '！' && r <= '～' {
			return r - '！' + '!'
		}
		return r
	}, s))
}
