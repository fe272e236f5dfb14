-- Search by words and by facets, jumps to a date, imported messages.

-- Words of the shown texts by position: folded, CJK as pairs of characters; and
-- facets of the message, one word each: chat, sender, kind, month, year. Package
-- history fills it when the setting search-index says otherwise.
DROP TABLE word;

CREATE VIRTUAL TABLE word USING fts5 (
  body, facet, tokenize = "unicode61 categories 'L* N* Co So Sk Sc Sm'", content = '', contentless_delete = 1
);

-- Messages of a chat by the time that they carry.
CREATE INDEX message_time ON message (chat, time, position) WHERE shown = 1;

-- Files of other messengers that were read.
CREATE TABLE import (
  number   INTEGER PRIMARY KEY AUTOINCREMENT,
  source   TEXT    NOT NULL DEFAULT '',   -- line, telegram
  file     TEXT    NOT NULL DEFAULT '',   -- its name
  time     INTEGER NOT NULL DEFAULT 0,
  messages INTEGER NOT NULL DEFAULT 0     -- that it added
) STRICT;

ALTER TABLE message ADD COLUMN import INTEGER NOT NULL DEFAULT 0; -- number of the import that added it; 0: it came as mail
ALTER TABLE message ADD COLUMN author TEXT NOT NULL DEFAULT '';   -- of an imported message: who wrote it, as the file says

CREATE INDEX message_import ON message (import) WHERE import > 0;
