-- What this account's messages name, while others have it: blobs by the message's
-- position. A blob without a row is named by none.
CREATE TABLE named (
	name     BLOB    NOT NULL,
	position INTEGER NOT NULL,
	PRIMARY KEY (name, position)
) STRICT, WITHOUT ROWID;

CREATE INDEX named_position ON named (position);

DELETE FROM uploaded; -- what is there is named by nothing yet; these claims run out
ALTER TABLE uploaded ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
ALTER TABLE uploaded ADD COLUMN here INTEGER NOT NULL DEFAULT 1; -- 1: this device uploaded it; 0: another one of the account did
CREATE INDEX uploaded_until ON uploaded (until);
