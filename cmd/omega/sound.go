package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"runtime"
	"time"

	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// soundEnd is how long a program may take to finish its file once it was told to end.
const soundEnd = 5 * time.Second

// players are programs that play a sound without a window, the first that is here.
var players = [][]string{
	{"mpv", "--no-video", "--really-quiet", "--"}, {"ffplay", "-nodisp", "-autoexit", "-loglevel", "quiet"}, {"cvlc", "--play-and-exit", "--quiet"},
}

// player plays a sound with a program of this machine; nil: there is none.
func player() func(ctx context.Context, path string) error {
	for _, p := range players {
		if program, err := exec.LookPath(p[0]); err == nil {
			return func(ctx context.Context, path string) error {
				if err := checkSound(path); err != nil {
					return err
				}
				return sound(ctx, program, append(p[1:len(p):len(p)], path))
			}
		}
	}
	return nil
}

// checkSound finds what is no sound by how it begins, whatever it is called: what somebody
// sends as a voice note may be a list of addresses, and players would fetch those.
func checkSound(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	head := make([]byte, 12)
	n, _ := io.ReadFull(f, head) // what is shorter or cannot be read is none
	head = head[:n]
	for _, begin := range []string{"OggS", "\x1a\x45\xdf\xa3", "fLaC", "RIFF", "ID3", "\xff\xfb", "\xff\xf3", "\xff\xf1"} { // WebM is EBML; the last ones are MP3 and AAC
		if bytes.HasPrefix(head, []byte(begin)) {
			return nil
		}
	}
	if n > 8 && string(head[4:8]) == "ftyp" { // MP4
		return nil
	}
	return &clientrpc.Error{Code: clientrpc.CodeUsage, Doing: i18n.T("doing.play"), Why: i18n.T("why.nosound"), Next: i18n.T("next.nosound")}
}

// microphones are what ffmpeg calls the microphone on each system.
var microphones = map[string][]string{
	"linux": {"-f", "pulse", "-i", "default"}, "freebsd": {"-f", "oss", "-i", "/dev/dsp"}, "darwin": {"-f", "avfoundation", "-i", ":0"},
}

// recorder records what is spoken with ffmpeg, as Opus in Ogg; nil: that is not here.
func recorder() func(ctx context.Context, path string) error {
	program, err := exec.LookPath("ffmpeg")
	from := microphones[runtime.GOOS]
	if err != nil || from == nil {
		return nil
	}
	return func(ctx context.Context, path string) error {
		args := append([]string{"-nostdin", "-loglevel", "error"}, from...)
		args = append(args, "-ac", "1", "-c:a", "libopus", "-b:a", "24k", "-y", path)
		err := sound(ctx, program, args)
		if info, statErr := os.Stat(path); ctx.Err() != nil && statErr == nil && info.Size() > 0 {
			return nil // it ended because it was told to
		}
		return err
	}
}

// sound runs a program until it or ctx ends; it is told to end and may finish.
func sound(ctx context.Context, program string, args []string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = soundEnd
	return cmd.Run()
}
