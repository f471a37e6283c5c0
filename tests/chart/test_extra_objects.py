"""Objects of the user are installed with the release."""

from __future__ import annotations

from chart import Helm, of_kind


def test_extra_objects_are_templates_as_maps_and_as_text(helm: Helm) -> None:
    as_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "{{ .Release.Name }}-map"}}
    as_text = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}-text\n"
    objects = helm.template({"extraObjects": [as_map, as_text]})
    assert {item["metadata"]["name"] for item in of_kind(objects, "ConfigMap")} == {"prpc-map", "prpc-text"}
