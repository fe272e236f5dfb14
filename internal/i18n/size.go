package i18n

import (
	"math"
	"strconv"
)

// sizeUnits are decimal, as disks and file managers count.
var sizeUnits = []string{"B", "kB", "MB", "GB", "TB"}

// Size writes a number of octets as all faces do, the browser's too: 512 B, 1.5 kB,
// 123 kB, 63 MB.
func Size(n int64) string {
	amount, unit := float64(n), 0
	for ; amount >= 1000 && unit < len(sizeUnits)-1; unit++ {
		amount /= 1000
	}
	digits := 0
	if unit > 0 && amount < 10 {
		digits = 1
	}
	scale := math.Pow10(digits)
	return strconv.FormatFloat(math.Round(amount*scale)/scale, 'f', digits, 64) + " " + sizeUnits[unit]
}
