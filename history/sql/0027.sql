-- When a device of a peer was revoked last; 0: none was, -1: nobody has looked.
ALTER TABLE peer ADD COLUMN lost INTEGER NOT NULL DEFAULT -1;
CREATE INDEX peer_lost ON peer (lost) WHERE lost <> 0;
