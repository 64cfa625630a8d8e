// npm's improv-wifi-serial-sdk, unchanged, over a serial port:
// node improv_client.mjs PORT SDK SSID PASSWORD [JSON: more networks, [[ssid, password], …]]
// Prints what it found as JSON.
import fs from "node:fs";
import tty from "node:tty";
import { pathToFileURL } from "node:url";

const [path, sdk, ssid, password, more] = process.argv.slice(2);
globalThis.CustomEvent ??= class extends Event {
  constructor(type, options) {
    super(type);
    this.detail = options?.detail;
  }
};
const { ImprovSerial } = await import(pathToFileURL(sdk));

const fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NOCTTY | fs.constants.O_NONBLOCK);
const input = new tty.ReadStream(fd);
const port = {
  readable: new ReadableStream({
    start(controller) {
      input.on("data", (data) => controller.enqueue(new Uint8Array(data)));
    },
    cancel() {
      input.destroy();
    },
  }),
  writable: new WritableStream({
    write(chunk) {
      fs.writeSync(fd, chunk);
    },
  }),
};
const quiet = { log() {}, debug() {}, error: console.error };
const client = new ImprovSerial(port, quiet);
const said = {};
said.info = await client.initialize(5000);
said.before = client.state;
said.networks = await client.scan(5000);
said.refused = await client.provision(ssid, "wrong", 10000).catch((reason) => reason);
await client.provision(ssid, password, 10000);
said.after = client.state;
said.more = [];
for (const network of JSON.parse(more ?? "[]")) {
  said.more.push(await client.provision(...network, 10000).then(() => client.state, String));
}
console.log(JSON.stringify(said));
process.exit(0);
