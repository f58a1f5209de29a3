-- Grows with every change of a lease of the document, so that whoever writes under leases known from before need not look at
-- each again. By trigger, because nodes of the version before this one may still be giving out leases.
ALTER TABLE collab_document ADD COLUMN leases BIGINT NOT NULL DEFAULT 0;

CREATE FUNCTION collab_lease_counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE collab_document SET leases = leases + 1 WHERE document = new.document;
    RETURN NULL;
END $$;

CREATE TRIGGER collab_lease_changed AFTER INSERT OR UPDATE ON collab_lease
    FOR EACH ROW EXECUTE FUNCTION collab_lease_counted();
