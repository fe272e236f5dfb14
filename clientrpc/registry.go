package clientrpc

//go:generate go run ./gen

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/omega-im/omega"
)

// A Repeat says what it means to make a call again, as a caller whose core went
// away does (ErrHandover).
type Repeat string

// Kinds of calls.
const (
	Reads Repeat = "reads" // changes nothing
	Sets  Repeat = "sets"  // makes something so: asked again, it stays so
	ByID  Repeat = "id"    // does something once for each id that the caller makes
)

// A Spec is one line of the registry: a method, or an event, which has no Req.
type Spec struct {
	Name      string
	Req, Resp reflect.Type // as in Method; Resp is what an event carries
	Repeat    Repeat       // of methods
	Doc       string       // what it does, in one sentence
	Before    bool         // served where there is no core yet (setup.go)
}

// Paged reports whether a call gives a part of a list: such methods embed Page in
// what goes in, or are told there Before or After what the part is.
func (s *Spec) Paged() bool {
	if s.Req == nil || s.Req.Kind() != reflect.Struct {
		return false
	}
	for _, name := range []string{"Next", "Before", "After"} {
		if _, ok := s.Req.FieldByName(name); ok {
			return true
		}
	}
	return false
}

// CarriesID reports whether the caller makes an id for what the call does.
func (s *Spec) CarriesID() bool {
	if s.Req == nil || s.Req.Kind() != reflect.Struct {
		return false
	}
	f, ok := s.Req.FieldByName("ID")
	return ok && f.Type == reflect.TypeFor[omega.ID]() && f.Tag.Get("json") == "id"
}

// method makes a line of the registry.
func method[Req, Resp any](m Method[Req, Resp], r Repeat, doc string) Spec {
	return Spec{Name: m.Name, Req: reflect.TypeFor[Req](), Resp: reflect.TypeFor[Resp](), Repeat: r, Doc: doc}
}

// event makes a line of the registry.
func event[T any](e EventOf[T], doc string) Spec {
	return Spec{Name: e.Name, Resp: reflect.TypeFor[T](), Doc: doc}
}

// Events returns the registry of events, in order of their names.
func Events() []Spec {
	return []Spec{
		event(AccountChanged, "This account calls itself something else."),
		event(CatchingUp, "Much waited at the homes, and more of it is here."),
		event(ChatChanged, "A chat is new or gone, or stands differently in the list."),
		event(Connected, "The core reached a server, or lost it."),
		event(ContactChanged, "What somebody is called, or what this account's owner thinks of them: contact, blocked, verified."),
		event(DevicesChanged, "The devices of this account are others now."),
		event(FoldersChanged, "Folders, or what is in them, changed."),
		event(GroupChanged, "Who is in a group or subscribes to it, its profile, rules or pins changed."),
		event(HandoverChanged, "A device asks for a history, or one that goes to or comes from it is farther: Handovers."),
		event(MessageChanged, "A message was edited, verified, answered, pinned or reacted to."),
		event(MessageDeleted, "A message was taken back, or deleted for this account."),
		event(MessageNew, "A message is here, from others or by this account."),
		event(OrderChanged, "Messages of a chat stand elsewhere, behind one that came late: what is shown of it is to be read again."),
		event(MessageState, "A message of one's own is farther, or failed."),
		event(Noticed, "There is something that a person should know about an account, or it is over."),
		event(Present, "The other side of a direct chat looks at it, or does not any more."),
		event(Requested, "Somebody unknown writes, or somebody wants to be let into a group."),
		event(ScheduledChanged, "A text waits for its time, or does not any more."),
		event(Transferred, "A file is farther on its way."),
		event(PartTransferred, "A part of a file that file.read waits for is farther."),
		event(SomebodyTypes, "Somebody does something in a chat: writes, records, sends a file."),
	}
}

// Methods returns the registry of methods, in order of their names. What is not
// here is served by no core and known to no face. (docs/hacking.md says how to add
// one.)
func Methods() []Spec {
	all := slices.Concat(coreMethods(), contactMethods(), groupMethods(), secureMethods(), setupMethods(), stickerMethods())
	slices.SortFunc(all, func(a, b Spec) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// coreMethods are about the account, its chats and messages.
func coreMethods() []Spec {
	return []Spec{
		method(Account, Reads, "Who this account is: fingerprint, name, devices and certificate."),
		method(Delete, Sets, "Deletes this account for good."),
		method(SetName, Sets, "What this account calls itself; sets that where it is said, and tells contacts."),
		method(Listed, Sets, "Whether anyone may ask which server this account is on; sets that where it is said."),
		method(SetPresence, Sets, "Whether others may learn that this account types, or is there; sets that where it is said."),
		method(Backup, Sets, "Writes a backup of account and history, and reads it again."),
		method(VerifyBackup, Sets, "Tries a backup: reads it whole with its passphrase."),
		method(Look, Sets, "Says that the person looks at a chat, and what is known of the other side."),
		method(OneChat, Reads, "One chat as it stands in the list."),
		method(SetChat, Sets, "Changes how a chat stands in the list: muted, archived, on top, draft, read."),
		method(Type, Sets, "Says that the person does something in a chat: writes, records, sends a file."),
		method(Chats, Reads, "The list of chats: those on top, then the newest first."),
		method(RunCommand, ByID, "Does what a line says that a person typed: a command, or a text to be sent."),
		method(Commands, Reads, "The commands that begin with what was typed."),
		method(Approve, Sets, "Binds the device of a link text to this account."),
		method(Handovers, Reads, "Histories that devices of this account gave or are given, and how far they are."),
		method(AskHistory, Sets, "Asks another device of this account for what it has of chats and messages."),
		method(GiveHistory, Sets, "Gives another device of this account what this one has of chats and messages."),
		method(DeviceNewsOf, Reads, "Devices of this account and of contacts that came or went, and were not seen yet."),
		method(DeviceNewsSeen, Sets, "The person has seen which devices came or went."),
		method(Rename, Sets, "Says how this account's devices call one of them."),
		method(Revoke, Sets, "Takes a device out of this account."),
		method(Contest, Sets, "Takes back what another device of this account removed, and takes that one out."),
		method(Devices, Reads, "The devices of this account."),
		method(Follow, Reads, "What happened after an event; waits for something to happen."),
		method(Export, Sets, "Writes a chat, or all, as signed files, pages or JSON."),
		method(GetFile, Sets, "Brings a file of a message here, checked."),
		method(ReadFile, Reads, "Reads a part of a file of a message, checked, before all of it is here."),
		method(SendFile, ByID, "Sends files, several as an album."),
		method(FileStatus, Reads, "How far the files of a message are; waits until that is farther."),
		method(SetFolder, Sets, "Makes, changes or deletes a folder of chats."),
		method(Folders, Reads, "The folders of chats, by title."),
		method(History, Reads, "A page of a chat, the newest first."),
		method(Days, Reads, "The days on which somebody wrote in a chat."),
		method(Homes, Reads, "The servers that keep this account's mail."),
		method(SetHomes, Sets, "Moves this account's mail to other servers."),
		method(PreferServer, Sets, "Connects this device to a server, now and whenever it is to be had."),
		method(ImportFile, Sets, "Reads a chat of another messenger."),
		method(Imports, Reads, "What was imported, oldest first."),
		method(UndoImport, Sets, "Takes out again what an import added."),
		method(Works, Reads, "How far imports and exports are that are under way."),
		method(Begin, ByID, "Begins a list that everybody adds lines to (接龍)."),
		method(Line, ByID, "Adds a line to a list, or changes one of one's own."),
		method(Lookup, Reads, "Somebody's certificate, devices and homes."),
		method(CompleteMention, Reads, "The members of a group whose name begins with what was typed."),
		method(Mentions, Reads, "Messages that call this account and were not read, or all that call it, the oldest first."),
		method(Show, Reads, "One message."),
		method(MessageID, Reads, "The id that begins with what a person typed."),
		method(ShortIDs, Reads, "How ids are shown to people: as short as tells them apart."),
		method(Remove, ByID, "Deletes messages: one's own for all, or any for this account."),
		method(Edit, ByID, "Puts another text in the place of one of one's own."),
		method(Forward, ByID, "Sends a text on."),
		method(Pin, ByID, "Puts a message on top of its chat, or takes it down."),
		method(Pinned, Reads, "The messages on top of a chat, the newest pin first."),
		method(Reach, Reads, "With whom a message of one's own in a group has come how far."),
		method(React, ByID, "Says something about a message by emoji."),
		method(Reactors, Reads, "Who says what of a message by emoji."),
		method(Notices, Reads, "What a person should know about accounts; waits for more."),
		method(Ask, ByID, "Asks a chat, with answers to choose from."),
		method(Close, ByID, "Ends a poll or list of one's own."),
		method(Vote, ByID, "Answers a poll."),
		method(Voters, Reads, "Who chose an answer of a poll."),
		method(Receive, Sets, "Lends messages from others that were not confirmed yet; waits for some."),
		method(Confirm, Sets, "Says which received messages were shown to the person."),
		method(Scheduled, Reads, "Texts that wait for their time, the next first."),
		method(Cancel, Sets, "Takes back a text that waits for its time."),
		method(Search, Reads, "Messages that have all of some words, the newest first."),
		method(Send, ByID, "Sends a text."),
		method(Quota, Reads, "How much room the files of this account take at its homes, and may take."),
		method(Status, Reads, "How the core is doing: connection, homes, what waits."),
		method(Trace, Reads, "The way that a message to somebody takes now."),
	}
}

// contactMethods are about other people.
func contactMethods() []Spec {
	return []Spec{
		method(Inherit, Sets, "Agrees that this account is the one that another goes on as."),
		method(Succeed, Sets, "Says that this account goes on as another."),
		method(AddContact, Sets, "Makes somebody a contact, or accepts who asked to be heard."),
		method(BlockContact, Sets, "Hears nothing more of an account, or hears it again."),
		method(Card, Reads, "This account's link and its code to be scanned."),
		method(CertifyContact, Sets, "Certifies the key of a verified contact with the primary key."),
		method(DeclineContact, Sets, "Puts what a stranger writes aside."),
		method(NameContact, Sets, "Gives a contact a name of one's own."),
		method(RemoveContact, Sets, "Makes a contact none any more."),
		method(ReportContact, Sets, "Makes a report of what an account wrote, to be given to others."),
		method(ShowContact, Reads, "Another account: state, trust, devices and who certified it."),
		method(SucceedContact, Sets, "Agrees that a contact goes on as another account, which it shows."),
		method(UncertifyContact, Sets, "Takes back with the primary key that it certified the key of an account."),
		method(VerifyContact, Sets, "Compares a safety number or scanned code, and notes that it is right."),
		method(Contacts, Reads, "Other people: contacts, requests of strangers, blocked ones."),
	}
}

// groupMethods are about groups.
func groupMethods() []Spec {
	return []Spec{
		method(ShowGroup, Reads, "One group: its rules, profile and first members."),
		method(AcceptGroup, Sets, "Accepts an invitation to a group."),
		method(ApproveGroup, Sets, "Lets in, or refuses, who asked to join a group."),
		method(CreateGroup, ByID, "Makes a group or a channel."),
		method(EndGroup, Sets, "Ends a group for everybody."),
		method(InviteGroup, Sets, "Invites accounts to a group."),
		method(JoinGroup, Sets, "Asks to join a group by a link."),
		method(LeaveGroup, Sets, "Leaves a group."),
		method(LinkGroup, Sets, "The link by which others may ask to join; makes or closes it."),
		method(GroupMembers, Reads, "Everybody of a group: owners, admins, members, invited and banned accounts."),
		method(PolicyGroup, Sets, "Changes who may do what in a group."),
		method(ProfileGroup, Sets, "Changes what a group is called."),
		method(RedactGroup, Sets, "Takes messages of a group back for all, whoever wrote them."),
		method(RemoveGroup, Sets, "Takes accounts out of a group, or bans them."),
		method(GroupRequests, Reads, "Who asks to join a group, the first one first."),
		method(RoleGroup, Sets, "Makes owners, admins or plain members of accounts of a group."),
		method(UnbanGroup, Sets, "Lets banned accounts be invited again."),
		method(Groups, Reads, "The groups that this account is or was in, or may join."),
	}
}

// secureMethods are about secure chats.
func secureMethods() []Spec {
	return []Spec{
		method(ShowSecure, Reads, "One secure chat: its epochs, and the devices that read it."),
		method(SecureChats, Reads, "The secure chats, each with how it stands."),
		method(EndSecure, Sets, "Ends a secure chat: its keys are destroyed on both sides."),
		method(StartSecure, Sets, "Begins a secure chat with an account, or makes new keys for it."),
	}
}

// stickerMethods are about stickers.
func stickerMethods() []Spec {
	return []Spec{
		method(AddPack, Sets, "Adds a sticker pack that somebody made, by a link or from a message."),
		method(ImportPack, Sets, "Makes a sticker pack of files, or of a package of LINE."),
		method(LinkPack, Reads, "The text by which others can add a sticker pack."),
		method(ReadSticker, Reads, "Reads a part of a sticker of a pack, checked."),
		method(RemovePack, Sets, "Takes a sticker pack out of this account."),
		method(RenamePack, Sets, "Calls a sticker pack something else, for this account."),
		method(SendPack, ByID, "Shares a sticker pack with a chat."),
		method(SendSticker, ByID, "Sends a sticker of a pack."),
		method(ShowStickers, Reads, "One sticker pack with its stickers."),
		method(StickerPacks, Reads, "The sticker packs of this account, by title."),
	}
}
