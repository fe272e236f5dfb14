package names

import (
	_ "embed"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

//go:embed confusables.txt
var confusablesText string

// confusables has what a character looks like. (UTS #39)
var confusables = sync.OnceValue(func() map[rune]string {
	out := make(map[rune]string)
	for line := range strings.Lines(confusablesText) {
		fields := strings.Fields(line)
		var target strings.Builder
		for code := range strings.SplitSeq(fields[0], "+") {
			target.WriteRune(hexRune(code))
		}
		for _, field := range fields[1:] {
			first, last, some := strings.Cut(field, "-")
			if !some {
				last = first
			}
			for r := hexRune(first); r <= hexRune(last); r++ {
				out[r] = target.String()
			}
		}
	}
	return out
})

func hexRune(s string) rune {
	n, _ := strconv.ParseUint(s, 16, 32)
	return rune(n)
}

// alikes are characters, in simplified form, that people take for each other at a
// glance, beside those of UTS #39, which has hardly any of them. Of each group the
// first stands for all.
const alikes = `己已巳 末未 日曰 土士 王玉壬 大太犬丈 干千于 人入八 天夭 戊戌戍戉 明朙眀 国囯囻圀 木术朮 本夲 刀刁 毋母毌 田由甲申 目自 且旦
免兔 候侯 鸟乌 子孑孓 余佘 折拆 洗冼 辛幸 祟崇 晴睛 睢雎 胄冑 券卷 薄簿 萧箫 籍藉 蓝篮 冰氷 冶治 刺剌 毫亳 茶荼 哀衷 徒徙 宣宜 宫官
享亨 亮亭 壁璧 暑署 赢嬴羸 栗粟 叉又 弋戈 尸户戶戸 丐丏 汨汩 沐沭 妹妺 梁粱 杨扬 陈阵 莹萤 玫玟 廷延 圮圯 拙抽 黄黃 吕呂 吴吳 内內
青靑 清淸 温溫 录録 静靜 强強 教敎 郎郞 绝絶 兑兌 尚尙 颜顔 彦彥 黑黒 德徳 惠恵 穗穂 龙竜 广広 泽沢 齐斉 斋斎 樱桜 荣栄 学斈 高髙
吉𠮷 边辺邉 滨浜 弥彌 贾買 沈沉 庄荘 苏蘇 关関 气気 铁鉄 乐楽 万卍 円圆 实実 宝寳 寿壽 户护 佑佐 岳嶽 峰峯 群羣 启啓啟 里裏裡 台臺
真眞 为爲 众眾 线綫 墙牆 遍徧 妆粧 彷仿 占佔 艳豔 污汙 迹跡 周週 于於 晋晉 晨晟 杰桀 烨晔 祎袆 祐裕佑 祗衹 袛祇 季李 孟盂 丘兵 斤斥 今令 勿匆
夂夊 氏氐 市巿 柿杮 帅师 享亨 玨珏 珮佩 瑶瑤 甯宁 喆哲 堃坤 犇奔 淼渺 鑫𨰻 昇升 陞升 旲昊 旻昱 芊羋 芸蕓 苹萍 苗茁 荀苟 蔡葵 萬万 范苑 姜羌`

var alikeRunes = sync.OnceValue(func() map[rune]rune {
	out := make(map[rune]rune)
	for _, group := range strings.Fields(alikes) {
		var first rune
		for _, r := range group {
			r = Simplified(r)
			if first == 0 {
				first = root(out, r)
			} else if r = root(out, r); r != first {
				out[r] = first
			}
		}
	}
	return out
})

// root follows a character to the one that stands for it.
func root(of map[rune]rune, r rune) rune {
	for {
		next, ok := of[r]
		if !ok {
			return r
		}
		r = next
	}
}

// Key is what a name looks like: two names that have one key a person may take for
// each other. It knows nothing of full width, letters of other scripts, case,
// traditional and simplified forms, marks, punctuation and white space. Keys are
// compared and never shown, and may change with every version of the program.
func Key(name string) string {
	var seen, all strings.Builder
	for _, r := range name {
		r = halfWidth(r)
		if unseen(r) {
			continue
		}
		text, ok := confusables()[r]
		if !ok {
			text = string(r)
		}
		for _, r := range text {
			r = plainRune(r)
			all.WriteRune(r)
			if unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r) && !unicode.Is(unicode.Inherited, r) {
				seen.WriteRune(r)
			}
		}
	}
	key := seen.String()
	if key == "" {
		key = all.String() // a name of symbols only
	}
	return strings.ReplaceAll(key, "vv", "w")
}

// Alike reports whether a person may take two names for each other.
func Alike(a, b string) bool {
	key := Key(a)
	return key != "" && key == Key(b)
}

// halfWidth folds what East Asian fonts have in the width of two letters.
func halfWidth(r rune) rune {
	switch {
	case r >= 0xff01 && r <= 0xff5e:
		return r - 0xfee0
	case r == 0x3000:
		return ' '
	}
	return r
}

// unseen reports whether a character changes little or nothing that is seen: marks
// on letters, joiners, marks of direction, fillers.
func unseen(r rune) bool {
	switch r {
	case 0x115f, 0x1160, 0x3164, 0xffa0:
		return true
	}
	return unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Inherited, r)
}

// plainRune is what stands for a character in a key.
func plainRune(r rune) rune {
	if r >= 0x2e80 {
		r = Simplified(r)
		return root(alikeRunes(), r)
	}
	switch r = unicode.ToLower(r); r {
	case 'i', 'ı':
		return 'l' // as I and 1 look
	case 'ω', 'ѡ', 'ꞷ', 'ɯ':
		return 'w'
	}
	return r
}
