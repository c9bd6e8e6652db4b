// What the official Node client does with a served task; prints one JSON object.
import { createRequire } from "node:module";
const { default: OpenAI } = createRequire(process.env.OPENAI_FROM + "/")("openai");

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.KEY, maxRetries: 0 });
const messages = [{ role: "user", content: process.env.ASK }];
const model = "trees";
const told = {};

const whole = await client.chat.completions.create({ model, messages });
told.content = whole.choices[0].message.content;
told.id = whole.id;
told.requestId = whole._request_id;
told.valid = whole.rung.valid;
told.usage = whole.usage.total_tokens;

let streamed = "";
const stream = await client.chat.completions.create({ model, messages, stream: true });
for await (const chunk of stream) streamed += chunk.choices[0]?.delta?.content ?? "";
told.streamed = streamed;

if (process.env.SCHEMA) {
  const parsed = await client.chat.completions.parse({
    model,
    messages,
    response_format: {
      type: "json_schema",
      json_schema: { name: "tree", strict: true, schema: JSON.parse(process.env.SCHEMA) },
    },
  });
  told.parsed = parsed.choices[0].message.parsed;
}

told.models = (await client.models.list()).data.map((m) => m.id);

async function failing(work) {
  try {
    await work();
    return null;
  } catch (error) {
    return { name: error.constructor.name, status: error.status, code: error.code, param: error.param };
  }
}
told.tools = await failing(() =>
  client.chat.completions.create({ model, messages, tools: [{ type: "function", function: { name: "f" } }] }),
);
told.unknown = await failing(() => client.chat.completions.create({ model: "gpt-4o", messages }));
const stranger = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: "rung_wrong", maxRetries: 0 });
told.stranger = await failing(() => stranger.models.list());
console.log(JSON.stringify(told));
