package clientrpc

import (
	"time"

	"github.com/omega-im/omega"
)

// The methods about media.
var (
	SendFile   = Method[SendFileParams, *SendFileResult]{"file.send"}
	GetFile    = Method[GetFileParams, *GetFileResult]{"file.get"}
	ReadFile   = Method[ReadFileParams, *ReadFileResult]{"file.read"}
	Quota      = Method[QuotaParams, QuotaResult]{"quota"}
	FileStatus = Method[FileStatusParams, *FileStatusResult]{"file.status"}
)

// A Medium is one item of a message with media.
type Medium struct {
	What       string              `json:"what"` // photo, video, voice, file, sticker
	Blob       string              `json:"blob"` // SHA-256, 64 hexadecimal digits
	Size       int64               `json:"size"` // octets
	Type       string              `json:"type"`
	Name       string              `json:"name,omitempty"` // of the file
	Width      uint32              `json:"width,omitempty"`
	Height     uint32              `json:"height,omitempty"`
	DurationMS int64               `json:"duration_ms,omitempty"`
	Servers    []omega.Fingerprint `json:"servers,omitempty"` // that have it
	Emoji      string              `json:"emoji,omitempty"`
	Thumb      string              `json:"thumb,omitempty"`    // blob of a picture that stands for it
	Waveform   []byte              `json:"waveform,omitempty"` // of a voice note: how loud it is, from begin to end, 0 to 255
	Unsigned   bool                `json:"unsigned,omitempty"`
	Sealed     bool                `json:"sealed,omitempty"` // of a secure chat: Blob is what servers have of it, Size that of what is in it
}

// SendFileParams sends files. They are read before the call returns, so they may
// change or go afterwards.
type SendFileParams struct {
	ID       omega.ID      `json:"id"`    // as in SendParams
	To       string        `json:"to"`    // the same
	Paths    []string      `json:"paths"` // absolute; several are an album
	Caption  string        `json:"caption"`
	Entities []Entity      `json:"entities,omitempty"` // of the caption
	Markup   bool          `json:"markup,omitempty"`   // the caption is as a person typed it, as in SendParams
	As       string        `json:"as"`                 // what they are, see Medium; empty: what they begin like
	Emoji    string        `json:"emoji"`              // of stickers
	Keep     bool          `json:"keep"`               // keep what pictures and films tell beside themselves
	Poster   string        `json:"poster"`             // absolute: a picture that stands for the film, if that is the only file; empty: none
	Waveform []byte        `json:"waveform"`           // of the voice note, if that is the only file; at most 256 octets, see Medium; empty: the core finds it in Opus (Ogg, WebM) and WAV
	Unsigned bool          `json:"unsigned"`           // the signature says nothing of them; not in a secure chat
	Secure   bool          `json:"secure"`             // as in SendParams
	Expire   time.Duration `json:"expire"`             // as in SendParams
	Wait     string        `json:"wait"`               // as in SendParams
	Timeout  time.Duration `json:"timeout"`
}

// SendFileResult says how far the message got.
type SendFileResult struct {
	SendResult
	Media []Medium `json:"media"`
	URLs  []string `json:"urls"` // where each is served over HTTP, "" if that is not known
}

// A FileRef names a file of a message.
type FileRef struct {
	ID    omega.ID `json:"id"`    // of the message
	Item  int      `json:"item"`  // from 0
	Thumb bool     `json:"thumb"` // the picture that stands for it instead
}

// GetFileParams brings a file of a message here.
type GetFileParams struct {
	FileRef
	Anyway  bool          `json:"anyway,omitempty"` // although it is of a stranger and does something when it is opened
	Path    string        `json:"path"`             // absolute: where it is put, whole and checked; empty: it comes to the cache only
	Timeout time.Duration `json:"timeout"`
}

// GetFileResult says where it is.
type GetFileResult struct {
	Medium
	Path     string `json:"path"`     // of Params, or of the cache: not to be changed; empty where it is sealed there
	Verified bool   `json:"verified"` // the message is, and it signs the file
}

// MaxRead is the most that one call reads of a file, in octets.
const MaxRead = 256 << 10

// ReadFileParams reads a part of a file, such as a player asks for, whether it is
// here or not: of a large one only what the part needs is fetched and checked.
// GetFile beside it brings the whole; Transferred tells how far that is, and
// PartTransferred how far the part is that this waits for.
type ReadFileParams struct {
	FileRef
	Offset  int64         `json:"offset"`           // octets; the end of the file reads nothing
	Length  int           `json:"length"`           // at most MaxRead
	Anyway  bool          `json:"anyway,omitempty"` // as in GetFileParams
	Timeout time.Duration `json:"timeout"`
}

// ReadFileResult has octets that were checked.
type ReadFileResult struct {
	Data []byte `json:"data"` // as many as were asked for, but where the file ends
	Size int64  `json:"size"` // of the whole
	Type string `json:"type"` // media type, on the sender's word
}

// FileStatusParams asks how far the files of a message are. It waits until that is
// more than Done.
type FileStatusParams struct {
	ID      omega.ID      `json:"id"`
	Done    int64         `json:"done"`
	Timeout time.Duration `json:"timeout"`
}

// FileStatusResult counts octets of all files of the message that are under way.
type FileStatusResult struct {
	Done  int64 `json:"done"`
	Total int64 `json:"total"` // 0: nothing is under way
}

// QuotaParams asks the homes of this account how much room files have there.
type QuotaParams struct {
	Timeout time.Duration `json:"timeout"` // of each home
}

// QuotaResult has an entry for each home, in the order of its record.
type QuotaResult struct {
	Homes []HomeQuota `json:"homes"`
}

// A HomeQuota is what one home says.
type HomeQuota struct {
	Server  omega.Fingerprint `json:"server"`
	Used    int64             `json:"used"`              // octets of files that this account has there
	Most    int64             `json:"most"`              // that it may have now
	Problem *Error            `json:"problem,omitempty"` // why it did not say
}
