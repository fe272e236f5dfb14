-- Accounts that this one invited to groups, and lets in for a time. (spec/group.md, GROUP-41)
CREATE TABLE guest (
  account BLOB    NOT NULL PRIMARY KEY,
  since   INTEGER NOT NULL -- it was invited last
) STRICT, WITHOUT ROWID;

CREATE INDEX guest_since ON guest (since);

-- A token that was told with what is between accounts of a group may be good for a time
-- only. (spec/group.md, GROUP-41)
ALTER TABLE delivery_token ADD COLUMN passing INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER delivery_token_passing AFTER UPDATE OF time, passing ON delivery_token
WHEN old.time <> new.time OR old.passing <> new.passing BEGIN
  UPDATE delivery_token_mark SET mark = random();
END;
