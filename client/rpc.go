package client

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/omega-im/omega"
	"github.com/omega-im/omega/clientrpc"
	"github.com/omega-im/omega/history"
	"github.com/omega-im/omega/internal/i18n"
	"github.com/omega-im/omega/pgp"
)

// A call is one method of the registry with its types erased.
type call struct {
	doing  i18n.Text
	decode func(params []byte) (any, error)
	run    func(ctx context.Context, c *Client, req any) (any, error)
}

// handle ties a method to the function that serves it.
func handle[Req, Resp any](calls map[string]call, m clientrpc.Method[Req, Resp], doing string, f func(*Client, context.Context, Req) (Resp, error)) {
	calls[m.Name] = call{
		doing: i18n.T(doing),
		decode: func(params []byte) (any, error) {
			var req Req
			if len(params) == 0 {
				return req, nil
			}
			err := json.Unmarshal(params, &req)
			return req, err
		},
		run: func(ctx context.Context, c *Client, req any) (any, error) { return f(c, ctx, req.(Req)) },
	}
}

// calls is the registry: every method of clientrpc and who serves it.
var calls = func() map[string]call {
	m := map[string]call{}
	handle(m, clientrpc.Account, "doing.account", (*Client).account)
	handle(m, clientrpc.Send, "doing.sending", (*Client).send)
	handle(m, clientrpc.Receive, "doing.receive", (*Client).receive)
	handle(m, clientrpc.Confirm, "doing.receive", (*Client).confirm)
	handle(m, clientrpc.Chats, "doing.chats", (*Client).chats)
	handle(m, clientrpc.History, "doing.reading", (*Client).history)
	handle(m, clientrpc.Search, "doing.searching", (*Client).search)
	handle(m, clientrpc.Export, "doing.exporting", (*Client).export)
	handle(m, clientrpc.Devices, "doing.account", (*Client).devices)
	handle(m, clientrpc.Approve, "doing.approve", (*Client).approve)
	handle(m, clientrpc.Revoke, "doing.revoking", (*Client).revoke)
	handle(m, clientrpc.Rename, "doing.renaming", (*Client).renameDevice)
	handle(m, clientrpc.Contest, "doing.contest", (*Client).contest)
	handle(m, clientrpc.DeviceNewsOf, "doing.notices", (*Client).deviceNews)
	handle(m, clientrpc.AskHistory, "doing.askhistory", (*Client).askHistory)
	handle(m, clientrpc.GiveHistory, "doing.handover", (*Client).giveHistory)
	handle(m, clientrpc.Handovers, "doing.handover", (*Client).handoverStatus)
	handle(m, clientrpc.DeviceNewsSeen, "doing.notices", (*Client).seenNews)
	handle(m, clientrpc.Status, "doing.account", (*Client).status)
	handle(m, clientrpc.Lookup, "doing.lookingup", (*Client).lookup)
	handle(m, clientrpc.Homes, "doing.homes", (*Client).explainedHomes)
	handle(m, clientrpc.Trace, "doing.way", (*Client).trace)
	handle(m, clientrpc.Listed, "doing.listed", (*Client).listed)
	handle(m, clientrpc.Delete, "doing.delete", (*Client).deleteAccount)
	handle(m, clientrpc.SendFile, "doing.sendfile", (*Client).sendFile)
	handle(m, clientrpc.GetFile, "doing.gotfile", (*Client).getFile)
	handle(m, clientrpc.Quota, "doing.quota", (*Client).quota)
	handle(m, clientrpc.ReadFile, "doing.gotfile", (*Client).readFile)
	handle(m, clientrpc.FileStatus, "doing.gotfile", (*Client).fileStatus)
	handle(m, clientrpc.Follow, "doing.events", (*Client).followEvents)
	handle(m, clientrpc.Commands, "doing.commands", (*Client).listCommands)
	handle(m, clientrpc.RunCommand, "doing.commands", (*Client).runCommand)
	handle(m, clientrpc.Mentions, "doing.mentions", (*Client).listMentions)
	handle(m, clientrpc.CompleteMention, "doing.mentions", (*Client).completeMention)
	handle(m, clientrpc.Type, "doing.presence", (*Client).typing)
	handle(m, clientrpc.Look, "doing.presence", (*Client).look)
	handle(m, clientrpc.SetName, "doing.name", (*Client).setName)
	handle(m, clientrpc.SetPresence, "doing.presence", (*Client).setPresence)
	handle(m, clientrpc.Notices, "doing.notices", (*Client).notices)
	handle(m, clientrpc.Days, "doing.reading", (*Client).days)
	handle(m, clientrpc.ImportFile, "doing.importing", (*Client).importFile)
	handle(m, clientrpc.Works, "doing.importing", (*Client).listWorks)
	handle(m, clientrpc.Imports, "doing.importing", (*Client).imports)
	handle(m, clientrpc.UndoImport, "doing.importing", (*Client).undoImport)
	handle(m, clientrpc.Backup, "doing.backingup", (*Client).backup)
	handle(m, clientrpc.VerifyBackup, "doing.backingup", (*Client).verifyBackup)
	handle(m, clientrpc.SetHomes, "doing.homes", (*Client).setHomes)
	handle(m, clientrpc.PreferServer, "doing.homes", (*Client).preferServer)
	handle(m, clientrpc.OneChat, "doing.chat", (*Client).oneChat)
	handle(m, clientrpc.SetChat, "doing.chat", (*Client).setChat)
	handle(m, clientrpc.Ask, "doing.poll", (*Client).ask)
	handle(m, clientrpc.Vote, "doing.poll", (*Client).vote)
	handle(m, clientrpc.Close, "doing.poll", (*Client).closePoll)
	handle(m, clientrpc.Voters, "doing.poll", (*Client).voters)
	handle(m, clientrpc.Begin, "doing.list", (*Client).begin)
	handle(m, clientrpc.Line, "doing.list", (*Client).line)
	handle(m, clientrpc.Scheduled, "doing.scheduled", (*Client).scheduled)
	handle(m, clientrpc.Cancel, "doing.scheduled", (*Client).cancel)
	handle(m, clientrpc.Folders, "doing.folders", (*Client).folders)
	handle(m, clientrpc.SetFolder, "doing.folders", (*Client).setFolder)
	handle(m, clientrpc.Forward, "doing.sending", (*Client).forward)
	handle(m, clientrpc.Edit, "doing.editing", (*Client).edit)
	handle(m, clientrpc.Remove, "doing.remove", (*Client).remove)
	handle(m, clientrpc.React, "doing.reacting", (*Client).react)
	handle(m, clientrpc.Reactors, "doing.reading", (*Client).reactors)
	handle(m, clientrpc.Pin, "doing.pinning", (*Client).pin)
	handle(m, clientrpc.Pinned, "doing.reading", (*Client).pinned)
	handle(m, clientrpc.Show, "doing.reading", (*Client).message)
	handle(m, clientrpc.MessageID, "doing.reading", (*Client).messageID)
	handle(m, clientrpc.ShortIDs, "doing.reading", (*Client).shortIDs)
	handleGroups(m)
	handleContacts(m)
	handleSecure(m)
	handleStickers(m)
	return m
}()

// handleGroups adds the methods about groups.
func handleGroups(m map[string]call) {
	handle(m, clientrpc.CreateGroup, "doing.groups", (*Client).createGroup)
	handle(m, clientrpc.Groups, "doing.groups", (*Client).listGroups)
	handle(m, clientrpc.ShowGroup, "doing.groups", (*Client).showGroupInfo)
	handle(m, clientrpc.GroupMembers, "doing.groups", (*Client).groupMembers)
	handle(m, clientrpc.InviteGroup, "doing.groupinvite", (*Client).invite)
	handle(m, clientrpc.AcceptGroup, "doing.groupaccept", (*Client).acceptGroup)
	handle(m, clientrpc.LeaveGroup, "doing.groupleave", (*Client).leaveGroup)
	handle(m, clientrpc.RemoveGroup, "doing.groupremove", (*Client).removeMembers)
	handle(m, clientrpc.UnbanGroup, "doing.groupremove", (*Client).unban)
	handle(m, clientrpc.RoleGroup, "doing.grouprole", (*Client).setRole)
	handle(m, clientrpc.ProfileGroup, "doing.groupprofile", (*Client).setProfile)
	handle(m, clientrpc.PolicyGroup, "doing.grouppolicy", (*Client).setPolicy)
	handle(m, clientrpc.RedactGroup, "doing.remove", (*Client).redactMessages)
	handle(m, clientrpc.EndGroup, "doing.groupdissolve", (*Client).endGroup)
	handle(m, clientrpc.LinkGroup, "doing.grouplink", (*Client).linkGroup)
	handle(m, clientrpc.JoinGroup, "doing.groupjoin", (*Client).joinGroup)
	handle(m, clientrpc.GroupRequests, "doing.grouprequests", (*Client).groupRequests)
	handle(m, clientrpc.ApproveGroup, "doing.grouprequests", (*Client).approveGroup)
	handle(m, clientrpc.Reach, "doing.reading", (*Client).reached)
}

// Handle runs one call that came over a pipe.
func (c *Client) Handle(ctx context.Context, method string, params []byte) (any, error) {
	m, ok := calls[method]
	if !ok {
		return nil, fail(clientrpc.CodeUsage, i18n.T("doing.call", method), i18n.T("why.method", method), i18n.T("next.update"), nil)
	}
	req, err := m.decode(params)
	if err != nil {
		return nil, fail(clientrpc.CodeUsage, m.doing, i18n.T("why.params"), i18n.Text{}, err)
	}
	if s, err := c.online(); err == nil {
		s.wantSign()
	}
	return c.run(ctx, m, req)
}

func (c *Client) run(ctx context.Context, m call, req any) (any, error) {
	resp, err := m.run(ctx, c, req)
	if err != nil {
		return nil, explain(m.doing, err)
	}
	return resp, nil
}

// Call implements clientrpc.Conn in process, by way of the same JSON as a
// pipe, so that both behave alike.
func (c *Client) Call(ctx context.Context, method string, req, resp any) error {
	params, err := json.Marshal(req)
	if err != nil {
		return err
	}
	result, err := c.Handle(ctx, method, params)
	if err != nil || resp == nil {
		return err
	}
	b, err := json.Marshal(result)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, resp)
}

func (c *Client) account(ctx context.Context, _ clientrpc.None) (*clientrpc.AccountInfo, error) {
	info := accountInfo(c.acc, c.certificate(), c.cfg.now())
	var err error
	if info.Name, err = c.ownNameNow(ctx); err != nil {
		return nil, err
	}
	return info, c.nameDevices(ctx, info.Devices)
}

func (c *Client) devices(ctx context.Context, none clientrpc.None) (clientrpc.DevicesResult, error) {
	info, err := c.account(ctx, none)
	if err != nil {
		return clientrpc.DevicesResult{}, err
	}
	return clientrpc.DevicesResult{Devices: info.Devices}, nil
}

// lookup asks the cloud, or what is stored where the cloud cannot be asked.
func (c *Client) lookup(ctx context.Context, p clientrpc.LookupParams) (clientrpc.LookupResult, error) {
	out := clientrpc.LookupResult{Source: clientrpc.SourceCloud, Fingerprint: p.Fingerprint}
	wait, cancel := context.WithTimeout(ctx, unknownWait)
	defer cancel()
	c.waitOnline(wait)
	cert, _, err := c.peer(ctx, p.Fingerprint, time.Second)
	switch {
	case errors.Is(err, errPeerDeleted):
		return c.lookupDeleted(ctx, p.Fingerprint)
	case p.Public && errors.Is(err, &omega.Error{Code: omega.CodeNotFound}):
		return c.lookupPublic(ctx, p.Fingerprint)
	case errors.Is(err, &omega.Error{Code: omega.CodeUnavailable}):
		return out, fail(clientrpc.CodeOffline, i18n.T("doing.lookup", p.Fingerprint), i18n.T("why.undecided", p.Fingerprint), i18n.T("next.retry"), err)
	case err != nil:
		return out, err
	}
	out.Certificate = cert.Armor()
	for _, d := range cert.Devices() {
		out.Devices = append(out.Devices, deviceInfo(d, c.acc.Device, c.cfg.now()))
	}
	stored, err := c.storedPeer(ctx, p.Fingerprint)
	if err != nil || stored == nil {
		return out, err
	}
	out.Sequence, out.Chained, out.Stated = stored.Sequence, stored.Chained, stored.Stated.Sequence
	if out.Homes, err = recordHomes(stored.Record); err != nil {
		return out, err
	}
	err = c.db.View(ctx, func(tx *history.Tx) error {
		out.Notices, err = standing(tx, p.Fingerprint)
		return err
	})
	return out, err
}

// lookupDeleted is what there is to say of a deleted account.
func (c *Client) lookupDeleted(ctx context.Context, fp omega.Fingerprint) (clientrpc.LookupResult, error) {
	out := clientrpc.LookupResult{Source: clientrpc.SourceCloud, Fingerprint: fp}
	err := c.db.View(ctx, func(tx *history.Tx) error {
		p, err := tx.Peer(fp)
		if err != nil {
			return err
		}
		cert, err := pgp.ParseCertificate(p.Tombstone, c.cfg.now())
		if err != nil {
			return err
		}
		out.Certificate, out.Deleted = cert.Armor(), p.Deleted
		out.Notices, err = standing(tx, fp)
		return err
	})
	return out, err
}

// handleStickers adds the methods about stickers.
func handleStickers(m map[string]call) {
	handle(m, clientrpc.StickerPacks, "doing.stickers", (*Client).listPacks)
	handle(m, clientrpc.ShowStickers, "doing.stickers", (*Client).showPack)
	handle(m, clientrpc.ImportPack, "doing.stickers", (*Client).importPack)
	handle(m, clientrpc.AddPack, "doing.stickers", (*Client).addPack)
	handle(m, clientrpc.RenamePack, "doing.stickers", (*Client).renamePack)
	handle(m, clientrpc.RemovePack, "doing.stickers", (*Client).removePack)
	handle(m, clientrpc.LinkPack, "doing.stickers", (*Client).linkPack)
	handle(m, clientrpc.SendPack, "doing.sending", (*Client).sharePack)
	handle(m, clientrpc.SendSticker, "doing.sending", (*Client).sendSticker)
	handle(m, clientrpc.ReadSticker, "doing.stickers", (*Client).readSticker)
}
