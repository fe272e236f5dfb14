-- Whether an operation ended a subscription: then it says when. (spec/group.md, GROUP-57)
ALTER TABLE subscriber ADD COLUMN ended INTEGER NOT NULL DEFAULT 0;

-- Of which accounts one goes on: asked for each page of the chat with it. (spec/chat.md, CHAT-52)
CREATE INDEX succession_successor ON succession (successor, proven, old) WHERE proven <> 0;
