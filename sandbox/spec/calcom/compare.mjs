// Compares our minimal openapi.json with cal.com's own document:  node compare.mjs <path to cal.com's openapi.json>
// Lists every fact of ours that the other document does not state. `x-differs` marks a known, reasoned difference; such a
// mark where nothing differs is reported too, so that the marks stay true.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const path = process.argv[2];
if (!path) {
  console.error("usage: node compare.mjs <openapi.json of cal.com>");
  process.exit(2);
}
const text = readFileSync(path);
const theirs = JSON.parse(text);
const ours = JSON.parse(readFileSync(new URL("openapi.json", import.meta.url)));
const problems = [];
let checked = 0;
let differing = 0;

const follow = (document, schema) =>
  schema?.$ref ? { ...follow(document, document.components.schemas[schema.$ref.split("/").pop()]), ...(schema["x-differs"] && { "x-differs": schema["x-differs"] }) } : schema;

/** All the alternatives a schema of theirs allows, with allOf and nullable unfolded. */
function alternatives(schema) {
  const real = follow(theirs, schema);
  if (!real) return [];
  const parts = real.oneOf ?? real.anyOf ?? real.allOf;
  const list = parts ? parts.flatMap(alternatives) : [real];
  return real.nullable ? [...list, { type: "null" }] : list;
}

const sameType = (a, b) => a === b || (a === "number" && b === "integer");

/** Our schema against theirs; returns the facts theirs does not state. */
function compare(mine, other, where, direction, found) {
  const schema = follow(ours, mine);
  const own = [];
  const options = alternatives(other);
  checked += 1;
  if (schema.type) {
    for (const type of [schema.type].flat()) {
      if (!options.some((option) => sameType(type, option.type))) own.push(`${where}: type ${type}, theirs ${options.map((o) => o.type)}`);
    }
  }
  if (schema.enum) {
    const known = options.flatMap((option) => option.enum ?? []);
    const odd = schema.enum.filter((value) => !known.includes(value));
    const gone = known.filter((value) => !schema.enum.includes(value));
    if (odd.length) own.push(`${where}: values ${odd} unknown to theirs`);
    if (gone.length && direction === "input") own.push(`${where}: values ${gone} missing here`);
  }
  for (const limit of ["minimum", "maximum", "maxLength", "maxProperties"]) {
    if (schema[limit] !== undefined && !options.some((option) => option[limit] === schema[limit])) own.push(`${where}: ${limit} ${schema[limit]}`);
  }
  if (schema.anyOf || schema.propertyNames) own.push(`${where}: shape not stated by theirs`);
  if (schema.properties) compareProperties(schema, options, where, direction, own);
  if (schema.items) {
    const items = options.map((option) => option.items).filter(Boolean);
    if (!items.length) own.push(`${where}: items`);
    else compare(schema.items, { oneOf: items }, `${where}[]`, direction, own);
  }
  if (!schema["x-differs"]) found.push(...own);
  else if (own.length) differing += 1;
  else found.push(`${where}: marked x-differs, but nothing differs`);
}

function compareProperties(schema, options, where, direction, found) {
  const objects = options.filter((option) => option.properties);
  if (!objects.length) return void found.push(`${where}: properties not stated by theirs`);
  // The alternative with most of our properties is the one we mean (a plain booking among recurring and seated ones).
  const names = Object.keys(schema.properties);
  const score = (option) => names.filter((name) => option.properties[name]).length;
  const best = objects.reduce((a, b) => (score(b) > score(a) ? b : a));
  for (const [name, property] of Object.entries(schema.properties)) {
    const at = `${where}.${name}`;
    const marked = follow(ours, property)["x-differs"];
    if (best.properties[name]) compare(property, best.properties[name], at, direction, found);
    else if (marked) differing += 1;
    else found.push(`${at}: unknown to theirs`);
  }
  const required = schema.required ?? [];
  for (const name of best.required ?? []) if (!required.includes(name)) found.push(`${where}.${name}: required by theirs, not here`);
  for (const name of required) if (!(best.required ?? []).includes(name)) found.push(`${where}.${name}: required here, not by theirs`);
}

function compareParameters(mine, other, where) {
  for (const parameter of mine.parameters) {
    const at = `${where} ${parameter.in} ${parameter.name}`;
    const same = other.parameters?.find((candidate) => candidate.name === parameter.name && candidate.in === parameter.in);
    checked += 1;
    const found = [];
    if (!same) found.push(`${at}: unknown to theirs`);
    else {
      if (same.required !== parameter.required) found.push(`${at}: required ${parameter.required}, theirs ${same.required}`);
      if (parameter.schema.default && same.schema.default !== parameter.schema.default) found.push(`${at}: default ${parameter.schema.default}`);
      compare(parameter.schema, same.schema, at, "input", found);
    }
    if (!parameter["x-differs"]) problems.push(...found);
    else if (found.length) differing += 1;
    else problems.push(`${at}: marked x-differs, but nothing differs`);
  }
  for (const parameter of other.parameters ?? []) {
    const known = mine.parameters.some((candidate) => candidate.name === parameter.name);
    if (parameter.required && ["query", "header"].includes(parameter.in) && parameter.name !== "Authorization" && !known)
      problems.push(`${where} ${parameter.in} ${parameter.name}: required by theirs, missing here`);
  }
}

const json = (content) => content?.content?.["application/json"]?.schema;
let operations = 0;
for (const [route, methods] of Object.entries(ours.paths)) {
  for (const [method, operation] of Object.entries(methods)) {
    const where = `${method.toUpperCase()} ${route}`;
    const other = theirs.paths[route]?.[method];
    operations += 1;
    if (!other) {
      problems.push(`${where}: unknown to theirs`);
      continue;
    }
    compareParameters(operation, other, where);
    if (operation.requestBody) compare(json(operation.requestBody), json(other.requestBody), `${where} body`, "input", problems);
    else if (other.requestBody) problems.push(`${where}: theirs has a body`);
    for (const [status, response] of Object.entries(operation.responses)) {
      if (!other.responses[status]) problems.push(`${where}: status ${status} unknown to theirs`);
      else compare(json(response), json(other.responses[status]), `${where} ${status}`, "output", problems);
    }
  }
}
for (const problem of [...new Set(problems)]) console.log(problem);
console.log(`${operations} operations, ${checked} facts checked, ${differing} marked differences, ${new Set(problems).size} mismatches`);
console.log(`theirs: sha256 ${createHash("sha256").update(text).digest("hex")}`);
process.exit(problems.length ? 1 : 0);
