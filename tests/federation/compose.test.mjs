// What the real subgraph must not do, each shown to be caught. Two of these compose without an error.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { compose, readSubgraphs, root } from './compose.mjs';

const core = { name: 'core', url: 'http://core', typeDefs: readFileSync(join(root, 'tests/federation/erxes-core.graphql'), 'utf8') };
const link = 'extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key", "@shareable"])\n';
const composed = (typeDefs) => compose([core, { name: 'salon', url: 'http://salon', typeDefs: link + typeDefs }]);

test('the committed subgraph composes and loses nothing', () => {
  assert.deepEqual(compose(readSubgraphs()).problems, []);
});

test('an entity of core can be extended by its _id', () => {
  const { problems } = composed('type Customer @key(fields: "_id") { _id: String salonNote: String } type Query { salonPing: String }');
  assert.deepEqual(problems, []);
});

const refused = {
  'an enum with fewer values removes the others for everyone':
    [/CURSOR_DIRECTION\.backward/, 'enum CURSOR_DIRECTION { forward } type Query { salonList(direction: CURSOR_DIRECTION): String }'],
  'an input with fewer fields removes the others for everyone':
    [/AttachmentInput\.duration/, 'input AttachmentInput { url: String! name: String! } type Query { salonList(file: AttachmentInput): String }'],
  'a value added to an enum of core is dropped':
    [/CONTACT_STATUS\.archived/, 'enum CONTACT_STATUS { active deleted archived } type Query { salonList(status: CONTACT_STATUS): String }'],
  'a page info that is not shareable':
    [/INVALID_FIELD_SHARING/, 'type PageInfo { hasNextPage: Boolean } type Query { salonList: PageInfo }'],
  'a field that core has':
    [/INVALID_FIELD_SHARING/, 'type Customer @key(fields: "_id") { _id: String score: Float } type Query { salonPing: String }'],
  'a root field that core has':
    [/INVALID_FIELD_SHARING/, 'type Query { brandDetail(_id: String!): String }'],
  'a key of another type':
    [/FIELD_TYPE_MISMATCH/, 'type Customer @key(fields: "_id") { _id: ID! salonNote: String } type Query { salonPing: String }'],
};

for (const [name, [expected, typeDefs]] of Object.entries(refused)) {
  test(`refused: ${name}`, () => assert.match(composed(typeDefs).problems.join('\n'), expected));
}
