-- Comments that wait, by whose they are: the inbox of a drafter counts thousands of them from the index alone.
CREATE INDEX documents_comment_waiting ON documents_comment (material, state, unit, round, at);
