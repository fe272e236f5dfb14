-- By whose word an entry of a channel's list came first: one account cannot fill the
-- list. (spec/group.md, GROUP-45)
ALTER TABLE subscriber ADD COLUMN bearer BLOB NOT NULL DEFAULT x''; -- empty: this account's

CREATE INDEX subscriber_bearer ON subscriber (grp, bearer);

-- Entries of lists that others are to be told of still. (spec/group.md, GROUP-46)
CREATE TABLE subscriber_untold (
  grp     BLOB    NOT NULL,
  account BLOB    NOT NULL,
  state   INTEGER NOT NULL,
  time    INTEGER NOT NULL,
  tries   INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (grp, account)
) STRICT, WITHOUT ROWID;
