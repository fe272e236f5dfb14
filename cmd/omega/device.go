package main

import (
	"context"
	"fmt"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// deviceHelp are the texts of what this file adds to the commands about devices.
var deviceHelp = []string{"device_confirm", "device_rename", "device_rename_which", "device_rename_name", "device_history", "device_history_to", "device_history_from", "device_history_wait", "approve_history", "contest", "contest_device"}

// deviceNews tells of devices that came and went, beside what was received, and
// returns up to where. What happened to a contact's devices is told once; a new
// device of one's own account until the person says whose it is.
func (a *app) deviceNews(ctx context.Context, conn clientrpc.Conn, list []clientrpc.DeviceNews, after int64) (int64, error) {
	var seen []int64
	for _, n := range list {
		after = max(after, n.Number)
		fmt.Fprintf(a.stderr, "omega: ⚠ %s\n", a.newsLine(n))
		if n.Own && n.Kind == clientrpc.DeviceAdded {
			fmt.Fprintf(a.stderr, "  → %s\n", a.advice("news.own.what", n.Device))
			continue
		}
		if n.Kind == clientrpc.DeviceRevoked && !n.By.IsZero() {
			fmt.Fprintf(a.stderr, "  → %s\n", a.text("news.by", safe(n.ByName), n.By))
			if n.Own {
				fmt.Fprintf(a.stderr, "  → %s\n", a.advice("news.own.contest"))
			}
		}
		seen = append(seen, n.Number)
	}
	if len(seen) == 0 {
		return after, nil
	}
	_, err := clientrpc.DeviceNewsSeen.Call(ctx, conn, clientrpc.DeviceNewsSeenParams{Numbers: seen})
	return after, err
}

func (a *app) newsLine(n clientrpc.DeviceNews) string {
	if n.Own {
		return a.text("news.own."+n.Kind, safe(n.DeviceName), n.Device, a.clock(n.Time))
	}
	who := safe(n.Name)
	if who == "" {
		who = n.Account.String()
	} else {
		who += " (" + keyID(n.Account) + ")"
	}
	return a.text("news."+n.Kind, who, safe(n.DeviceName), n.Device, a.clock(n.Time))
}

// deviceConfirmCmd says that a device of the account is known.
type deviceConfirmCmd struct {
	Device string `arg:"" help:"${help_revoke_device}"`
}

func (c *deviceConfirmCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	fp, err := a.deviceOf(ctx, conn, c.Device)
	if err != nil {
		return err
	}
	list, err := clientrpc.Devices.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return err
	}
	for _, d := range list.Devices {
		if d.Fingerprint != fp {
			continue
		}
		if _, err := clientrpc.DeviceNewsSeen.Call(ctx, conn, clientrpc.DeviceNewsSeenParams{Devices: []omega.Fingerprint{fp}}); err != nil {
			return err
		}
		if a.json {
			return a.line(d)
		}
		a.printf("%s\n", a.text("confirm.done"))
		a.devices([]clientrpc.Device{d})
		return nil
	}
	return &clientrpc.Error{Code: clientrpc.CodeNotFound, Doing: i18n.T("doing.account"), Why: i18n.T("why.nodevice"), Next: i18n.T("next.devices")}
}
