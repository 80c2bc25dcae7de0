"""Reduces Meta's OpenAPI document for the WhatsApp Business Platform to what the stand-in plays.

    python3 reduce.py <business-messaging-api_v23.0.patched.yaml> > openapi.json

Kept, as the vendor has it: the operations listed here with their parameters, bodies and answers, every schema they refer to, and
the examples of what may be sent and of what arrives. Left out: prose, examples elsewhere, response headers, all other operations.
Needs PyYAML. Run once; openapi.json is what the stand-in reads.
"""

import json
import sys

import yaml

KEEP = {
    "/{Version}/{Phone-Number-ID}/messages": ["post"],
    "/{Version}/{Phone-Number-ID}": ["get"],
    "/{Version}/{WABA-ID}/message_templates": ["get"],
    "/{Version}/{WABA-ID}/subscribed_apps": ["get", "post", "delete"],
    "/whatsapp/webhooks": ["post"],
}
WITH_EXAMPLES = {"/{Version}/{Phone-Number-ID}/messages", "/whatsapp/webhooks"}
PROSE = {"description", "example", "examples", "title", "summary", "tags", "operationId", "headers"}


class Loader(yaml.SafeLoader):
    """YAML's timestamps stay the text they are in the document."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def bare(node, names_are_properties=False):
    """A copy without prose; a property that happens to be called `title` is none."""
    if isinstance(node, dict):
        return {
            key: bare(value, key == "properties" and not names_are_properties)
            for key, value in node.items()
            if names_are_properties or key not in PROSE
        }
    if isinstance(node, list):
        return [bare(item) for item in node]
    return node


def references(node, found):
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            found.add(node["$ref"])
        for value in node.values():
            references(value, found)
        # A discriminator refers to schemas by their names in a mapping.
        found.update(v for v in node.get("mapping", {}).values() if isinstance(v, str) and v.startswith("#/"))
    elif isinstance(node, list):
        for item in node:
            references(item, found)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = yaml.load(file, Loader)
    paths = {}
    for path, methods in KEEP.items():
        paths[path] = {method: bare(document["paths"][path][method]) for method in methods}
        if path in WITH_EXAMPLES:
            content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
            paths[path]["post"]["requestBody"]["content"]["application/json"]["examples"] = content["examples"]
    components, done, todo = {}, set(), set()
    references(paths, todo)
    while todo:
        reference = todo.pop()
        done.add(reference)
        _, _, kind, name = reference.split("/")
        if name not in document["components"].get(kind, {}):
            continue  # the document's discriminators name some schemas that it doesn't have
        node = bare(document["components"][kind][name])
        components.setdefault(kind, {})[name] = node
        found = set()
        references(node, found)
        todo |= found - done
    for kind in components:
        components[kind] = dict(sorted(components[kind].items()))
    info = {"title": "WhatsApp Business Platform (reduced)", "version": document["info"]["version"]}
    reduced = {"openapi": document["openapi"], "info": info, "paths": paths, "components": components}
    json.dump(reduced, sys.stdout, ensure_ascii=False, indent=1)
    print()


main()
