// A PouchDB over LevelDB that does what it is told, a line at a time, and answers each with "COUNT MILLISECONDS".
//     node client.mjs FOLDER URL CERTIFICATE KEY CA
//     record FILE     puts each document of FILE (a JSON object a line), one after the other, each awaited
//     push | pull     replicates all there is, over connections that are kept
import { readFileSync } from 'node:fs';
import { Agent } from 'node:https';
import { createInterface } from 'node:readline';
import PouchDB from 'pouchdb';

const [folder, url, cert, key, ca] = process.argv.slice(2);
const agent = new Agent({
    keepAlive: true,
    cert: readFileSync(cert),
    key: readFileSync(key),
    ca: readFileSync(ca),
});
const local = new PouchDB(folder);
const remote = new PouchDB(url, { fetch: (address, options) => PouchDB.fetch(address, { ...options, agent }) });

async function record(file) {
    const documents = readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
    for (const { session, ...rest } of documents) {
        const held = rest.corrects ? await local.get(session) : {};
        await local.put({ _id: session, ...(held._rev && { _rev: held._rev }), ...rest });
    }
    return documents.length;
}

// Ten times the usual batch: fewer requests, and faster than with the default of 100.
const batches = { batch_size: 1000 };
const acts = {
    record,
    push: async () => (await local.replicate.to(remote, batches)).docs_written,
    pull: async () => (await local.replicate.from(remote, batches)).docs_written,
};

for await (const line of createInterface({ input: process.stdin })) {
    const [act, argument] = line.split(' ');
    const from = process.hrtime.bigint();
    const count = await acts[act](argument);
    console.log(`${count} ${Number(process.hrtime.bigint() - from) / 1e6}`);
}
await local.close();
process.exit(0);
