-- How far back a group was asked for what was before this account came. (spec/group.md,
-- GROUP-48)
CREATE TABLE earlier (
  grp     BLOB    NOT NULL PRIMARY KEY,
  link    BLOB    NOT NULL, -- of the message before which the next page is asked for; zeros: of none
  time    INTEGER NOT NULL, -- of that message
  giver   BLOB    NOT NULL, -- who gave the last page; empty: nobody
  whole   INTEGER NOT NULL DEFAULT 0, -- there is nothing before it, or nothing that the rules allow
  without BLOB    NOT NULL DEFAULT x'' -- accounts that have nothing before it
) STRICT, WITHOUT ROWID;
