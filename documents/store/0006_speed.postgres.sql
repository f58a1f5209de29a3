-- Comments that wait, by whose they are: the inbox of a drafter counts thousands of them from the index alone.
CREATE INDEX documents_comment_open ON documents_comment (material, unit, round, at) WHERE state = 'open';
