"""What must hold of deploy/: each rule looks at the files as they were read and names every problem it sees."""

import re
from dataclasses import dataclass, field
from pathlib import Path

SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|KEYRING|API_KEY|DATABASE_URL|DATABASE_ADMIN_URL|REDIS_URL")
PASSWORD_IN_URL = re.compile(r"://[^/\s:@]*:[^/\s@]+@")
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::?[?+-][^}]*)?\}")
CADDY_VARIABLE = re.compile(r"\{\$(\w+)")


@dataclass
class Deployment:
    """The files of one deploy/ directory."""

    root: Path
    compose: dict
    compose_text: str
    env: dict
    caddyfile: str
    secrets_made: set = field(default_factory=set)

    def services(self):
        return self.compose["services"].items()

    def expand(self, text):
        return VARIABLE.sub(lambda found: self.env.get(found[1], ""), text)


def environment(service):
    values = service.get("environment", {})
    if isinstance(values, list):
        values = dict(entry.partition("=")[::2] for entry in values)
    return {name: "" if value is None else str(value) for name, value in values.items()}


def strings(node):
    if isinstance(node, dict):
        for value in node.values():
            yield from strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from strings(value)
    elif node is not None:
        yield str(node)


def one_shots(deployment):
    """Services that others wait for to end, not to be healthy."""
    return {
        name
        for _, service in deployment.services()
        for name, how in (service.get("depends_on") or {}).items()
        if how["condition"] == "service_completed_successfully"
    }


def images_are_pinned(deployment):
    for name, service in deployment.services():
        image = deployment.expand(service.get("image", ""))
        tag = image.rpartition("/")[2].partition(":")[2].partition("@")[0]
        if not tag or tag.startswith("latest") or not any(sign.isdigit() for sign in tag):
            yield f"{name}: the image {image!r} is not pinned to a version"


def variables_are_known(deployment):
    used = set(VARIABLE.findall(deployment.compose_text))
    for name in sorted(used - deployment.env.keys()):
        yield f"compose.yaml uses {name}, which .env.example lacks"
    for name in sorted(deployment.env.keys() - used):
        yield f".env.example has {name}, which compose.yaml does not use"
    for name in sorted(name for name, value in deployment.env.items() if not value):
        yield f".env.example gives {name} no value"
    given = environment(deployment.compose["services"].get("caddy", {}))
    for name in sorted(set(CADDY_VARIABLE.findall(deployment.caddyfile)) - given.keys()):
        yield f"the Caddyfile uses {name}, which the service caddy is not given"


def secrets_are_files(deployment):
    for name, service in deployment.services():
        for variable, value in environment(service).items():
            if not SECRET_NAME.search(variable):
                continue
            path = value.removeprefix("/run/secrets/")
            if not variable.endswith("_FILE") or path == value:
                yield f"{name}: {variable} is a secret and must be given by a file in /run/secrets"
            elif path not in service.get("secrets", []):
                yield f"{name}: {variable} names the secret {path}, which the service is not given"
    for variable in deployment.env:
        if SECRET_NAME.search(variable):
            yield f".env.example: {variable} is a secret and belongs into a file"
    for text in strings(deployment.compose):
        if PASSWORD_IN_URL.search(text):
            yield "an address with a password in it stands in compose.yaml"


def secrets_have_a_source(deployment):
    declared = deployment.compose.get("secrets", {})
    for name, secret in declared.items():
        path = secret.get("file", "")
        if path != f"./secrets/{name}":
            yield f"the secret {name} must be the file ./secrets/{name}"
        if name not in deployment.secrets_made:
            yield f"make-secrets does not make {name}"
    for name, service in deployment.services():
        for secret in service.get("secrets", []):
            if secret not in declared:
                yield f"{name}: no such secret: {secret}"
    ignored = (Path(__file__).parents[2] / ".gitignore").read_text().splitlines()
    for path in ["/deploy/secrets/", "/deploy/.env"]:
        if path not in ignored:
            yield f".gitignore lacks {path}"


def services_are_supervised(deployment):
    ending = one_shots(deployment)
    for name, service in deployment.services():
        if service.get("restart") not in (["no", "on-failure"] if name in ending else ["always", "unless-stopped"]):
            yield f"{name}: restart is {service.get('restart')!r}"
        health = service.get("healthcheck", {})
        if name not in ending and (not health.get("test") or health.get("disable")):
            yield f"{name}: has no health check"
        if "App/user" in " ".join(strings(health)):
            yield f"{name}: the health check asks for what needs a login, and is 401 for ever"
        options = service.get("logging", {}).get("options", {})
        if not options.get("max-size") or not options.get("max-file"):
            yield f"{name}: its log has no limit"


def only_caddy_is_published(deployment):
    for name, service in deployment.services():
        for port in service.get("ports", []):
            if name != "caddy" or str(port) not in ("80:80", "443:443", "443:443/udp"):
                yield f"{name}: publishes {port}"
        mounts = " ".join(strings(service.get("volumes", [])))
        if service.get("network_mode") or service.get("privileged") or "docker.sock" in mounts:
            yield f"{name}: has the host's network or rights"


def databases_are_apart(deployment):
    networks = deployment.compose.get("networks", {})
    members = {}
    for name, service in deployment.services():
        for network in service.get("networks", ["default"]):
            members.setdefault(network, set()).add(name)
    allowed = {
        "postgres": {"postgres", "redis", "migrate", "salon-core", "salon-workers"},
        "espocrm-db": {"espocrm-db", "espocrm", "espocrm-daemon"},
    }
    allowed["redis"] = allowed["postgres"]
    for network, names in members.items():
        if network not in networks:
            yield f"the network {network} is not declared"
            continue
        for database in names & allowed.keys():
            if not networks[network].get("internal"):
                yield f"{database} is on {network}, which leads to the outside"
            for stranger in sorted(names - allowed[database]):
                yield f"{stranger} can reach {database}"


def references_exist(deployment):
    for name, service in deployment.services():
        for other, how in (service.get("depends_on") or {}).items():
            if other not in deployment.compose["services"]:
                yield f"{name}: waits for {other}, which does not exist"
            elif how["condition"] == "service_healthy" and other in one_shots(deployment):
                yield f"{name}: waits for {other} to be healthy, which ends"
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                if not (deployment.root / source).exists():
                    yield f"{name}: {source} does not exist"
            elif source not in deployment.compose.get("volumes", {}):
                yield f"{name}: the volume {source} is not declared"
        if "build" in service:
            yield from _build_exists(deployment, name, service["build"])


def _build_exists(deployment, name, build):
    dockerfile = Path(__file__).parents[2] / build["dockerfile"]
    if (Path("deploy") / build["context"]) != Path("deploy/..") or not dockerfile.is_file():
        yield f"{name}: there is nothing to build in {build['context']}"
    elif not re.search(rf"^FROM .* AS {re.escape(build['target'])}$", dockerfile.read_text(), re.MULTILINE):
        yield f"{name}: the Dockerfile has no stage {build['target']}"


def containers_are_confined(deployment):
    for name, service in deployment.services():
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name}: may gain privileges"
        ours = "salon-core" in service.get("image", "")
        if (ours or name == "caddy") and (not service.get("read_only") or service.get("cap_drop") != ["ALL"]):
            yield f"{name}: its root is writable, or it keeps capabilities"


RULES = [
    images_are_pinned,
    variables_are_known,
    secrets_are_files,
    secrets_have_a_source,
    services_are_supervised,
    only_caddy_is_published,
    databases_are_apart,
    references_exist,
    containers_are_confined,
]
