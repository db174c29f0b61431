// Removes what only takes room (zero counters, HTTP headers, empty objects, what is said twice),
// so that the golden files stay below 20 kB. Everything left is as promptfoo wrote it.
import { readFileSync, writeFileSync } from 'node:fs';

const dropped = new Set(['assertions', 'tokensUsed', 'incurredTokenUsage', 'guardrails', 'http', 'cost',
  '_promptfooFileMetadata', 'acceptedPrediction', 'rejectedPrediction', 'cacheReadInputTokens',
  'cacheCreationInputTokens', 'nodeVersion', 'platform', 'arch',
  'namedScoresCount', 'namedScoreWeights', 'exportedAt', 'totalLatencyMs']);
const empty = (value) => value && typeof value === 'object' && !Object.keys(value).length;
const slim = (text) => JSON.stringify(JSON.parse(text, function (key, value) {
  if (dropped.has(key) || empty(value)) return undefined;
  if (this.raw && key === 'label') return undefined; // a prompt's label repeats its template
  if (this.output && ['tokenUsage', 'latencyMs'].includes(key)) return undefined; // the row has both too
  if (key === 'vars' && this.assert) return undefined; // the row has them too
  if (key === 'reason' && this.pass) return undefined;
  return value;
}));

writeFileSync('out.json', slim(readFileSync('out.json', 'utf8')) + '\n');
const lines = readFileSync('out.jsonl', 'utf8').trim().split('\n');
writeFileSync('out.jsonl', lines.map((line) => slim(line) + '\n').join(''));
