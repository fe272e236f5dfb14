-- Who certified which key, as signatures that were not verified, but those of the
-- own key. (spec/chat.md, CHAT-51)
CREATE TABLE certification (
  subject BLOB    NOT NULL,           -- account that is certified
  issuer  BLOB    NOT NULL,           -- account that claims to have made it
  packet  BLOB    NOT NULL,
  time    INTEGER NOT NULL DEFAULT 0, -- when it came
  PRIMARY KEY (subject, issuer)
) STRICT, WITHOUT ROWID;

-- Accounts that go on as others. (spec/chat.md, CHAT-52)
CREATE TABLE succession (
  old       BLOB    NOT NULL,
  successor BLOB    NOT NULL,
  statement BLOB    NOT NULL DEFAULT x'', -- of the old key
  answer    BLOB    NOT NULL DEFAULT x'', -- of the new key
  time      INTEGER NOT NULL DEFAULT 0,   -- when it came
  proven    INTEGER NOT NULL DEFAULT 0,   -- when both were verified; 0: they were not
  PRIMARY KEY (old, successor)
) STRICT, WITHOUT ROWID;
