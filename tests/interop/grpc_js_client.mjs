// A worker and a reader of calipers.v1 by @grpc/grpc-js and @grpc/proto-loader, which read
// the contract as it stands.
//
//   node grpc_js_client.mjs PACKAGES PROTO WORK
//
// PACKAGES is the folder that npm installed package.json into, PROTO the contract's, WORK the
// JSON file that says what to do (tests/interop/test_interop.py writes it). Prints what came
// of it as JSON.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const CALL_MS = 20_000;
const [packages, proto, workFile] = process.argv.slice(2);
const require = createRequire(join(resolve(packages), "package.json"));
const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const work = JSON.parse(readFileSync(workFile, "utf8"));
const definition = loader.loadSync("calipers/v1/calibration.proto", {
  includeDirs: [proto],
  keepCase: true,
  longs: Number,
  enums: String,
  bytes: Buffer,
  defaults: true,
});
const { Calibration } = grpc.loadPackageDefinition(definition).calipers.v1;
const client = new Calibration(work.server, grpc.credentials.createInsecure());

const deadline = (ms = CALL_MS) => ({ deadline: Date.now() + ms });
const tensorJson = ({ dtype, shape, data }) => ({ dtype, shape, data: data.toString("hex") });
const rangeJson = ({ min, max }) => ({ min: tensorJson(min), max: tensorJson(max) });

function ask(method, request, ms) {
  return new Promise((answer, fail) =>
    client[method](request, deadline(ms), (error, found) => (error ? fail(error) : answer(found))),
  );
}

async function failure(method, request, ms) {
  try {
    await ask(method, request, ms);
    return { code: "OK", message: "" };
  } catch (error) {
    return { code: grpc.status[error.code], message: error.details };
  }
}

// Waits where the stream says that enough is on its way.
async function send(stream, message) {
  if (!stream.write(message)) await once(stream, "drain");
}

// A header alone, then pieces, which are cut inside elements.
async function sendTensor(stream, session) {
  const { file, dtype, shape, piece_bytes: pieceBytes } = work.tensor;
  const data = readFileSync(file);
  await send(stream, { worker: work.worker, header: { session, index: 0, dtype, shape } });
  for (let at = 0; at < data.length; at += pieceBytes) {
    await send(stream, { data: data.subarray(at, at + pieceBytes) });
  }
}

// Every reduced record, in one message.
function batch(session) {
  const observations = work.records.map(({ index, shape, min, max }) => ({
    header: { session, index, dtype: "F32", shape },
    min: Buffer.from(min, "hex"),
    max: Buffer.from(max, "hex"),
  }));
  return { reduced: { observations } };
}

const ackJson = ({ ordinal, index, outcome, status }) => ({
  ordinal,
  index,
  outcome,
  code: status?.code ?? 0,
  message: status?.message ?? "",
});

// The tensor, its acknowledgement, then the batch on the same stream, and its own.
async function observe(session) {
  const stream = client.Observe(deadline());
  const responses = stream[Symbol.asyncIterator]();
  await sendTensor(stream, session);
  const acks = (await responses.next()).value.acks;
  await send(stream, batch(session));
  stream.end();
  for await (const response of { [Symbol.asyncIterator]: () => responses }) {
    acks.push(...response.acks);
  }
  return acks.map(ackJson);
}

async function readSeries(session) {
  const records = [];
  let messages = 0;
  for await (const response of client.ReadSeries({ name: session }, deadline())) {
    ++messages;
    for (const { observation } of response.records) {
      const { header, min, max } = observation;
      records.push({ index: header.index, min: min.toString("hex"), max: max.toString("hex") });
    }
  }
  return { messages, records };
}

const { parent, session_id, args } = work;
const created = await ask("CreateSession", { parent, session_id, session: { args } });
const name = created.name;
const acks = await observe(name);
const found = await ask("GetMinMax", { name });
const { qparams } = (await ask("GetQParams", { name })).results[0];
const patient = { name, wait_count: work.wait_count };
const result = {
  library: `@grpc/grpc-js ${require("@grpc/grpc-js/package.json").version}`,
  // Native modules would be other people's wrappings of gRPC's C core.
  foreign_transport: !Object.keys(require.cache).some((file) => file.endsWith(".node")),
  session: name,
  acks,
  count: found.progress.count,
  range: rangeJson(found.range),
  scale: tensorJson(qparams.scale),
  zero_point: tensorJson(qparams.zero_point),
  series: await readSeries(name),
  error: await failure("GetMinMax", { name: work.absent }),
  deadline: await failure("GetMinMax", patient, 1000 * work.deadline_seconds),
  after_deadline: await failure("GetMinMax", { name }),
};
client.close();
console.log(JSON.stringify(result));
