-- A relay database of schema version 1 (callboard 0.1.0, November 2026); master key 11…11.
BEGIN TRANSACTION;
CREATE TABLE apps (
	wxa_appid VARCHAR(64) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	created_ms BIGINT NOT NULL, 
	PRIMARY KEY (wxa_appid)
);
INSERT INTO "apps" VALUES('wx1','One',1);
INSERT INTO "apps" VALUES('wx2','Two',2);
CREATE TABLE authorisations (
	id INTEGER NOT NULL, 
	open_id VARCHAR(128) NOT NULL, 
	model_id VARCHAR(64) NOT NULL, 
	sn VARCHAR(128) NOT NULL, 
	created_ms BIGINT NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (open_id, model_id, sn), 
	FOREIGN KEY(open_id) REFERENCES users (open_id), 
	FOREIGN KEY(model_id) REFERENCES models (model_id)
);
INSERT INTO "authorisations" VALUES(1,'o1','m1','SN1',8);
CREATE TABLE devices (
	model_id VARCHAR(64) NOT NULL, 
	sn VARCHAR(128) NOT NULL, 
	wxa_appid VARCHAR(64) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	sealed_key BLOB NOT NULL, 
	ticket_hash VARCHAR(64), 
	modules INTEGER NOT NULL, 
	firmware VARCHAR(64), 
	registered_ms BIGINT NOT NULL, 
	last_seen_ms BIGINT, 
	PRIMARY KEY (model_id, sn), 
	FOREIGN KEY(model_id) REFERENCES models (model_id), 
	FOREIGN KEY(wxa_appid) REFERENCES apps (wxa_appid)
);
INSERT INTO "devices" VALUES('m1','SN1','wx1','',X'018BA2330EE0CD7A1495E0D4B64A1258485C215F14ADB9073D4CA71B191A288A99D7868B42433B9C4760575C5144BB09CE87225487802C3727D2EF5414','hash',0,NULL,4,NULL);
CREATE TABLE invitations (
	invitation_hash VARCHAR(64) NOT NULL, 
	open_id VARCHAR(128) NOT NULL, 
	expires_ms BIGINT NOT NULL, 
	used_ms BIGINT, 
	PRIMARY KEY (invitation_hash), 
	FOREIGN KEY(open_id) REFERENCES users (open_id)
);
INSERT INTO "invitations" VALUES('937846148e77ce7a9e17b51d9fad2216603d4de9266b166c496d2d99896b2e82','o2',1099511627776,NULL);
CREATE TABLE meta (
	name VARCHAR(32) NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY (name)
);
INSERT INTO "meta" VALUES('schema_version','1');
INSERT INTO "meta" VALUES('master_key_check','3c66901ff528bff1b762f6e1aee1edeb043136ea5280badab6cf4fca04cba50e');
CREATE TABLE models (
	model_id VARCHAR(64) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	created_ms BIGINT NOT NULL, 
	PRIMARY KEY (model_id)
);
INSERT INTO "models" VALUES('m1','Model',3);
CREATE TABLE properties (
	model_id VARCHAR(64) NOT NULL, 
	sn VARCHAR(128) NOT NULL, 
	name VARCHAR(64) NOT NULL, 
	value_json TEXT NOT NULL, 
	updated_ms BIGINT NOT NULL, 
	PRIMARY KEY (model_id, sn, name)
);
INSERT INTO "properties" VALUES('m1','SN1','volume','7',9);
CREATE TABLE tickets (
	ticket_hash VARCHAR(64) NOT NULL, 
	model_id VARCHAR(64) NOT NULL, 
	sn VARCHAR(128) NOT NULL, 
	expires_ms BIGINT NOT NULL, 
	nonce_hash VARCHAR(64), 
	used_ms BIGINT, 
	PRIMARY KEY (ticket_hash), 
	FOREIGN KEY(model_id) REFERENCES models (model_id)
);
INSERT INTO "tickets" VALUES('cc0b0247eca8ef200534e773ffdf43368566c77a3a79a7edf364a6f2ea3ca2e8','m1','SN2',1099511627776,NULL,NULL);
CREATE TABLE user_tokens (
	token_hash VARCHAR(64) NOT NULL, 
	open_id VARCHAR(128) NOT NULL, 
	client_hash VARCHAR(64) NOT NULL, 
	created_ms BIGINT NOT NULL, 
	last_seen_ms BIGINT, 
	PRIMARY KEY (token_hash), 
	FOREIGN KEY(open_id) REFERENCES users (open_id)
);
INSERT INTO "user_tokens" VALUES('594e7cdd3e9f6086a7d5c040a9e756eb2a081e3abe655fe96c19820bc0744d4c','o1','abe8a6d3f94d3ba9fdbdd887b265b09418539e129b4d565209d40357f7f2df06',7,NULL);
CREATE TABLE users (
	open_id VARCHAR(128) NOT NULL, 
	wxa_appid VARCHAR(64) NOT NULL, 
	name VARCHAR(128) NOT NULL, 
	created_ms BIGINT NOT NULL, 
	PRIMARY KEY (open_id), 
	FOREIGN KEY(wxa_appid) REFERENCES apps (wxa_appid)
);
INSERT INTO "users" VALUES('o1','wx1','Ada',5);
INSERT INTO "users" VALUES('o2','wx2','Zoe',6);
CREATE INDEX tickets_by_expiry ON tickets (expires_ms);
CREATE INDEX invitations_by_expiry ON invitations (expires_ms);
COMMIT;
