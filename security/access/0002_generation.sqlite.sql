-- The row '*' counts every change of every epoch, so that whoever knows some epochs can ask with one look whether they are
-- still those. On PostgreSQL there is none: all who change a right would wait for its lock.
CREATE TRIGGER access_epoch_added AFTER INSERT ON access_epoch WHEN new.id <> '*' BEGIN
    INSERT INTO access_epoch (id, n) VALUES ('*', 1) ON CONFLICT (id) DO UPDATE SET n = n + 1;
END;
CREATE TRIGGER access_epoch_changed AFTER UPDATE ON access_epoch WHEN new.id <> '*' BEGIN
    INSERT INTO access_epoch (id, n) VALUES ('*', 1) ON CONFLICT (id) DO UPDATE SET n = n + 1;
END;
