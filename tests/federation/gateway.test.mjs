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

// As in tenant.yaml.
const brand = 'federation-brand';
const owner = { _id: 'user-owner', username: 'owner', isOwner: true };
const users = {
  'owner-token': owner,
  'viewer-token': { _id: 'user-viewer', username: 'viewer', isOwner: false, brandIds: [brand], permissionGroupIds: ['salon:viewer'] },
  'elsewhere-token': { _id: 'user-elsewhere', username: 'elsewhere', isOwner: false, brandIds: ['other'], permissionGroupIds: ['salon:viewer'] },
  'stranger-token': { _id: 'user-stranger', username: 'stranger', isOwner: false, brandIds: [brand], permissionGroupIds: [] },
};
const as = (who) => ({ authorization: `Bearer ${who}-token` });

const tenantsQuery = '{ salonTenants { list { _id name brand { _id name } } totalCount } }';
const customersQuery = `{ customers { list { _id firstName
  salonBookings(limit: 5) { _id startAt status client { customer { firstName } } }
  salonMessages(limit: 5) { _id text state } } } }`;

function assertRefused(answer, field, code) {
  assert.ok(answer.errors?.length > 0, `expected a refusal, got ${JSON.stringify(answer)}`);
  assert.equal(answer.errors[0].extensions?.code, code);
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
    for (const customer of answer.data.customers.list) {
      assert.ok(Array.isArray(customer.salonBookings));
      assert.ok(Array.isArray(customer.salonMessages));
    }
  });

  test('a query goes from a brand of core to its tenant and back to the brand', async () => {
    const answer = await erxes.ask(`{ brandDetail(_id: "${brand}") { name salonTenant { _id slug brand { name code } } } }`, as('owner'));
    assertAnswered(answer);
    assert.equal(answer.data.brandDetail.name, `Brand ${brand}`);
    assert.equal(answer.data.brandDetail.salonTenant.brand.name, `Brand ${brand}`);
  });

  test('a viewer reads the salons of their brands, and no others exist', async () => {
    const mine = await erxes.ask(tenantsQuery, as('viewer'));
    assertAnswered(mine);
    assert.deepEqual(mine.data.salonTenants.list.map((tenant) => tenant.brand._id), [brand]);
    const none = await erxes.ask(tenantsQuery, as('elsewhere'));
    assertAnswered(none);
    assert.deepEqual(none.data.salonTenants, { list: [], totalCount: 0 });
    const { _id } = mine.data.salonTenants.list[0];
    const detail = `{ salonTenantDetail(_id: "${_id}") { name } }`;
    assertAnswered(await erxes.ask(detail, as('viewer')));
    assertRefused(await erxes.ask(detail, as('elsewhere')), 'salonTenantDetail', 'NOT_FOUND');
    const lists = (field) => `{ ${field}(tenantId: "${_id}") { list { _id } totalCount pageInfo { hasNextPage endCursor } } }`;
    for (const field of ['salonBookings', 'salonMessages']) {
      assertAnswered(await erxes.ask(lists(field), as('viewer')));
      assertRefused(await erxes.ask(lists(field), as('elsewhere')), field, 'NOT_FOUND');
    }
  });

  test('a refusal at our field leaves core\'s part of the answer', async () => {
    const answer = await erxes.ask(customersQuery, as('stranger'));
    assert.ok(answer.errors.every((error) => error.extensions.code === 'FORBIDDEN'), JSON.stringify(answer.errors));
    assert.deepEqual(answer.data.customers.list.map(({ firstName }) => firstName), customers.map(({ firstName }) => firstName));
    assert.ok(answer.data.customers.list.every(({ salonBookings }) => salonBookings === null));
  });

  test('a user without a salon permission is refused', async () => {
    assertRefused(await erxes.ask(tenantsQuery, as('stranger')), 'salonTenants', 'FORBIDDEN');
  });

  test('nobody is refused', async () => {
    assertRefused(await erxes.ask(tenantsQuery), 'salonTenants', 'UNAUTHENTICATED');
  });

  test('a forged user header is refused, though core believes it', async () => {
    const forged = { user: encodeUser(owner) };
    const fooled = await erxes.ask('{ currentUser { _id isOwner } }', forged);
    assert.deepEqual(fooled.data.currentUser, { _id: owner._id, isOwner: true });
    assertRefused(await erxes.ask(tenantsQuery, forged), 'salonTenants', 'UNAUTHENTICATED');
    assertRefused(await erxes.ask(tenantsQuery, { ...forged, userid: owner._id }), 'salonTenants', 'UNAUTHENTICATED');
  });

  test('a caller that goes around the gateway is refused', { skip: !routerSecret && 'no router secret is set' }, async () => {
    const direct = '{ salonTenants { totalCount } }';
    const forged = { user: encodeUser(owner), userid: owner._id };
    assertRefused(await post(salonUrl, direct, forged), 'salonTenants', 'UNAUTHENTICATED');
    assertRefused(await post(salonUrl, direct, { ...forged, 'router-authorization': 'guess' }), 'salonTenants', 'UNAUTHENTICATED');
    assertRefused(await erxes.ask(tenantsQuery, { ...forged, 'router-authorization': 'guess' }), 'salonTenants', 'UNAUTHENTICATED');
  });

  test('the service definition needs no user', async () => {
    const headers = routerSecret ? { 'router-authorization': routerSecret } : {};
    const answer = await post(salonUrl, '{ _service { sdl } }', headers);
    assertAnswered(answer);
    assert.match(answer.data._service.sdl, /salonTenants/);
  });
});
