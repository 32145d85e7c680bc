"""Validates the objects of a run on Kubernetes against the published schemas; called by scripts/check-kubernetes."""

import json
import subprocess
import sys

import kubernetes_validate
import yaml

HARNESS, MANIFESTS = sys.argv[1:]
# The oldest that the harness supports, and the newest that its client knows.
VERSIONS = ["1.29", "1.37"]


def printed(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def complaints(document, version):
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except Exception as error:
        path = ".".join(str(part) for part in getattr(error, "path", []))
        return [f"{document['kind']} {document['metadata']['name']}, {version}: {path}: {getattr(error, 'message', error)}"]
    return []


documents = [json.loads(line) for line in printed(MANIFESTS).splitlines()]
role = printed(HARNESS, "fleet", "rbac", "--namespace", "bench", "--subject", "ci:runner")
rights = [document for document in yaml.safe_load_all(role) if document]
if [document["kind"] for document in rights] != ["Role", "RoleBinding"]:
    sys.exit(f"check-kubernetes: harness fleet rbac printed {role}")
# The example prints the same Role, made in another way.
if rights[0] not in documents or rights[1] not in documents:
    sys.exit("check-kubernetes: harness fleet rbac prints other rights than the crate describes")
kinds = {document["kind"] for document in documents}
if kinds != {"Job", "Pod", "Role", "RoleBinding", "Secret"}:
    sys.exit(f"check-kubernetes: the example printed {sorted(kinds)}")

# A validator that finds nothing in a wrong object would find nothing in any.
wrong = json.loads(json.dumps(documents[-1]))
wrong["spec"]["contaimers"] = []
if not all(complaints(wrong, version) for version in VERSIONS):
    sys.exit("check-kubernetes: the validator accepts a key that does not exist")

found = [complaint for version in VERSIONS for document in documents for complaint in complaints(document, version)]
if found:
    sys.exit("\n".join(f"check-kubernetes: {complaint}" for complaint in found))
print(f"check-kubernetes: {len(documents)} objects are valid for Kubernetes {' and '.join(VERSIONS)}")
