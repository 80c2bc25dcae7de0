// The running salon-core behind Apollo's gateway, next to a core subgraph, composed as the erxes gateway composes.
//
//   SALON_GRAPHQL_URL    where the subgraph answers, such as http://127.0.0.1:3390/graphql
//   SALON_ROUTER_SECRET  what the gateway inserts and salon-core expects; optional
//
// scripts/federation-test starts everything and sets both.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { customers, encodeUser, post, startErxes } from './erxes.mjs';

const salonUrl = process.env.SALON_GRAPHQL_URL;
const routerSecret = process.env.SALON_ROUTER_SECRET;

const owner = { _id: 'user-owner', username: 'owner', isOwner: true };
const users = {
  'owner-token': owner,
  'viewer-token': { _id: 'user-viewer', username: 'viewer', isOwner: false, permissionGroupIds: ['salon:viewer'] },
  'stranger-token': { _id: 'user-stranger', username: 'stranger', isOwner: false, permissionGroupIds: [] },
};
const as = (who) => ({ authorization: `Bearer ${who}-token` });

const tenantsQuery = '{ salonTenants { list { _id name brand { _id name } } totalCount } }';
const customersQuery = '{ customers { list { _id firstName salonBookings { _id } } } }';

function assertRefused(answer, field) {
  assert.ok(answer.errors?.length > 0, `expected a refusal, got ${JSON.stringify(answer)}`);
  assert.equal(answer.data?.[field] ?? null, null);
}

function assertAnswered(answer) {
  assert.equal(answer.errors, undefined, JSON.stringify(answer.errors));
}

describe('salon-core behind the gateway', () => {
  let erxes;

  before(async () => {
    assert.ok(salonUrl, 'SALON_GRAPHQL_URL is not set: start this test with scripts/federation-test');
    erxes = await startErxes({ salonUrl, routerSecret, users });
  });
  after(() => erxes?.stop());

  test('a query starts at a tenant of ours and takes the brand name from core', async () => {
    const answer = await erxes.ask(tenantsQuery, as('owner'));
    assertAnswered(answer);
    const { list, totalCount } = answer.data.salonTenants;
    assert.ok(totalCount >= 1 && list.length >= 1, 'the seeded tenant is missing');
    for (const { brand } of list.filter((tenant) => tenant.brand)) assert.equal(brand.name, `Brand ${brand._id}`);
    assert.ok(list.some((tenant) => tenant.brand), 'no tenant has a brand');
  });

  test('a query starts at customers of core and takes their bookings from us', async () => {
    const answer = await erxes.ask(customersQuery, as('owner'));
    assertAnswered(answer);
    assert.deepEqual(answer.data.customers.list.map(({ _id }) => _id), customers.map(({ _id }) => _id));
    for (const customer of answer.data.customers.list) assert.ok(Array.isArray(customer.salonBookings));
  });

  test('a viewer reads', async () => {
    assertAnswered(await erxes.ask('{ salonTenants { totalCount } }', as('viewer')));
  });

  test('a user without a salon permission is refused', async () => {
    assertRefused(await erxes.ask(tenantsQuery, as('stranger')), 'salonTenants');
  });

  test('nobody is refused', async () => {
    assertRefused(await erxes.ask(tenantsQuery), 'salonTenants');
  });

  test('a forged user header is refused, though core believes it', async () => {
    const forged = { user: encodeUser(owner) };
    const fooled = await erxes.ask('{ currentUser { _id isOwner } }', forged);
    assert.deepEqual(fooled.data.currentUser, { _id: owner._id, isOwner: true });
    assertRefused(await erxes.ask(tenantsQuery, forged), 'salonTenants');
    assertRefused(await erxes.ask(tenantsQuery, { ...forged, userid: owner._id }), 'salonTenants');
  });

  test('a caller that goes around the gateway is refused', { skip: !routerSecret && 'no router secret is set' }, async () => {
    const forged = { user: encodeUser(owner), userid: owner._id };
    assertRefused(await post(salonUrl, tenantsQuery, forged), 'salonTenants');
    assertRefused(await post(salonUrl, tenantsQuery, { ...forged, 'router-authorization': 'guess' }), 'salonTenants');
    assertRefused(await erxes.ask(tenantsQuery, { ...forged, 'router-authorization': 'guess' }), 'salonTenants');
  });

  test('the service definition needs no user', async () => {
    const headers = routerSecret ? { 'router-authorization': routerSecret } : {};
    const answer = await post(salonUrl, '{ _service { sdl } }', headers);
    assertAnswered(answer);
    assert.match(answer.data._service.sdl, /salonTenants/);
  });
});
