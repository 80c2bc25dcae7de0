// A small erxes: a core subgraph with real resolvers, and Apollo's gateway in front of it and of salon-core, which treats
// request headers exactly as the erxes gateway does, its weaknesses included.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { ApolloServer } from '@apollo/server';
import { startStandaloneServer } from '@apollo/server/standalone';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { parse } from 'graphql';
import { root, supergraphPath } from './compose.mjs';

const loopback = { listen: { host: '127.0.0.1', port: 0 } };

export const customers = [
  { _id: 'cust-anna', firstName: 'Anna', primaryPhone: '+79990000001' },
  { _id: 'cust-boris', firstName: 'Boris', primaryPhone: '+79990000002' },
];
// Any brand exists: which one a tenant has is the tenant file's business.
const brandOf = (_id) => ({ _id, name: `Brand ${_id}` });

export const encodeUser = (user) => Buffer.from(JSON.stringify(user)).toString('base64');

async function startCore() {
  const resolvers = {
    Query: {
      currentUser: (_, __, { user }) => user,
      customers: () => ({ list: customers, totalCount: customers.length, pageInfo: { hasNextPage: false } }),
      customerDetail: (_, { _id }) => customers.find((one) => one._id === _id),
      brandDetail: (_, { _id }) => brandOf(_id),
    },
    Customer: { __resolveReference: ({ _id }) => customers.find((one) => one._id === _id) },
    Brand: { __resolveReference: ({ _id }) => brandOf(_id) },
  };
  const typeDefs = parse(readFileSync(join(root, 'tests/federation/erxes-core.graphql'), 'utf8'));
  const server = new ApolloServer({ schema: buildSubgraphSchema({ typeDefs, resolvers }) });
  // Core believes the `user` header; that is the weakness salon-core must not share.
  const context = async ({ req }) => ({ user: req.headers.user ? JSON.parse(Buffer.from(req.headers.user, 'base64')) : null });
  const { url } = await startStandaloneServer(server, { ...loopback, context });
  return { server, url };
}

const hopByHop = new Set(['host', 'connection', 'content-length', 'content-type', 'accept-encoding', 'transfer-encoding', 'keep-alive', 'te', 'upgrade']);

/** What the erxes gateway forwards: everything the client sent, `userid` overwritten, `user` only when it knows one. */
function forwardedHeaders(req, users) {
  const headers = Object.fromEntries(Object.entries(req.headers).filter(([name]) => !hopByHop.has(name)));
  const principal = users[headers.authorization?.replace(/^Bearer /, '')];
  headers.hostname = '127.0.0.1';
  headers.userid = principal?._id ?? '';
  if (principal) headers.user = encodeUser(principal);
  return headers;
}

class ErxesDataSource extends RemoteGraphQLDataSource {
  willSendRequest({ request, context }) {
    for (const [name, value] of Object.entries(context.headers ?? {})) request.http.headers.set(name, String(value));
    request.http.headers.delete('router-authorization');
    if (this.routerSecret) request.http.headers.set('router-authorization', this.routerSecret);
  }
}

/**
 * Starts both. `users` maps a bearer token to the principal it logs in.
 * Returns `{ ask(query, headers), stop() }`.
 */
export async function startErxes({ salonUrl, routerSecret, users }) {
  const core = await startCore();
  const addresses = { core: core.url, salon: salonUrl };
  const gateway = new ApolloGateway({
    supergraphSdl: readFileSync(supergraphPath, 'utf8'),
    buildService: ({ name }) =>
      new ErxesDataSource({ url: addresses[name], ...(name === 'salon' && { routerSecret }) }),
  });
  const server = new ApolloServer({ gateway });
  const context = async ({ req }) => ({ headers: forwardedHeaders(req, users) });
  const { url } = await startStandaloneServer(server, { ...loopback, context });

  return {
    ask: (query, headers = {}) => post(url, query, headers),
    stop: async () => {
      await server.stop();
      await core.server.stop();
    },
  };
}

export async function post(url, query, headers = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ query }),
    signal: AbortSignal.timeout(20_000),
  });
  return response.json();
}
