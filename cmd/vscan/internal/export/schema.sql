-- The results of a sweep. Numbers of 64 bits without a sign (addresses, sizes, offsets) are
-- integers of the same bits, and so are literals such as 0xffff888000000000: conditions can be
-- written with these. The columns _hex, which take no room, have addresses as text of fixed
-- width, which sorts as addresses do, also across 2^63. What is not there is NULL.

CREATE TABLE about (name TEXT NOT NULL, value TEXT NOT NULL);

CREATE TABLE images (
	id INTEGER PRIMARY KEY, -- in the order as given, from 1
	image TEXT NOT NULL,
	state TEXT NOT NULL,    -- waiting, running, done, partial, failed, skipped, aside
	reason TEXT NOT NULL,   -- why it is not done
	format TEXT NOT NULL,
	size INTEGER NOT NULL,
	modified TEXT,
	first INTEGER,          -- lowest and highest mapped address
	last INTEGER,
	hits INTEGER NOT NULL,
	at_least INTEGER NOT NULL, -- 1: a limit ended the count of a pattern
	scanned INTEGER NOT NULL, zero INTEGER NOT NULL, absent INTEGER NOT NULL, unreadable INTEGER NOT NULL, missing INTEGER NOT NULL, -- bytes
	summary TEXT,           -- JSON
	first_hex TEXT GENERATED ALWAYS AS (CASE WHEN first IS NOT NULL THEN printf('0x%016x', first) END) VIRTUAL,
	last_hex TEXT GENERATED ALWAYS AS (CASE WHEN last IS NOT NULL THEN printf('0x%016x', last) END) VIRTUAL
);

CREATE TABLE patterns (id INTEGER PRIMARY KEY, pattern TEXT NOT NULL);

CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE hits (
	id INTEGER PRIMARY KEY, -- by image, address, pattern
	image_id INTEGER NOT NULL REFERENCES images,
	addr INTEGER NOT NULL,
	pattern_id INTEGER NOT NULL REFERENCES patterns,
	len INTEGER NOT NULL,
	mapping_id INTEGER REFERENCES names,
	offset INTEGER NOT NULL,
	bytes BLOB NOT NULL,
	value TEXT,
	text TEXT,
	key TEXT,
	before BLOB,
	after BLOB,
	module_id INTEGER REFERENCES names,
	module_offset INTEGER,
	namespace_id INTEGER REFERENCES names,
	file_id INTEGER REFERENCES names,
	addr_hex TEXT GENERATED ALWAYS AS (printf('0x%016x', addr)) VIRTUAL
);

-- How many rows of hits an image has of a pattern.
CREATE TABLE counts (
	image_id INTEGER NOT NULL REFERENCES images,
	pattern_id INTEGER NOT NULL REFERENCES patterns,
	hits INTEGER NOT NULL,
	at_least INTEGER NOT NULL, -- 1: a limit ended the count
	PRIMARY KEY (image_id, pattern_id)
) WITHOUT ROWID;

CREATE TABLE rules (
	id INTEGER PRIMARY KEY,
	image_id INTEGER NOT NULL REFERENCES images,
	outcome TEXT NOT NULL, -- matches, undecided
	rule TEXT NOT NULL,
	tags TEXT,             -- JSON
	meta TEXT,             -- JSON
	mapping_id INTEGER REFERENCES names,
	first INTEGER,
	last INTEGER,
	namespace TEXT,
	file TEXT,
	reason TEXT,           -- why it is undecided
	first_hex TEXT GENERATED ALWAYS AS (CASE WHEN first IS NOT NULL THEN printf('0x%016x', first) END) VIRTUAL,
	last_hex TEXT GENERATED ALWAYS AS (CASE WHEN last IS NOT NULL THEN printf('0x%016x', last) END) VIRTUAL
);

-- Other lines of jsonl.
CREATE TABLE notes (image_id INTEGER NOT NULL REFERENCES images, line TEXT NOT NULL);

-- Hits with their names.
CREATE VIEW found AS
SELECT h.id, i.image, h.addr_hex AS addr, p.pattern, h.len, m.name AS mapping, h.offset, h.bytes, h.value, h.text, h.key, h.before, h.after,
	d.name AS module, h.module_offset, n.name AS namespace, f.name AS file
FROM hits h
JOIN images i ON i.id = h.image_id
JOIN patterns p ON p.id = h.pattern_id
LEFT JOIN names m ON m.id = h.mapping_id
LEFT JOIN names d ON d.id = h.module_id
LEFT JOIN names n ON n.id = h.namespace_id
LEFT JOIN names f ON f.id = h.file_id;

CREATE VIEW by_pattern AS
SELECT p.id, p.pattern, COUNT(NULLIF(c.hits, 0)) AS images, COALESCE(SUM(c.hits), 0) AS hits, COALESCE(MAX(c.at_least), 0) AS at_least
FROM patterns p
LEFT JOIN counts c ON c.pattern_id = p.id
GROUP BY p.id;

CREATE VIEW by_image AS
SELECT i.id, i.image, i.state, i.reason, COUNT(NULLIF(c.hits, 0)) AS patterns, COALESCE(SUM(c.hits), 0) AS hits, i.at_least
FROM images i
LEFT JOIN counts c ON c.image_id = i.id
GROUP BY i.id;
