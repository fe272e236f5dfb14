package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/chat"
	"github.com/omega-im/omega/history"
)

// A home directory that was restored from a copy does not know what the device
// sent since, and would use sequences a second time. Three things tell: a mark
// of the directory that no copy carries along, a home that has
// acknowledgements of this device that it does not remember, and another copy
// of this device that attaches after it. (spec/chat.md, CHAT-6)

// Settings about copies.
const (
	settingMark  = "home-mark" // mark of the home directory when it was last opened
	settingLeapt = "leapt"     // when this device leapt last, ms since 1970; unset: never
)

// leapEvery is how often others may make a device leap: sequences have an end,
// and a server of which nobody knows why it says so must not use them up.
const leapEvery = time.Hour

// copiedFor is how long a person is warned after another copy was connected.
const copiedFor = 24 * time.Hour

// checkMark looks whether the home directory is the one that it was.
func (c *Client) checkMark(ctx context.Context) error {
	info, err := os.Stat(filepath.Join(c.cfg.Home, fileAccount))
	if err != nil {
		return err
	}
	mark := markOf(info)
	if mark == nil {
		return nil
	}
	return c.db.Update(ctx, func(tx *history.Tx) error {
		old, err := tx.Setting(settingMark)
		if err != nil || bytes.Equal(old, mark) {
			return err
		}
		if old != nil {
			if err := c.leap(tx, "the home directory is a copy"); err != nil {
				return err
			}
		}
		return tx.SetSetting(settingMark, mark)
	})
}

// notAlone notes that another copy of this device attached after it, and has the
// person know. (spec/chat.md, CHAT-73)
func (c *Client) notAlone(ctx context.Context) {
	err := c.db.Update(ctx, func(tx *history.Tx) error {
		_, err := tx.AddNotice(&history.Notice{Account: c.acc.Fingerprint, Kind: history.NoticeCopied, Time: c.cfg.now()})
		if err != nil {
			return err
		}
		return c.leapFor(tx, "another copy of this device is connected")
	})
	if err != nil && ctx.Err() == nil {
		c.cfg.log().Error("sequences did not leap", "err", err)
	}
}

// alone has what notAlone said be over when nothing of the kind came up for
// copiedFor.
func (c *Client) alone(tx *history.Tx) error {
	now := c.cfg.now()
	last, err := settingUint(tx, settingLeapt)
	if err != nil || last == 0 || young(now, time.UnixMilli(int64(last)), copiedFor) {
		return err
	}
	return tx.SettleNotices(c.acc.Fingerprint, history.NoticeCopied, 0, now)
}

// leapFor leaps because of what somebody else said, if that was not done lately.
func (c *Client) leapFor(tx *history.Tx, why string) error {
	last, err := settingUint(tx, settingLeapt)
	if err != nil || last != 0 && young(c.cfg.now(), time.UnixMilli(int64(last)), leapEvery) {
		return err
	}
	return c.leap(tx, why)
}

// leap has all that this device sends from now on come far behind what it may
// have sent and does not know of.
func (c *Client) leap(tx *history.Tx, why string) error {
	c.cfg.log().Warn("sequences leap", "why", why)
	return leapAll(tx, c.cfg.rand(), c.cfg.now())
}

func leapAll(tx *history.Tx, rand io.Reader, now time.Time) error {
	senders, err := tx.Senders()
	if err != nil {
		return err
	}
	for _, s := range senders {
		if err := s.Leap(rand); err != nil {
			return err
		}
		if err := tx.PutSender(s); err != nil {
			return err
		}
	}
	if err := tx.ShutEpochs(); err != nil { // a copy may have used their keys (spec/secure.md, SEC-19)
		return err
	}
	return setSettingUint(tx, settingLeapt, uint64(max(now.UnixMilli(), 1)))
}

// sender is the state of this device in a chat. In one that it does not know it
// may have sent before it was restored.
func (c *Client) sender(tx *history.Tx, id omega.ChatID) (chat.SenderState, error) {
	s, err := tx.Sender(id)
	if err != nil || s.Sequence != 0 {
		return s, err
	}
	leapt, err := settingUint(tx, settingLeapt)
	if err == nil && leapt != 0 {
		err = s.Leap(c.cfg.rand())
	}
	if err != nil {
		return s, fmt.Errorf("begin to send in chat %s: %w", id, err)
	}
	return s, nil
}
