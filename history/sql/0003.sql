-- How long readers of this home wait for what is missing of a lane: every
-- command is a process of its own, and none of them may begin the wait anew.
ALTER TABLE lane ADD COLUMN until INTEGER NOT NULL DEFAULT 0;   -- when the gap is given up; 0: nobody waits
ALTER TABLE lane ADD COLUMN skipped INTEGER NOT NULL DEFAULT 0; -- nothing up to this sequence is waited for
