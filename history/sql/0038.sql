-- Since when this account subscribes to a channel; 0: it does not. (spec/group.md, GROUP-38)
ALTER TABLE known_group ADD COLUMN subscribed INTEGER NOT NULL DEFAULT 0;

-- The list of a channel's subscribers, where this account may write. (GROUP-40)
CREATE TABLE subscriber (
  grp     BLOB    NOT NULL,
  account BLOB    NOT NULL,
  state   INTEGER NOT NULL, -- 0 subscribes, 1 does no more, 2 is kept out
  time    INTEGER NOT NULL,
  PRIMARY KEY (grp, account)
) STRICT, WITHOUT ROWID;
