-- What stands above documents: few rows, however many documents there are.
CREATE INDEX access_tuple_above ON access_tuple (subject, object, relation) WHERE object NOT LIKE 'document:%';
CREATE INDEX access_link_above ON access_link (parent, child) WHERE child NOT LIKE 'document:%';
