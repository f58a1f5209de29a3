-- Grows with every change of a lease of the document, so that whoever writes under leases known from before need not look at
-- each again. By trigger, because nodes of the version before this one may still be giving out leases.
ALTER TABLE collab_document ADD COLUMN leases INTEGER NOT NULL DEFAULT 0;

CREATE TRIGGER collab_lease_given AFTER INSERT ON collab_lease BEGIN
    UPDATE collab_document SET leases = leases + 1 WHERE document = new.document;
END;

CREATE TRIGGER collab_lease_changed AFTER UPDATE ON collab_lease BEGIN
    UPDATE collab_document SET leases = leases + 1 WHERE document = new.document;
END;
