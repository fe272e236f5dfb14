package main

import (
	"cmp"
	"context"
	"strings"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/internal/i18n"
)

// renameCmd says how the devices of this account call one of them.
type renameCmd struct {
	Device string `arg:"" help:"${help_device_rename_which}"`
	Name   string `arg:"" help:"${help_device_rename_name}"`
}

func (c *renameCmd) Run(ctx context.Context, a *app) error {
	conn, err := a.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	fp, err := a.deviceOf(ctx, conn, c.Device)
	if err != nil {
		return err
	}
	d, err := clientrpc.Rename.Call(ctx, conn, clientrpc.RenameParams{Device: fp, Name: c.Name})
	if err != nil {
		return err
	}
	if a.json {
		return a.line(d)
	}
	a.printf("%s\n", a.text("device.renamed"))
	a.devices([]clientrpc.Device{d})
	return nil
}

// deviceOf is the device of this account that somebody typed: by fingerprint, or by a
// name that one device only has.
func (a *app) deviceOf(ctx context.Context, conn clientrpc.Conn, typed string) (omega.Fingerprint, error) {
	if fp, err := omega.ParseFingerprint(typed); err == nil {
		return fp, nil
	}
	list, err := clientrpc.Devices.Call(ctx, conn, clientrpc.None{})
	if err != nil {
		return omega.Fingerprint{}, err
	}
	var found []omega.Fingerprint
	for _, d := range list.Devices {
		if d.Name == typed {
			found = append(found, d.Fingerprint)
		}
	}
	switch {
	case len(found) > 1:
		return omega.Fingerprint{}, &clientrpc.Error{
			Code: clientrpc.CodeUsage, Doing: i18n.T("doing.finddevice", typed), Why: i18n.T("why.manydevices", typed, len(found)), Next: i18n.T("next.devicefpr"),
		}
	case len(found) == 0:
		return omega.Fingerprint{}, a.noDevice(typed, list.Devices)
	}
	return found[0], nil
}

// noDevice says that no device is called as somebody typed, and what those that there are
// are called.
func (a *app) noDevice(typed string, list []clientrpc.Device) error {
	var names []string
	for _, d := range list {
		names = append(names, safe(cmp.Or(d.Name, keyID(d.Fingerprint))))
	}
	return &clientrpc.Error{
		Code: clientrpc.CodeUsage, Doing: i18n.T("doing.finddevice", typed), Why: i18n.T("why.nodevicenamed", typed),
		Next: i18n.T("next.thesedevices", strings.Join(names, a.text("group.and"))),
	}
}
