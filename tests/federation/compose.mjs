// Composes the subgraphs of supergraph.yaml into schema/supergraph.graphql, as the erxes gateway would.
//
//   node compose.mjs            writes the file
//   node compose.mjs --check    fails when the file differs
//
// Stricter than the gateway: what makes it exit fails here, and so does what it lets pass in silence, a member that a
// careless redeclaration removes for everyone.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { composeServices } from '@apollo/composition';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { isEnumType, isInputObjectType, isInterfaceType, isObjectType, buildSchema, parse } from 'graphql';
import { parse as parseYaml } from 'yaml';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
export const supergraphPath = join(root, 'schema/supergraph.graphql');

/** Reads the subgraphs that supergraph.yaml names: `[{ name, url, typeDefs }]`. */
export function readSubgraphs() {
  const config = parseYaml(readFileSync(join(root, 'supergraph.yaml'), 'utf8'));
  return Object.entries(config.subgraphs).map(([name, { routing_url, schema }]) => ({
    name,
    url: routing_url,
    typeDefs: readFileSync(join(root, schema.file), 'utf8'),
  }));
}

// Warnings mean that something was left out or ignored. A description that differs is not that.
const isHarmful = (hint) => hint.definition.level.name === 'WARN' && hint.definition.code !== 'INCONSISTENT_DESCRIPTION';

/** Every member another subgraph or a client can name: `Type.field`, `Type.field(argument)`, `ENUM.value`. */
function membersOf(schema) {
  const members = new Set();
  for (const type of Object.values(schema.getTypeMap())) {
    if (type.name.startsWith('_') || type.name.startsWith('join__') || type.name.startsWith('link__')) continue;
    if (isEnumType(type)) for (const value of type.getValues()) members.add(`${type.name}.${value.name}`);
    if (isInputObjectType(type)) for (const field of Object.keys(type.getFields())) members.add(`${type.name}.${field}`);
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        if (field.name === '_service' || field.name === '_entities') continue;
        members.add(`${type.name}.${field.name}`);
        for (const argument of field.args) members.add(`${type.name}.${field.name}(${argument.name})`);
      }
    }
  }
  return members;
}

/** Composes, and returns `{ sdl, problems }`; `problems` is empty when nothing failed and nothing was lost. */
export function compose(subgraphs) {
  const parsed = subgraphs.map((one) => ({ ...one, typeDefs: parse(one.typeDefs) }));
  const result = composeServices(parsed);
  if (result.errors) return { sdl: null, problems: result.errors.map((error) => `${error.extensions?.code}: ${error.message}`) };

  const problems = result.hints.filter(isHarmful).map((hint) => `${hint.definition.code}: ${hint.message}`);
  const composed = membersOf(buildSchema(result.supergraphSdl, { assumeValid: true }));
  for (const { name, typeDefs } of parsed) {
    for (const member of membersOf(buildSubgraphSchema({ typeDefs }))) {
      if (!composed.has(member)) problems.push(`LOST: ${member} of the subgraph ${name} is not in the supergraph`);
    }
  }
  return { sdl: result.supergraphSdl.trimEnd() + '\n', problems };
}

function main() {
  const { sdl, problems } = compose(readSubgraphs());
  if (problems.length > 0) {
    console.error(`composition failed:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    return 1;
  }
  if (!process.argv.includes('--check')) {
    writeFileSync(supergraphPath, sdl);
    console.log(`wrote ${supergraphPath}`);
    return 0;
  }
  let current = '';
  try {
    current = readFileSync(supergraphPath, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  if (current === sdl) return 0;
  console.error('schema/supergraph.graphql is out of date; run `make schema` and commit it');
  return 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
