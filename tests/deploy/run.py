"""Checks deploy/: the rules, that each rule notices what it is for, and the proxy at work. Needs PyYAML and Caddy.

    run.py [DIR]    another directory than deploy/
"""

import copy
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

import proxy
from rules import RULES, Deployment

ROOT = Path(__file__).parents[2]
passed, failed = 0, 0


def check(name, problems):
    """Prints one line, and each problem below it."""
    global passed, failed
    problems = list(problems)
    print(f"test {name.replace('_', ' ')} ... {'FAILED' if problems else 'ok'}", flush=True)
    for problem in problems:
        print(f"    {problem}")
    if problems:
        failed += 1
    else:
        passed += 1


def differs(what, got, expected):
    return [] if got == expected else [f"{what}: expected {expected!r}, got {got!r}"]


def read_env(text):
    lines = (line.strip() for line in text.splitlines())
    return dict(line.partition("=")[::2] for line in lines if line and not line.startswith("#"))


def read(root):
    text = (root / "compose.yaml").read_text()
    with tempfile.TemporaryDirectory() as made:
        subprocess.run([root / "make-secrets", made], check=True, timeout=30)
        first = {path.name: path.read_text() for path in Path(made).iterdir()}
        subprocess.run([root / "make-secrets", made], check=True, timeout=30)
        again = {path.name: path.read_text() for path in Path(made).iterdir()}
    check("make-secrets keeps what is there", [] if first == again else ["a second run changed something"])
    alike = len(first) - len(set(first.values()))
    check("every secret has a value of its own", [f"{alike} are not"] if alike or not first else [])
    return Deployment(
        root=root,
        compose=yaml.safe_load(text),
        compose_text=text,
        env=read_env((root / ".env.example").read_text()),
        caddyfile=(root / "Caddyfile").read_text(),
        secrets_made=set(first),
    )


def broken(deployment):
    """For each rule, what it must notice: (rule, what is done, the deployment with that done to it)."""

    def with_service(name, **changes):
        changed = copy.deepcopy(deployment)
        changed.compose["services"][name].update(changes)
        return changed

    def with_text(more):
        changed = copy.deepcopy(deployment)
        changed.compose_text += more
        return changed

    def with_network(name, service):
        changed = copy.deepcopy(deployment)
        changed.compose["services"][service]["networks"].append(name)
        return changed

    ways = {
        "images_are_pinned": [
            ("latest", with_service("espocrm", image="espocrm/espocrm:latest")),
            ("no tag", with_service("caddy", image="registry.example:5000/caddy")),
        ],
        "variables_are_known": [("an unknown one", with_text("\nx-more: ${NEVER_HEARD_OF:?}\n"))],
        "secrets_are_files": [
            ("an inline password", with_service("espocrm-db", environment={"MARIADB_PASSWORD": "hunter2"})),
            ("a password in an address", with_service("salon-core", command=["postgres://salon_app:hunter2@postgres/salon"])),
        ],
        "secrets_have_a_source": [("an undeclared one", with_service("redis", secrets=["nobodys"]))],
        "services_are_supervised": [
            ("no restart", with_service("salon-workers", restart=None)),
            ("no health check", with_service("postgres", healthcheck={})),
            ("an endless log", with_service("espocrm", logging={"driver": "json-file"})),
            ("one that needs a login", with_service("espocrm", healthcheck={"test": "curl http://localhost/api/v1/App/user"})),
        ],
        "only_caddy_is_published": [
            ("a database", with_service("postgres", ports=["5432:5432"])),
            ("another port", with_service("caddy", ports=["8080:80"])),
        ],
        "databases_are_apart": [
            ("MariaDB and Caddy", with_network("crm-data", "caddy")),
            ("PostgreSQL and EspoCRM", with_network("data", "espocrm")),
            ("PostgreSQL on the internet", with_network("outside", "postgres")),
        ],
        "references_exist": [
            ("a missing file", with_service("caddy", volumes=["./nowhere:/etc/caddy/Caddyfile:ro"])),
            (
                "a missing stage",
                with_service("migrate", build={"context": "..", "dockerfile": "Dockerfile", "target": "nothing"}),
            ),
        ],
        "containers_are_confined": [("a writable root", with_service("salon-core", read_only=False))],
    }
    for rule in RULES:
        for what, changed in ways[rule.__name__]:
            yield rule, what, changed


def check_proxy(deployment):
    try:
        config = proxy.adapt(deployment.root / "Caddyfile")
    except ValueError as error:
        check("the Caddyfile is valid", [str(error)])
        return
    check("the Caddyfile is valid", [])
    with proxy.running(config) as caddy:
        check_routes(caddy)
        check_headers(caddy)
        check_away(caddy)
        check_log(caddy)


def check_routes(caddy):
    def status(host, path, **more):
        return caddy.ask(host, path, **more).status

    webhook = "/webhooks/telegram/key-secret?token=query-secret"
    for path in [webhook, "/v1/leads", "/go/link-secret"]:
        check(f"{path.split('/')[1]} reaches salon-core", differs(path, status(proxy.DOMAIN, path), 200))
    check("a webhook keeps its path and query", differs("path", caddy.behind.seen[0]["path"], webhook))
    before = len(caddy.behind.seen)
    shut = ["/", "/graphql", "/metrics", "/readyz", "/webhooks", "/api/v1/Lead"]
    check("nothing else does", [problem for path in shut for problem in differs(path, status(proxy.DOMAIN, path), 404)])
    check("the installer is shut", differs("/install/", status(proxy.CRM, "/install/"), 404))
    check("neither is passed on", differs("requests", len(caddy.behind.seen), before))
    check("EspoCRM has its name", differs("crm", status(proxy.CRM, "/api/v1/Lead/id-secret"), 200))

    def post(**more):
        return status(proxy.DOMAIN, "/webhooks/whatsapp/key-secret", method="POST", **more)

    check("a large body is refused", differs("status", post(headers={"Content-Length": "5000000"}), 413))
    check("a vendor's largest is not", differs("status", post(body=b"x" * (4 * 1024 * 1024)), 200))


def check_headers(caddy):
    told = {"X-Forwarded-For": "203.0.113.9", "X-Api-Key": "header-secret", "Cookie": "a=header-secret"}
    reply = caddy.ask(proxy.DOMAIN, "/v1/x", headers=told)
    expected = ["Strict-Transport-Security", "X-Content-Type-Options", "Content-Security-Policy", "Referrer-Policy"]
    check("security headers", [f"no {name}" for name in expected if not reply.getheader(name)])
    check("no word about the software", differs("Server", reply.getheader("Server"), None))
    arrived = caddy.behind.seen[-1]["headers"].get("X-Forwarded-For")
    check("a client cannot forge its address", differs("X-Forwarded-For", arrived, "127.0.0.1"))


def check_away(caddy):
    def problems(reply):
        return differs("status", reply.status, 503) + differs("Retry-After", reply.getheader("Retry-After"), "30")

    def post(path):
        return caddy.ask(proxy.DOMAIN, path, method="POST", body=b"[]")

    check("502 from behind becomes 503", problems(post("/webhooks/espocrm/bad-gateway")))
    caddy.behind.shutdown()
    caddy.behind.server_close()
    check("a restart is 503 with a time", problems(post("/webhooks/espocrm/key-secret")))
    check("so is EspoCRM's", problems(caddy.ask(proxy.CRM, "/api/v1/Lead/id-secret")))


def check_log(caddy):
    logged = caddy.logged()
    kept = ["/webhooks/telegram", "/v1", "/go", "/api/v1/Lead"]
    check("requests are logged", [f"{path} is not" for path in kept if f'"uri":"{path}"' not in logged])
    leaks = ["key-secret", "query-secret", "link-secret", "id-secret", "header-secret", "answer-secret", "127.0.0.1\""]
    check("no secret is logged", [f"{word} is in the log" for word in leaks if word in logged])


def main():
    try:
        deployment = read(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "deploy")
    except (OSError, subprocess.SubprocessError, yaml.YAMLError) as error:
        check("the files can be read", [str(error)])
        return finish()
    for rule in RULES:
        check(rule.__name__, rule(deployment))
    for rule, what, changed in broken(deployment):
        known = set(rule(deployment))
        check(f"{rule.__name__} notices {what}", [] if set(rule(changed)) - known else ["it does not"])
    check_proxy(deployment)
    return finish()


def finish():
    print(f"\n{passed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
