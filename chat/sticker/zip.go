package sticker

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// MaxZip is how many octets an archive may have.
const MaxZip = 32 << 20

// Bounds of what is read of an archive.
const (
	maxDirectory = 1 << 20   // octets of the list of what is in it
	maxMeta      = 256 << 10 // of productInfo.meta
	endSize      = 22        // of what stands at the end of an archive
)

// An Archive is a pack that somebody has as a file.
type Archive struct {
	Title, Author string // as it says; "" if it does not
	Files         []File
	Skipped       int // files that are no stickers that can be shown
}

// IsZip reports whether a file begins like an archive.
func IsZip(b []byte) bool { return bytes.HasPrefix(b, []byte("PK\x03\x04")) }

// ReadZip reads a package of LINE, or an archive of sticker files. The error wraps
// ErrBad.
func ReadZip(b []byte) (*Archive, error) {
	if err := checkDirectory(b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBad, err)
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBad, err)
	}
	entries := map[string]*zip.File{}
	for _, f := range r.File {
		entries[f.Name] = f
	}
	a := &Archive{}
	if meta := entries["productInfo.meta"]; meta != nil {
		err = a.line(meta, entries)
	} else {
		err = a.plain(entries)
	}
	if err == nil && len(a.Files) == 0 {
		err = errors.New("there is no sticker in it")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBad, err)
	}
	return a, nil
}

// checkDirectory refuses archives whose list is longer than any pack's: it is taken
// into memory whole.
func checkDirectory(b []byte) error {
	if len(b) > MaxZip {
		return fmt.Errorf("%d octets, at most %d", len(b), MaxZip)
	}
	i := bytes.LastIndex(b[max(0, len(b)-endSize-1<<16):], []byte("PK\x05\x06"))
	if i < 0 {
		return zip.ErrFormat
	}
	end := max(0, len(b)-endSize-1<<16) + i
	if len(b)-end < endSize {
		return zip.ErrFormat
	}
	if binary.LittleEndian.Uint16(b[end+10:]) == 0xffff { // another list says it (ZIP64), which no pack needs
		return errors.New("more files than a pack has")
	}
	size, offset := binary.LittleEndian.Uint32(b[end+12:]), binary.LittleEndian.Uint32(b[end+16:])
	if size > maxDirectory || int64(offset) < int64(end)-2*maxDirectory || int64(offset)+int64(size) > int64(end) {
		return errors.New("the list of what is in it is too long, or elsewhere")
	}
	return nil
}

// open reads an entry of at most so many octets, whatever it says of itself.
func open(f *zip.File, most int64) ([]byte, error) {
	if f.UncompressedSize64 > uint64(most) {
		return nil, fmt.Errorf("%d octets, at most %d", f.UncompressedSize64, most)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("more than %d octets", most)
	}
	return b, err
}

// line reads a package of LINE: what its list says, under the names that follow
// from the numbers in it.
func (a *Archive) line(meta *zip.File, entries map[string]*zip.File) error {
	b, err := open(meta, maxMeta)
	if err != nil {
		return err
	}
	var list struct {
		Title    map[string]string `json:"title"`
		Author   map[string]string `json:"author"`
		Stickers []struct {
			ID int64 `json:"id"`
		} `json:"stickers"`
	}
	if err := json.Unmarshal(b, &list); err != nil {
		return err
	}
	if len(list.Stickers) > MaxCount {
		return fmt.Errorf("%d stickers, at most %d", len(list.Stickers), MaxCount)
	}
	a.Title, a.Author = inTaiwan(list.Title), inTaiwan(list.Author)
	for _, s := range list.Stickers {
		id := strconv.FormatInt(s.ID, 10)
		for _, name := range []string{"animation@2x/" + id + "@2x.png", "animation/" + id + ".png", id + "@2x.png", id + ".png"} {
			if f := entries[name]; f != nil {
				a.add(f, id+".png")
				break
			}
		}
	}
	return nil
}

// inTaiwan is a text in Chinese as it is written in Taiwan, or else in English, or else
// in any language.
func inTaiwan(texts map[string]string) string {
	for _, lang := range append([]string{"zh-Hant", "zh_TW", "zh-TW", "en"}, slices.Sorted(maps.Keys(texts))...) {
		if s := texts[lang]; s != "" {
			return s
		}
	}
	return ""
}

// plain reads an archive of sticker files, in order of their names.
func (a *Archive) plain(entries map[string]*zip.File) error {
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		base := path.Base(strings.ReplaceAll(name, `\`, "/"))
		ending := strings.ToLower(path.Ext(base))
		if !slices.Contains([]string{".png", ".webp", ".webm", ".tgs"}, ending) || strings.HasPrefix(base, ".") {
			continue
		}
		if len(a.Files) == MaxCount {
			return fmt.Errorf("more than %d stickers", MaxCount)
		}
		a.add(entries[name], base)
	}
	return nil
}

func (a *Archive) add(f *zip.File, name string) {
	b, err := open(f, MaxFile)
	if err == nil {
		var file File
		if file, err = Check(name, b); err == nil {
			a.Files = append(a.Files, file)
			return
		}
	}
	a.Skipped++
}
