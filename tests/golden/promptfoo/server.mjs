// A stand-in for an OpenAI-compatible endpoint on the loopback, so that the golden
// file comes from promptfoo's own provider, cache and writer without a network.
// The n-th call for a (model, question) gets the n-th scripted reply.
import { createServer } from 'node:http';

const script = {
  'toy-small': {
    moon: ['B', 'B', 'C'],
    sum: ['The answer is 42.', 'ERROR', 'The answer is 41.'],
    capital: ['Paris', 'paris, of course', 'Lyon'],
  },
  'toy-think': {
    moon: ['B', 'B', 'B'],
    sum: ['The answer is 42.', 'The answer is 42.', 'The answer is 24.'],
    capital: ['Paris', 'Paris', 'Paris'],
  },
};
const calls = {};

createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const { model, messages } = JSON.parse(body);
  const prompt = messages.at(-1).content;
  const name = Object.keys(script[model]).find((key) => prompt.includes(`[${key}]`));
  const n = (calls[`${model}/${name}`] = (calls[`${model}/${name}`] ?? -1) + 1);
  const text = script[model][name][n % 3];
  response.setHeader('content-type', 'application/json');
  if (text === 'ERROR') {
    response.statusCode = 500;
    response.end(JSON.stringify({ error: { message: 'The server had an error', type: 'server_error' } }));
    return;
  }
  const reasoning = model === 'toy-think' ? 100 + 40 * n : 0;
  const completion = reasoning + text.split(' ').length;
  response.end(JSON.stringify({
    id: `chatcmpl-${model}-${name}-${n}`, object: 'chat.completion', created: 1767225600, model,
    choices: [{ index: 0, finish_reason: 'stop', message: {
      role: 'assistant', content: text,
      ...(reasoning ? { reasoning_content: `Thinking about [${name}], try ${n + 1}.` } : {}) } }],
    usage: { prompt_tokens: 20, completion_tokens: completion, total_tokens: 20 + completion,
      ...(reasoning ? { completion_tokens_details: { reasoning_tokens: reasoning } } : {}) },
  }));
}).listen(18431, '127.0.0.1');
