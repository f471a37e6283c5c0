{{- /* All that the operator may do with queues and what they own. tests/chart/test_rbac.py holds the same list. */}}
{{- define "prpc.rules" -}}
- apiGroups: [prpc.dev]
  resources: [prpcqueues]
  verbs: [get, list, watch, patch]
- apiGroups: [prpc.dev]
  resources: [prpcqueues/status]
  verbs: [patch]
- apiGroups: [apps]
  resources: [deployments]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [create, patch]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, create, patch, delete]
{{- if .Values.watch.podMonitors }}
- apiGroups: [monitoring.coreos.com]
  resources: [podmonitors]
  verbs: [get, create, patch, delete]
{{- end }}
# Why pods do not start, how busy they are, and which of them go first when there are to be fewer.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, patch]
# get only: the Secret that a queue of the same namespace names, to measure the backlog on its broker.
- apiGroups: [""]
  resources: [secrets]
  verbs: [get]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
