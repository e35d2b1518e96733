// A CouchDB of express-pouchdb over LevelDB, on loopback with TLS both ways.
//     node server.mjs FOLDER CERTIFICATE KEY CA      says its port, then serves until it is killed
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import express from 'express';
import expressPouchDB from 'express-pouchdb';
import PouchDB from 'pouchdb';

const [folder, cert, key, ca] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const Served = PouchDB.defaults({ prefix: `${folder}/` });
const app = express();
app.use('/', expressPouchDB(Served, { mode: 'minimumForPouchDB', inMemoryConfig: true, logPath: `${folder}/log.txt` }));
const options = {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(ca),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
};
const server = createServer(options, app).listen(0, '127.0.0.1', () => console.log(server.address().port));
