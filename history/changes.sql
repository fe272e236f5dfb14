-- What a transaction changed, for those who look at it (changes.go). These are of
-- the writer's connection only, and not in the file: nothing that writes a table
-- can forget to tell.
CREATE TEMP TABLE change (
  number  INTEGER PRIMARY KEY,
  what    INTEGER NOT NULL, -- history.What
  chat    BLOB NOT NULL DEFAULT x'',
  message BLOB NOT NULL DEFAULT x'',
  other   BLOB NOT NULL DEFAULT x'' -- account, or group
) STRICT;

-- What stands in front of what was here (a history, a page of before this account came)
-- is no news.
CREATE TEMP TRIGGER message_new AFTER INSERT ON message WHEN NEW.shown = 1 AND NEW.gone = 0 AND NEW.import = 0 BEGIN
  INSERT INTO change (what, chat, message, other) SELECT 1, id, NEW.id, iif(NEW.own, x'', NEW.account) FROM chat WHERE number = NEW.chat AND last < NEW.position;
  INSERT INTO change (what, chat) SELECT 5, id FROM chat WHERE number = NEW.chat AND last > NEW.position;
END;

CREATE TEMP TRIGGER message_changed AFTER UPDATE OF edited, edit_time, marks, verified, accounts, text ON message
WHEN NEW.shown = 1 AND NEW.gone = OLD.gone AND (NEW.edited <> OLD.edited OR NEW.edit_time <> OLD.edit_time OR NEW.verified <> OLD.verified OR NEW.accounts <> OLD.accounts OR NEW.service = 4 AND NEW.text <> OLD.text OR NEW.marks <> 0 OR OLD.marks <> 0) BEGIN
  INSERT INTO change (what, chat, message) VALUES (2, (SELECT id FROM chat WHERE number = NEW.chat), NEW.id);
END;

-- It stands elsewhere, behind one that came late. Which ones is not worth saying: a page shows where.
CREATE TEMP TRIGGER message_moved AFTER UPDATE OF place ON message WHEN NEW.shown = 1 AND NEW.gone = OLD.gone AND NEW.place <> OLD.place BEGIN
  INSERT INTO change (what, chat) SELECT 16, id FROM chat WHERE number = NEW.chat
    AND NOT EXISTS (SELECT 1 FROM change c WHERE c.number = (SELECT max(number) FROM change) AND c.what = 16 AND c.chat = id);
END;

CREATE TEMP TRIGGER message_gone AFTER UPDATE OF gone ON message WHEN OLD.shown = 1 AND NEW.gone > OLD.gone BEGIN
  INSERT INTO change (what, chat, message) VALUES (3, (SELECT id FROM chat WHERE number = NEW.chat), NEW.id);
END;

CREATE TEMP TRIGGER message_state AFTER UPDATE OF state, why ON message WHEN NEW.shown = 1 AND (NEW.state <> OLD.state OR NEW.why <> OLD.why) BEGIN
  INSERT INTO change (what, chat, message) VALUES (4, (SELECT id FROM chat WHERE number = NEW.chat), NEW.id);
END;

-- With whom messages of a group have come how far: which ones a receipt up to a
-- sequence means is not worth a search.
CREATE TEMP TRIGGER reach_new AFTER INSERT ON reach BEGIN
  INSERT INTO change (what, chat) VALUES (4, NEW.chat);
END;

CREATE TEMP TRIGGER reach_more AFTER UPDATE ON reach WHEN NEW.delivered <> OLD.delivered OR NEW.read <> OLD.read BEGIN
  INSERT INTO change (what, chat) VALUES (4, NEW.chat);
END;

CREATE TEMP TRIGGER chat_new AFTER INSERT ON chat BEGIN
  INSERT INTO change (what, chat, other) VALUES (6, NEW.id, iif(NEW.kind = 1, NEW.peer, x''));
END;

-- That a new message changes its chat need not be said (changes.go).
CREATE TEMP TRIGGER chat_changed AFTER UPDATE OF title, last, unread ON chat
WHEN NEW.last <= OLD.last AND (NEW.title <> OLD.title OR NEW.last <> OLD.last OR NEW.unread <> OLD.unread) BEGIN
  INSERT INTO change (what, chat) VALUES (5, NEW.id);
END;

CREATE TEMP TRIGGER chat_gone AFTER DELETE ON chat BEGIN
  INSERT INTO change (what, chat) VALUES (5, OLD.id);
END;

-- Names of strangers may look like a name of now, or do no more: the chats with them are
-- others in the list when a contact calls itself something else, or this account does.
CREATE TEMP VIEW stranger_chat AS SELECT id FROM chat WHERE kind IN (1, 4) AND length(peer) > 0
  AND NOT EXISTS (SELECT 1 FROM register WHERE name = 'contact' AND subject = peer AND value = x'01');

CREATE TEMP TRIGGER peer_named AFTER UPDATE OF name ON peer WHEN NEW.name <> OLD.name BEGIN
  INSERT INTO change (what, other) VALUES (12, NEW.fingerprint);
  INSERT INTO change (what, chat) SELECT 5, id FROM chat WHERE peer = NEW.fingerprint;
  INSERT INTO change (what, chat) SELECT 5, id FROM stranger_chat
    WHERE EXISTS (SELECT 1 FROM register WHERE name = 'contact' AND subject = NEW.fingerprint AND value = x'01');
END;

-- Settings about a chat begin with its id, but that of a chat in a folder.
CREATE TEMP TRIGGER setting_new AFTER INSERT ON register BEGIN
  INSERT INTO change (what, chat) SELECT 5, id FROM chat WHERE NEW.name <> 'in-folder' AND id = substr(NEW.subject, 1, 16);
  INSERT INTO change (what) SELECT 7 WHERE NEW.name IN ('folder', 'in-folder');
  INSERT INTO change (what) SELECT 14 WHERE NEW.name = 'device-name';
  INSERT INTO change (what) SELECT 15 WHERE NEW.name = 'name';
  INSERT INTO change (what, chat) SELECT 5, id FROM stranger_chat WHERE NEW.name = 'name';
  INSERT INTO change (what, other) SELECT 12, NEW.subject WHERE NEW.name IN ('contact', 'blocked', 'petname', 'verified');
END;

CREATE TEMP TRIGGER setting_changed AFTER UPDATE ON register WHEN NEW.value <> OLD.value BEGIN
  INSERT INTO change (what, chat) SELECT 5, id FROM chat WHERE NEW.name <> 'in-folder' AND id = substr(NEW.subject, 1, 16);
  INSERT INTO change (what) SELECT 7 WHERE NEW.name IN ('folder', 'in-folder');
  INSERT INTO change (what) SELECT 14 WHERE NEW.name = 'device-name';
  INSERT INTO change (what) SELECT 15 WHERE NEW.name = 'name';
  INSERT INTO change (what, chat) SELECT 5, id FROM stranger_chat WHERE NEW.name = 'name';
  INSERT INTO change (what, other) SELECT 12, NEW.subject WHERE NEW.name IN ('contact', 'blocked', 'petname', 'verified');
END;

CREATE TEMP TRIGGER group_changed AFTER INSERT ON operation BEGIN
  INSERT INTO change (what, chat, other) VALUES (8, substr(NEW.grp, 1, 16), NEW.grp);
END;

-- How a group stands that this account asked to be let into, and how many ask to be let
-- into one of its groups.
CREATE TEMP TRIGGER group_asked AFTER UPDATE OF ticket, refused, subscribed ON known_group
WHEN NEW.ticket <> OLD.ticket OR NEW.refused <> OLD.refused OR NEW.subscribed <> OLD.subscribed BEGIN
  INSERT INTO change (what, chat) SELECT 5, id FROM chat WHERE id = NEW.chat;
  INSERT INTO change (what, chat, other) VALUES (8, NEW.chat, NEW.id);
END;

-- How many subscribe to a channel. A list that comes whole says it once, not for each entry.
CREATE TEMP TRIGGER subscriber_new AFTER INSERT ON subscriber WHEN NEW.state = 0 BEGIN
  INSERT INTO change (what, chat, other) SELECT 8, substr(NEW.grp, 1, 16), NEW.grp
    WHERE NOT EXISTS (SELECT 1 FROM change WHERE number = (SELECT max(number) FROM change) AND what = 8 AND other = NEW.grp);
END;

CREATE TEMP TRIGGER subscriber_changed AFTER UPDATE OF state ON subscriber WHEN (NEW.state = 0) <> (OLD.state = 0) BEGIN
  INSERT INTO change (what, chat, other) SELECT 8, substr(NEW.grp, 1, 16), NEW.grp
    WHERE NOT EXISTS (SELECT 1 FROM change WHERE number = (SELECT max(number) FROM change) AND what = 8 AND other = NEW.grp);
END;

CREATE TEMP TRIGGER group_request_gone AFTER DELETE ON group_request BEGIN
  INSERT INTO change (what, chat) SELECT 5, id FROM chat WHERE id = substr(OLD.grp, 1, 16);
END;

CREATE TEMP TRIGGER group_request_new AFTER INSERT ON group_request BEGIN
  INSERT INTO change (what, chat, other) VALUES (9, substr(NEW.grp, 1, 16), NEW.account);
END;

CREATE TEMP TRIGGER notice_new AFTER INSERT ON notice BEGIN
  INSERT INTO change (what, other) VALUES (10, NEW.account);
END;

CREATE TEMP TRIGGER notice_over AFTER UPDATE OF settled ON notice WHEN NEW.settled <> OLD.settled BEGIN
  INSERT INTO change (what, other) VALUES (10, NEW.account);
END;

-- Texts that wait for their time: one that is sealed is out of the list as well.
CREATE TEMP TRIGGER scheduled_new AFTER INSERT ON unsealed WHEN NEW.due > 0 BEGIN
  INSERT INTO change (what) VALUES (11);
END;

CREATE TEMP TRIGGER scheduled_gone AFTER DELETE ON unsealed WHEN OLD.due > 0 BEGIN
  INSERT INTO change (what) VALUES (11);
END;

-- Histories for other devices: asked for, made, offered, taken. How far one is changes too often to be told.
CREATE TEMP TRIGGER handover_new AFTER INSERT ON handover BEGIN
  INSERT INTO change (what, other) VALUES (13, NEW.device);
END;

CREATE TEMP TRIGGER handover_changed AFTER UPDATE OF state, why ON handover WHEN NEW.state <> OLD.state OR NEW.why <> OLD.why BEGIN
  INSERT INTO change (what, other) VALUES (13, NEW.device);
END;
