-- Payloads of secure chats by strangers that came to nothing, by account, in a span of
-- time that begins with the first. (spec/secure.md, SEC-28)
CREATE TABLE stranger_try (
  account BLOB    NOT NULL PRIMARY KEY,
  since   INTEGER NOT NULL,
  tries   INTEGER NOT NULL,
  octets  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX stranger_try_since ON stranger_try (since);

-- A mark that is another one after each change of delivery_token: who keeps tokens
-- in memory compares it.
CREATE TABLE delivery_token_mark (
  one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  mark INTEGER NOT NULL
) STRICT;

INSERT INTO delivery_token_mark VALUES (1, random());

CREATE TRIGGER delivery_token_insert AFTER INSERT ON delivery_token BEGIN
  UPDATE delivery_token_mark SET mark = random();
END;

CREATE TRIGGER delivery_token_update AFTER UPDATE OF account, token ON delivery_token
WHEN old.account <> new.account OR old.token <> new.token BEGIN
  UPDATE delivery_token_mark SET mark = random();
END;

CREATE TRIGGER delivery_token_delete AFTER DELETE ON delivery_token BEGIN
  UPDATE delivery_token_mark SET mark = random();
END;

-- By which token a contact was told to write to this account, by any of its devices.
-- (spec/delivery.md, DELIV-51)
CREATE TABLE token_told (
  account BLOB NOT NULL PRIMARY KEY,
  token   BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Strangers that were let begin a chat, the home that each named first, and when it
-- began. (spec/chat.md, CHAT-74)
CREATE TABLE stranger_place (
  account BLOB    NOT NULL PRIMARY KEY,
  home    BLOB    NOT NULL, -- empty: it named none
  since   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX stranger_place_since ON stranger_place (since);
