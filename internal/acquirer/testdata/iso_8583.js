// Decodes and encodes ISO 8583 with the npm package iso_8583, which shares no code with the gateway.
// Arguments: the package's folder. Standard input: {"decode": [hex of frames], "encode": [messages]}.
// Standard output: {"decoded": [messages], "encoded": [hex of frames]}.
const iso8583 = require(process.argv[2]);
const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const must = (result) => {
  if (result.error) throw new Error(result.error);
  return result;
};
console.log(JSON.stringify({
  decoded: input.decode.map((hex) =>
    must(new iso8583().getIsoJSON(Buffer.from(hex, 'hex'), { bitmapEncoding: 'hex' }))),
  encoded: input.encode.map((message) => must(new iso8583(message).getBufferMessage()).toString('hex')),
}));
