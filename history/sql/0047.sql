-- What subscribers of a channel say of messages: kinds 9 to 11 of mark. (spec/group.md,
-- GROUP-53 to GROUP-55)
CREATE INDEX mark_said ON mark (chat, account) WHERE kind IN (9, 10);

-- Words that are to be told to others: an account's own, or those that it took as one who
-- may write. What is said is in mark.
CREATE TABLE word_untold (
  number  INTEGER PRIMARY KEY AUTOINCREMENT, -- another one when there is a later word
  grp     BLOB    NOT NULL,
  target  BLOB    NOT NULL,
  kind    INTEGER NOT NULL, -- of the mark
  account BLOB    NOT NULL,
  tries   INTEGER NOT NULL DEFAULT 0,
  UNIQUE (grp, target, kind, account)
) STRICT;

CREATE INDEX word_untold_tries ON word_untold (tries, number);

-- Messages of which words came that may not be counted yet.
CREATE TABLE word_due (
  grp    BLOB    NOT NULL,
  target BLOB    NOT NULL,
  since  INTEGER NOT NULL,
  PRIMARY KEY (grp, target)
) STRICT, WITHOUT ROWID;

CREATE INDEX word_due_since ON word_due (grp, since);

-- When counts were told last in a channel, by anybody.
CREATE TABLE word_told (
  grp  BLOB    NOT NULL PRIMARY KEY,
  time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
