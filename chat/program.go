package chat

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// programs are endings of files that do something when they are opened.
var programs = strings.Fields(`
	apk app appimage appx appxbundle bat cab chm cmd com cpl deb desktop dll dmg dotm docm exe gadget hta htm html img inf ins iso jar jnlp js jse
	jsp library-ms lnk mht mhtml msc msh msi msix msp mst ocx one onepkg pif pkg potm ppam ppsm pptm ps1 psm1 py pyw rb reg rpm scf scr sct
	search-ms sh shb shtml svg svgz sys url vb vbe vbs vhd vhdx vxd webloc wsc wsf wsh xbap xhtml xht xlam xll xlsm xltm xpi zsh`)

// programTypes are media types of such files.
var programTypes = []string{
	"application/x-msdownload", "application/x-msdos-program", "application/x-dosexec", "application/vnd.microsoft.portable-executable",
	"application/x-executable", "application/x-sharedlib", "application/x-mach-binary", "application/x-sh", "application/x-shellscript", "text/x-shellscript",
	"application/vnd.android.package-archive", "application/java-archive", "application/x-java-archive", "application/x-msi", "application/x-ms-shortcut",
	"application/hta", "application/javascript", "text/javascript", "application/x-bat", "text/html", "application/xhtml+xml", "image/svg+xml",
	"application/x-desktop", "application/x-debian-package", "application/vnd.debian.binary-package", "application/x-rpm", "application/x-apple-diskimage",
}

// Program reports whether an item says of itself that it is a file that does
// something when it is opened, or that shows a page which may pass for another.
func (m *MediaItem) Program() bool {
	name := strings.ToLower(strings.TrimRight(m.FileName, ". "))
	ending := strings.TrimPrefix(path.Ext(name), ".")
	return slices.Contains(programs, ending) || slices.Contains(programTypes, strings.ToLower(m.Type))
}

// BeginsLikeProgram reports whether octets begin as those of such files do,
// whatever they are called: at least 512 are wanted, if there are so many.
func BeginsLikeProgram(begin []byte) bool {
	for _, magic := range []string{
		"MZ", "\x7fELF", "#!", "\xfe\xed\xfa\xce", "\xfe\xed\xfa\xcf", "\xce\xfa\xed\xfe", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe",
		"!<arch>\ndebian", "\xed\xab\xee\xdb", "L\x00\x00\x00\x01\x14\x02\x00", "dex\n", "[Desktop Entry]", "[InternetShortcut]",
	} {
		if bytes.HasPrefix(begin, []byte(magic)) {
			return true
		}
	}
	text := strings.ToLower(strings.TrimLeft(string(bytes.TrimPrefix(begin, []byte("\xef\xbb\xbf"))), " \t\r\n"))
	return strings.HasPrefix(text, "<!doctype html") || strings.HasPrefix(text, "<html") || strings.HasPrefix(text, "<script") || strings.HasPrefix(text, "<svg")
}
