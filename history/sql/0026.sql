-- By which token this account writes to another, as that one told it last.
-- (spec/delivery.md, DELIV-47)
CREATE TABLE delivery_token (
  account BLOB    NOT NULL PRIMARY KEY,
  token   BLOB    NOT NULL,
  time    INTEGER NOT NULL DEFAULT 0 -- of the message that told it
) STRICT, WITHOUT ROWID;
